"""Files of any kind, recognised by content → columns by their names, as texts and numbers."""

from __future__ import annotations

import codecs
import gzip
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from models.data.reading import csv_files, json_tables, parquet_files, spreadsheets, table_limits
from models.data.reading.column_names import is_word
from models.data.reading.event_columns import meaning_of
from models.data.reading.raw_tables import RawTable
from models.data.reading.text_encoding import as_utf8
from utils.api.upload_options import UploadOptions
from utils.errors import BadRequest, UnsupportedMedia

_CHUNK = 1 << 20
_MARKUP = re.compile(rb"\s*<(!doctype html|html|head|meta|style|table|\?xml)\b", re.IGNORECASE)
NO_OPTIONS = UploadOptions.model_construct()


@contextmanager
def opened(
    path: Path,
    max_rows: int,
    max_bytes: int,
    options: UploadOptions = NO_OPTIONS,
    any_names: bool = False,
) -> Iterator[RawTable]:
    """Yield the table in a file: CSV, a spreadsheet, Parquet or JSON; text also gzipped.

    Its columns may be read as long as the context is open.

    Args:
        options: `encoding`, `separator`, `sheet` and the names of `columns` that are to be
            recognised; what is not given is recognised.
        any_names: take the line with most words for the names of the columns, known or not.

    Raises:
        BadRequest: the content is broken.
        UnsupportedMedia: it is none of these kinds.
        InvalidInput: a choice is needed, or does not fit; the sentence names the field.
        TooLarge: more rows, or bytes when unpacked, than allowed.
    """
    with TemporaryDirectory() as folder:
        yield _read(path, Path(folder), max_rows, max_bytes, options, any_names)


def _read(
    path: Path,
    folder: Path,
    max_rows: int,
    max_bytes: int,
    options: UploadOptions,
    any_names: bool,
) -> RawTable:
    start = _start(path)
    if start.startswith(b"PAR1"):
        return parquet_files.read(path, max_rows, max_bytes)
    stated = {name for names in options.named.values() for name in names}
    if spreadsheets.is_spreadsheet(start):
        names = None if any_names else sorted(stated)
        return spreadsheets.read(path, max_rows, max_bytes, options.sheet, names)
    if start[:2] == b"\x1f\x8b":
        path = _unpacked(path, folder / "unpacked", max_bytes)
    if markup := _MARKUP.match(start.removeprefix(codecs.BOM_UTF8)):
        kind = "HTML" if markup[1].lower() != b"?xml" else "XML"
        raise UnsupportedMedia(
            f"The content is {kind}, which some programs export as .xls: open it in a spreadsheet "
            "program and save it as .xlsx or CSV."
        )
    path, encoding = as_utf8(path, folder / "utf-8", options.encoding)
    if json_tables.is_json(_start(path)):
        raw = json_tables.read(path, max_rows)
    else:

        def recognise(name: str) -> str | None:
            is_name = name in stated or (any_names and is_word(name))
            return name if is_name else meaning_of(name)

        raw = csv_files.read(path, max_rows, recognise, options.separator)
    raw.read_as["encoding"] = encoding
    return raw


def _start(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_CHUNK)


def _unpacked(path: Path, target: Path, max_bytes: int) -> Path:
    """Unpack a gzip file, never more than is allowed."""
    try:
        with gzip.open(path) as file, target.open("wb") as out:
            while chunk := file.read(_CHUNK):
                table_limits.check_unpacked(out.tell() + len(chunk), max_bytes)
                out.write(chunk)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise BadRequest(f"The gzip file is broken: {error}") from error
    return target
