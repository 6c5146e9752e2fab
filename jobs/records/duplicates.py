"""Who is there twice, in any number of records: a digest of each key lies on disk, memory stays flat.

The digest says which of PARTS a key belongs to, so that the same keys meet in one; they are compared part by part, and
never is there more in memory than one of them. Beyond that there is one bit a record. No address is written for it.

Whoever has the same digest is the same person, so no two people may share one. It is four times the multilinear hash
of words of 32 bits (Lemire and Kaser, "Strongly universal string hashing is fast", 2014) with numbers that are drawn by
chance in each process and told to nobody: any two keys, however they were chosen, have one digest with a chance of
2^-128. That this happens to some two of ten million people in an extraction has a chance of 1 in 10^24.
"""

import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from accelerator.protocol.addresses import LONGEST_ADDRESS

Numbers: TypeAlias = npt.NDArray[np.uint64]
Positions: TypeAlias = npt.NDArray[np.int64]

# By the uppermost bits of a digest: 160,000 records each, of ten million.
PART_BITS = 6
PARTS = 1 << PART_BITS
# Digests that are put on disk at once, and keys that are digested at once.
PUT, DIGESTED = 100_000, 8_192

# So many times its share of what is put, and a part has a key that many share, which is then put there once: no part
# outgrows the others because half of the people have an address like none@example.com.
MUCH = 4

# So many times the records of a part, and most have a number to themselves.
ROOM = 4

# The columns of what is kept of a key: its digest, and the position of its record counted from 0.
HIGH, LOW, POSITION = range(3)
COLUMNS = 3
ROW = 8 * COLUMNS

