"""The story: both hosts send, one is lost, the other one finishes, and what was seen of it is judged."""

import contextlib
import time
from collections import Counter
from collections.abc import Callable

from tests import services
from tests.hosts import network
from tests.hosts.base import Base, service
from tests.hosts.host import Host
from tests.hosts.judging import CLASSES, Evidence, violations
from tests.hosts.mailing import Mailing
from tests.journeys.house import until

# Intents in flight in batches that a host's processes hold; and whether a session of its is at work this moment.
WINDOW = """
SELECT count(*) FROM cloud_intent intent
JOIN cloud_batch batch ON batch.id = intent.batch_id JOIN cloud_senderprocess process ON process.id = batch.holder_id
WHERE intent.state = 'in_flight' AND process.host = %s
"""
AT_WORK = "SELECT count(*) FROM pg_stat_activity WHERE client_addr = %s::inet AND state = 'active'"
SESSIONS = "SELECT count(*) FROM pg_stat_activity WHERE client_addr = %s::inet"
ADDRESSES = "SELECT address FROM cloud_intent WHERE state = %s"

FINISH_WITHIN = 240.0
# Seconds until a server has noticed that a client is gone, and some more.
NOTICED_WITHIN = 90.0

Say = Callable[[str], object]


def run(recipients: int, say: Say) -> list[str]:
    """What was violated."""
    with contextlib.ExitStack() as stack:
        folder = services.temporary_folder(stack)
        network.build()
        say("bringing up PostgreSQL, Valkey, the Cloud and the mail server on the base")
        base = Base(folder, stack)
        hosts = [Host(name, number, folder) for number, name in enumerate(("first", "second"), start=11)]
        for host in hosts:
            stack.callback(host.close)
            host.run("senders", service("senders"), base.told)
        try:
            seen = lose_one(base, hosts, Mailing(recipients), say)
        except BaseException:
            for log in sorted(folder.rglob("senders.txt")):
                say(f"{log.parent.name}: {log.read_text(errors='replace')[-3000:]}")
            raise
    return violations(seen)


def lose_one(base: Base, hosts: list[Host], mailing: Mailing, say: Say) -> Evidence:
    survivor, lost = hosts
    receiver = base.receiver
    mailing.send(base.cloud)
    say(f"{mailing.recipients:,} recipients in {len(mailing.submission.batches)} batches are at the Cloud")

    def both_in_the_middle() -> bool:
        sent = Counter(receiver.sources)
        return all(sent[host.address] > mailing.recipients / 10 for host in hosts)

    until(both_in_the_middle, "both hosts send", 120)
    shared = strangers(hosts)
    for host in hosts:
        sent = Counter(receiver.sources)[host.address]
        say(f"{host.name} ({host.address}): {receiver.callers[host.address]} connections, {sent} messages")
    began = time.monotonic()
    lost.lose()
    until(lambda: not number(base, AT_WORK, lost.address), "what the lost host had said is done", 30)
    # Of its last messages the mail server has all that it will ever have.
    before, window = len(receiver.messages), number(base, WINDOW, lost.name)
    say(f"{lost.name} is lost: {before} accepted, {window} of its intents in flight")
    finished, still = until_finished(base, mailing)
    said = "finished" if finished else "not finished"
    say(
        f"{said} {time.monotonic() - began:.0f} s after the loss; nobody was accepted for {still:.1f} s at most"
    )
    with contextlib.suppress(AssertionError):
        until(lambda: not number(base, SESSIONS, lost.address), "its sessions end", NOTICED_WITHIN)
    say(
        f"{number(base, SESSIONS, lost.address)} of its sessions are left after {time.monotonic() - began:.0f} s"
    )
    status, unknowns = mailing.status(base.cloud), mailing.unknowns(base.cloud)
    counts = {name: getattr(status.counts, name) for name in CLASSES}
    say(f"{mailing.recipients} extracted = " + " + ".join(f"{counts[name]} {name}" for name in CLASSES))
    after = Counter(receiver.sources[before:])
    say(f"messages by host: {dict(Counter(receiver.sources))}, after the loss {dict(after)}")
    return Evidence(
        recipients=mailing.recipients,
        survivor=survivor.address,
        lost=lost.address,
        lost_name=lost.name,
        accepted=receiver.received(),
        sources=list(receiver.sources),
        before=before,
        window=window,
        counts=counts,
        finished=finished,
        delivered=addresses(base, "delivered"),
        unknown=addresses(base, "unknown"),
        blamed={sender.host for sender in unknowns.senders},
        shared=shared,
        sessions=number(base, SESSIONS, lost.address),
    )


def until_finished(base: Base, mailing: Mailing) -> tuple[bool, float]:
    """Whether it came to its end, and the longest time, in seconds, without a message meanwhile."""
    last, seen, longest = time.monotonic(), len(base.receiver.messages), 0.0

    def look() -> bool:
        nonlocal last, seen, longest
        now, count = time.monotonic(), len(base.receiver.messages)
        if count > seen:
            longest, last, seen = max(longest, now - last), now, count
        return mailing.status(base.cloud).state == "finished"

    with contextlib.suppress(AssertionError):
        return until(look, "it is finished", FINISH_WITHIN), longest
    return False, longest


def strangers(hosts: list[Host]) -> set[str]:
    """Files that a host sees and that are not its own: each has its marks, and nothing else."""
    return {
        f"{host.name}: {path}"
        for host in hosts
        for path in host.files()
        if not path.startswith("data/marks/")
    }


def number(base: Base, sql: str, value: str) -> int:
    return int(str(base.store.rows(sql, value)[0][0]))


def addresses(base: Base, state: str) -> list[str]:
    return [str(row[0]) for row in base.store.rows(ADDRESSES, state)]
