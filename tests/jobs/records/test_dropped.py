"""The list of dropped rows: every row, its reason, and nothing that a spreadsheet would run."""

import csv
from pathlib import Path

import pyarrow as pa
import pytest

from accelerator.protocol.addresses import AROUND
from jobs.records.dropped import Dropped


def test_each_row_is_there_with_its_reason(tmp_path: Path) -> None:
    listed = Dropped(tmp_path / "dropped.csv", "id", "email")
    listed.write("missing", rows(("1", None)))
    listed.write("invalid", rows(("2", 'a,"b"\n'), ("3", "\u044f@")))
    listed.close()
    with (tmp_path / "dropped.csv").open(newline="", encoding="utf-8") as file:
        assert list(csv.reader(file)) == [
            ["reason", "recipient_id", "email"],
            ["missing", "1", ""],
            ["invalid", "2", 'a,"b"\n'],
            ["invalid", "3", "\u044f@"],
        ]
    assert listed.rows == 3


def test_no_cell_is_a_formula(tmp_path: Path) -> None:
    listed = Dropped(tmp_path / "dropped.csv", "id", "email")
    listed.write("invalid", rows(("=1+1", "@SUM(A1)"), ("+1", "-1"), ("\tx", "x=y")))
    listed.close()
    with (tmp_path / "dropped.csv").open(newline="") as file:
        cells = [row[1:] for row in csv.reader(file)][1:]
    assert cells == [["'=1+1", "'@SUM(A1)"], ["'+1", "'-1"], ["'\tx", "x=y"]]


def test_no_cell_is_one_behind_spaces_or_in_full_width_either(tmp_path: Path) -> None:
    cells = [" =1+1", "\n=1", "\n", "\N{FULLWIDTH EQUALS SIGN}1", "\N{FULLWIDTH COMMERCIAL AT}SUM", "\t"]
    listed = Dropped(tmp_path / "dropped.csv", "id", "email")
    listed.write("invalid", rows(*((cell, "a") for cell in cells)))
    listed.close()
    with (tmp_path / "dropped.csv").open(newline="", encoding="utf-8") as file:
        assert [row[1] for row in csv.reader(file)][1:] == [f"'{cell}" for cell in cells]


@pytest.mark.parametrize("unseen", [*AROUND, "\0", "\ufeff\u200b\xa0"])
def test_no_cell_is_one_behind_what_nobody_sees(tmp_path: Path, unseen: str) -> None:
    listed = Dropped(tmp_path / "dropped.csv", "id", "email")
    listed.write("invalid", rows((f"{unseen}=1+1", f"{unseen}\N{FULLWIDTH PLUS SIGN}1")))
    listed.close()
    with (tmp_path / "dropped.csv").open(newline="", encoding="utf-8") as file:
        [_, [_, *cells]] = csv.reader(file)
    shown = unseen.replace("\0", "\N{REPLACEMENT CHARACTER}")
    assert cells == [f"'{shown}=1+1", f"'{shown}\N{FULLWIDTH PLUS SIGN}1"]


def test_no_cell_has_a_nul_at_which_a_reader_stops(tmp_path: Path) -> None:
    listed = Dropped(tmp_path / "dropped.csv", "id", "email")
    listed.write("invalid", rows(("1\0", "a\0b@example.com")))
    listed.close()
    assert (tmp_path / "dropped.csv").read_text(encoding="utf-8").splitlines()[1] == (
        '"invalid","1\N{REPLACEMENT CHARACTER}","a\N{REPLACEMENT CHARACTER}b@example.com"'
    )


def rows(*pairs: tuple[str | None, str | None]) -> pa.Table:
    ids, emails = zip(*pairs, strict=True)
    return pa.table({"id": pa.array(ids, pa.string()), "email": pa.array(emails, pa.string())})
