"""One sender, a real database, a real HTTP server that plays the provider: what is sent, and what is said about it."""

import email
import email.policy
import logging
import threading
import uuid
from datetime import timedelta

import pytest
from pytest_django import Settings

from accelerator import leases, protocol
from accelerator.cloud import carriers, delivering, draining, intake, preparing, suppressing
from accelerator.cloud.models import Batch, Intent, Mailing, Suppression
from accelerator.cloud.services import braking
from accelerator.protocol import Desired, MailingState
from tests.accelerator.cloud import mailings
from tests.accelerator.cloud.mailings import addresses, control, counts, make_due, send, status, wait_until
from tests.accelerator.cloud.services.provider import KEY, Provider, everybody_once
from tests.accelerator.cloud.test_delivering import in_a_thread
from tests.mail import MailReceiver

pytestmark = pytest.mark.django_db(transaction=True)


def submit(people: list[str], **more: object) -> Mailing:
    return mailings.submit(people, service="esp", **more)  # type: ignore[arg-type]


def reason(mailing: Mailing) -> str:
    """Why it waits or stands."""
    found = status(mailing).stopped or status(mailing).held
    assert found is not None
    return found.reason


def test_it_delivers_to_everybody_once_one_recipient_a_call(provider: Provider) -> None:
    mailing = submit(addresses(120), per_batch=50)
    send()
    assert counts(mailing) == {"delivered": 120}
    assert sorted(call["To"] for call in provider.calls) == sorted(addresses(120))
    assert not [call for call in provider.calls if set(call) & {"Cc", "Bcc"}]
    assert status(mailing).state == MailingState.FINISHED


def test_several_calls_are_open_at_once(provider: Provider, settings: Settings) -> None:
    settings.MAIL_SERVICE_LINES = 5
    people = addresses(9, "held")
    mailing = submit(people)
    worker = threading.Thread(target=in_a_thread, args=(delivering.step,))
    worker.start()
    wait_until(lambda: len(provider.calls) == 5)
    assert counts(mailing) == {"in_flight": 9}
    provider.gate.set()
    worker.join(20)
    assert counts(mailing) == {"delivered": 9}
    assert provider.connections == 5


def test_the_message_is_the_one_that_the_mail_server_would_get(
    provider: Provider, receiver: MailReceiver
) -> None:
    sender = protocol.Sender(
        from_name='Zoë, "the" <Shop>', from_address="news@shop.example", reply_to="help@shop.example"
    )
    subject = "Überraschung für {{ first_name }}: " + "viele Wörter " * 12
    text = "Grüße, {{ first_name }}\n\n  a line\n{{ unsubscribe_url }}\n" + "x" * 1200
    html = '<p>Grüße</p><a href="https://shop.example/?a=1&amp;b=2">look</a>'
    template = protocol.TemplateSource(subject=subject, html=html, text=text)
    by_service = submit(["Ann@Customers.example"], names=["Zoë"], template=template, sender=sender)
    send()
    [call] = provider.calls
    # The same mailing, by the mail server: links and Message-ID are of the mailing and the recipient.
    Intent.objects.all().delete()
    batch = Batch.objects.filter(mailing=by_service)
    batch.update(delivered=0)
    document = by_service.instructions.replace('"service":"esp"', '"service":""')
    Mailing.objects.filter(pk=by_service.pk).update(instructions=document)
    preparing.mailing.cache_clear()
    leases.wake(batch)
    send()
    [(_, recipient, content)] = receiver.messages
    message = email.message_from_bytes(content, policy=email.policy.SMTP)
    plain, rich = message.iter_parts()
    headers = {header["Name"]: header["Value"] for header in call["Headers"]}
    assert call["To"] == recipient == "Ann@customers.example"
    assert call["Subject"] == message["Subject"]
    assert call["From"] == str(message["From"])
    assert call["ReplyTo"] == str(message["Reply-To"])
    assert call["TextBody"] == plain.get_content().replace("\r\n", "\n")
    assert call["HtmlBody"] == rich.get_content().replace("\r\n", "\n")
    assert headers == {
        name: message[name] for name in ("Message-ID", "List-Unsubscribe", "List-Unsubscribe-Post")
    }
    assert (call["TrackOpens"], call["TrackLinks"]) == (False, "None")


