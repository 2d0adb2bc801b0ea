"""The demo, as `make demo` runs it: it ends well, and cleans up after itself."""

import os
import subprocess
import sys
from pathlib import Path

from tests.integration.daemon import ROOT


def test_the_demo_shows_what_it_claims(tmp_path: Path) -> None:
    """Every claim holds, the refusal names the jam and a better printer, and nothing is left behind."""
    done = subprocess.run(
        [sys.executable, "-m", "spoold", "demo"],
        capture_output=True,
        text=True,
        timeout=240,
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count(": yes\n") == 5
    assert "jammed" in done.stdout
    assert "released at floor-2" in done.stdout
    assert list(tmp_path.iterdir()) == []
