"""Heartbeats of the Cloud's senders and of its sweep (`accelerator.pulses`)."""

from accelerator.pulses import Pulsing


class Pulse(Pulsing):
    """ "sweep", or "worker NAME@HOST"."""
