"""What people are told of each kind of Warehouse: the same in the README as in the admin, and only what was tried."""

from pathlib import Path

import pytest

from jobs.models import Kind
from jobs.warehouses import guide, kinds
from jobs.warehouses.guidebook import GUIDES, UNPROVEN

README = (Path(__file__).parents[3] / "README.md").read_text()


def test_there_is_a_guide_for_every_kind() -> None:
    assert set(GUIDES) == set(Kind)


def test_the_readme_has_the_table_of_the_guide() -> None:
    """After a change of the guide: put what `guide.readme()` gives in the README's place of it."""
    assert guide.readme() in README


@pytest.mark.parametrize("kind", Kind)
def test_what_was_never_run_says_so_wherever_it_is_spoken_of(kind: Kind) -> None:
    unproven = kind not in kinds.PROVEN
    assert guide.of(kind).tried.startswith(UNPROVEN) is unproven
    [row] = [row for row in README.splitlines() if row.startswith(f"| {guide.name(kind)}")]
    assert ("never run against the real service" in row) is unproven


@pytest.mark.parametrize("kind", Kind)
def test_a_guide_is_sentences(kind: Kind) -> None:
    about = guide.of(kind)
    sentences = [
        about.connect,
        about.cancel,
        about.role,
        about.tried,
        *about.held[1:],
        *about.types,
        *about.limits,
    ]
    assert not [sentence for sentence in sentences if not sentence.endswith(".")]
    # What stands in a cell of the README.
    assert not [words for words in (about.secret, about.held[0]) if words.endswith(".") or "|" in words]


@pytest.mark.parametrize("kind", Kind)
def test_a_connector_is_looked_for_and_not_imported(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    assert guide.installed(kind) is True  # the tests run with all extras
    monkeypatch.setitem(kinds.EXTRAS, kind, "nowhere.to.be_found")
    assert guide.installed(kind) is False
    monkeypatch.setitem(kinds.EXTRAS, kind, "jobs.nowhere")
    assert guide.installed(kind) is False


def test_an_extra_is_installed_by_its_name() -> None:
    declared = (Path(__file__).parents[3] / "pyproject.toml").read_text().partition("[dependency-groups]")[0]
    for kind in Kind:
        install = guide.how_to_install(kind)
        assert bool(install) is (kind in kinds.EXTRAS)
        assert not install or f"\n{install.removeprefix('uv sync --extra ')} = [" in declared


@pytest.mark.parametrize("kind", Kind)
def test_the_location_of_the_guide_is_one_that_the_connector_takes(kind: Kind) -> None:
    connector = kinds.connector(kind)
    form = getattr(connector, "FORM", None)
    assert form is None or guide.of(kind).location == form
