"""The life of a Job as data: its states, the edges between them, and what may be asked in each. No side effects."""

from django.db.models import TextChoices


class State(TextChoices):
    """Where a Job stands."""

    INITIALIZING = "initializing", "Initializing"  # the Audience's records are being extracted
    PROCESSING = "processing", "Processing"  # records are transferred and contacted for the first time
    COLLECTING = "collecting", "Collecting"  # contacts have been sent; results come in
    COMPLETED = "completed", "Completed"  # no more results
    PAUSED = "paused", "Paused"  # nobody new is contacted; can be resumed
    FAILED = "failed", "Failed"  # will not continue


class Cause(TextChoices):
    """Why a Job moved; a line of the ledger carries one."""

    LAUNCH = "launch", "Launched"
    FREEZE = "freeze", "Extraction finished"
    ALL_ATTEMPTED = "all_attempted", "Every record was attempted"
    WINDOW_OVER = "window_over", "Collecting window over"
    PAUSE = "pause", "Paused"
    RESUME = "resume", "Resumed"
    CANCEL = "cancel", "Cancelled"
    ERROR = "error", "Failed"


class Wish(TextChoices):
    """What a person may ask of a Job."""

    PAUSE = "pause", "Pause"
    RESUME = "resume", "Resume"
    CANCEL = "cancel", "Cancel"


class Failure(TextChoices):
    """The reason code of a Failed Job."""

    EXTRACTION_CANCELLED = "extraction_cancelled", "Cancelled during extraction"
    CANCELLED = "cancelled", "Cancelled"
    AUDIENCE_SQL = "audience_sql", "Audience"
    TEMPLATE = "template", "Template"
    CAMPAIGN = "campaign", "Campaign"
    CLOUD = "cloud", "Cloud"
    INTERNAL = "internal", "Internal error"


I, P, C, D, S, F = (
    State.INITIALIZING,
    State.PROCESSING,
    State.COLLECTING,
    State.COMPLETED,
    State.PAUSED,
    State.FAILED,
)

# Every edge there is. A resume leads back to where the Job was paused (`check`).
TRANSITIONS: frozenset[tuple[State, State, Cause]] = frozenset(
    {
        (I, P, Cause.FREEZE),
        (P, C, Cause.ALL_ATTEMPTED),
        (C, D, Cause.WINDOW_OVER),
        (I, S, Cause.PAUSE),
        (P, S, Cause.PAUSE),
        (C, S, Cause.PAUSE),
        (S, I, Cause.RESUME),
        (S, P, Cause.RESUME),
        (S, C, Cause.RESUME),
        (I, F, Cause.CANCEL),
        (S, F, Cause.CANCEL),
        (I, F, Cause.ERROR),
        (P, F, Cause.ERROR),
        (S, D, Cause.WINDOW_OVER),
    }
)

TERMINAL = frozenset({D, F})

# What moves a Job on, at most once each. Pauses and resumes are as many as people ask for.
ONCE = frozenset(Cause) - {Cause.PAUSE, Cause.RESUME}

# What a person may ask, by state.
OFFERS: dict[State, tuple[Wish, ...]] = {
    I: (Wish.PAUSE, Wish.CANCEL),
    P: (Wish.PAUSE,),
    C: (Wish.PAUSE,),
    S: (Wish.RESUME, Wish.CANCEL),
    D: (),
    F: (),
}


# Where a pause stops something.
PAUSABLE = frozenset(state for state, wishes in OFFERS.items() if Wish.PAUSE in wishes)


class IllegalTransition(Exception):
    """The edge is not drawn; the Job stays where it is."""


def check(origin: State, target: State, cause: Cause, *, paused_from: State | None = None) -> None:
    """Whether the edge is drawn; `paused_from` is where a Paused Job was. Raises IllegalTransition."""
    drawn = (origin, target, cause) in TRANSITIONS
    if origin is S and cause is Cause.RESUME:
        drawn = drawn and target is paused_from
    if origin is S and cause is Cause.WINDOW_OVER:
        drawn = drawn and paused_from is C
    if not drawn:
        raise IllegalTransition(
            f"No edge leads from {origin.label} to {target.label} by {cause.label.lower()}."
        )


def before_freeze(state: State, paused_from: State | None) -> bool:
    """Whether no byte of the Job can be at the Cloud: Initializing, or Paused from there."""
    return state is I or (state is S and paused_from is I)


def offers(state: State, pending: Wish | None) -> tuple[Wish, ...]:
    """What may be asked in this state while `pending` is not granted yet.

    The latest Ask wins, except that an accepted Cancel is final; a Resume withdraws a pending Pause.
    """
    if pending is Wish.CANCEL:
        return ()
    if pending is Wish.PAUSE:
        return (Wish.RESUME,)
    if pending is Wish.RESUME:
        return tuple(wish for wish in OFFERS[state] if wish is not Wish.RESUME)
    return OFFERS[state]
