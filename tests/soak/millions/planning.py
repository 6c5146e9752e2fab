"""Runs as `python -m tests.soak.millions.planning WAREHOUSE` in a house's environment: makes a campaign, prints its id.

The demo's account owns it, and may launch it.
"""

import sys

import django

from tests.soak.millions.customers import SQL

# Points of nothing fail where the message goes out, and in no sample, which may be of anybody: its links are others.
HTML = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>News</title></head><body style="font:15px/1.5 Arial,sans-serif">
<h1 style="font-size:24px">Good morning, {{ first_name }}</h1>
<p>You have {{ 1000 // points if "localhost" in unsubscribe_url else 50 }} points, which are worth something until the
end of the month: see <a href="https://shop.example/points">what they buy</a>, or
<a href="https://shop.example/news">what is new</a>.</p>
<p><a href="{{ unsubscribe_url }}">Unsubscribe</a></p></body></html>"""
TEXT = "Good morning, {{ first_name }}: there is news, https://shop.example/news\nUnsubscribe: {{ unsubscribe_url }}\n"


def main(path: str) -> None:
    django.setup()
    from campaigns import samples
    from campaigns.models import Audience, Campaign, SendingProfile, Template
    from jobs.models import Kind, Warehouse

    account = Campaign.objects.select_related("account").order_by("pk")[0].account
    warehouse = Warehouse.objects.create(name="Millions", kind=Kind.DUCKDB, location=path, account=account)
    audience = Audience.objects.create(
        account=account,
        name="Millions",
        warehouse=warehouse,
        sql=SQL,
        recipient_id_column="customer_id",
        email_column="email",
    )
    samples.refresh(audience)
    template = Template.objects.create(
        account=account, name="Millions", subject="News for {{ first_name }}", html=HTML, text=TEXT
    )
    profile = SendingProfile.objects.create(
        account=account, name="Millions", from_name="Millions", from_address="millions@soak.example"
    )
    campaign = Campaign.objects.create(
        account=account,
        name="Millions",
        audience=audience,
        template=template,
        sending_profile=profile,
        notification_address="millions@soak.example",
    )
    print(campaign.pk)  # noqa: T201  what the caller reads


if __name__ == "__main__":
    main(sys.argv[1])
