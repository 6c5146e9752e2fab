"""Everybody meets what the mail server has for them, at four doors; and a mailing is cancelled in its middle."""

import contextlib
import ssl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from accelerator.benches.stage import Stage
from tests.jobs.warehouses.mysql import certificates
from tests.mail import MailReceiver
from tests.soak import clouds, judging, mailings, people
from tests.soak.clouds import Cloud, Worker
from tests.soak.mailings import Say
from tests.soak.sent import Sent

RECIPIENTS = 20_000
# Seconds until the reply to slow...
SLOWNESS = 0.5


@dataclass
class Doors:
    """One mail server with four doors, by name, and the workers that go to each; all record in `first`."""

    by_name: dict[str, MailReceiver]
    workers: list[Worker]

    @property
    def first(self) -> MailReceiver:
        return next(iter(self.by_name.values()))


@contextlib.contextmanager
def doors(folder: Path) -> Iterator[Doors]:
    """The usual door, and those without PIPELINING, without 8BITMIME, and with STARTTLS."""
    certificate = certificates.make(folder / "certificate.pem")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    usual = MailReceiver(slowness=SLOWNESS)
    by_name = {
        "usual": usual,
        "no PIPELINING": MailReceiver(slowness=SLOWNESS, pipelining=False, beside=usual),
        "no 8BITMIME": MailReceiver(slowness=SLOWNESS, eight_bit=False, beside=usual),
        "STARTTLS": MailReceiver(slowness=SLOWNESS, tls=tls, beside=usual),
    }
    with contextlib.ExitStack() as stack:
        for receiver in by_name.values():
            receiver.start()
            stack.callback(receiver.stop)
        # OpenSSL's own variable: whose signature is trusted.
        trust = {"SSL_CERT_FILE": str(certificate)}
        yield Doors(by_name, [Worker(receiver.url, settings=trust) for receiver in by_name.values()])


def run(
    cloud: Cloud,
    open_doors: Doors,
    count: int,
    seed: int,
    say: Say,
    words: Sequence[str] = tuple(people.FATES),
) -> list[str]:
    """What was not kept. `count` recipients, and a tenth as many of the mailing that is cancelled."""
    receiver = open_doors.first
    sent = [
        Sent(people.crowd(part, f"{tag}.example", people.chance(seed, tag), words), tag, size)
        for tag, part, size in (
            ("faulty", count, -(-count // 20)),
            ("cancelled", count // 10, -(-count // 80)),
        )
    ]
    whole, stopped = sent
    cloud.submit(whole)
    mailings.until_rest(cloud, whole, say)
    say(f"{whole.tag}: at rest after {whole.seconds:.0f} s")
    enough = len(receiver.messages) + len(stopped.addresses) // 4
    cloud.submit(stopped)
    receiver.wait_for(enough, within=mailings.STANDSTILL)
    stopped.status = stopped.submission.control(cloud.caller, "cancel")
    mailings.until_rest(cloud, stopped, say)
    found = judging.evidence(cloud, receiver)
    say(judging.table(found, cloud))
    for name, door in open_doors.by_name.items():
        say(f"door {name}: {door.taken:,} messages on {door.connections:,} connections")
    seen = judging.violations(found, cloud, receiver)
    if not stopped.status.counts.not_sent:
        seen.append("the cancel came when all were sent: nothing was shown about it")
    seen += [f"nobody came to the door {name}" for name, door in open_doors.by_name.items() if not door.taken]
    return cloud.verdict(seen, say)


def soak(count: int, seed: int, say: Say) -> list[str]:
    """The whole of it, on a stage of its own."""
    with Stage() as stage, doors(stage.folder) as open_doors:
        say(f"faulty: {count:,} recipients, four doors, seed {seed}")
        with clouds.running(stage, open_doors.workers) as cloud:
            return run(cloud, open_doors, count, seed, say)
