"""Who is there twice: found in any order, across any pieces, and nobody else."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobs.records import duplicates
from jobs.records.duplicates import Seen, numbers, unlike_the_one_before


def again(folder: Path, *pieces: Sequence[str]) -> list[int]:
    seen = Seen(folder)
    try:
        for piece in pieces:
            seen.add(pa.chunked_array([pa.array(piece, pa.string())]))
        return [position for found in seen.again() for position in found.to_pylist()]
    finally:
        seen.close()


def test_the_unlike_the_one_before_stays(tmp_path: Path) -> None:
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
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(duplicates, "TOGETHER", 4)
        assert again(tmp_path_factory.mktemp("seen"), *pieces) == expected


def test_many_of_them_lie_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicates, "MEMORY", "24MB")
    count = 1_000_000
    keys = [f"person{n % (count - 3)}@example.com" for n in range(count)]
    pieces = [keys[start : start + 10_000] for start in range(0, count, 10_000)]
    assert again(tmp_path, *pieces) == [count - 3, count - 2, count - 1]


@given(st.lists(st.lists(st.sampled_from("abc") | st.text(max_size=2), max_size=8), max_size=3))
def test_the_unlike_the_one_before_is_what_a_set_says(pieces: list[list[str]]) -> None:
    flat = [key for piece in pieces for key in piece]
    expected = [number == 0 or flat[number - 1] != key for number, key in enumerate(flat)]
    keys = pa.chunked_array([pa.array(piece, pa.string()) for piece in pieces], pa.string())
    found = unlike_the_one_before(keys)
    assert (found.to_pylist() if found is not None else [True] * len(expected)) == expected
    assert (found is None) == all(expected)


def test_numbers_are_counted_from_any() -> None:
    assert [numbers(*ends).to_pylist() for ends in ((0, 0), (0, 3), (5, 7))] == [[], [0, 1, 2], [5, 6]]
