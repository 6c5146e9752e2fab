"""Whom the suite's campaigns are for: audiences as SQL, whose addresses say what the receiver does with them."""

from dataclasses import dataclass

# Of each hundred and twenty people, every sixth meets a fault of the receiver; the rest are ok. Each batch has some.
FAULTS = (
    *("dropafterdot", "reject", "greylist", "defer", "spam", "dropbeforedot"),
    *("greylist", "dropafterdot", "full", "slow", "reject", "greylist"),
    *("dropbeforedot", "defer", "dropafterdot", "spam", "greylist", "reject"),
)
# Many of whom are refused for now.
FOR_NOW = ("greylist", "greylist", "reject", "greylist", "dropafterdot", "greylist") * 3
# Who is refused for now again and again.
FOR_LONG = ("defer",) * 18
EVERY = 120
# Of each hundred and twenty the Template fails for one, once it is sent.
BROKEN = 64

# What is dropped before the freeze: an address twice in other letters, none, and one that is none.
SPOILT = ("'OK' || 11 || '@' || upper('{domain}')", "NULL", "'nobody at all'")


@dataclass(frozen=True)
class Kind:
    """A sort of campaign: how many people, how fast, and how long the warehouse thinks about it (rows compared).

    `faults`: the words of those who meet one. `twice`: there is a second campaign for the same people. `empty`: the
    Audience selects nobody. `grown`: it has far more than when it was counted, so that somebody must confirm.
    """

    name: str
    count: int = EVERY
    rate_per_hour: int | None = None
    thinking: int = 0
    faults: tuple[str, ...] = FAULTS
    twice: bool = False
    empty: bool = False
    grown: bool = False


PEOPLE = Kind("people")
STEADY = Kind("steady", count=100, rate_per_hour=18_000)
BRIEF = Kind("brief", thinking=4_000)
# One batch.
FEW = Kind("few", count=36, thinking=4_000)
SLOW = Kind("slow", thinking=15_000)
MANY = Kind("many", count=1_000)
REGULARS = Kind("regulars", faults=FOR_NOW, twice=True)
LATE = Kind("late", count=60, faults=FOR_LONG)
NOBODY = Kind("nobody", empty=True)
GROWN, GROWN_FROM = Kind("grown", thinking=4_000, grown=True), 10

KINDS = {kind.name: kind for kind in (PEOPLE, STEADY, BRIEF, FEW, SLOW, MANY, REGULARS, LATE, NOBODY, GROWN)}


def sql(kind: Kind, domain: str) -> str:
    """The Audience of one campaign: two campaigns share their recipients if they share the domain."""
    spoilt = " UNION ALL ".join(
        f"SELECT {kind.count + number}, {address.format(domain=domain)}"
        for number, address in enumerate(SPOILT)
    )
    asked = (
        f" WHERE n < 0 OR (SELECT max(jaro_winkler_similarity('recipient ' || a, 'somebody ' || b))"
        f" FROM range({kind.thinking}) AS left_ones(a), range(500) AS right_ones(b)) > 0"
        if kind.thinking
        else ""
    )
    if kind.empty:
        asked = " WHERE n < 0"
    points = f"CASE WHEN n % {EVERY} = {BROKEN} THEN 0 ELSE 50 END AS points"
    return (
        f"SELECT 'R' || n AS customer_id, email, 'Person ' || n AS first_name, {points} FROM (\n"
        f"  SELECT n, {_word(kind.faults)} || n || '@{domain}' AS email FROM range({kind.count}) AS everybody(n)\n"
        f"  UNION ALL {spoilt}\n) AS people{asked}"
    )


def _word(faults: tuple[str, ...]) -> str:
    step = EVERY // len(faults)
    chosen = " ".join(f"WHEN {index * step + 3} THEN '{word}'" for index, word in enumerate(faults))
    return f"CASE n % {EVERY} {chosen} ELSE 'ok' END"
