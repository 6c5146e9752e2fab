"""What a Job is made of, as rows."""

from jobs.models.batch import Batch
from jobs.models.general import GeneralPause
from jobs.models.instructions import AudienceCopy, JobInstructions, LaunchValue
from jobs.models.job import Job, JobQuerySet
from jobs.models.ledger import Ask, Transition
from jobs.models.mark import Generation, Witness, mark
from jobs.models.notice import Notice
from jobs.models.pulse import Pulse
from jobs.models.rate import RateChange
from jobs.models.release import Release
from jobs.models.results import Event, Point, Reached, Tally
from jobs.models.step import Step
from jobs.models.suppression import Suppression, SuppressionChange, account_key
from jobs.models.warehouse import Kind, Warehouse

__all__ = [
    "Ask",
    "AudienceCopy",
    "Batch",
    "Event",
    "GeneralPause",
    "Generation",
    "Job",
    "JobInstructions",
    "JobQuerySet",
    "Kind",
    "LaunchValue",
    "Notice",
    "Point",
    "Pulse",
    "RateChange",
    "Reached",
    "Release",
    "Step",
    "Suppression",
    "SuppressionChange",
    "Tally",
    "Transition",
    "Warehouse",
    "Witness",
    "account_key",
    "mark",
]
