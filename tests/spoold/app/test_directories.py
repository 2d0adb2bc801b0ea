"""Directories as parts of the daemon: loaded where one is configured, and known to one module."""

import re
import subprocess
import sys

from tests.integration.daemon import ROOT

_LOADED = "import sys, spoold.app.parts, spoold.app.services; print('ldap3' in sys.modules)"


def test_ldap3_is_loaded_where_a_directory_is_configured_only() -> None:
    """It takes megabytes, and a site without a directory has nothing to gain by them."""
    done = subprocess.run(
        [sys.executable, "-c", _LOADED], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == "False"


def test_one_module_knows_ldap3() -> None:
    knowing = [
        path.relative_to(ROOT).as_posix()
        for path in sorted((ROOT / "spoold").rglob("*.py"))
        if re.search(r"^\s*(?:import|from) ldap3\b", path.read_text(), re.MULTILINE)
    ]
    assert knowing == ["spoold/identity/ldap.py"]
