"""What is explored: each configuration allows much of a few things; all of everything is too much for a machine.

Three things are never counted, for they lead nowhere new: a look at the Cloud that is not answered, a message that is
put off before its dot, and a mail server of the dashboard's that is away.

Two operators are two Asks at any moments, in any order: the product does not remember who asks. Workers are two where
nothing else is said, and recipients two, who share a batch.
"""

from tests.model.parts import ANY, Rules

# One of each kind at most, and of all together as many as `faults` says.
EACH = {
    "crashes": 1,
    "expiries": 1,
    "late": 1,
    "deferrals": 1,
    "cuts": 1,
    "stops": 1,
    "errors": 1,
    "deletes": 1,
}

FULL = (
    Rules("people and deaths", {"asks": ANY, "crashes": ANY, "losses": ANY}),
    Rules("people and failures", {"asks": ANY, "losses": ANY, "stops": ANY, "errors": ANY, "deletes": 1}),
    Rules("one fault of any kind", {"asks": 2, "losses": ANY, **EACH, "faults": 1}),
    Rules("late requests", {"asks": 2, "late": 2, "losses": ANY}),
    Rules("frozen processes", {"asks": 2, "expiries": 2}),
    Rules("refusals and cuts", {"asks": 1, "bounces": ANY, "deferrals": ANY, "cuts": ANY}),
    Rules(
        "everything about one recipient",
        {
            "asks": 1,
            "crashes": ANY,
            "losses": ANY,
            "deferrals": ANY,
            "cuts": ANY,
            "stops": ANY,
            "errors": ANY,
        },
        batches=(1,),
    ),
    Rules("a batch for each", {"asks": 1, "crashes": ANY}, batches=(1, 1), workers=1),
    Rules("a window for each", {"asks": 1, "crashes": ANY, "deferrals": 1}, window=1),
    # The largest by far: about six minutes, and 3 GB of memory.
    Rules(
        "two Jobs",
        {"asks": 2, "crashes": 1, "expiries": 1, "losses": 1, "late": 1, "faults": 1},
        jobs=2,
        batches=(1,),
    ),
    # With two Asks it is 31 million worlds: 14 minutes and 7 GB, without a violation when it was last explored.
    Rules(
        "two Jobs of two recipients",
        {"asks": 1, "crashes": 1, "losses": 1, "late": 1, "faults": 1},
        jobs=2,
    ),
)

REDUCED = (
    Rules("people", {"asks": 2}),
    Rules("failures", {"asks": 1, "stops": 1, "errors": 1, "deletes": 1}),
    Rules("one fault", {"asks": 1, **EACH, "faults": 1}, batches=(1,)),
    Rules("deaths and frozen processes", {"crashes": 1, "expiries": 1}),
    Rules("two Jobs", {}, jobs=2, batches=(1,)),
)
