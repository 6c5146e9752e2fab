"""What carries a launch from the Audience's SQL to the last event: the story of a Job.

1. `control.create()` stores a Job with a frozen copy of everything it needs; it is Initializing.
2. `stages.initializing` extracts the Audience into the spool, renders a sample, and takes the freeze.
3. `stages.processing` submits the instructions (the Cloud gives the Request ID) and transfers the batches.
4. `stages.collecting` follows the results until the window is over; then the Job is Completed.
5. A person asks (`control.ask()`): the Ask is stored; `granting.grant()` grants it, before the freeze at
   once, after it when the Cloud has acknowledged (`stages.controlling`).
6. `lifecycle.move()` is the only writer of a Job's state, by compare-and-set, with a line in the ledger.
7. PostgreSQL decides what is due (`models.Step`); Celery only wakes (`tasks`).
"""
