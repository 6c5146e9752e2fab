"""What the Cloud remembers: mailings, batches, the ledger of intents, hits, suppressions, events, access, marks."""

from accelerator.cloud.models.access import LinkKey, SeenNonce
from accelerator.cloud.models.batch import TALLIES, Batch, BatchBytes
from accelerator.cloud.models.hit import Hit
from accelerator.cloud.models.intent import Intent
from accelerator.cloud.models.log import Log, LogEntry
from accelerator.cloud.models.mailing import DomainPace, Mailing, Pace
from accelerator.cloud.models.mark import Generation, Witness, mark
from accelerator.cloud.models.objection import Objection
from accelerator.cloud.models.pulse import Pulse
from accelerator.cloud.models.sender import Abandoned, Release, SenderProcess
from accelerator.cloud.models.suppression import Suppression

__all__ = [
    "TALLIES",
    "Abandoned",
    "Batch",
    "BatchBytes",
    "DomainPace",
    "Generation",
    "Hit",
    "Intent",
    "LinkKey",
    "Log",
    "LogEntry",
    "Mailing",
    "Objection",
    "Pace",
    "Pulse",
    "Release",
    "SeenNonce",
    "SenderProcess",
    "Suppression",
    "Witness",
    "mark",
]
