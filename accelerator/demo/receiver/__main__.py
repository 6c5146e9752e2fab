"""Runs the receiver until SIGTERM or Ctrl-C: SMTP in the main thread, the inbox in threads beside it."""

import argparse
import asyncio
import errno
import gc
import signal
import sqlite3
import sys
import threading
from pathlib import Path

from accelerator.demo import receiver
from accelerator.demo.receiver import web
from accelerator.demo.receiver.conversation import World
from accelerator.demo.receiver.inbox import make_inbox
from accelerator.demo.receiver.journal import Journal
from accelerator.demo.receiver.mailbox import Mailbox
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
        journal, mailbox = Journal(folder), Mailbox(folder / "inbox.sqlite3")
    except (OSError, sqlite3.Error) as error:
        raise CannotStart(f"the folder {folder} cannot be used ({error})") from error
    sessions = Sessions(World(Verdicts(options.accept_all), journal, mailbox))

    try:
        server = await loop.create_server(sessions.new, options.host, options.smtp_port, backlog=256)
    except OSError as error:
        raise _taken(error, options.smtp_port) from error
    try:
        pages = web.serve(make_inbox(mailbox, journal).routes(), host=options.host, port=options.http_port)
    except OSError as error:
        raise _taken(error, options.http_port) from error
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
    return parser.parse_args()


if __name__ == "__main__":
    main()