def test_it_is_not_signed_with_our_keys_and_no_key_is_needed(provider: Provider, settings: Settings) -> None:
    settings.DKIM_KEYS = "/nowhere"
    mailing = submit(["ok@a.example"])
    send()
    assert counts(mailing) == {"delivered": 1}


def test_a_message_without_a_text_part_is_sent_without(provider: Provider) -> None:
    submit(["ok@a.example"], template=protocol.TemplateSource(subject="s", html="<p>x</p>", text=""))
    send()
    assert provider.calls[0]["HtmlBody"].startswith("<p>x</p>")
    assert not provider.calls[0].get("TextBody")


def test_refused_recipients_are_bounces_that_put_nobody_on_a_list(provider: Provider) -> None:
    people = [
        "inactive@a.example",
        "invalid@a.example",
        "garbled@a.example",
        "large@a.example",
        "ok@a.example",
    ]
    mailing = submit(people)
    send()
    assert counts(mailing) == {"delivered": 1, "bounced": 4}
    codes = list(Intent.objects.filter(state="bounced").order_by("position").values_list("code", flat=True))
    assert codes == ["rejected", "invalid", "422", "413"]
    assert "marked as inactive" in Intent.objects.get(code="rejected").reply
    assert not Suppression.objects.exists()
    assert provider.accepted == ["ok@a.example"]
    assert len(provider.calls) == 5


def test_a_name_that_services_do_not_take_is_refused_before_a_call(provider: Provider) -> None:
    mailing = submit(["δοκιμή@a.example", "ok@a.example"])
    send()
    assert counts(mailing) == {"delivered": 1, "bounced": 1}
    assert len(provider.calls) == 1


def test_too_many_requests_hold_the_mailing_and_cost_nobody_an_attempt(provider: Provider) -> None:
    provider.mood = "many"
    mailing = submit(addresses(20))
    for _ in range(5):
        send()
        assert counts(mailing) == {"waiting": 20}
        assert 'The service "esp" takes no messages now (429' in reason(mailing)
        assert status(mailing).state == MailingState.RUNNING
        make_due(mailing)
    # After the first answer one recipient at a time is tried.
    assert len(provider.calls) <= 8 + 4
    provider.mood = ""
    send()
    assert counts(mailing) == {"delivered": 20}
    assert status(mailing).held is None
    assert set(Intent.objects.values_list("attempts", flat=True)) == {1}


@pytest.mark.parametrize("mood", ["denied", "forbidden", "signature", "moved"])
def test_a_service_that_refuses_us_pauses_the_mailing_until_a_person_resumes(
    provider: Provider, mood: str
) -> None:
    provider.mood = mood
    mailing = submit(addresses(20))
    send()
    stopped = status(mailing).stopped
    assert stopped is not None
    assert stopped.code == "mail_server_refuses"
    assert stopped.reason.startswith('The service "esp" refuses the sender: 4' if mood != "moved" else "The")
    assert counts(mailing) == {"waiting": 20}
    assert len(provider.calls) <= 8
    provider.mood = ""
    control(mailing, 1, Desired.RUN)
    send()
    assert counts(mailing) == {"delivered": 20}


@pytest.mark.parametrize("word", ["broken", "away", "page", "cut"])
def test_whoever_may_have_been_taken_is_unknown_and_never_tried_again(provider: Provider, word: str) -> None:
    people = [*addresses(10), f"{word}@a.example", *addresses(10, "too")]
    mailing = submit(people)
    send()
    make_due(mailing)
    send()
    assert counts(mailing) == {"delivered": 20, "unknown": 1}
    assert sorted(provider.accepted) == sorted(people)
    assert len(provider.calls) == 21
    assert status(mailing).state == MailingState.FINISHED


def test_a_redirection_is_not_followed(provider: Provider) -> None:
    mailing = submit(["moved@a.example"])
    send()
    assert len(provider.calls) == 1
    assert reason(mailing).startswith('The service "esp" refuses the sender: 307')


def test_a_service_that_answers_nothing_clear_is_not_asked_on_and_on(provider: Provider) -> None:
    """Each unclear answer leaves somebody unknown for good."""
    provider.mood = "broken"
    mailing = submit(addresses(300))
    for _ in range(3):
        send()
        make_due(mailing)
    unknown = counts(mailing)["unknown"]
    assert braking.DOUBTS <= unknown <= braking.DOUBTS + 8
    assert counts(mailing) == {"unknown": unknown, "waiting": 300 - unknown}
    assert "gave no clear answer" in reason(mailing)
    carriers.of("esp").brake._free_at = 0.0  # type: ignore[attr-defined]
    send()
    # One is tried, and then nobody again.
    assert counts(mailing)["unknown"] == unknown + 1
    assert everybody_once(provider)


