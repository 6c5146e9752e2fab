import uuid

import pytest
from django.contrib.auth.models import User

from accelerator.marks import Generating
from campaigns import launching
from campaigns.launching import NotLaunchable, ValuesInvalid, blockers
from campaigns.models import Audience, Campaign, Launch
from jobs import restoring
from jobs.models import Generation, Job, Warehouse, Witness
from jobs.states import State
from tests.campaigns import cast
from tests.jobs.cast import account


def reasons(campaign: Campaign) -> str:
    return " ".join(blocker.sentence for blocker in blockers(campaign))


def test_a_complete_campaign_has_no_blockers(campaign: Campaign) -> None:
    assert blockers(campaign) == []


def test_an_empty_campaign_says_all_that_is_missing_and_where_it_is_mended(db: None) -> None:
    campaign = cast.campaign(notification_address="")
    found = blockers(campaign)
    assert [blocker.mend for blocker in found] == [
        "Choose an Audience",
        "Choose a Template",
        "Choose a Sending Profile",
        "Add the address",
    ]
    assert all(blocker.url.startswith(f"/campaigns/{campaign.pk}/edit/#id_") for blocker in found)


def test_a_template_that_does_not_compile_blocks_with_its_line(campaign: Campaign) -> None:
    campaign.template = cast.template(html="<p>\n{{ first_name </p>")
    found = blockers(campaign)
    assert len(found) == 1
    assert "html of the template does not compile at line 2" in found[0].sentence
    assert found[0].url == f"{campaign.template.get_absolute_url()}#id_html"


def test_a_variable_that_is_no_column_blocks(campaign: Campaign) -> None:
    campaign.template = cast.template(text='{{ frist_name|default("there") }}')
    assert 'uses "frist_name", which the Audience "Everybody" does not have' in reasons(campaign)


def test_a_variable_may_be_unknown_while_the_columns_are_not_known(
    campaign: Campaign, warehouse: Warehouse
) -> None:
    campaign.audience = cast.audience(warehouse, looked=False)
    campaign.template = cast.template(text="{{ frist_name }}")
    assert blockers(campaign) == []


def test_a_template_that_fails_for_the_whole_sample_blocks(campaign: Campaign) -> None:
    campaign.template = cast.template(subject="{{ supplemental.discount }} off")
    found = blockers(campaign)
    assert '"supplemental.discount" is missing' in found[0].sentence
    assert found[0].url.endswith("/edit/#id_supplemental")
    campaign.supplemental_sql = "SELECT 1 AS season"
    assert blockers(campaign)[0].url.endswith("/edit/#id_supplemental_sql")
    campaign.supplemental = {"discount": "30 %"}
    assert blockers(campaign) == []


def test_a_template_that_fails_for_one_recipient_does_not_block(campaign: Campaign) -> None:
    campaign.template = cast.template(text="{{ first_name }}")
    assert blockers(campaign) == []


def test_an_audience_that_names_a_column_it_has_not_blocks(campaign: Campaign) -> None:
    assert campaign.audience
    campaign.audience.email_column = "mail"
    assert 'has no column "mail", which it names as its email column' in reasons(campaign)
    assert blockers(campaign)[0].url.endswith("#id_email_column")


def test_a_warehouse_that_became_another_accounts_blocks(campaign: Campaign, warehouse: Warehouse) -> None:
    warehouse.account = account("Contoso")
    warehouse.save()
    campaign.refresh_from_db()
    assert "belongs to another account" in reasons(campaign)


def test_an_address_that_mail_can_not_come_from_blocks(campaign: Campaign) -> None:
    campaign.sending_profile = cast.profile(from_address="news@höron.example", reply_to='"a b"@x.example')
    found = blockers(campaign)
    assert [blocker.url.rpartition("#")[2] for blocker in found] == ["id_from_address", "id_reply_to"]
    assert "ASCII form: news@xn--hron-5qa.example." in found[0].sentence
    assert found[0].mend == "Correct the Sending Profile"


