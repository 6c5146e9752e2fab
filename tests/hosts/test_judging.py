"""What is wrong with two hosts is found; and whoever can't have any is told so."""

import dataclasses
import os
import sys

import pytest

from tests.hosts import __main__, network
from tests.hosts.judging import Evidence, violations

FIRST, SECOND = "10.77.0.11", "10.77.0.12"
# One was accepted by the mail server whose host was lost before it could say so; one more is unknown and was not.
GOOD = Evidence(
    recipients=8,
    survivor=FIRST,
    lost=SECOND,
    lost_name="second",
    accepted=["ann@x.example", "ben@x.example", "cleo@x.example", "dan@x.example"],
    sources=[FIRST, SECOND, SECOND, FIRST],
    before=3,
    window=2,
    counts={"delivered": 3, "bounced": 1, "suppressed": 1, "render_errors": 1, "unknown": 2, "not_sent": 0},
    finished=True,
    delivered=["ann@x.example", "ben@x.example", "dan@x.example"],
    unknown=["cleo@x.example", "eve@x.example"],
    blamed={"second"},
)


def test_nothing_is_said_where_all_is_well() -> None:
    assert violations(GOOD) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"accepted": [*GOOD.accepted[:3], "ANN@x.example"]}, "ann@x.example was accepted 2 times"),
        ({"delivered": [*GOOD.delivered[:2], "fay@x.example"]}, "called delivered whom"),
        ({"unknown": ["fay@x.example"]}, "neither delivered nor unknown"),
        ({"recipients": 9}, "add up to 8, not to the 9"),
        ({"finished": False}, "did not finish"),
        (
            {"delivered": GOOD.delivered[:2], "unknown": ["cleo@x.example", "dan@x.example"]},
            "stand in the ledger",
        ),
        ({"window": 1}, "had only 1 in flight"),
        ({"window": 0}, "proves nothing"),
        ({"blamed": set()}, "names []"),
        ({"blamed": {"first", "second"}}, "names ['first', 'second']"),
        ({"sources": [FIRST, FIRST, FIRST, SECOND]}, "had sent nothing"),
        ({"sources": [FIRST, SECOND, "10.77.0.1", FIRST]}, "others sent"),
        ({"before": 4}, "nothing was left to do"),
        ({"shared": {"first: spool/x"}}, "sees what lies elsewhere"),
        ({"sessions": 1}, "keeps 1 sessions"),
    ],
)
def test_what_is_wrong_is_said(changes: dict[str, object], said: str) -> None:
    found = violations(dataclasses.replace(GOOD, **changes))  # type: ignore[arg-type]
    assert any(said in sentence for sentence in found), found


def test_whoever_is_not_root_is_told_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(sys, "argv", ["tests.hosts"])
    assert __main__.main() == 0
    assert capsys.readouterr().out == (
        "SKIPPED two hosts, one of them lost: only root can make network namespaces\n"
    )


def test_a_missing_program_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setenv("PATH", "/nowhere")
    assert "no ip, mount, nsenter, unshare" in network.refusal()
