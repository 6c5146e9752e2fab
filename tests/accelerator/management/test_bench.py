"""`manage.py bench`: the frame around every benchmark."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from accelerator.benches import BenchFailed, Missing, results
from accelerator.benches.catalogue import BENCHES
from accelerator.benches.results import Result
from accelerator.benches.stage import Stage
from accelerator.embedded import CannotStart
from tests.accelerator.management.terminal import run


@dataclass
class Stopwatch:
    """A benchmark of next to nothing, which may end in an error."""

    SUMMARY: str = "nothing, for tests"
    ROUNDS: int = 2
    RECIPIENTS: int = 10
    error: BaseException | None = None
    folder: Path | None = None

    def run(self, stage: Stage, say: Callable[[str], object], *, rounds: int, recipients: int) -> Result:
        self.folder = stage.folder
        (stage.folder / "left").write_text("behind")
        say("measuring")
        if self.error:
            raise self.error
        return results.duration("stopwatch", 1.0, 2.0, rounds=rounds, recipients=recipients)


@pytest.fixture
def stopwatch(monkeypatch: pytest.MonkeyPatch) -> Stopwatch:
    made = Stopwatch()
    monkeypatch.setitem(BENCHES, "stopwatch", made)
    return made


def test_without_a_name_it_lists_what_there_is() -> None:
    said = run("bench")
    assert said.code == 0
    assert [line.split()[0] for line in said.out.splitlines()] == [
        "extraction",
        "launch",
        "pause",
        "sending",
        "tracking",
        "transfer",
    ]


def test_a_name_that_no_benchmark_has_is_a_mistake_of_usage() -> None:
    said = run("bench", "lunch")
    assert said.code == 2
    assert "There are: extraction, launch, pause, sending, tracking, transfer." in said.err


def test_the_last_line_is_one_json_object_and_nothing_is_left(stopwatch: Stopwatch) -> None:
    said = run("bench", "stopwatch", "--json")
    assert said.code == 0
    assert said.document == {
        "bench": "stopwatch",
        "value": 1.0,
        "unit": "s",
        "reference": 2.0,
        "ratio": 2.0,
        "rounds": 2,
        "recipients": 10,
    }
    assert "measuring" in said.err
    assert stopwatch.folder is not None
    assert not stopwatch.folder.exists()


@pytest.mark.usefixtures("stopwatch")
def test_rounds_and_recipients_can_be_chosen() -> None:
    document = run("bench", "stopwatch", "--json", "--rounds", "7", "--recipients", "3").document
    assert (document["rounds"], document["recipients"]) == (7, 3)
    assert run("bench", "stopwatch", "--rounds", "0").code == 2


@pytest.mark.usefixtures("stopwatch")
def test_a_person_reads_the_same_figures() -> None:
    assert "ratio 2.0" in " ".join(run("bench", "stopwatch").out.split())


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        (Missing("It needs smtp-sink."), 2, "It needs smtp-sink."),
        (BenchFailed("The house did not come up."), 1, "The house did not come up."),
        (CannotStart("Port 1 is taken."), 1, "Port 1 is taken."),
        (KeyboardInterrupt(), 130, "everything is removed"),
    ],
)
def test_whatever_ends_it_is_said_and_nothing_is_left(
    stopwatch: Stopwatch, error: BaseException, code: int, says: str
) -> None:
    stopwatch.error = error
    said = run("bench", "stopwatch", "--json")
    assert (said.code, said.out) == (code, "")
    assert says in said.err
    assert stopwatch.folder is not None
    assert not stopwatch.folder.exists()
