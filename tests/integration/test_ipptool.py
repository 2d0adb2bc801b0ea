"""The conformance suites that come with CUPS, run by its own ipptool against the running daemon."""

import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from tests.integration.conftest import MakeDaemon
from tests.integration.daemon import CANARY_DOCUMENT, CANARY_PASSWORD, Daemon
from tests.integration.recorder import wait_until
from tests.support import pdfs

SUITES = Path("/usr/share/cups/ipptool")
# What the daemon had passed when this was written, with ipptool 2.4.2: not to become less.
PASSED_AT_LEAST = {"1.1": 41, "2.0": 42}
PRINTED_AT_LEAST = 10

SITE = """
[printers.tray]
uri = "folder:{tray}"
[queues.now]
printers = ["tray"]
release = "on-arrival"
"""


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """Copy the suites and put the documents beside them that Debian leaves out."""
    folder = tmp_path / "suite"
    shutil.copytree(SUITES, folder)
    for name, size in (("a4", pdfs.A4), ("letter", pdfs.LETTER)):
        (folder / f"document-{name}.pdf").write_bytes(pdfs.pdf(2, size=size, text=CANARY_DOCUMENT.decode()))
        # Not printed, because the queue takes no PostScript; ipptool wants the files all the same.
        (folder / f"document-{name}.ps").write_bytes(b"%!PS\nshowpage\n")
    for name, device in (("color.jpg", "jpeg"), ("gray.jpg", "jpeggray")):
        drawing = "0.5 setgray 0 0 8 8 rectfill showpage"
        subprocess.run(
            ["gs", "-q", "-o", str(folder / name), f"-sDEVICE={device}", "-r72", "-g8x8", "-c", drawing],
            check=True,
            timeout=60,
        )
    return folder


# Over TLS too: ipptool 2.4.2 fails on a server that sends session tickets.
@pytest.mark.parametrize(("version", "scheme"), [("1.1", "ipp"), ("2.0", "ipps")])
def test_the_suite_passes(
    make_daemon: MakeDaemon, tmp_path: Path, suite: Path, version: str, scheme: str
) -> None:
    tray = tmp_path / "tray"
    tray.mkdir()
    daemon = make_daemon(SITE.format(tray=tray), listen={"ipp": "127.0.0.1:0"})
    daemon.add_user("alice")
    results = run_suite(daemon, suite, version, scheme)
    assert [name for name, result in results if result == "FAIL"] == []
    assert Counter(result for _, result in results)["PASS"] >= PASSED_AT_LEAST[version], results
    # The suite prints, and what it printed comes out.
    wait_until(lambda: len(list(tray.glob("*-1-of-1.*"))) >= PRINTED_AT_LEAST, "the printing")


def run_suite(daemon: Daemon, suite: Path, version: str, scheme: str) -> list[tuple[str, str]]:
    """Return the name and result of each test case; every case is run, whatever failed before it."""
    authority = f"alice:{CANARY_PASSWORD}@localhost:{daemon.ports['ipp']}"
    done = subprocess.run(
        [
            *("ipptool", "-V", version, "-tI", "-f", "document-a4.pdf"),
            *(f"{scheme}://{authority}/ipp/print/now", f"ipp-{version}.test"),
        ],
        cwd=suite,
        capture_output=True,
        text=True,
        timeout=300,
    )
    # "cannot be read" would end the suite early without a failure.
    assert done.stderr == ""
    return re.findall(r"^    (\S.*?) *\[(PASS|FAIL|SKIP)\]$", done.stdout, re.MULTILINE)
