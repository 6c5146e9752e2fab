"""`manage.py complaint`: hands spam complaints, from a feedback loop or a person, to the Cloud."""

import sys
from collections.abc import Iterable, Sequence
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from accelerator import protocol
from accelerator.doctor.discretion import discreet
from accelerator.management import Failed, Usage, quietly
from accelerator.protocol import Complaint, Complaints
from jobs import client
from jobs.client import CloudClient, CloudRefused, CloudUnreachable

# Complaints in one request, and the numbers of wrong lines that a sentence lists.
CHUNK = 10_000
LISTED = 10

# What the Cloud answers when one of the complaints is about nobody it knows; then it has stored none of them.
UNKNOWN = 422

# A complaint, and the line (or argument) that it stood on, from 1.
Numbered = tuple[int, Complaint]


class Command(BaseCommand):
    help = (
        "Hands spam complaints to the Cloud: each is counted once, and nobody who complained is contacted again. To "
        "hand one in twice does no harm. No address is printed. Exit codes: 0 all were handed over, 1 some or all "
        "were not, 2 usage."
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "request_id",
            metavar="REQUEST_ID",
            help="of the Job whose mail it was about; - where links say that",
        )
        parser.add_argument(
            "complainants",
            metavar="ADDRESS|LINK|-",
            nargs="*",
            default=["-"],
            help="who complained: an address, or a link that stood in the mail; - (the default) reads them from "
            "standard input, one a line",
        )

    def handle(self, *_: object, **options: Any) -> None:
        request_id = options["request_id"].strip()
        request_id = "" if request_id == "-" else request_id
        if options["complainants"] == ["-"]:
            words, place = sys.stdin.read().splitlines(), "line"
        else:
            words, place = options["complainants"], "number"
        complaints, wrong = read(request_id, words)
        unknown: list[int] = []
        if complaints:
            with quietly():
                unknown, said = hand_over(complaints)
            self.stdout.write(said)
        reasons = []
        if wrong:
            needed = "" if request_id else " (an address needs its Request ID)"
            reasons.append(f"Left out as neither an address nor a link{needed}: {place} {_list(wrong)}.")
        if unknown:
            reasons.append(f"Nobody whom the Cloud has written to: {place} {_list(unknown)}.")
        if reasons:
            raise Failed(" ".join(reasons))
        if not complaints:
            raise Usage("Nobody is named who complained.")


def read(request_id: str, words: Iterable[str]) -> tuple[list[Numbered], list[int]]:
    """The complaints, and which words are none. Empty ones are passed over."""
    complaints, wrong = [], []
    for number, word in enumerate((word.strip() for word in words), 1):
        if not word:
            continue
        if "://" in word:
            complaints.append((number, Complaint(link=word)))
        elif request_id and _is_address(word):
            complaints.append((number, Complaint(request_id=request_id, address=word)))
        else:
            wrong.append(number)
    return complaints, wrong


def hand_over(complaints: Sequence[Numbered]) -> tuple[list[int], str]:
    """To the Cloud, in as many requests as it takes: which it did not know, and what came of the others.

    Raises Failed.
    """
    new, unknown, done = 0, list[int](), 0
    try:
        cloud = client.cloud()
    except ValueError as error:
        raise Failed("CLOUD_KEY is not set as it must be. `manage.py doctor` says more.") from error
    try:
        for start in range(0, len(complaints), CHUNK):
            chunk = complaints[start : start + CHUNK]
            more, strange = _hand_over(cloud, chunk)
            new, unknown, done = new + more, unknown + strange, done + len(chunk)
    except (CloudUnreachable, CloudRefused) as error:
        raise Failed(
            f"{discreet(str(error))} {done:,} of {len(complaints):,} complaints were handed over; hand all of them in "
            "again when the Cloud takes them."
        ) from error
    handed = done - len(unknown)
    return unknown, f"{handed:,} complaint{'s' if handed != 1 else ''} handed to the Cloud; {new:,} new."


def _hand_over(cloud: CloudClient, chunk: Sequence[Numbered]) -> tuple[int, list[int]]:
    """How many were new, and which were about nobody. One of those makes the Cloud refuse all: then by halves."""
    try:
        return cloud.complain(Complaints(complaints=[complaint for _, complaint in chunk])).changed, []
    except CloudRefused as refusal:
        if refusal.status != UNKNOWN:
            raise
    if len(chunk) == 1:
        return 0, [chunk[0][0]]
    half = len(chunk) // 2
    new, unknown = _hand_over(cloud, chunk[:half])
    more, strange = _hand_over(cloud, chunk[half:])
    return new + more, unknown + strange


def _list(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers[:LISTED])) + (", ..." if len(numbers) > LISTED else "")


def _is_address(word: str) -> bool:
    try:
        protocol.address_key(word)
    except protocol.AddressInvalid:
        return False
    return True
