"""What may happen next, as data: each move of `machine.Machine`, how often it is chosen, and its arguments.

They are no rules of their own, because Hypothesis leaves out half of the rules in each example, which takes a hundred
times the examples to come to where things meet.
"""

from typing import Any

from hypothesis import strategies as st

from jobs.states import Wish
from tests.races.schedule import SENDERS
from tests.races.wire import Fault
from tests.races.world import CLOCKS

MOST_JOBS = 2

Arguments = dict[str, Any]
Move = tuple[str, Arguments]
Moves = dict[str, tuple[int, dict[str, st.SearchStrategy[Any]]]]

numbers = st.integers(0, 50)
jobs = st.integers(0, MOST_JOBS - 1)
operators = st.integers(0, 1)
senders = st.integers(0, SENDERS - 1)
wishes = st.sampled_from(tuple(Wish))
faults = st.sampled_from((Fault.NONE, *Fault))
truths = st.sampled_from((True, False))
# Which of a Job's steps: that of its state, the talk about Asks, or whatever it has had.
whichever = st.sampled_from(("stage", "stage", "controlling", "any"))
# How many places a worker or a sender passes before it stops.
passed = st.sampled_from((0, 1, 1, 2, 2, 3, 4, 5, 6, 8))

# The first is what Hypothesis falls back on: a worker goes on with what the Job's state asks for.
SIMPLE: Moves = {
    "work": (4, {"job": jobs, "which": whichever, "number": numbers, "forced": truths, "fault": faults}),
    "fall_asleep": (
        3,
        {"job": jobs, "which": whichever, "number": numbers, "passes": passed, "fault": faults},
    ),
    "wake_up": (2, {"number": numbers, "dies": st.sampled_from((False, False, True))}),
    "ask": (3, {"job": jobs, "wish": wishes, "by": operators, "back": st.sampled_from((0, 0, 1, 2))}),
    "ask_and_tell": (4, {"job": jobs, "wish": wishes, "by": operators, "fault": faults}),
    "delete": (1, {"job": jobs, "by": operators}),
    "launch": (1, {"rate": st.sampled_from((None, 3600))}),
    "launch_again": (1, {"job": jobs, "by": operators}),
    "leave": (2, {"job": jobs, "number": numbers}),
    "send": (3, {"number": senders, "passes": passed, "stops": st.sampled_from((True, True, False))}),
    "end_sender": (2, {"number": senders, "passes": passed, "killed": truths}),
    "mail_server": (1, {"mood": st.sampled_from(("well", "busy", "refuses"))}),
    "old_word": (2, {"number": numbers}),
    "old_page": (1, {"number": numbers}),
    "time_passes": (3, {"clock": st.sampled_from(tuple(CLOCKS))}),
}


def chosen(moves: Moves) -> st.SearchStrategy[Move]:
    """One of them, with its arguments."""
    return st.sampled_from([name for name, (often, _) in moves.items() for _ in range(often)]).flatmap(
        lambda name: st.tuples(st.just(name), st.fixed_dictionaries(moves[name][1]))
    )


# What this is all about: somebody is in the middle of a step while others do something, and then goes on, or dies.
meanwhile = st.lists(chosen(SIMPLE), min_size=1, max_size=3)
MOVES: Moves = SIMPLE | {
    "worker_overtaken": (
        5,
        {"job": jobs, "which": whichever, "number": numbers, "passes": passed, "meanwhile": meanwhile},
    ),
    "sender_overtaken": (
        5,
        {
            "number": senders,
            "passes": passed,
            "meanwhile": meanwhile,
            "dies": st.sampled_from((False, False, True)),
        },
    ),
}
