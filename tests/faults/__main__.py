"""Runs the suite: `python -m tests.faults [--only TEXT] [--runs N] [--fast] [--list]`."""

import argparse
import signal
import sys

from tests.faults import cases, running


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.faults", description="Faults, and the promises kept."
    )
    parser.add_argument(
        "--only", default=[""], nargs="+", metavar="TEXT", help="cases whose name contains one of these"
    )
    parser.add_argument("--runs", type=int, default=1, metavar="N", help="how often each runs")
    parser.add_argument("--fast", action="store_true", help="those that the gate runs")
    parser.add_argument("--list", action="store_true", help="say which there are")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that no house is left standing
    chosen = cases.chosen(*options.only, fast=options.fast)
    if options.list:
        for case in chosen:
            print(f"{case.name:<50} {case.house:<8} {case.tells}")
        return 0
    if not chosen:
        parser.error(f"no case has a name with {options.only!r} in it")
    report = running.run(chosen, runs=options.runs, say=lambda line: print(line, flush=True))
    print(report.table())
    return 0 if report.good else 1


if __name__ == "__main__":
    sys.exit(main())