def test_a_launch_copies_the_campaign_as_it_stands(
    campaign: Campaign, alice: User, warehouse: Warehouse
) -> None:
    campaign.supplemental, campaign.rate_per_hour = {"discount": 30}, 5000
    campaign.domain_rates = {"gmail.com": 20_000}
    campaign.save()
    token = uuid.uuid4()
    job = launching.launch(campaign, by=alice, token=token)

    copy = job.instructions
    assert (copy.campaign, copy.notification_address) == ("Autumn sale", "team@northwind.example")
    assert (copy.audience.name, copy.audience.sql) == ("Everybody", campaign.audience.sql)  # type: ignore[union-attr]
    assert (copy.audience.recipient_id_column, copy.audience.email_column) == ("id", "email")
    assert copy.template.subject == campaign.template.subject  # type: ignore[union-attr]
    assert copy.sender.from_address == "news@northwind.example"
    assert (copy.supplemental, copy.rate_per_hour) == ({"discount": 30}, 5000)
    assert copy.domain_rates == {"gmail.com": 20_000}
    assert copy.service == ""
    assert (job.state, job.account, job.warehouse) == (State.INITIALIZING, campaign.account, warehouse)
    assert copy.account == str(campaign.account.pk)
    launch = Launch.objects.get()
    assert (launch.campaign, launch.job, launch.by, launch.token) == (campaign, job, alice, token)


def test_a_launch_copies_the_service_of_the_sending_profile(campaign: Campaign, alice: User) -> None:
    campaign.sending_profile.service = "postmark"  # type: ignore[union-attr]
    campaign.sending_profile.save()  # type: ignore[union-attr]
    job = launching.launch(campaign, by=alice, token=uuid.uuid4())
    assert job.instructions.service == "postmark"


def test_it_reads_the_campaign_anew_and_not_as_the_caller_had_it(campaign: Campaign, alice: User) -> None:
    Campaign.objects.filter(pk=campaign.pk).update(notification_address="new@northwind.example")
    job = launching.launch(campaign, by=alice, token=uuid.uuid4())
    assert job.instructions.notification_address == "new@northwind.example"


def test_editing_the_campaign_afterwards_does_not_change_the_job(campaign: Campaign, alice: User) -> None:
    job = launching.launch(campaign, by=alice, token=uuid.uuid4())
    campaign.template.subject = "Something else"  # type: ignore[union-attr]
    campaign.template.save()  # type: ignore[union-attr]
    assert "Something else" not in Job.objects.get(pk=job.pk).instructions.template.subject


def test_the_same_token_gives_the_same_job(campaign: Campaign, alice: User, bob: User) -> None:
    token = uuid.uuid4()
    first = launching.launch(campaign, by=alice, token=token)
    assert launching.launch(campaign, by=bob, token=token) == first
    assert Job.objects.count() == 1


def test_the_same_token_gives_the_same_job_even_when_the_campaign_is_blocked_since(
    campaign: Campaign, alice: User
) -> None:
    token = uuid.uuid4()
    first = launching.launch(campaign, by=alice, token=token)
    Campaign.objects.update(notification_address="")
    assert launching.launch(campaign, by=alice, token=token) == first


def test_another_token_gives_another_job(campaign: Campaign, alice: User) -> None:
    first = launching.launch(campaign, by=alice, token=uuid.uuid4())
    assert launching.launch(campaign, by=alice, token=uuid.uuid4()) != first


def test_a_token_of_another_campaign_is_refused(campaign: Campaign, alice: User) -> None:
    token = uuid.uuid4()
    launching.launch(campaign, by=alice, token=token)
    other = cast.campaign(
        audience=campaign.audience, template=campaign.template, sending_profile=campaign.sending_profile
    )
    with pytest.raises(NotLaunchable, match="another campaign"):
        launching.launch(other, by=alice, token=token)


def test_the_form_of_a_deleted_job_launches_no_second_one(campaign: Campaign, alice: User) -> None:
    token = uuid.uuid4()
    job = launching.launch(campaign, by=alice, token=token)
    Launch.objects.update(job=None)  # what deleting the Job does to it
    with pytest.raises(NotLaunchable, match="deleted since"):
        launching.launch(campaign, by=alice, token=token)
    assert list(Job.objects.all()) == [job]


def test_a_blocked_campaign_is_not_launched(campaign: Campaign, alice: User) -> None:
    Campaign.objects.update(notification_address="")
    with pytest.raises(NotLaunchable, match="no Notification Email Address"):
        launching.launch(campaign, by=alice, token=uuid.uuid4())
    assert not Job.objects.exists()
    assert not Launch.objects.exists()


