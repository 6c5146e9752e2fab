"""Rates of receiving domains: exact over senders, changed while a mailing runs, and nobody waits for them in vain."""

import threading
import time
import uuid
from collections import Counter
from collections.abc import Mapping

import pyarrow as pa
import pytest
from django.db import connection, transaction
from django.db.models.functions import Now
from pytest_django import Settings

from accelerator import protocol
from accelerator.cloud import delivering, domains, entries, intake, ledger, pacing
from accelerator.cloud.models import Batch, DomainPace, Mailing, Pace
from accelerator.protocol import Desired
from tests.accelerator.cloud.mailings import addresses, control, counts, send, status, submit
from tests.mail import MailReceiver

pytestmark = pytest.mark.django_db(transaction=True)

KEY = uuid.uuid4()


def change(mailing: Mailing, seq: int, rate: int = 0, **rates: int) -> protocol.MailingStatus:
    by_domain = {f"{name}.example": each for name, each in rates.items()}
    intake.change_rate(mailing.key, protocol.RateRequest(seq=seq, rate_per_hour=rate, domain_rates=by_domain))
    return status(mailing)


def use(rates: domains.Rates, wanted: Mapping[str, int]) -> Counter[str]:
    with transaction.atomic():
        room = domains.room(rates, wanted, lock=True)
        used = Counter({domain: min(count, room[domain]) for domain, count in wanted.items()})
        domains.use(rates, used)
    return used


def domain_of(addresses: list[str]) -> Counter[str]:
    return Counter(address.rpartition("@")[2] for address in addresses)


def test_one_may_go_at_once_and_the_next_when_time_has_earned_it() -> None:
    rates = domains.Rates(KEY, {"slow.example": 3600})
    assert use(rates, {"slow.example": 5}) == {"slow.example": 1}
    assert use(rates, {"slow.example": 5}) == {"slow.example": 0}
    DomainPace.objects.update(free_at=Now())
    assert domains.room(rates, ["slow.example", "other.example"]) == {"slow.example": 1}


def test_the_lower_of_a_mailings_rate_and_everybodys_holds(settings: Settings) -> None:
    settings.DOMAIN_RATES = {"slow.example": 36_000}
    mine, other = domains.Rates(KEY, {"slow.example": 3_600}), domains.Rates(uuid.uuid4(), {})
    for rates in (mine, other):
        domains.room(rates, ["slow.example"])
        use(rates, {"slow.example": 1})
    DomainPace.objects.update(free_at="2020-01-01T00:00Z")
    assert use(mine, {"slow.example": 100})["slow.example"] == 1 + pacing.BURST
    # What the one used of everybody's rate, the other lacks.
    assert use(other, {"slow.example": 100})["slow.example"] == 10 * pacing.BURST - pacing.BURST
    assert use(other, {"slow.example": 100})["slow.example"] == 0


def test_what_was_not_used_is_given_back() -> None:
    rates = domains.Rates(KEY, {"slow.example": 36_000})
    use(rates, {"slow.example": 1})
    DomainPace.objects.update(free_at="2020-01-01T00:00Z")
    used = use(rates, {"slow.example": 100})["slow.example"]
    domains.give_back(rates, {"slow.example": 20})
    assert 20 <= use(rates, {"slow.example": 100})["slow.example"] < used


