"""What pages of docs/ show, taken out of them so that tests follow a page as a reader does."""

import re
import textwrap
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
# Fenced, or indented; blank lines belong to indented code where more of it follows.
_CODE = re.compile(r"^ *```toml\n((?s:.*?))^ *```|((?:^ {4,}\S.*\n(?:\n(?= {4,}\S))?)+)", re.MULTILINE)
# The first line of a block of TOML: a table, or a key.
_TOML = re.compile(r'\[\[?[a-z][\w.-]*\]\]?|[a-z_]+ = ["\[{]')


class PageError(Exception):
    """A page does not show what a test wants to follow."""


def tables_of(page: str) -> list[str]:
    """Return the blocks of TOML on a page of docs/, in their order."""
    text = (ROOT / "docs" / page).read_text("utf-8")
    blocks = [textwrap.dedent(fenced or indented) for fenced, indented in _CODE.findall(text)]
    return [block for block in blocks if _TOML.match(block)]


def followed(block: str, here: Mapping[str, str]) -> str:
    """Put what is true here in the place of what a page shows.

    Raises:
        PageError: the page does not show it any more.
    """
    for shown, instead in here.items():
        if shown not in block:
            raise PageError(f"{shown!r} is not in:\n{block}")
        block = block.replace(shown, instead)
    return block