def test_while_nobody_listens_it_holds_and_goes_on_by_itself(provider: Provider) -> None:
    provider.stop()
    mailing = submit(addresses(20))
    for _ in range(5):
        send()
        assert counts(mailing) == {"waiting": 20}
        assert 'The service "esp" takes no messages now (can\'t be reached)' in reason(mailing)
        make_due(mailing)
    provider.start()
    send()
    assert counts(mailing) == {"delivered": 20}
    assert set(Intent.objects.values_list("attempts", flat=True)) == {1}


@pytest.mark.parametrize("url", ["http://no-such-host.invalid/", "https://127.0.0.1:{port}/"])
def test_a_name_that_leads_nowhere_and_a_line_without_tls_leave_everybody_untouched(
    provider: Provider, settings: Settings, url: str
) -> None:
    definition = provider.definition
    definition.settings["api_url"] = url.format(port=provider.port)
    settings.MAIL_SERVICES = {"esp": definition}
    mailing = submit(addresses(3))
    send()
    assert counts(mailing) == {"waiting": 3}
    assert "can't be reached" in reason(mailing)
    assert provider.calls == []


def test_an_answer_that_does_not_come_in_time_leaves_unknown(provider: Provider, settings: Settings) -> None:
    settings.MAIL_SERVICE_TIMEOUT = 0.3
    mailing = submit(["held@a.example", "ok@a.example"])
    send()
    assert counts(mailing) == {"delivered": 1, "unknown": 1}
    assert Intent.objects.get(state="unknown").reply == "no answer in time"


