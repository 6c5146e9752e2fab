"""What our own processes are told."""

from pathlib import Path

import pytest

from accelerator.embedded import processes
from accelerator.embedded.ports import Ports


def options(monkeypatch: pytest.MonkeyPatch, minutes: str) -> list[str]:
    monkeypatch.setenv("ENGAGEMENT_MINUTES", minutes)
    return processes.receiver(Ports(8000), Path("mail")).arguments


def test_the_receiver_s_people_have_the_minutes_that_were_given(monkeypatch: pytest.MonkeyPatch) -> None:
    for given, told in (("0.3", "0.3"), ("0", "0.0"), ("15", "15.0")):
        assert options(monkeypatch, given)[-2:] == ["--engagement-minutes", told]
    assert "--engagement-minutes" not in options(monkeypatch, "")


@pytest.mark.parametrize("minutes", ["soon", "-1", "nan", "inf"])
def test_useless_minutes_get_a_sentence(monkeypatch: pytest.MonkeyPatch, minutes: str) -> None:
    with pytest.raises(processes.UselessMinutes, match=f'ENGAGEMENT_MINUTES is "{minutes}"; it must be'):
        options(monkeypatch, minutes)
