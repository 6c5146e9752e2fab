"""Who is there twice, in any number of records: each key lies on disk with a digest of it, memory stays flat.

The digest says which of the PARTS files a key goes to, so that the same keys meet in one; they are compared file by
file, and never are there more keys in memory than one file's. Beyond that there is one bit a record. Equal digests
only say where to look: who is there twice is told by the keys themselves, so nobody is taken for somebody else.
"""

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Numbers: TypeAlias = npt.NDArray[np.uint64]
Positions: TypeAlias = npt.NDArray[np.int64]

# By the uppermost bits of a digest: 160,000 records each, of ten million.
PART_BITS = 6
PARTS = 1 << PART_BITS
# Keys that are put on disk at once, and digested at once.
PUT, DIGESTED = 100_000, 16_384
# Bytes for each file that are written at once: a record batch is many small pieces.
BUFFERED = 1 << 14

# So many times its share of what is put, and a part has a key that many share, which is then put there once: no file
# outgrows the others because half of the people have an address like none@example.com.
MUCH = 4

# So many times the keys of a file, and most have a number to themselves.
ROOM = 4

# Beside its digest; its position counted from 0.
SCHEMA = pa.schema([("digest", pa.uint64()), ("key", pa.string()), ("position", pa.int64())])

WORD = 8
# Bytes that every key is taken to have, so that those of usual length are digested all at once.
USUAL = 4 * WORD
# What is kept of a word of which so many bytes belong to the key; lower addresses are lower bits.
KEPT = np.array([(1 << 8 * count) - 1 for count in range(WORD + 1)], np.dtype("<u8"))
# The same of all words of a key with so many bytes, up to the usual ones.
KEPT_OF_ALL = KEPT[np.clip(np.arange(USUAL + 1)[:, None] - np.arange(0, USUAL, WORD), 0, WORD)]
MIX, HALF = np.uint64(0xD6E8FEB86659FD93), np.uint64(32)
# Another one in each process: nobody can think up keys that all have one digest, and would lie in one file.
SALT = np.uint64(secrets.randbits(64))


def like_the_one_before(keys: pa.ChunkedArray) -> pa.ChunkedArray:
    """Where a key is the same as the one before it, as booleans; null is like none.

    People who are there twice are often neighbours, as a join makes them: who is dropped here costs nothing later.
    """
    same = pc.fill_null(pc.equal(keys.slice(1), keys.slice(0, max(0, len(keys) - 1))), fill_value=False)
    first = pa.array([False] * min(1, len(keys)), pa.bool_())
    # In one piece, or each table that is filtered by it would lie in several from then on.
    return pa.chunked_array([pa.concat_arrays([first, *same.chunks])])


def digests(keys: pa.StringArray) -> Numbers:
    """64 bits of each: in one process the same ones for the same key, in whatever company."""
    if not len(keys):
        return np.zeros(0, np.uint64)
    _, ends, text = keys.buffers()
    places = np.frombuffer(ends, np.int32)[keys.offset : keys.offset + len(keys) + 1].astype(np.int64)
    whole = np.zeros(places[-1] - places[0] + USUAL + WORD, np.uint8)
    whole[: places[-1] - places[0]] = np.frombuffer(text or b"", np.uint8)[places[0] : places[-1]]
    starts, sizes = places[:-1] - places[0], np.diff(places)
    found = np.full(len(keys), SALT)
    # All words of a key in one piece: to look for each word by itself takes twice the time.
    usual = _from_any_place(whole, np.dtype((np.void, USUAL)))[starts].view("<u8").reshape(len(keys), -1)
    usual &= KEPT_OF_ALL.take(sizes, axis=0, mode="clip")
    for word in usual.T:
        _mix(found, word)
    words = _from_any_place(whole, np.dtype("<u8"))
    for at in range(USUAL, int(sizes.max()), WORD):
        these = np.flatnonzero(sizes > at)
        longer = found[these]
        _mix(longer, words[starts[these] + at] & KEPT[np.clip(sizes[these] - at, 0, WORD)])
        found[these] = longer
    return found


