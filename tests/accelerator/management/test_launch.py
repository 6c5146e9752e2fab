"""`manage.py launch`: which campaign, in whose name, and what keeps it from a launch."""

import pytest
from django.contrib.auth.models import User

from campaigns.models import Audience, Campaign, Launch
from jobs.models import Job
from tests.accelerator.management.terminal import run
from tests.campaigns import cast
from tests.jobs.cast import account


@pytest.fixture(autouse=True)
def nobodys_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs the tests is nobody here."""
    monkeypatch.setenv("USER", "")


def test_it_launches_by_name_in_the_name_of_a_person(campaign: Campaign, alice: User) -> None:
    said = run("launch", "Autumn sale", "--by", "alice")
    launch = Launch.objects.get()
    assert said.code == 0
    assert (launch.campaign, launch.by) == (campaign, alice)
    assert str(launch.job_id) in said.out
    assert f"http://localhost:8000/jobs/{launch.job_id}/" in said.out
    assert "in the name of alice" in said.out


def test_it_launches_by_id(campaign: Campaign, alice: User) -> None:
    cast.campaign(name="Autumn sale")
    assert run("launch", str(campaign.pk), "--by", "alice").code == 0
    assert Launch.objects.get().campaign == campaign


def test_one_command_is_one_job(campaign: Campaign, alice: User) -> None:
    for _ in range(2):
        run("launch", "Autumn sale", "--by", "alice")
    assert Job.objects.count() == Launch.objects.count() == 2


def test_a_name_in_other_letters_is_enough_if_only_one_campaign_has_it(
    campaign: Campaign, alice: User
) -> None:
    assert run("launch", "AUTUMN SALE", "--by", "alice").code == 0


def test_the_exact_name_wins_over_the_same_in_other_letters(campaign: Campaign, alice: User) -> None:
    cast.campaign(name="autumn sale")
    run("launch", "Autumn sale", "--by", "alice")
    assert Launch.objects.get().campaign == campaign


def test_a_name_that_two_campaigns_have_launches_neither_and_lists_both(
    campaign: Campaign, alice: User
) -> None:
    other = cast.campaign(name="Autumn sale")
    said = run("launch", "Autumn sale", "--by", "alice")
    assert said.code == 2
    assert f"{campaign.pk}  Autumn sale  (Northwind)" in said.err
    assert f"{other.pk}  Autumn sale  (Northwind)" in said.err
    assert not Job.objects.exists()


def test_a_number_that_is_one_campaigns_id_and_anothers_name_launches_neither(
    campaign: Campaign, alice: User
) -> None:
    cast.campaign(name=str(campaign.pk))
    assert run("launch", str(campaign.pk), "--by", "alice").code == 2
    assert not Job.objects.exists()


def test_a_name_that_nobody_has_lists_those_like_it(campaign: Campaign, alice: User) -> None:
    cast.campaign(name="Spring")
    said = run("launch", "autumn", "--by", "alice")
    assert said.code == 2
    assert 'There is no campaign "autumn".' in said.err
    assert "Autumn sale" in said.err
    assert "Spring" not in said.err


@pytest.mark.usefixtures("campaign", "charlie")
def test_it_does_not_find_what_the_person_may_not_see() -> None:
    said = run("launch", "Autumn sale", "--by", "charlie")
    assert said.code == 2
    assert "There is no campaign" in said.err
    assert not Job.objects.exists()


@pytest.mark.usefixtures("campaign")
def test_it_does_not_launch_in_the_name_of_somebody_who_may_not_log_in(alice: User) -> None:
    alice.is_active = False
    alice.save()
    said = run("launch", "Autumn sale", "--by", "alice")
    assert said.code == 2
    assert "may log in" in said.err


@pytest.mark.usefixtures("campaign", "bob")
def test_it_is_the_launch_of_whoever_has_the_shell_if_she_may(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("USER", "alice")
    run("launch", "Autumn sale")
    assert Launch.objects.get().by == alice


@pytest.mark.usefixtures("campaign", "charlie")
def test_otherwise_it_is_that_of_the_only_superuser(monkeypatch: pytest.MonkeyPatch) -> None:
    ada = User.objects.create_superuser("ada")
    monkeypatch.setenv("USER", "charlie")
    run("launch", "Autumn sale")
    assert Launch.objects.get().by == ada


@pytest.mark.usefixtures("campaign", "alice")
def test_with_two_superusers_somebody_must_be_named() -> None:
    for name in ("ada", "abe"):
        User.objects.create_superuser(name)
    said = run("launch", "Autumn sale")
    assert said.code == 2
    assert "--by USERNAME" in said.err
    assert not Job.objects.exists()


@pytest.mark.usefixtures("alice")
def test_a_blocked_launch_says_what_blocks_it_and_where_that_is_mended() -> None:
    campaign = cast.campaign(notification_address="")
    said = run("launch", "Autumn sale", "--by", "alice")
    assert said.code == 1
    assert said.err.startswith("Refused: ")
    for sentence in ("Nobody is chosen to receive it.", "There is no message yet.", "Add the address"):
        assert sentence in said.err
    assert f"Choose an Audience: http://localhost:8000/campaigns/{campaign.pk}/edit/#id_audience" in said.err
    assert not Job.objects.exists()


@pytest.mark.usefixtures("alice")
def test_programs_are_told_what_blocks_a_launch() -> None:
    campaign = cast.campaign()
    said = run("launch", "Autumn sale", "--by", "alice", "--json")
    assert said.code == 1
    assert said.document["campaign"] == campaign.pk
    assert [blocker["mend"] for blocker in said.document["blockers"]] == [
        "Choose an Audience",
        "Choose a Template",
        "Choose a Sending Profile",
    ]


@pytest.mark.usefixtures("campaign", "alice")
def test_programs_are_told_the_job() -> None:
    said = run("launch", "Autumn sale", "--by", "alice", "--json")
    job = Job.objects.get()
    assert said.document["id"] == str(job.pk)
    assert said.document["state"] == "initializing"
    assert said.document["url"] == f"http://localhost:8000/jobs/{job.pk}/"
    assert "@" not in said.out


def test_campaigns_of_two_accounts_with_one_name_are_told_apart_by_who_asks(
    campaign: Campaign, charlie: User, alice: User
) -> None:
    cast.campaign(name="Autumn sale", account=account("Contoso"))
    assert run("launch", "Autumn sale", "--by", "alice").code == 0
    assert Launch.objects.get().campaign == campaign


@pytest.fixture
def asking(campaign: Campaign) -> Campaign:
    """Its Audience asks whom, and from when."""
    Audience.objects.update(
        sql="SELECT id, email, first_name FROM customers "
        "WHERE first_name = {{ whom }} AND DATE '2026-11-25' > {{ since }}",
        variables=[
            {"name": "whom", "kind": "text", "value": "Ann"},
            {"name": "since", "kind": "date", "value": "2026-01-01"},
        ],
    )
    return campaign


@pytest.mark.usefixtures("asking", "alice")
def test_launch_variables_are_said_one_by_one() -> None:
    hostile = "x=y'; DROP TABLE customers; --"
    said = run(
        "launch", "Autumn sale", "--by", "alice", "--value", f"whom={hostile}", "--value", "since=2026-06-30"
    )
    assert said.code == 0
    values = Job.objects.get().instructions.audience.variables
    assert [(value.name, value.value) for value in values] == [("whom", hostile), ("since", "2026-06-30")]


@pytest.mark.usefixtures("asking", "alice")
@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (["whom=Ann"], "--value since=...  (date)  Say what {{ since }} stands for."),
        ([], "--value whom=...  (text)  Say what {{ whom }} stands for."),
        (["whom=Ann", "since=yesterday"], "--value since=...  (date)  Write a day that there is"),
        (["whom=Ann", "since=2026-06-30", "who=x"], '"who" is no launch variable'),
        (["who=x"], "It has: whom, since."),
        (["whom"], "Write a value as NAME=VALUE, such as since=2026-11-25."),
        (["whom=Ann", "whom=Ben", "since=2026-06-30"], 'The value of "whom" is said twice.'),
    ],
)
def test_a_value_that_is_missing_unknown_or_does_not_fit_launches_nothing_and_is_named(
    values: list[str], sentence: str
) -> None:
    said = run("launch", "Autumn sale", "--by", "alice", *(f"--value={value}" for value in values))
    assert said.code == 2
    assert sentence in said.err
    assert not Job.objects.exists()


@pytest.mark.usefixtures("campaign", "alice")
def test_a_campaign_without_launch_variables_takes_no_value() -> None:
    said = run("launch", "Autumn sale", "--by", "alice", "--value", "whom=Ann")
    assert said.code == 2
    assert "It has none." in said.err
