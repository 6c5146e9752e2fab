"""A piece of the spool: written before the freeze, immutable after it, transferred as a whole."""

from django.db import models

from jobs.models.job import Job


class Batch(models.Model):
    """`number` counts from 0; `path` is its place in the spool storage; `sha256` names its bytes."""

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="batches")
    number = models.PositiveIntegerField()
    records = models.PositiveIntegerField()
    size = models.PositiveBigIntegerField()
    sha256 = models.CharField(max_length=64)
    path = models.CharField(max_length=200)
    transferred_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("number",)
        constraints = [models.UniqueConstraint(fields=("job", "number"), name="batch_number_once")]

    def __str__(self) -> str:
        return f"batch {self.number} of {self.job_id}"
