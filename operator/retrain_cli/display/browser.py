"""Pages in the browser of this machine."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from tempfile import NamedTemporaryFile

from retrain_api import reasons
from retrain_api.errors import ConfigurationError


def open_page(place: str) -> None:
    """Show the page at a URI. Raises ConfigurationError("NoBrowser") where no browser can be started."""
    if not webbrowser.open(place):
        raise ConfigurationError(reasons.NO_BROWSER, f"No browser can be started here; the page is at {place}")


def new_page(prefix: str) -> Path:
    """An empty file for a copy. It is not deleted: the browser may read it after this process has ended."""
    with NamedTemporaryFile(prefix=prefix, suffix=".html", delete=False) as file:
        return Path(file.name)


def copy_of(text: str, prefix: str) -> str:
    """The URI of a new file with this text."""
    file = new_page(prefix)
    file.write_text(text, encoding="utf-8")
    return file.as_uri()
