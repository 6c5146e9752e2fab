"""Messages an hour to receiving domains, as people write them."""

import pytest
from pydantic import ValidationError

from accelerator.protocol import RateInvalid, RateRequest, parse_rates


def test_people_write_them_as_they_like() -> None:
    lines = ["gmail.com 20000", " Yahoo.COM=5,000", "", "@bücher.example : 7", "b.example:1_000"]
    assert parse_rates(lines) == {
        "gmail.com": 20_000,
        "yahoo.com": 5_000,
        "xn--bcher-kva.example": 7,
        "b.example": 1_000,
    }


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("gmail.com", "write a domain and messages an hour"),
        ("gmail.com fast", "write a domain and messages an hour"),
        ("gmail.com -5", "write a domain and messages an hour"),
        ("gmail 5", "is no domain"),
        ("gmail.com 0", "whole number from 1"),
        ("gmail.com ,", "whole number from 1"),
        ("gmail.com 99999999999", "whole number from 1"),
    ],
)
def test_what_is_no_rate_is_refused_with_a_sentence(line: str, said: str) -> None:
    with pytest.raises(RateInvalid, match=said):
        parse_rates([line])


def test_a_domain_has_one_rate_and_few_have_one() -> None:
    with pytest.raises(RateInvalid, match="there twice"):
        parse_rates(["gmail.com 1", "GMAIL.com 2"])
    with pytest.raises(RateInvalid, match="At most 100"):
        parse_rates(f"a{number}.example 1" for number in range(101))


@pytest.mark.parametrize("rates", [{"Gmail.com": 1}, {"gmail": 1}, {"gmail.com": 0}, {"gmail.com": "1"}])
def test_a_document_says_them_in_one_form(rates: dict[str, int]) -> None:
    with pytest.raises(ValidationError):
        RateRequest(seq=1, domain_rates=rates)
