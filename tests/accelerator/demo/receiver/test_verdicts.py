"""The Internet's mind is made up by the address alone."""

from collections import Counter

import pytest

from accelerator.demo import customers
from accelerator.demo.receiver import acting, verdicts
from accelerator.demo.receiver.verdicts import FAULT_WORDS, Kind, Verdicts


def test_most_are_accepted_and_some_meet_each_fate() -> None:
    met = Counter(verdicts.fate(f"person{number}@fastpost.example") for number in range(100_000))
    shares = {kind: round(count / 1000, 1) for kind, count in met.items()}
    assert shares[None] == pytest.approx(97.9, abs=0.3)
    assert shares[Kind.UNKNOWN_USER] == pytest.approx(1.2, abs=0.2)
    assert shares[Kind.GREYLISTED] == pytest.approx(0.5, abs=0.2)
    assert shares[Kind.MAILBOX_FULL] == pytest.approx(0.3, abs=0.1)
    assert shares[Kind.UNAVAILABLE] == pytest.approx(0.1, abs=0.1)


def test_case_does_not_change_a_fate() -> None:
    for number in range(2_000):
        assert verdicts.fate(f"Person{number}@FastPost.example") == verdicts.fate(
            f"person{number}@fastpost.example"
        )


def test_staff_always_get_their_mail() -> None:
    addresses = [f"person{number}@{verdicts.STAFF_DOMAIN}" for number in range(5_000)]
    assert {verdicts.fate(address) for address in addresses} == {None}


@pytest.mark.parametrize(("word", "kind"), FAULT_WORDS.items())
def test_a_fault_word_decides_before_everything_else(word: str, kind: Kind) -> None:
    for address in (f"{word}@{verdicts.STAFF_DOMAIN}", f"{word}7@x.example", f"{word.upper()}.ann@x.example"):
        assert verdicts.fate(address, accept_all=True) is kind


def test_a_name_that_only_begins_like_a_fault_word_is_a_name() -> None:
    for name in ("fuller", "slowik", "spampinato", "deferrari"):
        assert verdicts.fate(f"{name}@x.example", accept_all=True) is None


@pytest.mark.parametrize("word", acting.WORDS)
def test_people_with_a_word_for_what_they_do_always_get_their_mail(word: str) -> None:
    assert {verdicts.fate(f"{word}{number}@x.example") for number in range(3_000)} == {None}
    assert verdicts.fate(f"{word.upper()}.ann@x.example") is None


def test_a_greylisted_recipient_is_accepted_at_the_second_attempt_and_greylisted_for_the_next_message() -> (
    None
):
    internet = Verdicts()
    assert internet.of("greylist1@x.example") is Kind.GREYLISTED
    assert internet.of("Greylist1@x.example") is None
    internet.forget("greylist1@x.example")
    assert internet.of("greylist1@x.example") is Kind.GREYLISTED


def test_the_memory_of_first_attempts_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verdicts, "REMEMBERED", 10)
    internet = Verdicts()
    for number in range(50):
        assert internet.of(f"greylist{number}@x.example") is Kind.GREYLISTED
    assert internet.of("greylist49@x.example") is None
    assert internet.of("greylist0@x.example") is Kind.GREYLISTED


def test_no_customer_of_the_demo_is_called_like_a_fault() -> None:
    table = customers.people(3_000)
    addresses = [address for address in table["email"].to_pylist() if address]
    assert {verdicts.fate(address, accept_all=True) for address in addresses} == {None}
