"""Notification mails: one for an Extraction Cancel, handed over at most once."""

import pytest
from django.contrib.auth.models import User
from pytest_django.fixtures import Settings

from accelerator import leases
from jobs import control, notices
from jobs.models import Job, Notice
from jobs.states import Wish
from tests.mail import MailReceiver


@pytest.fixture
def mail_server(settings: Settings, mail_receiver: MailReceiver) -> MailReceiver:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = mail_receiver.host, mail_receiver.port
    return mail_receiver


@pytest.fixture
def notice(job: Job, bob: User) -> Notice:
    control.ask(job, Wish.CANCEL, by=bob, seen=job.version)
    return Notice.objects.get(job=job)


def address(notice: Notice, local: str) -> Notice:
    Notice.objects.filter(pk=notice.pk).update(to=f"{local}@northwind.example")
    return notice


def hand_over(notice: Notice) -> Notice:
    for pk in notices.due():
        notices.hand_over(pk)
    notice.refresh_from_db()
    return notice


@pytest.mark.django_db(transaction=True)
def test_it_is_handed_over_once(notice: Notice, mail_server: MailReceiver) -> None:
    assert hand_over(notice).outcome == Notice.Outcome.SENT
    hand_over(notice)
    [(sender, recipient, data)] = mail_server.messages
    assert (sender, recipient) == ("accelerator@example.com", "campaigns@northwind.example")
    assert b"Nobody was contacted" in data
    assert b"Subject: Cancelled before anybody was contacted: Autumn sale" in data


@pytest.mark.django_db(transaction=True)
def test_a_dead_mail_server_only_delays(notice: Notice, mail_server: MailReceiver) -> None:
    mail_server.stop()
    assert hand_over(notice).outcome == Notice.Outcome.PENDING
    assert "can't be reached" in notice.problem
    mail_server.start()
    leases.wake(Notice.objects.all())
    assert hand_over(notice).outcome == Notice.Outcome.SENT
    assert len(mail_server.messages) == 1


@pytest.mark.django_db(transaction=True)
def test_a_refusal_is_shown_and_not_repeated(notice: Notice, mail_server: MailReceiver) -> None:
    address(notice, "reject")
    assert hand_over(notice).outcome == Notice.Outcome.REFUSED
    assert notices.due() == []


@pytest.mark.django_db(transaction=True)
def test_a_line_that_dies_after_the_dot_is_unknown_and_not_repeated(
    notice: Notice, mail_server: MailReceiver
) -> None:
    address(notice, "dropafterdot")
    assert hand_over(notice).outcome == Notice.Outcome.UNKNOWN
    leases.wake(Notice.objects.filter(outcome=Notice.Outcome.PENDING))
    hand_over(notice)
    assert len(mail_server.messages) == 1


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_died_while_handing_over_leaves_it_unknown(
    notice: Notice, mail_server: MailReceiver
) -> None:
    Notice.objects.update(outcome=Notice.Outcome.HANDING_OVER)
    assert hand_over(notice).outcome == Notice.Outcome.UNKNOWN
    assert mail_server.messages == []


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_slept_past_its_lease_hands_over_nothing(
    notice: Notice, mail_server: MailReceiver
) -> None:
    stale = leases.claim(Notice.objects.all(), notice.pk, seconds=0)
    assert stale is not None
    assert hand_over(notice).outcome == Notice.Outcome.SENT
    with pytest.raises(leases.LeaseLost):
        notices._hand_over(stale)
    assert len(mail_server.messages) == 1
