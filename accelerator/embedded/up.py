"""Everything on one machine: the steps of `manage.py up`, in order."""

import http.client
import os
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from http import HTTPStatus
from pathlib import Path

from accelerator.embedded import CannotStart, databases, environment, folders, given, ports, processes
from accelerator.embedded.environment import ANY_ADDRESS
from accelerator.embedded.guardian import alive
from accelerator.embedded.output import Output, seconds
from accelerator.embedded.postgres import Postgres
from accelerator.embedded.supervisor import Stopping, Supervisor
from accelerator.embedded.valkey import Valkey

READY_WITHIN = 120.0


class NotReady(CannotStart):
    pass


def up(data: Path, people: Callable[[], str], *, restored: bool = False) -> int:
    """Run everything until a signal; the exit code. `people` describes the demo accounts, once they exist.

    `restored`: the data folder is an older copy of itself, and everything is held before anything else starts.
    """
    host = os.environ.get("HOST") or "127.0.0.1"
    try:
        chosen = ports.chosen(os.environ.get("PORT") or "8000")
        folders.usable(data)
        lock = only_one(data)
        ports.check(host, chosen)
        given.check(os.environ)
        with Supervisor(Output(data / "up.log"), lock) as supervisor:
            try:
                bring_up(supervisor, data, host, chosen, restored=restored)
                supervisor.output.block(welcome(supervisor.env, data, chosen, people()))
                supervisor.run()
            except Stopping:
                return 0
    except CannotStart as error:
        print(f"\nAccelerator cannot run: {error}", file=sys.stderr, flush=True)
    return 1


def only_one(data: Path) -> int:
    """The lock on the data folder. A killed `up` whose processes are still ending is waited for."""
    file = data / "up.lock"
    owner = file.read_text().strip() if file.exists() else ""
    lives = owner.isdigit() and alive(int(owner))
    lock = folders.lock(
        file,
        wait=1 if lives else 20,
        refusal=f"Another `up` (process {owner}) already runs on the data folder {data}. Stop it, or choose "
        "another folder with DATA_DIR and other ports with PORT.",
    )
    os.ftruncate(lock, 0)
    os.write(lock, str(os.getpid()).encode())
    return lock


def bring_up(supervisor: Supervisor, data: Path, host: str, chosen: ports.Ports, *, restored: bool) -> None:
    began = time.monotonic()
    say = supervisor.output.say
    person = os.environ

    postgres = None if person.get("DATABASE_URL") else Postgres(data)
    valkey = None if person.get("REDIS_URL") else Valkey(data)
    if postgres:
        say("starting PostgreSQL" if postgres.data.exists() else "setting up PostgreSQL (first start)")
        supervisor.serve("PostgreSQL", postgres)
    if valkey:
        supervisor.serve("Valkey", valkey)
    supervisor.heed()

    variables = environment.servers(person, postgres, valkey)
    variables |= environment.secrets_of(person, data) | environment.addresses(person, host, chosen)
    variables["DATA_DIR"] = str(data)
    supervisor.env = {**person, **variables, "PYTHONUNBUFFERED": "1"}
    environment.note(data, variables)

    for name in ("DATABASE_URL", "CLOUD_DATABASE_URL"):
        databases.ensure(variables[name])
    say("bringing the databases up to date")
    supervisor.finish(processes.migrations() + processes.static_files())
    if restored:
        say("declaring both databases restored: everything is held for review")
        supervisor.finish(processes.restorations())
    say("starting the processes; making the demo world if it is not there")
    for command in processes.lasting(host, chosen, data):
        supervisor.start(command)
    supervisor.finish([processes.demo()])
    wait_for_health(supervisor, host, chosen)
    for command in processes.beats():
        supervisor.start(command)
    if host not in ("127.0.0.1", "localhost", "::1"):
        say(
            f"HOST={host}: other machines can reach the dashboard, and the demo accounts' passwords are published"
        )
    say(f"ready after {seconds(began)}")


def wait_for_health(supervisor: Supervisor, host: str, chosen: ports.Ports) -> None:
    near = "127.0.0.1" if host in ANY_ADDRESS else host
    for name, address, port in (("dashboard", near, chosen.web), ("Cloud", "127.0.0.1", chosen.cloud)):
        if not supervisor.wait_until(partial(healthy, address, port), READY_WITHIN):
            raise NotReady(f"The {name} did not answer on port {port} within {READY_WITHIN:.0f} s.")


def healthy(host: str, port: int) -> bool:
    """Does it answer? (With a redirect to https, perhaps. A proxy in the environment is none of its business.)"""
    connection = http.client.HTTPConnection(host, port, timeout=2)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status < HTTPStatus.INTERNAL_SERVER_ERROR
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def welcome(variables: Mapping[str, str], data: Path, chosen: ports.Ports, people: str) -> str:
    rule = "-" * 78
    rows = [
        ("Dashboard", variables["PUBLIC_URL"]),
        *((("Log in as" if index == 0 else ""), line) for index, line in enumerate(people.splitlines())),
        ("Demo inbox", f"http://localhost:{chosen.inbox}"),
        ("Data, logs", f"{data} (up.log has every line)"),
        ("Stop", "Ctrl-C"),
    ]
    relay = variables["SMTP_URL"]
    if relay != f"smtp://127.0.0.1:{chosen.smtp}":
        rows.insert(-2, ("Mail goes to", databases.without_password(relay)))
    lines = "\n".join(f"  {name:<14}{text}" for name, text in rows)
    return f"{rule}\n  Accelerator is ready\n\n{lines}\n{rule}"