# Bytes of a word, words that are hashed together, hashes.
WORD, WORDS, HASHES = 4, 8, 4
BLOCK = WORD * WORDS
# What is kept of a word of which so many bytes belong to the key; lower addresses are lower bits.
KEPT = np.array([(1 << 8 * count) - 1 for count in range(WORD + 1)], np.dtype("<u4"))
# The same of all words of a block of which so many bytes belong to the key.
KEPT_OF_ALL = KEPT[np.clip(np.arange(BLOCK + 1)[:, None] - np.arange(0, BLOCK, WORD), 0, WORD)]
# What the words of each block are multiplied by for each hash.
BLOCKS = -(-LONGEST_ADDRESS // BLOCK)
NUMBERS = np.frombuffer(secrets.token_bytes(8 * BLOCKS * WORDS * HASHES), np.uint64).reshape(
    BLOCKS, WORDS, HASHES
)
HALF = np.uint64(32)
UPPER_HALF = np.uint64(0xFFFFFFFF << 32)
MIX = np.uint64(0xD6E8FEB86659FD93)


def like_the_one_before(keys: pa.ChunkedArray) -> pa.ChunkedArray:
    """Where a key is the same as the one before it, as booleans; null is like none.

    People who are there twice are often neighbours, as a join makes them: who is dropped here costs nothing later.
    """
    same = pc.fill_null(pc.equal(keys.slice(1), keys.slice(0, max(0, len(keys) - 1))), fill_value=False)
    first = pa.array([False] * min(1, len(keys)), pa.bool_())
    # In one piece, or each table that is filtered by it would lie in several from then on.
    return pa.chunked_array([pa.concat_arrays([first, *same.chunks])])


def digests(keys: pa.StringArray) -> Numbers:
    """HIGH and LOW of each, in a process always the same for the same key. Keys are addresses', without a NUL."""
    if not len(keys):
        return np.zeros((0, 2), np.uint64)
    _, ends, text = keys.buffers()
    places = np.frombuffer(ends, np.int32)[keys.offset : keys.offset + len(keys) + 1].astype(np.int64)
    whole = np.zeros(places[-1] - places[0] + BLOCK, np.uint8)
    whole[: places[-1] - places[0]] = np.frombuffer(text or b"", np.uint8)[places[0] : places[-1]]
    starts, sizes = places[:-1] - places[0], np.diff(places)
    # What lies at each byte and behind it: to look for each word by itself takes twice the time.
    blocks = np.ndarray(len(whole) - BLOCK + 1, np.dtype((np.void, BLOCK)), whole, strides=(1,))
    sums = _products(blocks[starts], sizes, 0)
    for number in range(1, -(-int(sizes.max()) // BLOCK)):
        begin = number * BLOCK
        these = np.flatnonzero(sizes > begin)
        sums[these] += _products(blocks[starts[these] + begin], sizes[these] - begin, number)
    found = (sums[:, ::2] & UPPER_HALF) | (sums[:, 1::2] >> HALF)
    # Hashes of keys that are much alike may lie close together.
    high = found[:, HIGH]
    high ^= high >> HALF
    high *= MIX
    high ^= high >> HALF
    return found


def _products(blocks: npt.NDArray[Any], sizes: Positions, number: int) -> Numbers:
    """What the blocks of this number add to the hashes of their keys; `sizes`: bytes left of each key."""
    words = blocks.view("<u4").reshape(len(blocks), WORDS) & KEPT_OF_ALL.take(sizes, axis=0, mode="clip")
    products: Numbers = words.astype(np.uint64) @ NUMBERS[number]
    return products


class Seen:
    """The digests of one extraction's keys, in the order of its records. `folder` is its own, and empty."""

    def __init__(self, folder: Path) -> None:
        self._file = (folder / "digests").open("w+b", buffering=0)
        # Where each part of what was put at once begins, counted in digests; at last, where all of it ends.
        self._begins: list[Sequence[int]] = []
        self._held = np.empty((PUT, COLUMNS), np.uint64)
        self._waiting = 0
        self._count = 0
        self._bits = bytearray()

    def add(self, keys: pa.ChunkedArray) -> None:
        """Those of the next records."""
        for chunk in keys.chunks:
            start = 0
            while start < len(chunk):
                piece = chunk.slice(start, min(DIGESTED, PUT - self._waiting))
                self._hold(digests(piece))
                start += len(piece)

    def again(self, check: Callable[[], object]) -> pa.BooleanArray:
        """Whether the key of each record stood before it. `check` is called between two parts."""
        self._put()
        for number in range(PARTS):
            check()
            part = self._part(number)
            self._mark(part[_later(part), POSITION])
        return pa.Array.from_buffers(pa.bool_(), self._count, [None, pa.py_buffer(self._bits)])

    def close(self) -> None:
        self._file.close()

    def _hold(self, found: Numbers) -> None:
        rows = self._held[self._waiting : self._waiting + len(found)]
        rows[:, :POSITION] = found
        rows[:, POSITION] = np.arange(self._count, self._count + len(found))
        self._waiting += len(found)
        self._count += len(found)
        if self._waiting == PUT:
            self._put()

    def _put(self) -> None:
        if not self._waiting:
            return
        found, self._waiting = self._held[: self._waiting], 0
        self._bits.extend(bytes(self._count // 8 + 1 - len(self._bits)))
        parts = _parts(found)
        if np.bincount(parts).max() > MUCH * PUT // PARTS:
            later = _later(found)
            self._mark(found[later, POSITION])
            found, parts = np.delete(found, later, axis=0), np.delete(parts, later)
        found = found.take(np.argsort(parts, kind="stable"), axis=0)
        counts = np.bincount(parts, minlength=PARTS)
        begin = self._begins[-1][-1] if self._begins else 0
        self._begins.append([begin, *(begin + np.cumsum(counts)).tolist()])
        found.tofile(self._file)

    def _part(self, number: int) -> Numbers:
        pieces = []
        for begins in self._begins:
            self._file.seek(begins[number] * ROW)
            count = begins[number + 1] - begins[number]
            pieces.append(np.fromfile(self._file, np.uint64, count * COLUMNS))
        return np.concatenate([np.zeros(0, np.uint64), *pieces]).reshape(-1, COLUMNS)

    def _mark(self, positions: Numbers) -> None:
        bits = np.frombuffer(self._bits, np.uint8)
        places, bit = np.divmod(positions.astype(np.int64), 8)
        np.bitwise_or.at(bits, places, (1 << bit).astype(np.uint8))


def _parts(found: Numbers) -> npt.NDArray[np.uint8]:
    parts: npt.NDArray[np.uint8] = (found[:, HIGH] >> np.uint64(64 - PART_BITS)).astype(np.uint8)
    return parts


def _later(found: Numbers) -> Positions:
    """The places of those whose digest stands before, too."""
    crowded = _crowded(np.ascontiguousarray(found[:, HIGH]))
    high = found[crowded, HIGH]
    order = np.argsort(high)
    same = np.flatnonzero(np.diff(high[order]) == 0)
    # In the order of their places, and so of the records: of those that are the same the first stays the first.
    alike = np.union1d(crowded[order[same]], crowded[order[same + 1]])
    order = np.lexsort((found[alike, LOW], found[alike, HIGH]))
    same = (np.diff(found[alike[order], :POSITION], axis=0) == 0).all(axis=1)
    later: Positions = alike[order[1:][same]]
    return later


def _crowded(high: Numbers) -> Positions:
    """The places of those that share their lower bits with another one: all that are the same, and a few by chance.

    Counting takes a fifth of the time that sorting all of them would.
    """
    lower = (high & np.uint64((ROOM << len(high).bit_length()) - 1)).view(np.int64)
    return np.flatnonzero(np.bincount(lower)[lower] > 1)
