"""Hits of the links in mails: kept before they are answered, and told to the log a little later.

A hit is kept by the database, many in one commit (`keeping`), or, while that is away, by a file of this host, from
where it goes to the database later (`journal`). What it shows of whom nobody knew anything holds at once. It is told a
little later (`telling`), when it is known what was done with the same mail right afterwards: that shows whether a
machine did it (`scanning`).
"""

from accelerator.cloud.hits.keeping import NotKept, are_in_database, keep, watch
from accelerator.cloud.hits.telling import are_told, tell
from accelerator.cloud.hits.visits import Visit

__all__ = ["NotKept", "Visit", "are_in_database", "are_told", "keep", "tell", "watch"]
