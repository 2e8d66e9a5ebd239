"""The head of a page that stands alone: its title, what it may load, and how it looks. One for every page of this project."""

from __future__ import annotations

from html import escape
from importlib.resources import files

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"


def head(title: str, package: str, style: str) -> str:
    """The head. What all pages share is in page.css; `style` is a file of `package` with what this one has beside it."""
    sheets = files(__package__).joinpath("page.css"), files(package).joinpath(style)
    rules = "".join(sheet.read_text(encoding="utf-8") for sheet in sheets)
    return (
        '<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        '<link rel="icon" href="data:,">\n'
        f"<title>{escape(title)}</title>\n<style>\n{rules}</style>\n</head>"
    )
