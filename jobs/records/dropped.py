"""The rows that were dropped, one by one with the reason, as a CSV file for whoever wants to mend them."""

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from accelerator.protocol.addresses import AROUND

SCHEMA = pa.schema([("reason", pa.string()), ("recipient_id", pa.string()), ("email", pa.string())])
# For NUL, at which a reader would stop.
LOST = "\N{REPLACEMENT CHARACTER}"
# A spreadsheet would take a cell that begins so for a formula (full-width signs too, and behind what nobody sees);
# characters of one that are kept.
FORMULA = rf"^([{AROUND}{LOST}]*[=+\-@\x{{ff1d}}\x{{ff0b}}\x{{ff0d}}\x{{ff20}}]|[\t\r\n])"
LONGEST = 1_000
# Rows that are put there at once; most tables drop a few.
PUT = 2_000


class Dropped:
    """A growing file at `path`, UTF-8 with a heading."""

    def __init__(self, path: Path, recipient_id_column: str, email_column: str) -> None:
        self.path = path
        self.rows = 0
        self._columns = recipient_id_column, email_column
        self._writer = csv.CSVWriter(path, SCHEMA)
        self._held: list[pa.Table] = []
        self._waiting = 0

    def write(self, reason: str, rows: pa.Table) -> None:
        """Put these rows there; their recipient ids and addresses are text."""
        reasons = pa.repeat(pa.scalar(reason), rows.num_rows)
        cells = [rows[column] for column in self._columns]
        self._held.append(pa.Table.from_arrays([reasons, *cells], schema=SCHEMA))
        self._waiting += rows.num_rows
        self.rows += rows.num_rows
        if self._waiting >= PUT:
            self._put()

    def close(self) -> None:
        """Nothing is written behind it, and the file is whole."""
        if self._held:
            self._put()
        self._writer.close()

    def _put(self) -> None:
        held = pa.concat_tables(self._held)
        self._held, self._waiting = [], 0
        self._writer.write_table(
            pa.Table.from_arrays([held["reason"], *map(_harmless, held.columns[1:])], schema=SCHEMA)
        )


def _harmless(column: pa.ChunkedArray) -> pa.ChunkedArray:
    text = pc.fill_null(pc.utf8_slice_codeunits(column, 0, LONGEST), "")
    text = pc.replace_substring(text, "\0", LOST)
    formula = pc.match_substring_regex(text, FORMULA)
    return pc.if_else(formula, pc.binary_join_element_wise("'", text, ""), text)
