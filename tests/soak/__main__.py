"""Runs the soak: `python -m tests.soak [faulty] [kills]`. Exit code 1 if a promise was not kept."""

import argparse
import secrets
import sys

from tests.soak import faulty, kills

CHOICES = ("faulty", "kills")


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.soak", description="Many recipients, and no mercy."
    )
    parser.add_argument("which", nargs="*", metavar="faulty | kills", help="one of them; both without")
    parser.add_argument("--recipients", type=int, metavar="N", help="20,000 for faulty, 50,000 for kills")
    parser.add_argument("--kills", type=int, default=kills.KILLS, metavar="N", help=f"{kills.KILLS}")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000), help="any; it is printed")
    options = parser.parse_args()
    if wrong := set(options.which) - set(CHOICES):
        parser.error(f"there is no {', '.join(sorted(wrong))}")
    seen: list[str] = []
    if not options.which or "faulty" in options.which:
        seen += faulty.soak(options.recipients or faulty.RECIPIENTS, options.seed, say)
    if not options.which or "kills" in options.which:
        seen += kills.soak(options.recipients or kills.RECIPIENTS, options.kills, options.seed, say)
    for sentence in seen:
        print(f"VIOLATION: {sentence}")
    print(f"seed {options.seed}: {len(seen)} violations")
    return 1 if seen else 0


def say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
