"""Runs as `python -m tests.faults.planning KIND=COUNT ...` in a house's environment: makes campaigns, prints them.

Each has an Audience, a sender and a Notification Email Address of its own, named after its tag; of a kind that is
launched twice each has a second one, `again`, for the same people.
"""

import json
import sys

import django

from tests.faults.people import GROWN_FROM, KINDS, Kind, sql

# Points of nothing fail where the message goes out, and in no sample, which may be of anybody: its links are others.
HTML = """<html><body><p>Dear {{ first_name }}, there is <a href="https://shop.example/news">news</a>.</p>
<p>You have {{ 1000 // points if "localhost" in unsubscribe_url else 50 }} points.
<a href="{{ unsubscribe_url }}">Unsubscribe</a></p></body></html>"""
TEXT = "Dear {{ first_name }}, there is news: https://shop.example/news\nUnsubscribe: {{ unsubscribe_url }}\n"


def main(wanted: dict[str, int]) -> None:
    django.setup()
    from campaigns.models import Campaign, Template

    example = Campaign.objects.select_related("account", "audience__warehouse").order_by("pk")[0]
    template, _ = Template.objects.get_or_create(
        account=example.account,
        name="Faults",
        defaults={"subject": "News for {{ first_name }}", "html": HTML, "text": TEXT},
    )
    planned = [
        plan for name, count in wanted.items() for plan in _plan(example, template, KINDS[name], count)
    ]
    print(json.dumps(planned))  # noqa: T201  what the caller reads


def _plan(example: object, template: object, kind: Kind, count: int) -> list[dict[str, object]]:
    from accelerator.demo.receiver.verdicts import STAFF_DOMAIN
    from campaigns import samples
    from campaigns.models import Audience, Campaign, SendingProfile, Template
    from jobs import warehouses

    assert isinstance(example, Campaign)
    assert isinstance(template, Template)
    assert example.audience is not None
    warehouse = example.audience.warehouse
    # One look at the warehouse for all of them: the samples differ in nothing but the domain.
    quick = sql(Kind(kind.name, kind.count), "sample.example")
    look = warehouses.preview(warehouse, quick)
    first = Campaign.objects.count()
    planned: list[dict[str, object]] = []
    for number in range(first, first + count * (2 if kind.twice else 1)):
        tag = f"{kind.name}{number}"
        second = kind.twice and (number - first) % 2 == 1
        audience = Audience(
            account=example.account,
            name=tag,
            warehouse=warehouse,
            sql=sql(kind, f"{planned[-1]['tag'] if second else tag}.example"),
            recipient_id_column="customer_id",
            email_column="email",
        )
        known = GROWN_FROM if kind.grown else kind.count
        samples.remember(audience, samples.Look(look.columns, look.rows, known))
        audience.save()
        profile = SendingProfile.objects.create(
            account=example.account, name=tag, from_name="Faults", from_address=f"{tag}@sender.example"
        )
        campaign = Campaign.objects.create(
            account=example.account,
            name=tag,
            audience=audience,
            template=template,
            sending_profile=profile,
            notification_address=f"{tag}@{STAFF_DOMAIN}",
            rate_per_hour=kind.rate_per_hour,
            most_change=10 if kind.grown else None,
        )
        plan: dict[str, object] = {"campaign": campaign.pk, "tag": tag, "kind": kind.name}
        if second:
            planned[-1]["again"] = plan
        else:
            planned.append(plan)
    return planned


if __name__ == "__main__":
    main({name: int(count) for name, _, count in (word.partition("=") for word in sys.argv[1:])})
