"""Two spellings of one address are one person, by the same standard as the product's, written down anew."""

import pytest

from accelerator import protocol
from tests.faults.judging import key


@pytest.mark.parametrize(
    ("address", "meant"),
    [
        ("OK1@People.Example", "ok1@people.example"),
        ("x@fa\N{LATIN SMALL LETTER SHARP S}.example", "x@xn--fa-hia.example"),
        ("x@B\N{LATIN CAPITAL LETTER U WITH DIAERESIS}cher.example", "x@xn--bcher-kva.example"),
        ("x@\N{FULLWIDTH LATIN SMALL LETTER A}.example", "x@a.example"),
    ],
)
def test_it_is_the_same_person_as_to_the_product(address: str, meant: str) -> None:
    assert key(address) == meant == protocol.address_key(address)


@pytest.mark.parametrize(
    "domain", ["\N{LATIN SMALL LETTER U WITH DIAERESIS}..example", "\xfc" * 70 + ".example"]
)
def test_a_domain_that_cannot_exist_is_itself(domain: str) -> None:
    assert key(f"X@{domain}") == f"x@{domain}"
