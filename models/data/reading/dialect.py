"""The separator of a CSV file, and the line that names its columns.

>>> found = Dialect.of('sep=;\\nReport of May;;\\nDate;WIP;Output\\n2024-05-01;4,5;3\\n')
>>> found.separator, found.names, found.begin
(';', ['Date', 'WIP', 'Output'], 38)
"""

from __future__ import annotations

import contextlib
import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from models.data.reading import table_limits
from models.data.reading.column_names import canonical_name
from utils.errors import UnsupportedMedia

Recognise = Callable[[str], str | None]

_SEPARATORS = ",;\t|"
_LINES = 60  # in which the names are looked for
_LETTER = re.compile(r"[^\W\d_]")  # names have one, numbers and most dates have none
_STATED = re.compile(r'^"?sep=(.)"?[^\S\n]*\r?\n?', re.IGNORECASE)


@dataclass(frozen=True)
class Dialect:
    """The form of a CSV file.

    Attributes:
        separator: one character.
        names: of the columns, as they are written.
        begin: characters before the first row.
        header_row: number of the line that names the columns, from 1; blank lines count.
        fields: most fields of the lines looked at.
    """

    separator: str
    names: list[str]
    begin: int
    header_row: int = 1
    fields: int = 0

    @classmethod
    def of(
        cls, text: str, recognise: Recognise = canonical_name, separator: str | None = None
    ) -> Dialect:
        """Return the dialect of a text, by the line in which most columns are recognised.

        Args:
            text: the beginning of a file, without a byte order mark.
            recognise: name → the known column that it means.
            separator: the one that the request states.

        Raises:
            UnsupportedMedia: no line names a known column.
            TooLarge: it has too many columns.
        """
        stated = _STATED.match(text)
        signs = separator or (stated[1] if stated else _SEPARATORS)
        skipped = stated.end() if stated else 0
        found = [_looked_up(text[skipped:], sign, recognise) for sign in signs]
        count, dialect = max(found, key=lambda each: each[0])
        if not count:
            raise UnsupportedMedia(
                "The content is neither Parquet, nor a spreadsheet, nor JSON, nor a CSV of which a "
                "line names its columns (date, plant, application, panel_size, wip, throughput, …)."
            )
        table_limits.check_columns(len(dialect.names))
        fields = _most_fields(text[skipped + dialect.begin :], dialect)
        row = dialect.header_row + (1 if stated else 0)
        return replace(dialect, begin=dialect.begin + skipped, header_row=row, fields=fields)


def _records(text: str, separator: str) -> Iterator[tuple[list[str], int]]:
    """Yield the fields of each record, and the characters up to its end."""
    read = 0

    def lines() -> Iterator[str]:
        nonlocal read
        for line in io.StringIO(text, newline=""):
            read += len(line)
            yield line

    with contextlib.suppress(csv.Error):  # a quote that does not end, or a wrong separator
        for fields in csv.reader(lines(), delimiter=separator, skipinitialspace=True):
            yield fields, read


def _looked_up(text: str, separator: str, recognise: Recognise) -> tuple[int, Dialect]:
    """The number of columns recognised with a separator, and the dialect."""
    best: tuple[int, Dialect] = (0, Dialect(separator, [], 0))
    for number, (names, end) in enumerate(islice(_records(text, separator), _LINES), 1):
        count = known_count(names, recognise)
        if count > best[0]:
            best = count, Dialect(separator, [name.strip() for name in names], end, number)
    return best


def _most_fields(text: str, dialect: Dialect) -> int:
    records = islice(_records(text, dialect.separator), _LINES)
    return max((len(fields) for fields, _ in records), default=0)


def known_count(names: Sequence[str], recognise: Recognise) -> int:
    """Return the number of known columns that a line names."""
    return len({recognise(name) for name in names if _LETTER.search(name)} - {None})
