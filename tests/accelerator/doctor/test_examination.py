"""One look that hangs, crashes or says too much spoils no other."""

import threading

from pytest_django.fixtures import Settings

from accelerator.doctor import Finding, Verdict, attention, broken, ok
from accelerator.doctor.examination import examine, healthy


def test_findings_come_in_the_order_of_the_looks() -> None:
    first = threading.Event()

    def slow() -> list[Finding]:
        first.wait(30)
        return [ok("slow", "Well.")]

    def quick() -> list[Finding]:
        first.set()
        return [ok("quick", "Well.")]

    assert [finding.name for finding in examine({"slow": slow, "quick": quick})] == ["slow", "quick"]


def test_a_look_that_hangs_is_a_finding_and_the_others_are_told() -> None:
    never = threading.Event()

    def hanging() -> list[Finding]:
        never.wait()
        return []

    hung, well = examine({"hanging": hanging, "well": lambda: [ok("well", "Well.")]}, within=0.2)
    assert (hung.name, hung.verdict) == ("hanging", Verdict.BROKEN)
    assert "no answer" in hung.sentence
    assert well.verdict is Verdict.OK
    never.set()


def test_a_look_that_crashes_is_a_finding() -> None:
    def crashing() -> list[Finding]:
        raise KeyError("surprise")

    [crashed] = examine({"crashing": crashing})
    assert (crashed.name, crashed.verdict) == ("crashing", Verdict.BROKEN)
    assert "KeyError" in crashed.sentence


def test_no_address_and_no_secret_is_said(settings: Settings) -> None:
    settings.EMAIL_HOST_PASSWORD = "correct-horse"
    settings.CLOUD_KEY = "tests:battery-staple"
    settings.REDIS_URL = "redis://user:pass%20word@host:6379/0"
    settings.DATABASES["default"] |= {"PASSWORD": "open-sesame"}
    sentence = (
        "ann@example.com says correct-horse, battery-staple, pass word and open-sesame\n"
        " at redis://user:pass%20word@host:6379/0."
    )
    [said] = examine({"indiscreet": lambda: [attention("indiscreet", sentence)]})
    assert said.sentence == "[address] says ***, ***, *** and *** at redis://host:6379/0."
    settings.DATABASES["default"]["PASSWORD"] = ""


def test_only_what_is_broken_is_unhealthy() -> None:
    assert healthy([ok("a", ""), attention("b", "")])
    assert not healthy([ok("a", ""), broken("b", "")])
