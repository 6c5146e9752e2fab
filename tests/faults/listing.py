"""Runs as `python -m tests.faults.listing add|remove ADDRESS` in a house's environment: changes the suppression list.

Until it is answered, as a person would.
"""

import sys
import time

import django

PATIENCE, PAUSE = 60.0, 0.3


def main(act: str, address: str) -> None:
    django.setup()
    from accelerator.protocol import Addresses
    from jobs.client import CloudUnreachable, cloud

    change = {"add": cloud().suppress, "remove": cloud().unsuppress}[act]
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            change(Addresses(addresses=[address]))
        except CloudUnreachable:
            if time.monotonic() > deadline:
                raise
            time.sleep(PAUSE)
        else:
            return


if __name__ == "__main__":
    main(*sys.argv[1:])
