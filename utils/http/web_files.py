"""The files of the service's own page: those in `web/`, Plotly's script, the colours.

All of them stand below one path that holds a hash of their contents. So browsers may keep them for
ever, and the modules of the page import each other by plain relative paths.
"""

from __future__ import annotations

import gzip
from functools import cached_property, lru_cache
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

from utils import palette
from utils.settings import ROOT

FOLDER = ROOT / "web"
_KINDS = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}
_PLOTLY = "plotly.min.js"
_PALETTE = "palette.css"


class WebFiles:
    """The files by their names below the path of the page.

    Args:
        folder: of the page.
    """

    def __init__(self, folder: Path = FOLDER) -> None:
        found = (path for path in sorted(folder.rglob("*")) if path.suffix in _KINDS)
        self._paths = {path.relative_to(folder).as_posix(): path for path in found}
        self._paths[_PLOTLY] = plotly_script()

    @cached_property
    def version(self) -> str:
        """The hash of all files, which changes with each of them."""
        found = sha256(palette.style_sheet().encode())
        for name, path in self._paths.items():
            # Plotly's script is large and belongs to a pinned package: its date and size will do.
            content = _stamp(path) if name == _PLOTLY else path.read_bytes()
            found.update(name.encode() + b"\0" + sha256(content).digest())
        return found.hexdigest()[:12]

    @property
    def page(self) -> bytes:
        """The page, with the path of its other files in it."""
        text = self._paths["index.html"].read_text(encoding="utf-8")
        return text.replace("{{files}}", f"web/{self.version}").encode()

    def kind(self, name: str) -> str | None:
        """Return the media type of a file; None if there is no such file."""
        if name not in self._paths and name != _PALETTE:
            return None
        return _KINDS[Path(name).suffix]

    def content(self, name: str, compressed: bool) -> bytes:
        """Return the content of a file, compressed by gzip if asked for."""
        if name == _PALETTE:
            plain = palette.style_sheet().encode()
            return gzip.compress(plain) if compressed else plain
        path = self._paths[name]
        return _compressed(path, _stamp(path)) if compressed else path.read_bytes()


def plotly_script() -> Path:
    """Return the path of Plotly's script in its Python package, which is not imported.

    Raises:
        FileNotFoundError: the package is not installed.
    """
    spec = find_spec("plotly")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("The package plotly, whose script draws the charts, is missing.")
    return Path(spec.origin).parent / "package_data" / _PLOTLY


def _stamp(path: Path) -> bytes:
    status = path.stat()
    return f"{status.st_size} {status.st_mtime_ns}".encode()


@lru_cache(maxsize=64)
def _compressed(path: Path, stamp: bytes) -> bytes:
    """The content of a file, compressed; `stamp` is another one when the file has changed."""
    return gzip.compress(path.read_bytes(), 6, mtime=0)
