"""Runs the looks beside each other: one that hangs or crashes is a finding, and keeps no other from its own."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from django.db import connections

from accelerator.doctor import Finding, Verdict, broken
from accelerator.doctor.discretion import discreet

Look = Callable[[], list[Finding]]

# Seconds that all looks together may take; each has a shorter patience of its own.
WITHIN = 10.0


@dataclass
class Patient:
    """One look in a thread of its own."""

    name: str
    look: Look
    findings: list[Finding] | None = None
    done: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        # A daemon: what hangs does not keep the command from ending.
        threading.Thread(target=self.run, name=f"look at {self.name}", daemon=True).start()

    def run(self) -> None:
        try:
            self.findings = self.look()
        except Exception as error:  # noqa: BLE001  whatever it is, it is a finding
            sentence = f"The look itself failed ({type(error).__name__}): {first_line(error)}."
            self.findings = [broken(self.name, sentence)]
        finally:
            connections.close_all()
            self.done.set()


def examine(looks: Mapping[str, Look], *, within: float = WITHIN) -> Iterator[Finding]:
    """The findings in the order of the looks, each as soon as it and those before it are there."""
    patients = [Patient(name, look) for name, look in looks.items()]
    for patient in patients:
        patient.start()
    deadline = time.monotonic() + within
    for patient in patients:
        patient.done.wait(max(0.0, deadline - time.monotonic()))
        late = broken(
            patient.name,
            f"There was no answer within {within:.0f} seconds: it is frozen or overloaded, or something between drops "
            "what is sent. What needs it waits meanwhile, and goes on by itself. Look into its log.",
        )
        for finding in [late] if patient.findings is None else patient.findings:
            yield replace(finding, sentence=discreet(finding.sentence))


def healthy(findings: list[Finding]) -> bool:
    """Whether nothing is broken."""
    return all(finding.verdict is not Verdict.BROKEN for finding in findings)


def first_line(error: BaseException) -> str:
    """An error's own words, as a part of a sentence."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
