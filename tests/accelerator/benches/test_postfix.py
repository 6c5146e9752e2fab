"""Postfix's own measures, where they are installed; where not, a sentence that says how to get them."""

import shutil

import pytest

from accelerator.benches import Missing, postfix, sending
from accelerator.benches.stage import Stage

INSTALLED = shutil.which("smtp-sink", path=postfix.FOLDERS)
needed = pytest.mark.skipif(not INSTALLED, reason="Debian's package postfix is not installed")


def test_a_missing_program_is_named_with_the_way_to_get_it(tmp_path: object) -> None:
    with pytest.raises(
        Missing, match=r"needs smtp-sink, .* apt-get install -y --no-install-recommends postfix"
    ):
        postfix.program("smtp-sink", path=str(tmp_path))


@needed
def test_the_sink_takes_what_the_source_makes() -> None:
    with Stage() as stage:
        postfix.sink(stage, stage.ports.smtp)
        assert postfix.source(stage, stage.ports.smtp, 50, 1_000) > 0


@needed
def test_the_clouds_senders_are_measured_beside_the_source() -> None:
    said: list[str] = []
    with Stage() as stage:
        result = sending.run(stage, said.append, rounds=1, recipients=300)
    document = result.document()
    assert document["bench"] == "sending"
    assert result.ratio == result.value / result.reference
    assert isinstance(document["message_bytes"], int)
    assert document["message_bytes"] > 5_000
    assert not stage.folder.exists()
