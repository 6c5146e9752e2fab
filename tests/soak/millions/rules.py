"""What was promised, held against what was found at the end."""

from collections.abc import Callable, Iterator

from accelerator.cloud import window
from tests.soak.millions import customers
from tests.soak.millions.ledgers import FINAL, STATES, Found

DELIVERED, BOUNCED, RENDER_ERRORS, UNKNOWN = map(
    STATES.index, ("delivered", "bounced", "render_errors", "unknown")
)
# Where each kind of row comes to rest. A sender that dies leaves some of those unknown whom it was about to send to.
RESTS = {
    customers.USUAL: (DELIVERED, UNKNOWN),
    customers.REFUSED: (BOUNCED, UNKNOWN),
    customers.BROKEN: (RENDER_ERRORS, UNKNOWN),
    customers.INVALID: (0,),
    customers.DUPLICATE: (0,),
}


def violations(found: Found) -> list[str]:
    """Every promise that was not kept."""
    return [sentence for rule in RULES for sentence in rule(found)]


def nobody_twice(found: Found) -> Iterator[str]:
    twice = {times: n for (_, _, times, _), n in sorted(found.rested.items()) if times > 1}
    if twice:
        yield f"{sum(twice.values()):,} recipients got the message more than once, up to {max(twice)} times"


def only_who_was_extracted(found: Found) -> Iterator[str]:
    if found.strangers or found.alien:
        yield f"{found.strangers:,} messages and {found.alien:,} rows of the ledger are for nobody whom there is"
    if found.doubled:
        yield f"{found.doubled:,} rows of the ledger are of somebody who has another one"
    meant = customers.extracted(found.recipients)
    if found.extracted != meant:
        yield f"{found.extracted:,} were extracted, and {meant:,} should have been"
    for kind, dropped in found.dropped.items():
        if dropped != (should := len(customers.of(kind, found.recipients))):
            yield f"{dropped:,} rows were dropped as {customers.NAMES[kind]}, and {should:,} should have been"


def everybody_where_they_belong(found: Found) -> Iterator[str]:
    """At rest, where the kind of the row says, with as many messages as that means."""
    for (kind, state, accepted, refused), count in sorted(found.rested.items()):
        who = f"{count:,} who are {customers.NAMES[kind]} are {STATES[state]}"
        if state not in RESTS[kind]:
            yield who
        if state == DELIVERED and not accepted:
            yield f"{who}, and no message was accepted"
        if accepted and state not in (DELIVERED, UNKNOWN):
            yield f"{who}, and a message was accepted"
        if state == BOUNCED and not refused:
            yield f"{who}, and were never refused"


def the_equation(found: Found) -> Iterator[str]:
    """extracted = delivered + bounced + suppressed + render errors + unknown (+ not sent, of whom there are none)."""
    for who, numbers in (("dashboard", found.told), ("Cloud", found.counted), ("page", found.shown)):
        ended = {name: numbers.get(name, 0) for name in FINAL}
        if sum(ended.values()) != found.extracted:
            yield f"{who}: {found.extracted:,} extracted is not the sum of {ended}"
    accepted = sum(count for (_, _, times, _), count in found.rested.items() if times)
    delivered, unknown = found.at("delivered"), found.at("unknown")
    if not delivered <= accepted <= delivered + unknown:
        yield f"{accepted:,} were accepted, {delivered:,} are delivered and {unknown:,} unknown"


def all_numbers_agree(found: Found) -> Iterator[str]:
    if found.counted["records"] != found.extracted:
        yield f"the Cloud has {found.counted['records']:,} records, and {found.extracted:,} were extracted"
    for state in STATES[1:]:
        rows = found.at(state)
        shown = {"the dashboard": found.told, "the Cloud's batches": found.counted, "the page": found.shown}
        wrong = {
            who: numbers.get(state, 0) for who, numbers in shown.items() if numbers.get(state, 0) != rows
        }
        if state in FINAL:
            happened, people = found.events.get(state, (0, 0))
            if (happened, people) != (rows, rows):
                wrong["the log of events"] = happened if happened != rows else people
        if wrong:
            yield f"{state}: the ledger has {rows:,}, " + ", ".join(
                f"{who} {n:,}" for who, n in wrong.items()
            )


def unknown_has_a_cause(found: Found) -> Iterator[str]:
    """Each sender that died leaves one window at most."""
    unknown, allowed = found.at("unknown"), found.senders_dead * window.MOST
    if unknown > allowed or len(found.windows) > found.senders_dead:
        yield (
            f"{unknown:,} are unknown in {len(found.windows)} windows, and {found.senders_dead} senders that died "
            f"leave {found.senders_dead} windows of {window.MOST} at most"
        )


def it_collects(found: Found) -> Iterator[str]:
    if found.job_state != "collecting":
        yield f"the Job is {found.job_state}, and should be Collecting by itself"


RULES: tuple[Callable[[Found], Iterator[str]], ...] = (
    nobody_twice,
    only_who_was_extracted,
    everybody_where_they_belong,
    the_equation,
    all_numbers_agree,
    unknown_has_a_cause,
    it_collects,
)
