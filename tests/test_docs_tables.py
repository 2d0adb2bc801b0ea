"""What the pages show of the configuration is right: `spoold check` is content with every block of TOML."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from holdstore.archive_text import write_public
from spoold.config.loader import check
from spoold.config.policy_cases import load_cases
from tests.support.pages import ROOT, tables_of

PAGES = sorted(path.name for path in (ROOT / "docs").glob("*.md"))
BLOCKS = [(page, number) for page in PAGES for number in range(len(tables_of(page)))]
# A block that begins with a key stands in this table.
CONTINUED = {"order": "[identity]\n"}
# What a site has that a page's block refers to, unless the block has it itself.
DIRECTORY = """
kind = "openldap"
uri = ["ldaps://dc1.example.org"]
base_dn = "dc=example,dc=org"
bind_dn = "cn=spoold,ou=services,dc=example,dc=org"
bind_password = "credential:directory-password"
"""
SITE = {
    "printers": dict.fromkeys(
        ("lobby", "plotter", "copyroom", "library", "copies", "studio"),
        'uri = "ipps://192.0.2.21/ipp/print"\n',
    ),
    "queues": dict.fromkeys(
        ("secure", "invoices", "personnel", "phones", "find-me", "mergers"),
        'printers = ["lobby", "studio"]\n',
    ),
}
CASES = "case"
# A page shows the beginning and the end of a key that is too long for a line.
SHORT_KEY = re.compile(r"spoold-archive-1:[0-9a-f]+\.{3}:[0-9a-f]+")


def test_the_blocks_are_found() -> None:
    """A change of how pages are written must not leave this module with nothing to look at."""
    assert {page for page, _ in BLOCKS} >= {
        "accounts.md", "approval.md", "archive.md", "directory.md", "kerberos.md", "lpr.md", "oidc.md",
        "personal-uris.md", "policy.md", "running.md", "stations.md",
    }  # fmt: skip
    for page in PAGES:
        text = (ROOT / "docs" / page).read_text("utf-8")
        named = re.findall(r"^ *(\[\[?[a-z][\w.-]*\]\]?)(?: +#.*)?$", text, re.MULTILINE)
        found = re.findall(r"^(\[\[?[a-z][\w.-]*\]\]?)", "\n".join(tables_of(page)), re.MULTILINE)
        assert found == named, page


@pytest.mark.parametrize(("page", "number"), BLOCKS)
def test_check_is_content_with_what_a_page_shows(page: str, number: int, tmp_path: Path) -> None:
    block = tables_of(page)[number]
    if CASES in tomllib.loads(block):
        cases = tmp_path / "cases.toml"
        cases.write_text(block)
        assert len(load_cases(cases)) == len(tomllib.loads(block)[CASES])
        return
    config = tmp_path / "spoold.toml"
    config.write_text(whole(block, tmp_path))
    assert [str(problem) for problem in check(config)] == []


def whole(block: str, folder: Path) -> str:
    """Return a site's configuration with a block of a page in it."""
    for first, table in CONTINUED.items():
        if block.startswith(f"{first} = "):
            block = table + block
    block = SHORT_KEY.sub(write_public(bytes(range(32))), block)
    shown = tomllib.loads(block)
    key = folder / "store.key"
    key.write_bytes(bytes(range(32)))
    key.chmod(0o600)
    state = folder / "state"
    lines = [
        f'[server]\nname = "print.example.org"\nstate_dir = "{state}"\n[store]\nkey = "file:{key}"\n'
        f"[listen]\nlpr = {['127.0.0.1:5515'] if 'lpr' in shown else []}\n",
        block,
    ]
    for kind, known in SITE.items():
        lines += [
            f"[{kind}.{name}]\n{text}" for name, text in known.items() if name not in shown.get(kind, {})
        ]
    lines += [f"[identity.ldap.{name}]\n{DIRECTORY}" for name in _missing_directories(shown)]
    return "\n".join(lines)


def _missing_directories(shown: dict[str, Any]) -> list[str]:
    identity = shown.get("identity", {})
    return [
        name for name in identity.get("order", ()) if name != "local" and name not in identity.get("ldap", {})
    ]
