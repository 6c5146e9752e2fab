"""The life of a Job as data."""

import itertools

import pytest

from jobs import states
from jobs.states import Cause, IllegalTransition, State, Wish

# The drawing of the product's design, edge by edge.
DRAWN = {
    ("initializing", "processing", "freeze"),
    ("processing", "collecting", "all_attempted"),
    ("collecting", "completed", "window_over"),
    ("initializing", "paused", "pause"),
    ("processing", "paused", "pause"),
    ("collecting", "paused", "pause"),
    ("paused", "initializing", "resume"),
    ("paused", "processing", "resume"),
    ("paused", "collecting", "resume"),
    ("initializing", "failed", "cancel"),
    ("paused", "failed", "cancel"),
    ("initializing", "failed", "error"),
    ("processing", "failed", "error"),
    ("paused", "completed", "window_over"),
}


@pytest.mark.parametrize("edge", list(itertools.product(State, State, Cause)))
def test_it_allows_the_drawn_edges_and_no_other(edge: tuple[State, State, Cause]) -> None:
    origin, target, cause = edge
    drawn = (origin.value, target.value, cause.value) in DRAWN
    paused_from = target if cause is Cause.RESUME else State.COLLECTING
    if drawn:
        states.check(origin, target, cause, paused_from=paused_from)
    else:
        with pytest.raises(IllegalTransition):
            states.check(origin, target, cause, paused_from=paused_from)


def test_a_resume_leads_back_to_where_the_job_was() -> None:
    with pytest.raises(IllegalTransition):
        states.check(State.PAUSED, State.COLLECTING, Cause.RESUME, paused_from=State.PROCESSING)


def test_a_job_paused_while_processing_has_no_window_that_could_be_over() -> None:
    with pytest.raises(IllegalTransition):
        states.check(State.PAUSED, State.COMPLETED, Cause.WINDOW_OVER, paused_from=State.PROCESSING)


@pytest.mark.parametrize(
    ("state", "pending", "offered"),
    [
        (State.INITIALIZING, None, ["pause", "cancel"]),
        (State.PROCESSING, None, ["pause"]),
        (State.PROCESSING, Wish.PAUSE, ["resume"]),
        (State.PROCESSING, Wish.RESUME, ["pause"]),
        (State.COLLECTING, None, ["pause"]),
        (State.COLLECTING, Wish.PAUSE, ["resume"]),
        (State.PAUSED, None, ["resume", "cancel"]),
        (State.PAUSED, Wish.RESUME, ["cancel"]),
        (State.PAUSED, Wish.CANCEL, []),
        (State.PROCESSING, Wish.CANCEL, []),
        (State.COMPLETED, None, []),
        (State.FAILED, None, []),
    ],
)
def test_it_offers_exactly_what_may_be_asked(state: State, pending: Wish | None, offered: list[str]) -> None:
    assert [wish.value for wish in states.offers(state, pending)] == offered


def test_no_edge_leads_out_of_a_terminal_state() -> None:
    assert not [edge for edge in states.TRANSITIONS if edge[0] in states.TERMINAL]
