"""A hardened process leaves no core and cannot be traced by its own user."""

import subprocess
import sys

PROBE = """
import os, resource
from spoold.runtime.hardening import harden_process, is_dumpable
before = is_dumpable()
harden_process()
print(before, is_dumpable(), resource.getrlimit(resource.RLIMIT_CORE), oct(os.umask(0)))
"""


def test_hardening_takes_effect_in_a_process_of_its_own() -> None:
    result = subprocess.run(
        [sys.executable, "-c", PROBE], capture_output=True, text=True, check=True, timeout=120
    )
    assert result.stdout.split("\n")[0] == "True False (0, 0) 0o77"
