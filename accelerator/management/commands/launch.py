"""`manage.py launch`: a Campaign becomes a Job, by the same way as from its page."""

import json
import uuid
from typing import Any, NoReturn

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandParser

from accelerator.management import Refused, Usage, finding, reporting, telling
from campaigns import launching, variables
from campaigns.launching import NotLaunchable, ValuesInvalid
from campaigns.models import Campaign


class Command(BaseCommand):
    help = (
        "Launches a campaign and prints its Job. What would keep the campaign's page from launching it keeps this "
        "command from it too, and is said. Exit codes: 0 launched (with --wait: and the Job came to where it was "
        "awaited), 1 not launched, or the Job Failed, 2 usage, 130 watching was stopped; the Job goes on."
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("campaign", metavar="CAMPAIGN", help="its id or its name")
        parser.add_argument(
            "--value",
            metavar="NAME=VALUE",
            action="append",
            default=[],
            help="what a launch variable of the Audience's SQL stands for; once for each. A number in digits, a date "
            "as 2026-11-25, yes or no",
        )
        reporting.add_arguments(parser)

    def handle(self, *_: object, **options: Any) -> None:
        with finding.database():
            by = finding.named(options["by"]) if options["by"] else None
            seen = Campaign.objects.visible_to(by) if by else Campaign.objects.all()
            campaign = finding.campaign(options["campaign"], seen)

            def may(person: User) -> bool:
                return Campaign.objects.visible_to(person).filter(pk=campaign.pk).exists()

            by = by or finding.actor(None, may)
            values = self.values(campaign, options["value"])
            try:
                job = launching.launch(campaign, by=by, token=uuid.uuid4(), values=values)
            except ValuesInvalid as refusal:
                raise Usage(self.wrong(campaign, refusal)) from refusal
            except NotLaunchable as refusal:
                self.refuse(campaign, refusal, as_json=options["json"])
            # At once, whatever comes of the waiting.
            reporting.say(self, options, f"Launched in the name of {by.get_username()}.")
            reporting.say(self, options, f"{'Job':<{telling.LABELS}}{job.pk}")
            reporting.say(self, options, f"{'Page':<{telling.LABELS}}{telling.url(job)}")
            if reporting.waits(options) or options["json"]:
                reporting.report(self, job, options, until="completed", ends_well=False)

    def values(self, campaign: Campaign, given: list[str]) -> dict[str, str]:
        """What was said, by the name of the variable. Raises Usage."""
        has = [value.name for value in launching.proposed(campaign)]
        found: dict[str, str] = {}
        for one in given:
            name, sign, value = one.partition("=")
            if not sign:
                raise Usage("Write a value as NAME=VALUE, such as since=2026-11-25.")
            if name not in has:
                listed = f" It has: {', '.join(has)}." if has else " It has none."
                raise Usage(f'"{name}" is no launch variable of the Audience of "{campaign}".{listed}')
            if name in found:
                raise Usage(f'The value of "{name}" is said twice.')
            found[name] = value
        return found

    def wrong(self, campaign: Campaign, refusal: ValuesInvalid) -> str:
        """Which value is missing or does not fit, and of which kind it is."""
        lines = [
            f"\n  --value {value.name}=...  ({variables.KINDS[value.kind].lower()})  {refusal.sentences[value.name]}"
            for value in launching.proposed(campaign)
            if value.name in refusal.sentences
        ]
        return f'"{campaign}" was not launched: its Audience asks for values.{"".join(lines)}'

    def refuse(self, campaign: Campaign, refusal: NotLaunchable, *, as_json: bool) -> NoReturn:
        """Say what blocks the launch, and where each is mended. Raises Refused."""
        blockers = launching.blockers(campaign)
        pages = [telling.page(blocker.url) for blocker in blockers]
        if as_json:
            mending = [
                {"sentence": blocker.sentence, "mend": blocker.mend, "url": page}
                for blocker, page in zip(blockers, pages, strict=True)
            ]
            document = {"campaign": campaign.pk, "refused": str(refusal), "blockers": mending}
            self.stdout.write(json.dumps(document))
        lines = [
            f"\n  {blocker.sentence}\n    {blocker.mend}: {page}"
            for blocker, page in zip(blockers, pages, strict=True)
        ]
        why = "".join(lines) if lines else f" {refusal}"
        raise Refused(f'"{campaign}" can\'t be launched as it stands.{why}') from refusal
