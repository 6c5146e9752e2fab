"""Nobody is lost, doubled or held up among those who wait."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from accelerator.cloud.waiting import Waiting

RECORDS = [(position, 0) for position in range(20)]
DOMAINS = {position: "ab"[position % 2] for position in range(0, 20, 3)}


def test_without_rates_they_go_in_order() -> None:
    waiting = Waiting(RECORDS)
    assert waiting.next(5) == RECORDS[:5]
    waiting.put_back(RECORDS[:5])
    assert waiting.next(30) == RECORDS
    assert not waiting
    assert not waiting.domains


def test_nobody_waits_behind_a_domain_that_must_wait() -> None:
    waiting = Waiting(RECORDS)
    waiting.sort(DOMAINS)
    taken = waiting.next(20, Counter(b=1))
    assert taken == [(3, 0), *(record for record in RECORDS if record[0] not in DOMAINS)]
    assert not waiting.free
    assert waiting.domains == ["a", "b"]
    assert len(waiting) == len(DOMAINS) - 1
    waiting.put_back([(3, 0)])
    assert waiting.next(20, Counter(b=1)) == [(3, 0)]


def test_a_domain_that_is_learned_late_is_minded_from_then_on() -> None:
    waiting = Waiting(RECORDS)
    waiting.sort({})
    [first] = waiting.next(1)
    waiting.learn(first[0], "a")
    waiting.put_back([first])
    assert first not in waiting.next(20, Counter())
    assert waiting.next(1, Counter(a=1)) == [first]


def test_rates_that_are_lifted_let_all_of_them_go() -> None:
    waiting = Waiting(RECORDS)
    waiting.sort(DOMAINS)
    waiting.sort({})
    assert sorted(waiting.next(20)) == RECORDS


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["next", "back", "sort", "learn"]),
            st.integers(0, 20),
            st.dictionaries(st.integers(0, 19), st.sampled_from("abc")),
        )
    )
)
def test_whatever_is_done_everybody_is_there_once(steps: list[tuple[str, int, dict[int, str]]]) -> None:
    waiting, taken = Waiting(RECORDS), list[tuple[int, int]]()
    for what, number, domains in steps:
        if what == "next":
            taken += waiting.next(number, Counter({"a": number, "b": 1}))
        elif what == "back":
            waiting.put_back(taken[:number])
            del taken[:number]
        elif what == "sort":
            waiting.sort(domains)
        else:
            for position, domain in domains.items():
                if any(position == record[0] for record in taken):
                    waiting.learn(position, domain)
        assert len(waiting) == len(RECORDS) - len(taken)
    waiting.sort({})
    assert sorted([*taken, *waiting.next(100)]) == RECORDS
