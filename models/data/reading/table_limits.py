"""Limits of tables, and the errors of larger ones."""

from __future__ import annotations

from utils.errors import TooLarge

MOST_COLUMNS = 1000
LONGEST_LINE = 1_000_000  # bytes
MOST_JSON = 64_000_000  # bytes; read whole, they take twenty times as much memory at worst


def check_rows(count: int, most: int) -> None:
    """Raise TooLarge if there are more rows than allowed."""
    if count > most:
        raise TooLarge(f"A data set may have at most {most:,} rows (MAX_ROWS). Received: {count:,}")


def check_series(count: int, most: int, is_exact: bool = True) -> None:
    """Raise TooLarge if there are more series than allowed.

    Args:
        is_exact: False if there may be more than those counted.
    """
    if count > most:
        received = f"{count:,}" if is_exact else f"at least {count:,}"
        raise TooLarge(
            f"A data set may have at most {most:,} series (MAX_SERIES). Received: {received}"
        )


def check_columns(count: int) -> None:
    """Raise TooLarge if there are more than MOST_COLUMNS columns."""
    if count > MOST_COLUMNS:
        raise TooLarge(f"A table may have at most {MOST_COLUMNS:,} columns. Received: {count:,}")


def check_line(size: int) -> None:
    """Raise TooLarge if a line of a CSV file has more than LONGEST_LINE bytes."""
    if size > LONGEST_LINE:
        raise TooLarge(f"A line of a CSV file may have at most {LONGEST_LINE:,} bytes.")


def check_unpacked(count: int, most: int) -> None:
    """Raise TooLarge if a packed table has more bytes than allowed."""
    if count > most:
        raise TooLarge(
            f"An upload may have at most {most // 1_000_000:,} MB unpacked (MAX_UPLOAD_MB)."
        )


def check_json(count: int) -> None:
    """Raise TooLarge if a table in JSON has more than MOST_JSON bytes."""
    if count > MOST_JSON:
        raise TooLarge(
            f"A table in JSON may have at most {MOST_JSON // 1_000_000} MB; send it as CSV or "
            "Parquet."
        )
