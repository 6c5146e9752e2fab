"""From a Campaign to a Job: what keeps a Campaign from it, and the one way there."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.urls import reverse

from accelerator import failpoints
from accelerator.marks import Restored
from accelerator.protocol import Sender, TemplateSource
from accelerator.rendering import TemplateInvalid
from campaigns import history, samples, senders, variables
from campaigns.models import Audience, Campaign, Launch, SendingProfile, Template
from campaigns.variables import ValueInvalid
from jobs import control
from jobs.models import AudienceCopy, Job, JobInstructions, LaunchValue


@dataclass(frozen=True)
class Blocker:
    """One thing that keeps a Campaign from a launch: the sentence, the page that mends it, and what to do there."""

    sentence: str
    url: str
    mend: str


class NotLaunchable(Exception):
    """The Campaign can't be launched as it stands; the text says why, all of it."""


class ValuesInvalid(NotLaunchable):
    """Launch variables without a value that fits; `sentences` has one for each, by name."""

    def __init__(self, sentences: Mapping[str, str]) -> None:
        self.sentences = sentences
        super().__init__(" ".join(sentences.values()))


def blockers(campaign: Campaign) -> list[Blocker]:
    """Whatever keeps the Campaign from a launch, the house's reasons first; none: it can be launched."""
    held = control.held()
    return ([Blocker(held, reverse("jobs:list"), "Look at the Jobs")] if held else []) + missing(campaign)


def missing(campaign: Campaign) -> list[Blocker]:
    """What the Campaign itself lacks, in the order of its cards."""
    edit = reverse("campaigns:edit", args=[campaign.pk])
    found: list[Blocker] = []
    if campaign.audience is None:
        found.append(Blocker("Nobody is chosen to receive it.", f"{edit}#id_audience", "Choose an Audience"))
    else:
        found += _audience_blockers(campaign, campaign.audience)
    if campaign.template is None:
        found.append(Blocker("There is no message yet.", f"{edit}#id_template", "Choose a Template"))
    else:
        found += _template_blockers(campaign, campaign.template)
    if campaign.sending_profile is None:
        url = f"{edit}#id_sending_profile"
        found.append(Blocker("It is not said who the message comes from.", url, "Choose a Sending Profile"))
    else:
        found += _sender_blockers(campaign.sending_profile)
    if not campaign.notification_address:
        sentence = "Nobody would be told if the launch fails: there is no Notification Email Address."
        found.append(Blocker(sentence, f"{edit}#id_notification_address", "Add the address"))
    return found


def proposed(campaign: Campaign) -> list[LaunchValue]:
    """The launch variables of the Audience's SQL, with the values of the last launch, else the Audience's own."""
    if campaign.audience is None:
        return []
    last = history.values(campaign)
    return [
        last[own.name] if own.name in last and last[own.name].kind == own.kind else own
        for own in variables.of(campaign.audience)
    ]


def last_size(campaign: Campaign) -> int | None:
    """What the size of the next Job is compared to: the last Job's, else the Audience's when it was counted."""
    found = history.size(campaign)
    return campaign.audience.size if found is None and campaign.audience else found


def launch(campaign: Campaign, *, by: User, token: uuid.UUID, values: Mapping[str, str] | None = None) -> Job:
    """The Job of this launch, made now or by an earlier call with the same token. Raises NotLaunchable.

    `values`: of the launch variables, by name, as they were typed.

    1. The Campaign is locked, so that copies of one form come one after the other.
    2. A token that already launched gives its Job; the unique token is the last guard.
    3. The blockers are checked again, on the Campaign as it stands now.
    4. So are the values, each by its kind.
    5. The Campaign is copied into a Job; the Launch remembers who, when and which.
    """
    try:
        return _launch(campaign, by, token, values or {})
    except IntegrityError:
        # A copy of the form at another campaign, which this one's lock does not keep back, was a moment faster.
        earlier = Launch.objects.filter(token=token).select_related("job").first()
        if earlier is None:
            raise
        return _job_of(earlier, campaign)
    except Restored as error:
        control.hold_everything(error)
        raise NotLaunchable(control.held()) from None


def _launch(campaign: Campaign, by: User, token: uuid.UUID, values: Mapping[str, str]) -> Job:
    with transaction.atomic():
        transaction.on_commit(partial(failpoints.reached, "launch.after"))
        Campaign.objects.select_for_update().get(pk=campaign.pk)
        earlier = Launch.objects.filter(token=token).select_related("job").first()
        if earlier is not None:
            return _job_of(earlier, campaign)
        current = Campaign.objects.select_related(
            "audience__warehouse", "template", "sending_profile", "account"
        ).get(pk=campaign.pk)
        audience, instructions = _copy(current, values)
        job = control.create(instructions, account=current.account, warehouse=audience.warehouse, by=by)
        Launch.objects.create(campaign=current, job=job, by=by, token=token)
        failpoints.reached("launch.before")
    return job


