"""Runs the soak: `python -m tests.soak [faulty] [kills]`, or `millions`. Exit code 1 if a promise was not kept."""

import argparse
import secrets
import sys

from tests.soak import faulty, kills
from tests.soak.millions import running as millions

# Without a word the first two: the third takes a quarter of an hour.
CHOICES = ("faulty", "kills", "millions")


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.soak", description="Many recipients, and no mercy."
    )
    parser.add_argument(
        "which", nargs="*", metavar="faulty | kills | millions", help="which; the first two without"
    )
    parser.add_argument(
        "--recipients",
        type=int,
        metavar="N",
        help="20,000; 50,000 for kills; 5,000,000 for millions",
    )
    parser.add_argument(
        "--kills", type=int, metavar="N", help=f"{kills.KILLS}, {millions.KILLS} for millions"
    )
    parser.add_argument(
        "--pauses", type=int, default=millions.PAUSES, metavar="N", help=f"{millions.PAUSES}, of millions"
    )
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000), help="any; it is printed")
    options = parser.parse_args()
    if wrong := set(options.which) - set(CHOICES):
        parser.error(f"there is no {', '.join(sorted(wrong))}")
    seen: list[str] = []
    if not options.which or "faulty" in options.which:
        seen += faulty.soak(options.recipients or faulty.RECIPIENTS, options.seed, say)
    if not options.which or "kills" in options.which:
        seen += kills.soak(
            options.recipients or kills.RECIPIENTS, given(options.kills, kills.KILLS), options.seed, say
        )
    if "millions" in options.which:
        seen += millions.soak(
            options.recipients or millions.RECIPIENTS,
            given(options.kills, millions.KILLS),
            options.pauses,
            options.seed,
            say,
        )
    for sentence in seen:
        print(f"VIOLATION: {sentence}")
    print(f"seed {options.seed}: {len(seen)} violations")
    return 1 if seen else 0


def given(number: int | None, otherwise: int) -> int:
    """0 is a number: nobody is killed."""
    return otherwise if number is None else number


def say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
