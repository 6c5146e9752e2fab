"""When the Cloud stops a mailing by itself, and how it goes on."""

import pytest
from pytest_django import Settings

from accelerator.cloud import delivering, dispatching, guarding, suppressing
from accelerator.cloud.models import Intent, Suppression
from accelerator.protocol import Desired, MailingState
from tests.accelerator.cloud.mailings import addresses, control, counts, send, status, submit
from tests.accelerator.cloud.scripted import ScriptedServer
from tests.mail import MailReceiver

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_mailing_that_everybody_is_refused_for_is_stopped(receiver: MailReceiver) -> None:
    mailing = submit(addresses(500, "reject"))
    send()
    answer = status(mailing)
    assert answer.stopped is not None
    assert answer.stopped.code == "all_refused"
    assert "refused all of the first" in answer.stopped.reason
    assert answer.state == MailingState.PAUSED
    assert 50 <= answer.counts.bounced < 200
    assert answer.counts.waiting == 500 - answer.counts.bounced


def test_a_server_that_refuses_everybody_puts_nobody_on_the_suppression_list(
    receiver: MailReceiver, settings: Settings
) -> None:
    settings.STOP_AFTER_REFUSALS = 5
    submit(["reject@before.example", "ok@before.example"])
    send()
    suppressing.add(["reject2@customers.example"], reason=suppressing.ADDED)
    mailing = submit(addresses(40, "reject"))
    send()
    assert status(mailing).stopped
    listed = dict(Suppression.objects.values_list("address_key", "reason"))
    assert listed == {"reject@before.example": "hard_bounce", "reject2@customers.example": "added"}


def test_a_run_control_clears_the_stop(receiver: MailReceiver) -> None:
    mailing = submit([*addresses(250, "reject"), *addresses(30)])
    send()
    assert status(mailing).stopped
    # A window each time, of which a slow machine sends a part.
    for seq in range(1, 100):
        answer = control(mailing, seq, Desired.RUN)
        assert answer.stopped is None
        send()
        if not status(mailing).stopped:
            break
    assert counts(mailing) == {"delivered": 30, "bounced": 250}
    assert status(mailing).stopped is None


class Late(delivering.Sender):
    """A sender that is refused, and can say so only after a person has said run, because the cause is mended."""

    def stop(self, reason: str) -> bool:
        control(self.batch.mailing, 1, Desired.RUN)
        return super().stop(reason)


def test_a_refusal_met_before_a_person_said_run_stops_nothing_afterwards(settings: Settings) -> None:
    with ScriptedServer(
        lambda line: "550 5.7.1 Sender not allowed" if line.startswith("MAIL") else None
    ) as server:
        settings.SMTP_URL = server.url
        mailing = submit(addresses(1))
        batch = dispatching.take()
        assert batch is not None
        Late(batch, guarding.wish(mailing.key)).run()
        assert status(mailing).stopped is None
        assert counts(mailing) == {"waiting": 1}
        # Whoever is refused since, says so.
        send()
        assert status(mailing).stopped is not None


def test_one_acceptance_among_refusals_is_no_reason_to_stop(receiver: MailReceiver) -> None:
    mailing = submit(["ok@a.example", *addresses(120, "reject")])
    send()
    assert counts(mailing) == {"delivered": 1, "bounced": 120}
    assert status(mailing).stopped is None


def test_a_template_that_fails_for_many_stops_before_it_goes_on(receiver: MailReceiver) -> None:
    names = ["Bob" if number % 3 else None for number in range(600)]
    mailing = submit(addresses(600), names=names)
    send()
    answer = status(mailing)
    assert answer.stopped is not None
    assert answer.stopped.code == "template"
    assert answer.counts.waiting > 200
    assert Intent.objects.filter(state="in_flight").count() == 0
    # A person has seen it and says so: then it is not stopped for that again.
    control(mailing, 1, Desired.RUN)
    send()
    assert counts(mailing) == {"delivered": 400, "render_errors": 200}


def test_a_server_that_refuses_the_sender_stops_the_mailing(settings: Settings) -> None:
    said = ["550 5.7.1 Sender not allowed"]
    with ScriptedServer(lambda line: said[0] if said and line.startswith("MAIL") else None) as server:
        settings.SMTP_URL = server.url
        mailing = submit(addresses(30))
        send()
        answer = status(mailing)
        assert answer.stopped is not None
        assert answer.stopped.reason.endswith("refuses the sender: 5.7.1 Sender not allowed")
        assert counts(mailing) == {"waiting": 30}
        said.clear()
        control(mailing, 1, Desired.RUN)
        send()
        assert counts(mailing) == {"delivered": 30}


def test_a_server_that_refuses_us_at_the_door_stops_the_mailing(settings: Settings) -> None:
    with ScriptedServer(lambda line: "554 5.7.1 Not you" if line == "GREETING" else None) as server:
        settings.SMTP_URL = server.url
        mailing = submit(addresses(30))
        send()
        answer = status(mailing)
        assert answer.stopped is not None
        assert answer.stopped.code == "mail_server_refuses"
        assert counts(mailing) == {"waiting": 30}