def _job_of(earlier: Launch, campaign: Campaign) -> Job:
    if earlier.campaign_id != campaign.pk:
        raise NotLaunchable(
            "This form belongs to another campaign. Open the campaign and press Launch again."
        )
    if earlier.job is None or earlier.job.deleted_at:
        raise NotLaunchable(
            "This form launched a Job that was deleted since. Press Launch again for a new one."
        )
    return earlier.job


def _copy(campaign: Campaign, values: Mapping[str, str]) -> tuple[Audience, JobInstructions]:
    """The Campaign as it stands, for the Job to own. Raises NotLaunchable."""
    audience, template, profile = campaign.audience, campaign.template, campaign.sending_profile
    reasons = blockers(campaign)
    if reasons or audience is None or template is None or profile is None:
        raise NotLaunchable(" ".join(blocker.sentence for blocker in reasons))
    instructions = JobInstructions(
        campaign=campaign.name,
        audience=_audience_copy(audience, values),
        template=TemplateSource(subject=template.subject, html=template.html, text=template.text),
        sender=_sender(profile),
        notification_address=campaign.notification_address,
        supplemental={} if campaign.supplemental_sql else campaign.supplemental,
        supplemental_sql=campaign.supplemental_sql,
        last_size=last_size(campaign),
        most_change=campaign.most_change,
        rate_per_hour=campaign.rate_per_hour,
        domain_rates=campaign.domain_rates,
        service=profile.service,
    )
    return audience, instructions


def _audience_copy(audience: Audience, values: Mapping[str, str]) -> AudienceCopy:
    own = variables.of(audience)
    meant = _read(own, values)
    return AudienceCopy(
        name=audience.name,
        sql=audience.sql,
        recipient_id_column=audience.recipient_id_column,
        email_column=audience.email_column,
        variables=tuple(meant),
        # Of other values nobody has counted the rows.
        size=audience.size if meant == own else None,
    )


def _read(own: list[LaunchValue], values: Mapping[str, str]) -> list[LaunchValue]:
    """What was typed, as the kinds of the Audience's variables mean it. Raises ValuesInvalid."""
    found, wrong = [], {}
    for value in own:
        try:
            found.append(variables.read(value.name, value.kind, values.get(value.name, "")))
        except ValueInvalid as error:
            wrong[value.name] = str(error)
    if wrong:
        raise ValuesInvalid(wrong)
    return found


def _sender(profile: SendingProfile) -> Sender:
    return Sender(from_name=profile.from_name, from_address=profile.from_address, reply_to=profile.reply_to)


def _audience_blockers(campaign: Campaign, audience: Audience) -> list[Blocker]:
    found = []
    url = audience.get_absolute_url()
    problem = variables.problem(audience)
    if problem:
        found.append(Blocker(problem, f"{url}#id_sql", "Correct the Audience"))
    named = {"recipient-id": audience.recipient_id_column, "email": audience.email_column}
    for role, column in named.items():
        if audience.columns and column not in audience.columns:
            sentence = (
                f'The Audience "{audience}" has no column "{column}", which it names as its {role} column.'
            )
            found.append(
                Blocker(sentence, f"{url}#id_{role.replace('-', '_')}_column", "Correct the Audience")
            )
    owner = audience.warehouse.account_id
    if owner is not None and owner != campaign.account_id:
        sentence = f'The Audience "{audience}" reads from a warehouse that belongs to another account.'
        found.append(Blocker(sentence, f"{url}#id_warehouse", "Choose another warehouse"))
    return found


def _sender_blockers(profile: SendingProfile) -> list[Blocker]:
    """For profiles that were stored before the form asked."""
    url = profile.get_absolute_url()
    addresses = {"from_address": profile.from_address, "reply_to": profile.reply_to}
    problems = {field: senders.problem(address) for field, address in addresses.items() if address}
    return [
        Blocker(problem, f"{url}#id_{field}", "Correct the Sending Profile")
        for field, problem in problems.items()
        if problem
    ]


def _template_blockers(campaign: Campaign, template: Template) -> list[Blocker]:
    url, audience = template.get_absolute_url(), campaign.audience
    try:
        samples.compiled(template)
    except TemplateInvalid as error:
        return [Blocker(f"{error}.", f"{url}#id_{error.part}", "Correct the Template")]
    if audience is None:
        return []
    unknown = samples.unknown_variables(template, audience)
    if unknown:
        names = ", ".join(f'"{name}"' for name in unknown)
        sentence = f'The Template "{template}" uses {names}, which the Audience "{audience}" does not have.'
        return [Blocker(sentence, url, "Correct the Template")]
    failures = samples.failures(template, audience, campaign.supplemental)
    if failures and len(failures) == len(audience.sample):
        # One recipient may lack something; where all of the sample do, the launch would fail for everybody.
        if "supplemental." in failures[0]:
            edit = reverse("campaigns:edit", args=[campaign.pk])
            place = "id_supplemental_sql" if campaign.supplemental_sql else "id_supplemental"
            return [Blocker(f"{failures[0]}.", f"{edit}#{place}", "Complete the Supplemental Data")]
        return [Blocker(f"{failures[0]}.", url, "Correct the Template")]
    return []
