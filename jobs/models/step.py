"""Work that a Job has due: one row for each kind of step, claimed under a lease."""

from django.db import models

from accelerator.leases import Leased
from jobs.models.job import Job


class Step(Leased):
    """One kind of work of one Job. `attempts` counts unexplained errors in a row."""

    class Kind(models.TextChoices):
        """The stages, and the talk with the Cloud about Asks."""

        INITIALIZING = "initializing"
        PROCESSING = "processing"
        COLLECTING = "collecting"
        CONTROLLING = "controlling"

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="steps")
    kind = models.CharField(max_length=20, choices=Kind)
    attempts = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=("job", "kind"), name="one_step_of_a_kind")]

    def __str__(self) -> str:
        return f"{self.kind} of {self.job_id}"
