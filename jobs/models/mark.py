"""The high-water mark of the dashboard's database, and its generations (`accelerator.marks`)."""

from accelerator.marks import Generating, Mark, Witnessed


class Generation(Generating):
    """What the dashboard's database is since a restoration."""


class Witness(Witnessed):
    """How much a host has done with the dashboard's database."""


mark = Mark(Generation, Witness, "dashboard")
