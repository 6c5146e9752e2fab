"""Whom the suite's campaigns are for: audiences as SQL, whose addresses say what the receiver does with them."""

from dataclasses import dataclass

# Of each hundred and twenty people, every sixth meets a fault of the receiver; the rest are ok. Each batch has some.
FAULTS = (
    *("dropafterdot", "reject", "greylist", "defer", "spam", "dropbeforedot"),
    *("greylist", "dropafterdot", "full", "slow", "reject", "greylist"),
    *("dropbeforedot", "defer", "dropafterdot", "spam", "greylist", "reject"),
)
EVERY = 120

# What is dropped before the freeze: an address twice in other letters, none, and one that is none.
SPOILT = ("'OK' || 11 || '@' || upper('{domain}')", "NULL", "'nobody at all'")


@dataclass(frozen=True)
class Kind:
    """A sort of campaign: how many people, how fast, and how long the warehouse thinks about it (rows compared)."""

    name: str
    count: int = EVERY
    rate_per_hour: int | None = None
    thinking: int = 0


PEOPLE = Kind("people")
STEADY = Kind("steady", count=100, rate_per_hour=18_000)
BRIEF = Kind("brief", thinking=4_000)
SLOW = Kind("slow", thinking=15_000)
MANY = Kind("many", count=1_000)

KINDS = {kind.name: kind for kind in (PEOPLE, STEADY, BRIEF, SLOW, MANY)}


def sql(kind: Kind, domain: str) -> str:
    """The Audience of one campaign: a domain of its own, so that no two campaigns share a recipient."""
    spoilt = " UNION ALL ".join(
        f"SELECT {kind.count + number}, {address.format(domain=domain)}"
        for number, address in enumerate(SPOILT)
    )
    thinking = (
        f" WHERE n < 0 OR (SELECT max(jaro_winkler_similarity('recipient ' || a, 'somebody ' || b))"
        f" FROM range({kind.thinking}) AS left_ones(a), range(500) AS right_ones(b)) > 0"
        if kind.thinking
        else ""
    )
    return (
        "SELECT 'R' || n AS customer_id, email, 'Person ' || n AS first_name FROM (\n"
        f"  SELECT n, {_word()} || n || '@{domain}' AS email FROM range({kind.count}) AS everybody(n)\n"
        f"  UNION ALL {spoilt}\n) AS people{thinking}"
    )


def _word() -> str:
    step = EVERY // len(FAULTS)
    chosen = " ".join(f"WHEN {index * step + 3} THEN '{word}'" for index, word in enumerate(FAULTS))
    return f"CASE n % {EVERY} {chosen} ELSE 'ok' END"
