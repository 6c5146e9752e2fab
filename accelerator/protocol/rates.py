"""Messages an hour to receiving domains, as people write them and as documents have them."""

import re
from collections.abc import Iterable
from typing import Annotated

from pydantic import AfterValidator, Field

from accelerator.protocol.addresses import AddressInvalid, normal_domain

# Domains that a mailing may have a rate for, and the highest one.
MOST_DOMAINS = 100
HIGHEST_RATE = 2**31 - 1

_line = re.compile(r"(?P<domain>[^\s:=]+)(?:\s*[:=]\s*|\s+)(?P<rate>[\d,_.]+)")


class RateInvalid(ValueError):
    """The text says no rates; the message is for whoever wrote it."""


def parse_rates(lines: Iterable[str]) -> dict[str, int]:
    """Rates by normal domain, from lines like "gmail.com 20000" (or = or : between). Raises RateInvalid."""
    rates: dict[str, int] = {}
    for line in filter(None, map(str.strip, lines)):
        found = _line.fullmatch(line)
        if found is None:
            raise RateInvalid(
                f'"{line}" is no rate: write a domain and messages an hour, as in gmail.com 20000.'
            )
        try:
            domain = normal_domain(found["domain"].removeprefix("@"))
        except AddressInvalid:
            raise RateInvalid(f'"{found["domain"]}" is no domain that mail can be sent to.') from None
        if domain in rates:
            raise RateInvalid(f"{domain} is there twice.")
        digits = re.sub(r"[,_.]", "", found["rate"])
        if not digits or not 1 <= int(digits) <= HIGHEST_RATE:
            raise RateInvalid(f"The rate for {domain} must be a whole number from 1 to {HIGHEST_RATE:,}.")
        rates[domain] = int(digits)
    if len(rates) > MOST_DOMAINS:
        raise RateInvalid(f"At most {MOST_DOMAINS} domains can have a rate of their own.")
    return rates


def _normal(rates: dict[str, int]) -> dict[str, int]:
    """A document's domains are normal already: two forms of one would be two rates."""
    for domain in rates:
        try:
            normal = normal_domain(domain)
        except AddressInvalid as error:
            raise ValueError(str(error)) from None
        if normal != domain:
            raise ValueError(f'"{domain}" is written {normal}')
    return rates


DomainRates = Annotated[
    dict[str, Annotated[int, Field(ge=1, le=HIGHEST_RATE)]],
    Field(max_length=MOST_DOMAINS),
    AfterValidator(_normal),
]
