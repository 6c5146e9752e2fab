"""Senders die by kill -9 at random moments, one by one or with their whole worker; the mailing ends by itself."""

import random
from collections.abc import Sequence

from accelerator.benches.stage import Stage
from accelerator.cloud import window
from tests.mail import MailReceiver
from tests.soak import clouds, judging, mailings, people
from tests.soak.clouds import Cloud, Worker
from tests.soak.mailings import Say
from tests.soak.sent import BATCH, Sent

RECIPIENTS, KILLS = 50_000, 50
# As `manage.py up` has them.
WORKERS, SENDERS = 2, 2
# Seconds until each reply: those who die have worked for a while, and stand in the middle.
SLOWNESS = 0.01
# Of ten kills so many meet a whole worker; behind this share of the mailing there are none, so that all are in it.
WHOLE, UNTIL = 2, 0.9


class Killer:
    """Strikes when so many messages were accepted as chance has chosen before: the same for the same seed."""

    def __init__(
        self, cloud: Cloud, receiver: MailReceiver, moments: Sequence[int], chance: random.Random
    ) -> None:
        self.cloud, self.receiver, self.chance = cloud, receiver, chance
        self.moments = sorted(moments)
        self.struck = self.workers = 0

    def tick(self) -> None:
        """One at a time: whoever is started again may be the next."""
        if not self.moments or len(self.receiver.messages) < self.moments[0]:
            return
        senders = self.cloud.senders()
        if not senders:
            return
        pid, worker = self.chance.choice(senders)
        whole = self.chance.randrange(10) < WHOLE
        if self.cloud.kill_worker(worker) if whole else self.cloud.kill_sender(pid):
            self.moments.pop(0)
            self.struck += 1
            self.workers += whole


def run(
    cloud: Cloud, receiver: MailReceiver, count: int, kills: int, seed: int, say: Say, size: int = BATCH
) -> list[str]:
    """What was not kept."""
    chance = people.chance(seed, "kills")
    sent = Sent(people.crowd(count, "kills.example", chance, ["slow"]), "kills", size)
    begun = len(receiver.messages)
    moments = [begun + moment for moment in chance.sample(range(1, int(count * UNTIL)), kills)]
    killer = Killer(cloud, receiver, moments, chance)
    cloud.submit(sent)
    mailings.until_rest(
        cloud,
        sent,
        lambda line: say(f"{line}; {killer.struck} kills, {len(cloud.deaths)} senders dead"),
        killer.tick,
    )
    found = judging.evidence(cloud, receiver)
    seen = judging.violations(found, cloud, receiver)
    left = judging.unknown_windows(found.jobs[-1])
    bound = len(cloud.deaths) * window.MOST
    say(judging.table(found, cloud))
    say(
        f"{killer.struck} kills ({killer.workers} of whole workers), {len(cloud.deaths)} senders dead; "
        f"{sum(left)} unknown in {len(left)} windows, of {max(left, default=0)} at most; {bound:,} were allowed; "
        f"at rest after {sent.seconds:.0f} s"
    )
    if sum(left) > bound:
        seen.append(f"{sum(left)} are unknown, and {len(cloud.deaths)} deaths leave {bound} at most")
    if killer.moments:
        seen.append(f"{len(killer.moments)} of {kills} kills were not struck before the mailing ended")
    return cloud.verdict(seen, say)


def soak(count: int, kills: int, seed: int, say: Say) -> list[str]:
    """The whole of it, on a stage of its own."""
    receiver = MailReceiver(slowness=SLOWNESS)
    receiver.start()
    try:
        with Stage() as stage:
            say(f"kills: {count:,} recipients, {kills} kills, seed {seed}")
            workers = [Worker(receiver.url, SENDERS) for _ in range(WORKERS)]
            with clouds.running(stage, workers) as cloud:
                return run(cloud, receiver, count, kills, seed, say)
    finally:
        receiver.stop()
