"""When the Cloud stops a mailing by itself, and how it goes on."""

from collections.abc import Callable

import pytest
from django.db.models import F
from pytest_django import Settings

from accelerator.cloud import carriers, delivering, dispatching, guarding, suppressing
from accelerator.cloud.models import Batch, Intent, Suppression
from accelerator.protocol import Desired, MailingState
from tests.accelerator.cloud.mailings import addresses, control, counts, send, status, submit
from tests.accelerator.cloud.scripted import AND_CUT, CUT, EHLO, ScriptedServer
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

    def stop(self, code: str, reason: str) -> bool:
        control(self.batch.mailing, 1, Desired.RUN)
        return super().stop(code, reason)


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


def test_a_server_that_refuses_the_sender_and_hangs_up_stops_the_mailing(settings: Settings) -> None:
    """Most take the envelope in one piece, and the next command meets a line that is cut."""
    with ScriptedServer(
        lambda line: f"554 5.7.1 Not you{AND_CUT}" if line.startswith("MAIL") else None
    ) as server:
        settings.SMTP_URL = server.url
        mailing = submit(addresses(30))
        send()
        answer = status(mailing)
        assert answer.stopped is not None
        assert answer.stopped.code == "mail_server_refuses"
        assert counts(mailing) == {"waiting": 30}


def test_who_lost_the_batch_stops_nothing(settings: Settings) -> None:
    """Whoever has it now meets the same, if it is still so."""

    def refuses(line: str) -> str | None:
        if line.startswith("MAIL"):
            Batch.objects.update(epoch=F("epoch") + 1)
            return "550 5.7.1 Sender not allowed"
        return None

    with ScriptedServer(refuses) as server:
        settings.SMTP_URL = server.url
        mailing = submit(addresses(3))
        batch = dispatching.take()
        assert batch is not None
        delivering.send_from(batch)
        assert status(mailing).stopped is None
        assert counts(mailing)["in_flight"] == 3


# --- in the middle ----------------------------------------------------------------------------------------


def refused_from(count: int, gone: str = "") -> Callable[[str], str | None]:
    """A relay that loses its way after so many: nobody is there any more, wherever. And `gone` never was."""
    seen: list[str] = []
    refused = [False]

    def script(line: str) -> str | None:
        if line.startswith("RCPT"):
            seen.append(line)
            refused[0] = len(seen) > count or bool(gone and gone in line)
            return "550 5.1.1 No such user" if refused[0] else None
        return "554 5.5.1 No valid recipients" if line == "DATA" and refused[0] else None

    return script


def of_domains(people: int, domains: int) -> list[str]:
    return [f"ok{number}@d{number % domains}.example" for number in range(people)]


def test_refusals_in_a_row_of_many_domains_stop_the_mailing(settings: Settings) -> None:
    with ScriptedServer(refused_from(30)) as server:
        settings.SMTP_URL = server.url
        mailing = submit(of_domains(400, 20))
        send()
        answer = status(mailing)
        assert answer.stopped is not None
        assert answer.stopped.code == "all_refused"
        assert "in a row for good, of 20 domains" in answer.stopped.reason
        assert answer.counts.delivered == 30
        assert 50 <= answer.counts.bounced < 200
        assert not Suppression.objects.exists()


def test_what_was_refused_before_the_row_stays_on_the_list(settings: Settings) -> None:
    with ScriptedServer(refused_from(200, "<gone@")) as server:
        settings.SMTP_URL = server.url
        submit(["gone@d1.example", "ok@d1.example"])
        send()
        mailing = submit(["gone@d2.example", *of_domains(600, 20)])
        send()
        assert status(mailing).stopped
        assert {row.address_key for row in Suppression.objects.all()} == {
            "gone@d1.example",
            "gone@d2.example",
        }


def test_refusals_in_a_row_of_few_domains_are_these_domains_matter(receiver: MailReceiver) -> None:
    mailing = submit(["ok@customers.example", *[f"reject{n}@d{n % 9}.example" for n in range(200)]])
    send()
    assert counts(mailing) == {"delivered": 1, "bounced": 200}


def test_a_server_that_breaks_off_after_every_dot_does_not_use_up_the_audience(settings: Settings) -> None:
    settings.HOLD_SECONDS = 3600.0
    for ehlo in (EHLO, "250 scripted"):
        with ScriptedServer(lambda line: CUT if line == "." else None, ehlo=ehlo) as server:
            settings.SMTP_URL = server.url
            mailing = submit(addresses(200))
            send()
            answer = status(mailing)
            assert answer.stopped is None
            assert answer.held is not None
            assert answer.held.code == "mail_server_away"
            assert answer.counts.unknown <= delivering.DOUBTS + settings.SMTP_LINES
            assert answer.counts.waiting == 200 - answer.counts.unknown
            carriers.hang_up()


def test_single_addresses_that_break_lines_hold_nobody(settings: Settings) -> None:
    last = [""]

    def script(line: str) -> str | None:
        last[0] = line if line.startswith("RCPT") else last[0]
        return CUT if line == "." and "<drop" in last[0] else None

    with ScriptedServer(script, ehlo="250 scripted") as server:
        settings.SMTP_URL = server.url
        mailing = submit([*addresses(19, "drop"), "ok@a.example", *addresses(19, "drop.again")])
        send()
        assert counts(mailing) == {"delivered": 1, "unknown": 38}


def test_a_name_that_the_server_does_not_take_stops_nobody_else(settings: Settings) -> None:
    """RFC 6531, section 3.5: it may say so already at MAIL."""
    with ScriptedServer(
        lambda line: "550 5.6.7 Not here" if line.startswith("MAIL") and "SMTPUTF8" in line else None,
        ehlo=f"{EHLO.replace('250 ENH', '250-ENH')}\r\n250 SMTPUTF8",
    ) as server:
        settings.SMTP_URL = server.url
        mailing = submit([*addresses(20), "zoë@a.example", *addresses(20, "more")])
        send()
        assert status(mailing).stopped is None
        assert counts(mailing) == {"delivered": 40, "bounced": 1}
        assert not Suppression.objects.exists()


def test_a_server_that_refuses_us_at_the_door_stops_the_mailing(settings: Settings) -> None:
    with ScriptedServer(lambda line: "554 5.7.1 Not you" if line == "GREETING" else None) as server:
        settings.SMTP_URL = server.url
        mailing = submit(addresses(30))
        send()
        answer = status(mailing)
        assert answer.stopped is not None
        assert answer.stopped.code == "mail_server_refuses"
        assert counts(mailing) == {"waiting": 30}