def test_an_answer_without_end_is_given_up(
    provider: Provider, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limit of a read begins anew with each byte."""
    from accelerator.cloud.services import line

    monkeypatch.setattr(line, "CONNECT", 0.5)
    settings.MAIL_SERVICE_TIMEOUT = 1.0
    mailing = submit(["drip@a.example", "ok@a.example"])
    send()
    assert counts(mailing) == {"delivered": 1, "unknown": 1}


def test_a_pause_stops_new_calls_and_those_that_are_open_settle(provider: Provider) -> None:
    mailing = submit(addresses(40, "held"))
    worker = threading.Thread(target=in_a_thread, args=(delivering.step,))
    worker.start()
    wait_until(lambda: len(provider.calls) == 8)
    answer = control(mailing, 1, Desired.PAUSE)
    assert answer.counts.in_flight == 10
    # A look at the pause and a beat of the lease come while calls wait.
    until = Batch.objects.get().leased_until
    wait_until(lambda: Batch.objects.get().leased_until != until or not worker.is_alive(), within=15)
    assert worker.is_alive()
    assert len(provider.calls) == 8
    provider.gate.set()
    worker.join(20)
    assert counts(mailing) == {"delivered": 8, "waiting": 32}
    control(mailing, 2, Desired.RUN)
    send()
    assert counts(mailing) == {"delivered": 40}
    assert everybody_once(provider)


def test_a_sender_whose_batch_was_taken_stops_and_tells_nothing(
    provider: Provider, settings: Settings
) -> None:
    settings.SENDING_LEASE = 3.0
    mailing = submit(addresses(40, "held"))
    worker = threading.Thread(target=in_a_thread, args=(delivering.step,))
    worker.start()
    wait_until(lambda: len(provider.calls) == 8)
    leases.wake(Batch.objects.filter(mailing=mailing))
    worker.join(20)
    assert not worker.is_alive()
    provider.gate.set()
    send()
    assert counts(mailing) == {"unknown": 10, "delivered": 30}
    assert everybody_once(provider)


def test_a_paused_mailing_whose_call_waits_for_a_connection_is_not_kept(
    provider: Provider, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing has left: the message is taken back, and the call never begins."""
    from accelerator.cloud.services import requesting

    waits, goes_on = threading.Event(), threading.Event()
    connect = requesting._Plain.connect

    def late(self: requesting._Plain) -> None:
        waits.set()
        goes_on.wait(20)
        connect(self)

    monkeypatch.setattr(requesting._Plain, "connect", late)
    mailing = submit(["ok@a.example"])
    worker = threading.Thread(target=in_a_thread, args=(delivering.step,))
    worker.start()
    assert waits.wait(10)
    control(mailing, 1, Desired.PAUSE)
    worker.join(20)
    assert counts(mailing) == {"waiting": 1}
    goes_on.set()
    monkeypatch.undo()
    wait_until(lambda: not [one for one in threading.enumerate() if one.name == "calls esp"])
    assert provider.calls == []


def test_nobody_on_the_suppression_list_and_no_duplicate_is_called_for(provider: Provider) -> None:
    suppressing.add(["ok1@customers.example"], reason="added")
    mailing = submit([*addresses(3), "OK2@customers.example"])
    send()
    assert counts(mailing) == {"delivered": 2, "suppressed": 2}
    assert len(provider.calls) == 2


def test_temporary_refusals_of_a_mail_server_are_none_of_a_services(
    provider: Provider, receiver: MailReceiver, settings: Settings
) -> None:
    """Two mailings at once, one by each: each goes its own way."""
    settings.RETRY_DELAYS = [timedelta(minutes=1)]
    through = submit(addresses(30))
    by_mail_server = mailings.submit([*addresses(30, "too"), "defer@a.example"])
    send()
    assert counts(through) == {"delivered": 30}
    assert counts(by_mail_server) == {"delivered": 30, "deferred": 1}
    assert len(provider.calls) == 30
    assert len(receiver.messages) == 30


def test_a_service_that_is_not_known_is_refused_with_the_mailing(provider: Provider) -> None:
    data = protocol.encode_batch(mailings.table(addresses(3)))
    with pytest.raises(intake.Invalid, match='no service "other" to send through; it has: esp'):
        intake.accept(uuid.uuid4(), mailings.request([data], service="other"))
    assert not Mailing.objects.filter(request_id__isnull=False).exists()


def test_a_service_that_was_taken_away_pauses_its_mailings(provider: Provider, settings: Settings) -> None:
    mailing = submit(addresses(3))
    settings.MAIL_SERVICES = {}
    send()
    assert 'The service "esp" can\'t be sent through: this host does not know it' in reason(mailing)
    assert status(mailing).state == MailingState.PAUSED
    assert counts(mailing) == {"waiting": 3}


def test_the_key_stands_in_no_log_no_reason_and_no_reply(
    provider: Provider, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    provider.mood = "denied"
    mailing = submit(addresses(3))
    send()
    assert "***" in reason(mailing)
    provider.stop()
    control(mailing, 1, Desired.RUN)
    send()
    assert "can't be reached" in reason(mailing)
    assert provider.headers[0]["X-Postmark-Server-Token"] == KEY
    assert KEY not in caplog.text
    assert KEY not in str(Mailing.objects.values_list("stopped_reason", "held_reason"))
    assert KEY not in str(list(Intent.objects.values_list("reply", flat=True)))


def test_a_mistake_of_ours_stops_the_mailing_and_nobody_is_lost(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    from accelerator.cloud.services import parts

    def wrong(*_: object, **__: object) -> None:
        raise AttributeError("a mistake")

    mailing = submit(addresses(12))
    carriers.of("esp").service  # type: ignore[attr-defined]  # noqa: B018  built before
    monkeypatch.setattr(parts, "mail", wrong)
    for _ in range(delivering.MISTAKES):
        with pytest.raises(AttributeError):
            delivering.step()
        leases.wake(Batch.objects.filter(mailing=mailing))
    assert "AttributeError" in reason(mailing)
    monkeypatch.undo()
    control(mailing, 1, Desired.RUN)
    send()
    assert counts(mailing).get("delivered", 0) + counts(mailing).get("deferred", 0) == 12
    assert everybody_once(provider)


def test_a_sender_that_is_to_end_waits_for_open_calls(provider: Provider) -> None:
    mailing = submit(addresses(40, "held"))
    worker = threading.Thread(target=in_a_thread, args=(delivering.step,))
    worker.start()
    wait_until(lambda: len(provider.calls) == 8)
    draining.ask()
    try:
        provider.gate.set()
        worker.join(10)
    finally:
        draining._worker_ends[0] = 0
    assert counts(mailing) == {"delivered": 8, "waiting": 32}
