"""Names that a spreadsheet would take for formulas, written so that it takes them for text.

In CSV, a name that begins with one of = + - @ TAB CR LF, or with = + - @ in the full width of East
Asian keyboards, is written with an apostrophe before it, and so is one that begins with apostrophes
and then one of them. Reading takes one apostrophe off such names again: every name comes back as
it was. JSON and Parquet have names as they are.
"""

from __future__ import annotations

import re

_BEGINS = r"[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]"
_FORMULA = re.compile(f"'*{_BEGINS}")
_ESCAPED = re.compile(f"'+{_BEGINS}")


def escaped(name: str) -> str:
    """Return a name as it is written in CSV."""
    return f"'{name}" if _FORMULA.match(name) else name


def plain(text: str) -> str:
    """Return the name that a text in CSV stands for; the inverse of `escaped`."""
    return text[1:] if _ESCAPED.match(text) else text
