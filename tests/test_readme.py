"""The README promises nothing that no test shows: every test that it names is there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_every_test_that_the_readme_names_is_there() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", (ROOT / "README.md").read_text())
    assert len(named) > 15
    for path, name in named:
        assert f"\ndef {name}(" in (ROOT / path).read_text(), (path, name)
