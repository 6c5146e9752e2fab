"""The records that the Template is tried with."""

import pyarrow as pa

from jobs.records.sample import FIRST, LAST, MOST_NULLS, NULLS, RANDOM, Sample


def sampled(*pieces: list[int | None]) -> list[int | None]:
    sample = Sample()
    for piece in pieces:
        sample.look(pa.table({"n": pa.array(piece, pa.int64())}))
    dropped = pa.array([False] * sum(map(len, pieces)))
    found: list[int | None] = sample.records(dropped)["n"].to_pylist()
    return found


def test_a_small_extraction_is_there_as_a_whole() -> None:
    assert set(sampled([1, 2], [], [3])) == {1, 2, 3}


def test_of_a_large_one_the_first_the_last_and_some_between() -> None:
    pieces: list[list[int | None]] = [list(range(start, start + 100)) for start in range(0, 10_000, 100)]
    found = sampled(*pieces)
    assert set(found) >= {*range(FIRST), *range(10_000 - LAST, 10_000)}
    between = set(found) - {*range(100), *range(9_900, 10_000)}
    assert len(between) > RANDOM / 2
    assert len(found) <= FIRST + RANDOM + 2 * LAST


def test_the_only_null_is_among_them() -> None:
    ones: list[int | None] = [1] * 1_000
    assert None in sampled(ones, [*ones[:500], None, *ones[500:]], ones, ones)


def test_others_are_if_the_first_ones_are_dropped_later() -> None:
    sample, nulls = Sample(), {100, 101, 102, 103, *range(1_500, 30_000, 1_000)}
    for start in range(0, 30_000, 1_000):
        places = range(start, start + 1_000)
        sample.look(pa.table({"n": [None if place in nulls else place for place in places]}))
    dropped = pa.array([place < 100 + NULLS // 2 for place in range(30_000)])
    assert sample.records(dropped)["n"].null_count


def test_of_many_columns_there_are_fewer_but_two_of_each() -> None:
    sample, columns = Sample(), 200
    for _ in range(20):
        # In each row one column is NULL.
        sample.look(
            pa.table(
                {
                    f"c{c}": [None if row % columns == c else row for row in range(1_000)]
                    for c in range(columns)
                }
            )
        )
    kept = sample.records(pa.array([False] * 20_000))
    assert kept.num_rows <= FIRST + RANDOM + 2 * LAST + MOST_NULLS
    assert min(column.null_count for column in kept.columns) >= 2


def test_who_is_dropped_later_is_not_among_them() -> None:
    sample = Sample()
    for start in (0, 50):
        sample.look(pa.table({"n": pa.array([*range(start, start + 49), None], pa.int64())}))
    kept = sample.records(pa.array([place in {0, 1, 99} for place in range(100)]))
    assert kept.column_names == ["n"]
    found = kept["n"].to_pylist()
    assert not {0, 1} & set(found)
    assert {2, 98, None} <= set(found)
    assert None not in sample.records(pa.array([place % 50 == 49 for place in range(100)]))["n"].to_pylist()
