"""What is installed with us: pinned, with digests, from one place, under licences that go with ours."""

import re
import tomllib
from collections import Counter, defaultdict
from importlib import metadata
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[2]
REGISTRY = "https://pypi.org/simple"
FILES = "https://files.pythonhosted.org/packages/"

Package = dict[str, Any]

# Their text goes with the Apache License 2.0, for a library that is used as it comes (Apache Software Foundation, third
# party licence policy, categories A and B); the LGPL, which is in neither, is allowed by name.
PERMISSIVE = re.compile(
    r"MIT|MIT-0|BSD|Apache|ISC|PSF|Python Software Foundation|Unlicense|MPL-2\.0|Mozilla Public License 2\.0"
)
COPYLEFT = re.compile(
    r"\bA?GPL|\bLGPL|General Public|SSPL|BUSL|Commons Clause|EUPL|CC-BY-NC|Proprietary|Elastic"
)
# Used as it is published, not changed, and replaceable by whoever installs us (LGPL-3.0, section 4).
LGPL = {"psycopg", "psycopg-binary", "psycopg-pool"}


def locked() -> list[Package]:
    """Every package but ourselves."""
    document = tomllib.loads((REPOSITORY / "uv.lock").read_text())
    return [package for package in document["package"] if package["source"] != {"virtual": "."}]


def declared() -> dict[str, Any]:
    return tomllib.loads((REPOSITORY / "pyproject.toml").read_text())


def wanted(project: dict[str, Any]) -> list[str]:
    """Whatever is declared, for whichever use."""
    extras = project["project"]["optional-dependencies"].values()
    groups = project["dependency-groups"].values()
    return [*project["project"]["dependencies"], *(one for more in (*extras, *groups) for one in more)]


def test_everything_comes_from_one_registry() -> None:
    assert len(locked()) > 50
    for package in locked():
        assert package["source"] == {"registry": REGISTRY}, package["name"]


def test_everything_is_one_version_with_a_digest_of_each_file() -> None:
    """Of some another version goes with an older Python; then each says with which."""
    names = Counter(package["name"] for package in locked())
    for package in locked():
        assert re.fullmatch(r"[0-9][0-9a-z.]*", package["version"]), package["name"]
        files = [*package.get("wheels", []), *([package["sdist"]] if "sdist" in package else [])]
        assert files, package["name"]
        for file in files:
            assert re.fullmatch(r"sha256:[0-9a-f]{64}", file["hash"]), file
            assert file["url"].startswith(FILES), file
        assert names[package["name"]] == 1 or package["resolution-markers"], package["name"]


def test_nothing_is_declared_by_an_address_or_from_elsewhere() -> None:
    project = declared()
    assert not [one for one in wanted(project) if "@" in one or "://" in one or one.startswith((".", "/"))]
    assert not {"sources", "index", "extra-index-url", "find-links", "override-dependencies"} & set(
        project["tool"]["uv"]
    )
    assert project["build-system"]["requires"] == ["setuptools>=77"]


def test_everything_that_is_declared_is_locked() -> None:
    project, names = declared(), {package["name"] for package in locked()}
    for one in wanted(project):
        name = re.match(r"[A-Za-z0-9._-]+", one)
        assert name
        assert name[0] in names


def test_what_is_installed_is_what_is_locked() -> None:
    versions = defaultdict[str, set[str]](set)
    for package in locked():
        versions[package["name"]].add(package["version"])
    for one in metadata.distributions():
        name = re.sub(r"[-_.]+", "-", one.metadata["Name"]).lower()
        assert name not in versions or one.version in versions[name], name


def test_every_licence_goes_with_ours() -> None:
    """Of what is not installed on this platform nothing is known here."""
    stated = {name: licence(name) for name in (package["name"] for package in locked())}
    known = {name: text for name, text in stated.items() if text is not None}
    assert len(known) > 50
    for name, text in known.items():
        if name in LGPL:
            assert "LGPL-3.0" in text, name
        else:
            assert PERMISSIVE.search(text), (name, text)
            assert not COPYLEFT.search(text), (name, text)


def licence(package: str) -> str | None:
    """All that a package says of it."""
    try:
        about = metadata.metadata(package)
    except metadata.PackageNotFoundError:
        return None
    words = [*(about.get_all("License-Expression") or []), *(about.get_all("License") or [])]
    return " ".join(
        words + [one for one in about.get_all("Classifier") or [] if one.startswith("License ::")]
    )
