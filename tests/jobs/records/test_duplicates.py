"""Who is there twice: found in any order, across any pieces, and nobody else."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobs.records import duplicates
from jobs.records.duplicates import COLUMNS, HIGH, LOW, POSITION, Numbers, Seen, digests, like_the_one_before

# Few, so that there are doubles; of many lengths, some the beginning of another, some in more than one byte a letter.
# No address has a NUL.
LETTERS = st.characters(codec="utf-8", exclude_characters="\0")
KEYS = (
    st.sampled_from("abc")
    | st.text(LETTERS, max_size=3)
    | st.integers(0, 20).map(lambda size: "á@b.example"[size % 5 :] * size)
)
PIECES = st.lists(st.lists(KEYS, max_size=12), max_size=6)
nothing_shared = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def again(folder: Path, *pieces: Sequence[str]) -> list[int]:
    seen = Seen(folder)
    try:
        for piece in pieces:
            seen.add(pa.chunked_array([pa.array(piece, pa.string())]))
        found: list[bool] = seen.again(lambda: None).to_pylist()
        assert len(found) == sum(map(len, pieces))
        return [position for position, double in enumerate(found) if double]
    finally:
        seen.close()


def what_a_set_finds(pieces: Sequence[Sequence[str]]) -> list[int]:
    known: set[str] = set()
    found = []
    for position, key in enumerate(key for piece in pieces for key in piece):
        if key in known:
            found.append(position)
        known.add(key)
    return found


def test_the_first_of_each_stays(tmp_path: Path) -> None:
    assert again(tmp_path, ["a", "b", "a"], [], ["c", "b", "a"]) == [2, 4, 5]


def test_nobody_is_nobody_twice(tmp_path: Path) -> None:
    assert again(tmp_path) == []


@nothing_shared
@given(PIECES, st.integers(1, 9), st.sampled_from([0, 4, 1_000]))
def test_it_finds_what_a_set_finds(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[list[str]], put: int, much: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(duplicates, "PUT", put)
        patch.setattr(duplicates, "DIGESTED", 3)
        patch.setattr(duplicates, "MUCH", much)
        assert again(tmp_path_factory.mktemp("seen"), *pieces) == what_a_set_finds(pieces)


@nothing_shared
@given(
    PIECES,
    st.sampled_from([HIGH, LOW]),
    st.sampled_from([0, 1 << 63, 1 << 63 | 1, 0xFF]),
    st.sampled_from([0, 1_000]),
)
def test_keys_that_share_half_of_their_digest_are_different_people(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[list[str]], half: int, bits: int, much: int
) -> None:
    def few(keys: pa.StringArray) -> Numbers:
        found = digests(keys)
        found[:, half] &= np.uint64(bits)
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(duplicates, "PUT", 5)
        patch.setattr(duplicates, "MUCH", much)
        patch.setattr(duplicates, "digests", few)
        assert again(tmp_path_factory.mktemp("seen"), *pieces) == what_a_set_finds(pieces)


@given(st.lists(KEYS, min_size=1, max_size=9))
def test_a_digest_is_four_multilinear_hashes_of_which_the_first_two_are_mixed(keys: list[str]) -> None:
    for key, (high, low) in zip(keys, digests(pa.array(keys, pa.string())).tolist(), strict=True):
        sums = [0] * duplicates.HASHES
        data = key.encode()
        for place in range(0, len(data), duplicates.WORD):
            word = int.from_bytes(data[place : place + duplicates.WORD], "little")
            block, row = divmod(place // duplicates.WORD, duplicates.WORDS)
            sums = [
                (found + word * number) % 2**64
                for found, number in zip(sums, duplicates.NUMBERS[block, row].tolist(), strict=True)
            ]
        first, second, third, fourth = (found >> 32 for found in sums)
        mixed = first << 32 | second
        mixed ^= mixed >> 32
        mixed = mixed * int(duplicates.MIX) % 2**64
        assert (high, low) == (mixed ^ mixed >> 32, third << 32 | fourth)


@given(st.lists(KEYS, max_size=20), st.integers(0, 20))
def test_a_key_has_its_digest_in_whatever_company(keys: list[str], start: int) -> None:
    whole = pa.array(keys, pa.string())
    alone = [digests(pa.array([key], pa.string()))[0].tolist() for key in keys]
    assert digests(whole).tolist() == alone
    assert digests(whole.slice(start)).tolist() == alone[start:]


def test_addresses_that_are_much_alike_are_spread_over_all_parts(tmp_path: Path) -> None:
    for shape in ("{}@example.com", "newsletter.customer.number.{:08}.of.many@an.example", "a{:04}"):
        found = digests(pa.array([shape.format(number) for number in range(64_000)]))[:, HIGH]
        assert len(np.unique(found)) == 64_000
        counts = np.bincount(found >> np.uint64(64 - duplicates.PART_BITS), minlength=duplicates.PARTS)
        assert counts.min() > 500
        assert counts.max() < 2_000


def test_an_address_that_half_of_the_people_share_lies_there_once_from_all_that_are_put_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(duplicates, "PUT", 1_000)
    keys = [f"{number}@an.example" if number % 2 else "none@an.example" for number in range(20_000)]
    assert again(tmp_path, *(keys[start : start + 100] for start in range(0, 20_000, 100))) == [
        *range(2, 20_000, 2)
    ]
    [whose] = digests(pa.array(["none@an.example"]))
    lying = np.fromfile(tmp_path / "digests", np.uint64).reshape(-1, COLUMNS)
    assert len(lying) == 10_000 + 20
    assert (lying[:, :POSITION] == whose).all(axis=1).sum() == 20


def test_a_check_between_two_parts_ends_the_search(tmp_path: Path) -> None:
    class Lost(Exception):
        pass

    def lost() -> None:
        raise Lost

    seen = Seen(tmp_path)
    seen.add(pa.chunked_array([["a", "a"]]))
    with pytest.raises(Lost):
        seen.again(lost)
    seen.close()


@given(st.lists(st.lists(st.none() | st.sampled_from("abc") | st.text(max_size=2), max_size=8), max_size=3))
def test_the_like_the_one_before_are_what_a_loop_finds(pieces: list[list[str | None]]) -> None:
    flat = [key for piece in pieces for key in piece]
    expected = [number > 0 and key is not None and flat[number - 1] == key for number, key in enumerate(flat)]
    keys = pa.chunked_array([pa.array(piece, pa.string()) for piece in pieces], pa.string())
    found = like_the_one_before(keys)
    assert found.to_pylist() == expected
    assert found.num_chunks == 1


def test_nobody_can_tell_the_digests_of_another_process() -> None:
    asked = "import pyarrow; from jobs.records import duplicates; print(duplicates.digests(pyarrow.array(['a@b.c'])))"
    told = {subprocess.check_output([sys.executable, "-c", asked]) for _ in range(2)}
    assert len(told) == 2
