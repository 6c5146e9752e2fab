"""Benchmarks: one module each. A benchmark brings up all it needs, measures beside a reference, and removes it again.

catalogue   which there are
stage       a folder, and the processes that run for it: gone afterwards, whatever happened
results     value, reference and ratio
load        what processes cost

extraction  a whole Initializing beside the same rows read and thrown away
extracting  runs inside: one Job, from its first row to the freeze
shops       the warehouses it is read from

transfer    batches on their way to the Cloud beside a receiver that only writes them down
writing     runs inside: that receiver

launch      launch -> first message accepted, on the whole house
planning    runs inside that house: a person, and a campaign for each launch
browsing    logs in and launches like a browser

sending     the Cloud's senders beside smtp-source
mailings    what is sent: records, a message, and its way to the Cloud
postfix     smtp-sink and smtp-source

Nothing here needs a running house, or settings other than the default ones.
"""


class Missing(Exception):
    """The machine lacks a program that the benchmark needs; the text says how to get it."""


class BenchFailed(Exception):
    """The benchmark could not be run to its end; the text says why."""