def test_nothing_is_launched_by_a_database_that_was_restored_until_it_is_reviewed(
    campaign: Campaign, alice: User
) -> None:
    restoring.hold(Generating.Cause.DECLARED)
    Generation.objects.update(reviewed_at=None)
    assert "restored from an older copy" in reasons(campaign)
    with pytest.raises(NotLaunchable, match="restored from an older copy"):
        launching.launch(campaign, by=alice, token=uuid.uuid4())
    assert not Job.objects.exists()
    restoring.reviewed()
    assert launching.launch(campaign, by=alice, token=uuid.uuid4()).state == State.INITIALIZING


@pytest.mark.django_db(transaction=True)
def test_a_launch_that_meets_a_restored_database_makes_no_job(campaign: Campaign, alice: User) -> None:
    launching.launch(campaign, by=alice, token=uuid.uuid4())
    Witness.objects.update(height=0)  # as in an older copy
    with pytest.raises(NotLaunchable, match="restored from an older copy"):
        launching.launch(campaign, by=alice, token=uuid.uuid4())
    assert Job.objects.count() == 1
    assert Generation.objects.get().reviewed_at is None


ASKING = "SELECT id, email, first_name FROM customers WHERE first_name = {{ whom }} AND id >= {{ least }}"


@pytest.fixture
def asking(campaign: Campaign) -> Campaign:
    """Its Audience asks whom, and for the least id; counted with its own values, it had 100 rows."""
    own = [
        {"name": "whom", "kind": "text", "value": "Ann"},
        {"name": "least", "kind": "number", "value": "1"},
    ]
    Audience.objects.update(sql=ASKING, variables=own, size=100)
    return Campaign.objects.get()


def test_a_launch_without_its_values_makes_no_job_and_names_each(asking: Campaign, alice: User) -> None:
    with pytest.raises(ValuesInvalid) as refused:
        launching.launch(asking, by=alice, token=uuid.uuid4(), values={"whom": " ", "gone": "x"})
    assert refused.value.sentences == {
        "whom": "Say what {{ whom }} stands for.",
        "least": "Say what {{ least }} stands for.",
    }
    assert not Job.objects.exists()


def test_the_size_is_known_for_the_values_it_was_counted_with_and_no_others(
    asking: Campaign, alice: User
) -> None:
    own, other = (
        launching.launch(asking, by=alice, token=uuid.uuid4(), values={"whom": whom, "least": "1"})
        for whom in ("Ann", "Ben")
    )
    assert (own.instructions.audience.size, other.instructions.audience.size) == (100, None)


def test_what_a_size_is_compared_to_is_the_last_jobs_else_the_audiences(
    asking: Campaign, alice: User
) -> None:
    Campaign.objects.update(most_change=20)
    values = {"whom": "Ann", "least": "1"}
    first = launching.launch(asking, by=alice, token=uuid.uuid4(), values=values)
    assert (first.instructions.last_size, first.instructions.most_change) == (100, 20)
    Job.objects.update(extracted=70)
    launching.launch(asking, by=alice, token=uuid.uuid4(), values=values)  # it comes to no freeze
    third = launching.launch(asking, by=alice, token=uuid.uuid4(), values=values)
    assert third.instructions.last_size == 70


def test_nothing_is_compared_where_nothing_is_known(campaign: Campaign, alice: User) -> None:
    Audience.objects.update(size=None)
    instructions = launching.launch(campaign, by=alice, token=uuid.uuid4()).instructions
    assert (instructions.last_size, instructions.most_change, instructions.audience.size) == (
        None,
        None,
        None,
    )


def test_supplemental_data_by_a_select_is_asked_by_the_job_anew(campaign: Campaign, alice: User) -> None:
    Campaign.objects.update(supplemental_sql="SELECT 1 AS season", supplemental={"season": 0})
    instructions = launching.launch(campaign, by=alice, token=uuid.uuid4()).instructions
    assert (instructions.supplemental_sql, instructions.supplemental) == ("SELECT 1 AS season", {})


def test_a_variable_between_quotes_blocks(campaign: Campaign) -> None:
    assert campaign.audience
    campaign.audience.sql = "SELECT id, email, first_name FROM customers WHERE first_name = '{{ whom }}'"
    found = blockers(campaign)
    assert "leave the quotes out" in found[0].sentence
    assert found[0].url.endswith("#id_sql")
