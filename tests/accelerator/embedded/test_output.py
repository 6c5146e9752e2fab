"""The terminal shows what a person wants to know; the file has every line."""

from pathlib import Path

import pytest

from accelerator.embedded.output import Output, noise


@pytest.mark.parametrize(
    ("line", "hidden"),
    [
        ("", True),
        ("2026-11-22 10:00:00,000 INFO celery.worker.strategy Task jobs.tasks.sweep received", True),
        ("[2026-11-22 10:00:00,000: INFO/MainProcess] Task jobs.tasks.sweep succeeded in 0.01s", True),
        ("2026-11-22 10:00:00,000 INFO jobs.stages.initializing 100000 records extracted", False),
        ("2026-11-22 10:00:00,000 WARNING celery.worker.consumer connection lost", False),
        ("[INFO] Started worker-1", True),
        ("[ERROR] Application callable raised an exception", False),
        ('  File "campaigns/views.py", line 3, in show', False),
        ("2026-11-22 10:00:00,000 DEBUG jobs.steps claimed 3", True),
    ],
)
def test_what_is_shown(line: str, hidden: bool) -> None:
    assert noise(line) is hidden


def test_everything_is_in_the_file(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = Output(data / "up.log")
    output.line("worker", "2026-11-22 10:00:00,000 INFO celery.worker.strategy Task received")
    output.line("worker", "Traceback (most recent call last):")
    output.close()
    assert capsys.readouterr().out == "worker         Traceback (most recent call last):\n"
    assert (data / "up.log").read_text().count("worker | ") == 2


def test_no_colours_where_nobody_sees_them(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = Output(data / "up.log")
    output.say("ready")
    output.close()
    assert "\x1b" not in capsys.readouterr().out
