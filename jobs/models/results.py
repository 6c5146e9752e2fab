"""What came of a Job's contacts: the log of events as it was pulled, and the numbers that follow from it.

Only `jobs.results.facts` writes them. No page reads Event or Reached: what is shown stands in Tally and Point, whose
number of rows does not grow with the recipients.
"""

from django.db import models

from jobs.models.job import Job


class Event(models.Model):
    """One event of the Cloud's log (`protocol.Event`), once, whatever its kind."""

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="events", db_index=False)
    position = models.BigIntegerField()
    kind = models.CharField(max_length=40)
    at = models.DateTimeField()
    batch = models.PositiveIntegerField()
    record = models.PositiveIntegerField()
    recipient_id = models.TextField()  # empty once the Job's time is over (`jobs.retention`)
    code = models.CharField(max_length=40, default="")
    category = models.CharField(max_length=40, default="")
    hard = models.BooleanField(default=False)
    link = models.PositiveIntegerField(null=True)
    machine = models.BooleanField(default=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=("job", "position"), name="event_position_once")]

    def __str__(self) -> str:
        return f"{self.kind} {self.position} of {self.job_id}"


class Reached(models.Model):
    """A recipient to whom something countable happened at least once: what makes unique counts unique."""

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="+", db_index=False)
    measure = models.CharField(max_length=20)
    detail = models.CharField(max_length=40, default="")
    batch = models.PositiveIntegerField()
    record = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=("job", "measure", "detail", "batch", "record"), name="reached_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.measure} {self.batch}/{self.record} of {self.job_id}"


class Tally(models.Model):
    """How often a measure was seen, and for how many recipients. `detail`: a link's number, a bounce's category,
    a reason; empty for the sum over all of them."""

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="tallies", db_index=False)
    measure = models.CharField(max_length=20)
    detail = models.CharField(max_length=40, default="")
    total = models.BigIntegerField(default=0)
    recipients = models.BigIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=("job", "measure", "detail"), name="tally_once")]

    def __str__(self) -> str:
        return f"{self.measure} {self.detail}: {self.total}"


class Point(models.Model):
    """How often a measure was seen in one minute (`width` 60) or hour (3600) from `start` on."""

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="points", db_index=False)
    measure = models.CharField(max_length=20)
    width = models.PositiveIntegerField()
    start = models.DateTimeField()
    count = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=("job", "width", "measure", "start"), name="point_once")
        ]

    def __str__(self) -> str:
        return f"{self.measure} at {self.start}: {self.count}"
