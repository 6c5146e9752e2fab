"""Runs it: `python -m tests.hosts [--recipients N]`. Not root, it says so and does nothing."""

import argparse
import signal
import sys

from tests.hosts import network, running

NAME = "two hosts, one of them lost"


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.hosts", description="Two hosts, and one of them lost."
    )
    parser.add_argument("--recipients", type=int, default=6_000, metavar="N", help="of the mailing (6000)")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if not options.inside:
        if reason := network.refusal():
            print(f"SKIPPED {NAME}: {reason}")
            return 0
        network.enter(["--inside", *sys.argv[1:]])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what was started ends in its turn
    found = running.run(options.recipients, lambda line: print(line, flush=True))
    for sentence in found:
        print(f"VIOLATED: {sentence}")
    print(f"{NAME}: {'failed' if found else 'passed'}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
