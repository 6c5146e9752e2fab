"""compose.yaml is held against the code: every queue is taken, every variable passed on, every command there.

No test here builds the image or starts a container.
"""

import importlib
import pkgutil
import re
import runpy
from typing import Any

import pytest
from celery.bin.beat import beat
from celery.bin.worker import worker
from click import Command, Context
from django.conf import settings
from django.core.management import get_commands
from granian.cli import cli as granian

from accelerator.cloud.management import commands
from accelerator.embedded import environment, ports, processes
from jobs import steps
from tests import compose

SERVICES = compose.services()
OURS = compose.ours(SERVICES)
SETTINGS = {"accelerator.settings": "Dashboard", "accelerator.cloud.settings": "Cloud"}
# Its own, which the dashboard's settings know nothing of.
CLOUD_COMMANDS = {module.name for module in pkgutil.iter_modules(commands.__path__)}
DASHBOARD, CLOUD = "accelerator.celery", "accelerator.cloud.celery"


def cloud_settings() -> dict[str, Any]:
    return runpy.run_module("accelerator.cloud.settings")


def queues(application: str) -> set[str]:
    """What the settings name, and the code beside them."""
    if application == CLOUD:
        return {cloud_settings()["CELERY_TASK_DEFAULT_QUEUE"]}
    entries: Any = settings.CELERY_BEAT_SCHEDULE
    schedule = [entry.get("options", {}) for entry in entries.values()]
    scheduled = {options["queue"] for options in schedule if "queue" in options}
    named = {queue.name for queue in settings.CELERY_TASK_QUEUES}
    return named | scheduled | {settings.CELERY_TASK_DEFAULT_QUEUE, *steps.QUEUES.values()}


def settings_of(service: dict[str, Any]) -> str:
    return str(service["environment"]["DJANGO_SETTINGS_MODULE"])


def listed(section: str) -> set[str]:
    """The variables of a section of .env.example."""
    text = (compose.REPOSITORY / ".env.example").read_text()
    sections = dict(re.findall(r"^# --- ([\w .`]+) -+\n(.*?)(?=^# ---|\Z)", text, re.MULTILINE | re.DOTALL))
    return set(re.findall(r"^#?([A-Z_]+)=", sections[section], re.MULTILINE))


def in_the_image() -> set[str]:
    """Variables that the Dockerfile gives."""
    text = (compose.REPOSITORY / "Dockerfile").read_text().rpartition("\nFROM ")[2].replace("\\\n", " ")
    return {
        name for line in re.findall(r"^ENV (.*)$", text, re.MULTILINE) for name in re.findall(r"(\w+)=", line)
    }


@pytest.mark.parametrize("application", [DASHBOARD, CLOUD])
def test_every_queue_is_taken_and_no_other(application: str) -> None:
    assert compose.consumed(SERVICES, application) == queues(application)


@pytest.mark.parametrize(("application", "forgotten"), [(DASHBOARD, "extractor"), (CLOUD, "senders")])
def test_a_queue_that_nobody_takes_would_be_found(application: str, forgotten: str) -> None:
    rest = {name: service for name, service in SERVICES.items() if name != forgotten}
    assert queues(application) - compose.consumed(rest, application)


def test_an_ask_never_waits_behind_an_extraction() -> None:
    """As with `manage.py up`: each worker takes the queues that its own takes there."""
    up = [
        command.arguments for command in processes.lasting("127.0.0.1", ports.Ports(8000), compose.REPOSITORY)
    ]
    there = {compose.option(words, "--queues") for words in up if "worker" in words}
    here = {compose.option(compose.command(one), "--queues") for one in OURS.values()}
    assert here - {""} == there


@pytest.mark.parametrize("application", [DASHBOARD, CLOUD])
def test_each_has_a_beat(application: str) -> None:
    beats = [one for one in OURS.values() if compose.application(one) == application]
    assert sum("beat" in compose.command(one) for one in beats) == 1


