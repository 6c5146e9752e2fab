"""The Cloud: does it answer, does it take our signature, what time is it there, and how does it say it is?"""

import time

import httpx2
from django.conf import settings

from accelerator.doctor import Finding, attention, broken, ok
from accelerator.doctor.discretion import discreet
from accelerator.protocol import CLOCK_TOLERANCE, CloudHealth, Key
from jobs.client import CloudClient, CloudRefused, CloudUnreachable

# Seconds that two clocks may differ before anybody need look; the tolerance itself is the Cloud's.
SKEW = 5.0


def look() -> list[Finding]:
    try:
        client = CloudClient(settings.CLOUD_URL, Key.parse(settings.CLOUD_KEY))
    except ValueError:
        return [broken("cloud", "Not asked: without CLOUD_KEY no request can be signed. Set CLOUD_KEY.")]
    try:
        began = time.time()
        health = client.health()
        return [*_answered(health, (began + time.time()) / 2)]
    except CloudUnreachable as error:
        return [_not_reached(error)]
    except CloudRefused as error:
        why = str(error).rstrip(".")
        return [
            broken(
                "cloud", f"{_place()} answers: {why}. Is CLOUD_URL the address of a Cloud of this version?"
            )
        ]
    finally:
        client.close()


def _not_reached(error: CloudUnreachable) -> Finding:
    """The client calls unreachable all that may pass by itself; here it matters which it was."""
    if isinstance(error.__cause__, httpx2.HTTPError):
        return broken(
            "cloud",
            f"{_place()} can't be reached. Jobs wait where they are, and go on by themselves once it answers: start "
            "it, or correct CLOUD_URL.",
        )
    return broken(
        "cloud",
        f"{_place()} answers, but not to us: {str(error).rstrip('.')}. Compare CLOUD_KEY here with CLOUD_KEYS there.",
    )


def _answered(health: CloudHealth, now: float) -> list[Finding]:
    findings = [ok("cloud", f"{_place()} answers and takes our signature."), _clock(health.time - now)]
    return findings + [
        (ok if part.ok else broken)(f"cloud: {part.name}", part.sentence) for part in health.parts
    ]


def _clock(skew: float) -> Finding:
    name, direction = "cloud clock", "ahead of" if skew > 0 else "behind"
    if abs(skew) > SKEW:
        beyond = abs(skew) > CLOCK_TOLERANCE
        effect = "Requests are signed by its clock" if beyond else "Requests are still taken as they are"
        return attention(
            name, f"It is {abs(skew):,.0f} s {direction} this machine's. {effect}; let both be set by NTP."
        )
    return ok(name, f"The same as this machine's within {SKEW:.0f} s.")


def _place() -> str:
    return f"The Cloud at {discreet(settings.CLOUD_URL)}"
