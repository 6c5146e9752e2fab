"""Who is there twice: found in any order, across any pieces, and nobody else."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobs.records import duplicates
from jobs.records.duplicates import Seen


def again(folder: Path, *pieces: Sequence[str]) -> list[int]:
    seen = Seen(folder)
    try:
        for piece in pieces:
            seen.add(pa.chunked_array([pa.array(piece, pa.string())]))
        return [position for found in seen.again() for position in found.to_pylist()]
    finally:
        seen.close()


def test_the_first_of_each_stays(tmp_path: Path) -> None:
    assert again(tmp_path, ["a", "b", "a"], [], ["c", "b", "a"]) == [2, 4, 5]


def test_nobody_is_nobody_twice(tmp_path: Path) -> None:
    assert again(tmp_path) == []


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(st.sampled_from("abcdefg") | st.text(max_size=3), max_size=8), max_size=5))
def test_it_finds_what_a_set_finds(tmp_path_factory: pytest.TempPathFactory, pieces: list[list[str]]) -> None:
    known: set[str] = set()
    expected = []
    for position, key in enumerate(key for piece in pieces for key in piece):
        if key in known:
            expected.append(position)
        known.add(key)
    assert again(tmp_path_factory.mktemp("seen"), *pieces) == expected


def test_many_of_them_lie_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicates, "MEMORY", "24MB")
    count = 1_000_000
    keys = [f"person{n % (count - 3)}@example.com" for n in range(count)]
    pieces = [keys[start : start + 10_000] for start in range(0, count, 10_000)]
    assert again(tmp_path, *pieces) == [count - 3, count - 2, count - 1]