@pytest.mark.parametrize("name", OURS)
def test_every_variable_of_its_settings_is_passed_on(name: str) -> None:
    told = set(OURS[name]["environment"]) | in_the_image()
    wanted = listed("Both projects") | listed(SETTINGS[settings_of(OURS[name])])
    assert wanted - told == set()


@pytest.mark.parametrize("name", OURS)
def test_what_make_run_makes_for_itself_is_given_a_value(name: str) -> None:
    """Keys, databases and addresses: without a value these lead nowhere in a container."""
    chosen = ports.Ports(8000)
    given = {"DATABASE_URL": "postgres://host/accelerator", "REDIS_URL": "redis://host"}
    made = {*environment.MADE, *environment.servers(given, None, None)}
    made |= {"CLOUD_KEYS", *environment.addresses({}, "127.0.0.1", chosen)}
    told = OURS[name]["environment"]
    # Without the token there are no pages of numbers, and nothing else is missing.
    needed = (made - {"METRICS_TOKEN"}) & listed(SETTINGS[settings_of(OURS[name])])
    assert len(needed) > 3
    assert [variable for variable in needed if not told[variable]] == []


@pytest.mark.parametrize("name", OURS)
def test_it_is_not_told_the_secrets_of_the_other_project(name: str) -> None:
    [other] = set(SETTINGS) - {settings_of(OURS[name])}
    assert set(OURS[name]["environment"]) & listed(SETTINGS[other]) == set()


def test_the_example_lists_what_the_file_asks_for() -> None:
    sections = ("compose.yaml only", "Both projects", "Dashboard", "Cloud")
    known = {variable for section in sections for variable in listed(section)}
    known |= {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
    assert compose.asked_for() - known == set()
    assert listed("compose.yaml only") == compose.OF_ITS_OWN


def test_nothing_in_the_file_or_the_image_is_a_secret() -> None:
    for service in SERVICES.values():
        for variable, value in service["environment"].items() if "environment" in service else ():
            if re.search("KEY|PASSWORD|TOKEN|AUTH", variable):
                assert not value or value.startswith("${"), variable
    assert not re.search("KEY|PASSWORD|TOKEN", " ".join(in_the_image()))


@pytest.mark.parametrize("name", OURS)
def test_its_command_is_there_and_takes_its_options(name: str) -> None:
    program, *words = compose.command(OURS[name])
    if program == "celery":
        assert words[:2] == ["--quiet", "-A"]
        assert hasattr(importlib.import_module(words[2]), "app")
        parse({"worker": worker, "beat": beat}[words[3]], words[4:])
    elif program == "granian":
        parse(granian, words)
        assert words[-1] == f"{settings_of(OURS[name]).removesuffix('.settings')}.wsgi:application"
    elif words[0] == "manage.py":
        assert words[1] in {*get_commands(), *CLOUD_COMMANDS}
    else:
        assert (program, words[0]) == ("python", "-c")
        compile(words[1], name, "exec")


def parse(command: Command, words: list[str]) -> None:
    """Raises UsageError where the command does not know an option."""
    command.make_parser(Context(command)).parse_args(list(words))


@pytest.mark.parametrize("name", SERVICES)
def test_whom_it_waits_for_is_there_and_says_when(name: str) -> None:
    waits = SERVICES[name].get("depends_on", {})
    for other in waits:
        assert other in SERVICES
        if isinstance(waits, dict) and waits[other]["condition"] == "service_healthy":
            assert "test" in SERVICES[other]["healthcheck"]
    for volume in SERVICES[name].get("volumes", ()):
        assert volume.partition(":")[0] in compose.volumes()


def test_a_worker_has_the_time_to_drain_that_it_has_elsewhere() -> None:
    grace = {
        command.grace
        for command in processes.lasting("", ports.Ports(8000), compose.REPOSITORY)
        if command.worker
    }
    for service in OURS.values():
        if "worker" in compose.command(service):
            assert {float(service["stop_grace_period"].removesuffix("s"))} == grace