def _from_any_place(whole: npt.NDArray[np.uint8], kind: "np.dtype[Any]") -> npt.NDArray[Any]:
    """What lies at each byte and behind it, as that kind."""
    return np.ndarray(len(whole) - kind.itemsize + 1, kind, whole, strides=(1,))


def _mix(found: Numbers, word: Numbers) -> None:
    """Take a word of each key into what is found of it so far."""
    found ^= word
    found *= MIX
    found ^= found >> HALF


class Seen:
    """The keys of one extraction, in the order of its records. `folder` is its own, and empty."""

    def __init__(self, folder: Path) -> None:
        self._files = [folder / f"keys-{part:02}.arrows" for part in range(PARTS)]
        self._sinks = [pa.output_stream(str(file), buffer_size=BUFFERED) for file in self._files]
        self._writers = [pa.ipc.new_stream(sink, SCHEMA) for sink in self._sinks]
        self._held: list[pa.StringArray] = []
        self._waiting = 0
        self._stored = 0
        self._bits = bytearray()

    def add(self, keys: pa.ChunkedArray) -> None:
        """Those of the next records."""
        self._held += keys.chunks
        self._waiting += len(keys)
        if self._waiting >= PUT:
            self._store()

    def again(self, check: Callable[[], object]) -> pa.BooleanArray:
        """Whether the key of each record stood before it. `check` is called between two files."""
        self._store()
        self.close()
        for file in self._files:
            check()
            with pa.memory_map(str(file)) as opened, pa.ipc.open_stream(opened) as reader:
                part = reader.read_all()
                later = _later(part["key"], part["digest"].to_numpy())
                self._mark(part["position"].to_numpy()[later])
        return pa.Array.from_buffers(pa.bool_(), self._stored, [None, pa.py_buffer(self._bits)])

    def close(self) -> None:
        for writer, sink in zip(self._writers, self._sinks, strict=True):
            writer.close()
            sink.close()

    def _store(self) -> None:
        if not self._waiting:
            return
        keys = pa.concat_arrays(self._held)
        digested = np.concatenate(
            [digests(keys.slice(start, DIGESTED)) for start in range(0, len(keys), DIGESTED)]
        )
        self._bits.extend(bytes(len(keys) // 8 + 1))
        parts = (digested >> np.uint64(64 - PART_BITS)).astype(np.uint8)
        fresh = np.ones(len(keys), np.bool_)
        if np.bincount(parts).max() > MUCH * PUT // PARTS:
            later = _later(pa.chunked_array([keys]), digested)
            self._mark(later + self._stored)
            fresh[later] = False
        order = np.argsort(parts, kind="stable")
        order = order[fresh[order]]
        batch = pa.record_batch(
            [digested[order], keys.take(pa.array(order)), order + self._stored], schema=SCHEMA
        )
        begins = 0
        for writer, count in zip(
            self._writers, np.bincount(parts[fresh], minlength=PARTS).tolist(), strict=True
        ):
            if count:
                writer.write_batch(batch.slice(begins, count))
            begins += count
        self._stored += self._waiting
        self._held, self._waiting = [], 0

    def _mark(self, positions: Positions) -> None:
        bits = np.frombuffer(self._bits, np.uint8)
        np.bitwise_or.at(bits, positions >> 3, (1 << (positions & 7)).astype(np.uint8))


def _later(keys: pa.ChunkedArray, digested: Numbers) -> Positions:
    """The places of keys that stand before, too."""
    crowded = _crowded(digested)
    order = crowded[np.argsort(digested[crowded])]
    same = np.flatnonzero(np.diff(digested[order]) == 0)
    alike = np.union1d(order[same], order[same + 1])
    # A key is counted where it is new.
    counted = keys.take(pa.array(alike)).combine_chunks().dictionary_encode().indices.to_numpy()
    later: Positions = alike[1:][counted[1:] <= np.maximum.accumulate(counted)[:-1]]
    return later


def _crowded(digested: Numbers) -> Positions:
    """The places of digests that share their lower bits with another one: all that are the same, and a few by chance.

    Counting takes a fifth of the time that sorting all of them would.
    """
    lower = (digested & np.uint64((ROOM << len(digested).bit_length()) - 1)).view(np.int64)
    return np.flatnonzero(np.bincount(lower)[lower] > 1)
