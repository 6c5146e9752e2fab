"""Heartbeats of the dashboard's workers and of its sweep (`accelerator.pulses`)."""

from accelerator.pulses import Pulsing


class Pulse(Pulsing):
    """ "sweep", or "worker NAME@HOST"."""
