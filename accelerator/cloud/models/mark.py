"""The high-water mark of the Cloud's database, and its generations (`accelerator.marks`)."""

from accelerator.marks import Generating, Mark, Witnessed


class Generation(Generating):
    """What the Cloud's database is since a restoration."""


class Witness(Witnessed):
    """How much a host has done with the Cloud's database."""


mark = Mark(Generation, Witness, "cloud")