def test_senders_share_a_rate_exactly() -> None:
    rates = domains.Rates(KEY, {"slow.example": 360_000, "other.example": 36_000})
    taken: list[Counter[str]] = []
    begun = time.monotonic()

    def hammer(order: list[str]) -> None:
        try:
            while time.monotonic() < begun + 1:
                taken.append(use(rates, dict.fromkeys(order, 7)))
        finally:
            connection.close()

    names = ["slow.example", "other.example"]
    threads = [threading.Thread(target=hammer, args=[names[:: (-1) ** n]]) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = sum(taken, Counter[str]())
    within = time.monotonic() - begun
    assert 50 < took["slow.example"] <= 1 + 100 * within
    assert 5 < took["other.example"] <= 1 + 10 * within


def test_batches_that_wait_look_again_so_that_hardly_any_rate_is_lost() -> None:
    rates = domains.Rates(KEY, {"slow.example": 36_000})
    looks = [domains.turn(rates, ["slow.example"], 100) for _ in range(300)]
    assert 0 <= min(looks) < 20
    assert 80 < max(looks) <= 100 * pacing.BURST / domains.LOOKS
    # Who is alone looks soon, but not before there is something; a message an hour is not looked for every second.
    use(rates, {"slow.example": 1})
    DomainPace.objects.update(free_at="2100-01-01T00:00Z")
    assert domains.turn(rates, ["slow.example"], 1) > 1e9
    slower = domains.Rates(uuid.uuid4(), {"slow.example": 1})
    assert max(domains.turn(slower, ["slow.example"], 1) for _ in range(100)) > 600


def test_the_domain_of_an_address_is_found_in_the_column() -> None:
    rates = domains.Rates(KEY, {"slow.example": 1, "xn--bcher-kva.example": 1})
    emails = [
        "a@slow.example",
        None,
        "b@SLOW.example",
        '"x@y"@slow.example',
        "c@not.slow.example",
        "a@b\nc",
        "",
    ]
    column = pa.chunked_array([pa.array(emails), pa.array(["d@xn--bcher-kva.example"])])
    found = {0: "slow.example", 2: "slow.example", 3: "slow.example", 7: "xn--bcher-kva.example"}
    assert domains.of_records(column, rates) == found


def test_a_mailing_keeps_to_a_domains_rate_and_nobody_else_waits(
    receiver: MailReceiver, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.SENDING_STEP = 0.3
    monkeypatch.setattr(domains, "BURST", 0.3)
    slow = [f"ok{number}@slow.example" for number in range(60)]
    # Spaces and capitals are no way around it.
    slow[7], slow[9] = " ok7@slow.example", "ok9@SLOW.example"
    mailing = submit([*slow, *addresses(60)], per_batch=40)
    change(mailing, 1, slow=36_000)
    begun = time.monotonic()
    while time.monotonic() < begun + 2:
        delivering.step()
    arrived = domain_of(receiver.received())
    assert arrived["customers.example"] == 60
    assert 10 <= arrived["slow.example"] <= 1 + 10 * (time.monotonic() - begun)
    # Lifted, the rest goes on without a new start, and nobody is contacted twice.
    assert change(mailing, 2).domain_rates == {}
    send()
    assert counts(mailing) == {"delivered": 120}
    assert len(set(receiver.received())) == len(receiver.received()) == 120


def test_a_rate_may_be_set_in_the_middle(receiver: MailReceiver, settings: Settings) -> None:
    settings.SENDING_STEP = 30.0
    mailing = submit([f"slow{number}@slow.example" for number in range(40)])
    receiver.slowness = 0.1
    settings.SMTP_LINES = 1
    sender = threading.Thread(target=_step_and_close)
    sender.start()
    receiver.wait_for(3)
    change(mailing, 1, slow=1)
    sender.join(20)
    assert not sender.is_alive()
    # What the sender had in its window is withdrawn or sent; nothing of a later one.
    assert 3 <= len(receiver.messages) <= 12
    assert counts(mailing)["waiting"] >= 28
    batch = Batch.objects.get(mailing=mailing)
    assert batch.due_at is not None
    assert batch.leased_until is None
    change(mailing, 2)
    receiver.slowness = 0.0
    send()
    assert counts(mailing) == {"delivered": 40}
    assert len(set(receiver.received())) == len(receiver.received()) == 40


def _step_and_close() -> None:
    try:
        delivering.step()
    finally:
        connection.close()


def test_a_slow_rate_that_is_raised_does_not_wait_out_the_old_one(receiver: MailReceiver) -> None:
    mailing = submit(addresses(4), rate=1)
    send()
    assert len(receiver.messages) == 1
    change(mailing, 1, rate=36_000_000)
    time.sleep(0.01)
    send()
    assert counts(mailing) == {"delivered": 4}


def test_a_fast_rate_that_is_lowered_counts_from_the_last_attempt() -> None:
    mailing = submit(addresses(4), rate=3600)
    Pace.objects.update(free_at=Now())
    change(mailing, 1, rate=60)
    with connection.cursor() as cursor:
        cursor.execute("SELECT extract(epoch FROM free_at - clock_timestamp())::float8 FROM cloud_pace")
        assert 57 < cursor.fetchone()[0] <= 59


def test_an_older_change_changes_nothing_and_a_cancelled_mailing_neither() -> None:
    mailing = submit(addresses(4))
    assert change(mailing, 5, rate=100, slow=7).rate_per_hour == 100
    found = change(mailing, 5, rate=200)
    assert (found.rate_seq, found.rate_per_hour, found.domain_rates) == (5, 100, {"slow.example": 7})
    control(mailing, 1, Desired.PAUSE)
    control(mailing, 2, Desired.CANCEL)
    assert change(mailing, 6, rate=200).rate_per_hour == 100


def test_a_change_that_comes_before_the_mailing_is_kept_for_it() -> None:
    key = uuid.uuid4()
    intake.change_rate(key, protocol.RateRequest(seq=1, domain_rates={"slow.example": 7}))
    from tests.accelerator.cloud.mailings import request, table

    mailing = intake.accept(key, request([protocol.encode_batch(table(addresses(1)))], rate=9))
    assert status(mailing).domain_rates == {"slow.example": 7}
    assert status(mailing).rate_per_hour == 0


def test_a_change_while_paused_contacts_nobody(receiver: MailReceiver) -> None:
    mailing = submit(addresses(4))
    control(mailing, 1, Desired.PAUSE)
    send()
    change(mailing, 1, rate=36_000)
    send()
    assert not receiver.messages
    control(mailing, 2, Desired.RUN)
    Pace.objects.update(free_at="2020-01-01T00:00Z")
    send()
    assert counts(mailing) == {"delivered": 4}


def test_what_is_withdrawn_is_no_use_of_the_domains_rate() -> None:
    mailing = submit([f"ok{number}@slow.example" for number in range(40)])
    change(mailing, 1, slow=36_000)
    DomainPace.objects.create(scope=str(mailing.key), domain="slow.example", free_at="2020-01-01T00:00Z")
    from accelerator import leases

    batch = leases.claim(Batch.objects.all(), mailing.batches.get().pk, seconds=60)
    assert batch is not None
    attempts = [entries.Attempt(n, str(n), f"ok{n}@slow.example", f"ok{n}@slow.example") for n in range(40)]
    grant = ledger.commit(batch, [], attempts)
    assert len(grant.sendable) == 31
    ledger.settle(batch, [], grant.sendable)
    rates = domains.Rates(mailing.key, {"slow.example": 36_000})
    assert domains.room(rates, ["slow.example"])["slow.example"] == 31
    ledger.settle(batch, [], grant.sendable)
    assert use(rates, {"slow.example": 100})["slow.example"] == 31
