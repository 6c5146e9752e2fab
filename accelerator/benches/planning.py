"""Runs as `python -m accelerator.benches.planning LAUNCHES RECIPIENTS` in the house's environment.

Makes a person, and for each launch a campaign whose sender names it; prints them as JSON.
"""

import json
import secrets
import sys

import django


def main(launches: int, recipients: int) -> None:
    django.setup()
    from django.contrib.auth.models import User

    from campaigns import samples
    from campaigns.models import Audience, Campaign, SendingProfile
    from jobs import warehouses

    example = Campaign.objects.select_related("account", "audience__warehouse").order_by("pk")[0]
    password = secrets.token_urlsafe(20)
    person = User.objects.create_user("bench", password=password)
    person.groups.add(example.account)
    everybody = example.audience
    if everybody is None:
        sys.exit("The demo's campaign has no audience.")
    size = warehouses.count(everybody.warehouse, everybody.sql)
    # Of what stands in the database, and nobody types into it.
    sql = f"SELECT * FROM (\n{everybody.sql}\n) AS everybody ORDER BY {everybody.recipient_id_column}"  # noqa: S608
    if recipients > size:
        # The demo's warehouse is one of DuckDB: everybody as often as it takes, each time as somebody else.
        changed = f"{everybody.recipient_id_column} || '-' || n AS {everybody.recipient_id_column}"
        changed += f", 'n' || n || '.' || {everybody.email_column} AS {everybody.email_column}"
        sql = (
            f"SELECT everybody.* REPLACE ({changed}) FROM (\n{everybody.sql}\n) AS everybody "  # noqa: S608
            f"CROSS JOIN range({recipients // size + 1}) AS times(n)"
        )
    audience = Audience.objects.create(
        account=example.account,
        name="Bench",
        warehouse=everybody.warehouse,
        sql=f"{sql} LIMIT {recipients:d}",
        recipient_id_column=everybody.recipient_id_column,
        email_column=everybody.email_column,
    )
    samples.refresh(audience)
    planned = []
    for number in range(launches):
        sender = f"launch-{number}@bench.example"
        profile = SendingProfile.objects.create(
            account=example.account, name=f"Bench {number}", from_name="Bench", from_address=sender
        )
        campaign = Campaign.objects.create(
            account=example.account,
            name=f"Bench {number}",
            audience=audience,
            template=example.template,
            sending_profile=profile,
            notification_address="bench@bench.example",
            supplemental=example.supplemental,
        )
        planned.append({"campaign": campaign.pk, "sender": sender})
    document = {"username": person.username, "password": password, "launches": planned}
    print(json.dumps(document))  # noqa: T201  what the caller reads


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
