"""Runs the receiver until SIGTERM or Ctrl-C: SMTP in the main thread, inbox and readers in threads."""

import argparse
import asyncio
import errno
import gc
import math
import os
import signal
import sqlite3
import sys
import threading
from pathlib import Path

from accelerator.demo import receiver
from accelerator.demo.receiver import links, web
from accelerator.demo.receiver.conversation import World
from accelerator.demo.receiver.inbox import make_inbox
from accelerator.demo.receiver.journal import Journal
from accelerator.demo.receiver.mailbox import Mailbox
from accelerator.demo.receiver.readers import Readers
from accelerator.demo.receiver.smtp import Sessions
from accelerator.demo.receiver.verdicts import Verdicts

FLUSH_SECONDS = 0.5


class CannotStart(Exception):
    """The receiver cannot start; the sentence says why."""


def main() -> None:
    options = _options()
    try:
        asyncio.run(_run(options))
    except CannotStart as reason:
        sys.exit(f"The mail receiver cannot start: {reason}")


async def _run(options: argparse.Namespace) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)

    folder: Path = options.folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
        journal = Journal(folder, durable=options.durable)
        mailbox = Mailbox(folder / "inbox.sqlite3", everything=options.keep_everything)
    except (OSError, sqlite3.Error) as error:
        raise CannotStart(f"the folder {folder} cannot be used ({error})") from error
    minutes: float = options.engagement_minutes
    readers = (
        Readers(journal, minutes=minutes, tracking_origin=options.tracking_origin or "") if minutes else None
    )
    sessions = Sessions(World(Verdicts(options.accept_all), journal, mailbox, readers))

    try:
        server = await loop.create_server(sessions.new, options.host, options.smtp_port, backlog=256)
    except OSError as error:
        raise _taken(error, options.smtp_port) from error
    try:
        pages = web.serve(make_inbox(mailbox, journal).routes(), host=options.host, port=options.http_port)
    except OSError as error:
        raise _taken(error, options.http_port) from error
    if readers:
        readers.start()
    threading.Thread(target=pages.serve_forever, kwargs={"poll_interval": 0.2}, daemon=True).start()
    smtp_port, http_port = server.sockets[0].getsockname()[1], pages.server_address[1]
    print(  # noqa: T201  the line that says it is ready
        f"Mail receiver (demo): SMTP on {options.host}:{smtp_port}, inbox at http://{options.host}:{http_port}/",
        flush=True,
    )
    # What lives for the whole run is not searched for garbage again and again.
    gc.freeze()
    await _keep_house(mailbox, sessions, stop)
    server.close()
    sessions.shut_down()
    await asyncio.sleep(0)
    if readers:
        readers.stop()
    pages.shutdown()
    mailbox.flush()
    journal.close()


async def _keep_house(mailbox: Mailbox, sessions: Sessions, stop: asyncio.Event) -> None:
    """Flush the mailbox and close idle connections, until told to stop."""
    while not stop.is_set():
        try:
            await asyncio.wait_for(stop.wait(), FLUSH_SECONDS)
        except TimeoutError:
            try:
                await asyncio.to_thread(mailbox.flush)
            except sqlite3.Error as error:
                # The logs are the record; a page that lacks some messages is no reason to stop taking mail.
                print(f"The inbox could not keep the latest messages: {error}", flush=True)  # noqa: T201
            sessions.close_idle()


def _taken(error: OSError, port: int) -> CannotStart:
    if error.errno == errno.EADDRINUSE:
        return CannotStart(f"port {port} is taken by another program; choose another one")
    return CannotStart(f"port {port} cannot be used ({error.strerror})")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m accelerator.demo.receiver",
        description=receiver.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--smtp-port", type=int, required=True, help="0 takes a free one and prints it")
    parser.add_argument("--http-port", type=int, required=True, help="of the inbox page; 0 takes a free one")
    parser.add_argument("--folder", type=Path, required=True, help="of the logs and the inbox")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--accept-all", action="store_true", help="refuse nobody but the fault words")
    parser.add_argument(
        "--durable",
        action="store_true",
        default=os.environ.get("RECEIVER_DURABLE") == "1",
        help="what is answered for is on the disk, not only with the operating system (or: RECEIVER_DURABLE=1)",
    )
    parser.add_argument(
        "--keep-everything",
        action="store_true",
        default=os.environ.get("RECEIVER_KEEPS_EVERYTHING") == "1",
        help="the inbox keeps every message, not a sample of the latest (or: RECEIVER_KEEPS_EVERYTHING=1)",
    )
    parser.add_argument(
        "--engagement-minutes",
        type=_minutes,
        default=10.0,
        metavar="M",
        help="people open, click and unsubscribe within so many minutes after a message (10); 0: nobody does",
    )
    parser.add_argument(
        "--tracking-origin",
        type=_origin,
        metavar="URL",
        help="links that lead there are visited too, https://links.example.com; others only on this machine",
    )
    return parser.parse_args()


def _minutes(text: str) -> float:
    try:
        minutes = float(text)
    except ValueError:
        minutes = math.nan
    if not 0 <= minutes < math.inf:
        raise argparse.ArgumentTypeError(f'"{text}" is no number of minutes')
    return minutes


def _origin(text: str) -> str:
    try:
        return links.origin(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


if __name__ == "__main__":
    main()
