"""The conformance suites that come with CUPS, run by its own ipptool against the running daemon."""

import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from tests.integration.conftest import MakeDaemon
from tests.integration.daemon import CANARY_DOCUMENT, CANARY_PASSWORD, ROOT, Daemon
from tests.integration.recorder import wait_until
from tests.support import pdfs

SUITES = Path("/usr/share/cups/ipptool")
# ipptool 2.4.2, in all: ipp-2.0 includes ipp-1.1, and ipp-everywhere includes both.
PASSED = {"ipp-1.1": 43, "ipp-2.0": 44, "ipp-everywhere": 147}
PRINTED_AT_LEAST = 10
# What the queue says it takes (docs/ipp-support.md, conformance suites); the suite skips the others itself.
RASTER_DPI = ("300", "600")
RASTER_TYPES = {"black-1": (3, 1, 1), "sgray-8": (18, 8, 8), "srgb-8": (19, 8, 24)}
NOT_OFFERED = re.compile(r"Print \S+ @ (?:(?:150|180|360|720)dpi, \S+|\d+dpi, (?:cmyk-8|srgb-16))(?:, \w+)?")
# A held job is never completed; these four ask for one that is.
NEED_COMPLETION = [
    "Get-Job-Attributes Until Job Complete",
    "RFC 8011 section 4.2.6: Get-Jobs Operation (which-jobs=completed)",
    "RFC 8011 section 4.2.6: Get-Jobs Operation (which-jobs, requested-at",
    "RFC 8011 section 4.3.3: Cancel-Job Operation (completed job)",
]

SITE = """
[printers.tray]
uri = "folder:{tray}"
[queues.now]
printers = ["tray"]
release = "on-arrival"
[queues.held]
printers = ["tray"]
"""


@pytest.fixture(name="suite", scope="module")
def _suite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy the suites and put the documents beside them that Debian leaves out."""
    folder = tmp_path_factory.mktemp("ipptool") / "suite"
    shutil.copytree(SUITES, folder)
    for name, size in (("a4", pdfs.A4), ("letter", pdfs.LETTER)):
        (folder / f"document-{name}.pdf").write_bytes(pdfs.pdf(2, size=size, text=CANARY_DOCUMENT.decode()))
        # Not printed, because the queue takes no PostScript; ipptool wants the files all the same.
        (folder / f"document-{name}.ps").write_bytes(b"%!PS\nshowpage\n")
    for name, device in (("color.jpg", "jpeg"), ("gray.jpg", "jpeggray")):
        draw(folder / name, f"-sDEVICE={device}", "-r72", "-g8x8")
    for name in sorted(
        set(re.findall(r"pwg-raster-samples-\S+\.pwg", (SUITES / "ipp-everywhere.test").read_text()))
    ):
        raster(folder / name)
    return folder


def raster(path: Path) -> None:
    """Make a sample; one that the suite skips only has to be there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    dpi, kind = path.stem.rpartition("-")[2].removesuffix("dpi"), path.parent.name
    if dpi not in RASTER_DPI or kind not in RASTER_TYPES:
        path.touch()
        return
    space, bits, pixel = RASTER_TYPES[kind]
    draw(
        path,
        *("-sDEVICE=pwgraster", f"-r{dpi}", "-g64x64", f"-dcupsColorSpace={space}"),
        *(f"-dcupsBitsPerColor={bits}", f"-dcupsBitsPerPixel={pixel}"),
        pages=2 if path.name.startswith("document") else 1,
    )


def draw(path: Path, *device: str, pages: int = 1) -> None:
    """Let Ghostscript draw a small page."""
    page = "0.5 setgray 0 0 8 8 rectfill showpage "
    subprocess.run(
        ["gs", "-q", "-dSAFER", "-o", str(path), *device, "-c", page * pages],
        check=True,
        stderr=subprocess.DEVNULL,
        timeout=60,
    )


# Over TLS too: ipptool 2.4.2 fails on a server that sends session tickets. Without -I it stops at a failure.
@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("ipp-1.1", ("ipp", "1.1", "-tI")),
        ("ipp-1.1", ("ipps", "1.1", "-t")),
        ("ipp-2.0", ("ipps", "2.0", "-tI")),
        ("ipp-2.0", ("ipp", "2.0", "-t")),
        ("ipp-everywhere", ("ipp", "2.0", "-tI")),
        ("ipp-everywhere", ("ipps", "2.0", "-t")),
    ],
)
def test_the_suite_passes(
    make_daemon: MakeDaemon, tmp_path: Path, suite: Path, name: str, how: tuple[str, ...]
) -> None:
    """Nothing fails, and what is skipped is what docs/ipp-support.md explains."""
    tray = tmp_path / "tray"
    tray.mkdir()
    daemon = make_daemon(SITE.format(tray=tray), listen={"ipp": "127.0.0.1:0"})
    daemon.add_user("alice")
    scheme, version, flags = how
    results = run_suite(daemon, suite, f"{name}.test", "-V", version, flags, scheme=scheme)
    assert [test for test, result in results if result == "FAIL"] == []
    assert Counter(result for _, result in results)["PASS"] == PASSED[name]
    skipped = Counter(test for test, result in results if result == "SKIP")
    assert Counter({test: n for test, n in skipped.items() if not NOT_OFFERED.fullmatch(test)}) == explained()
    # The suite prints, and what it printed comes out.
    wait_until(lambda: len(list(tray.glob("*-1-of-1.*"))) >= PRINTED_AT_LEAST, "the printing")


def test_a_queue_that_holds_fails_only_what_waits_for_completion(
    make_daemon: MakeDaemon, tmp_path: Path, suite: Path
) -> None:
    tray = tmp_path / "tray"
    tray.mkdir()
    daemon = make_daemon(SITE.format(tray=tray), listen={"ipp": "127.0.0.1:0"})
    daemon.add_user("alice")
    # Asked 30 times, five seconds apart, a held job is held still: twice is enough.
    packaged = (SUITES / "ipp-1.1.test").read_text()
    impatient = packaged.replace(
        "WITH-VALUE >6 REPEAT-NO-MATCH REPEAT-LIMIT 30", "WITH-VALUE >6 REPEAT-NO-MATCH REPEAT-LIMIT 2"
    )
    assert impatient != packaged
    folder = tmp_path / "suite"
    shutil.copytree(suite, folder)
    (folder / "ipp-1.1.test").write_text(impatient)
    results = run_suite(daemon, folder, "ipp-everywhere.test", "-V", "2.0", "-tI", queue="held")
    assert [test for test, result in results if result == "FAIL"] == NEED_COMPLETION
    # The suite is signed in as alice, and its last test releases one of her jobs.
    wait_until(lambda: len(list(tray.glob("*-1-of-1.*"))) == 1, "the released job")


def run_suite(
    daemon: Daemon, suite: Path, *arguments: str, scheme: str = "ipp", queue: str = "now"
) -> list[tuple[str, str]]:
    """Return the name and result of each test case that was run."""
    *flags, file = (*arguments[1:], arguments[0])
    authority = f"alice:{CANARY_PASSWORD}@localhost:{daemon.ports['ipp']}"
    done = subprocess.run(
        [
            *("ipptool", *flags, "-f", "document-a4.pdf"),
            *(f"{scheme}://{authority}/ipp/print/{queue}", file),
        ],
        cwd=suite,
        capture_output=True,
        text=True,
        timeout=300,
    )
    # "cannot be read" would end the suite early without a failure.
    assert done.stderr == ""
    return re.findall(r"^    (\S.*?) *\[(PASS|FAIL|SKIP)\]$", done.stdout, re.MULTILINE)


def explained() -> Counter[str]:
    """Return the skipped tests that docs/ipp-support.md explains, and how often each is skipped."""
    page = (ROOT / "docs" / "ipp-support.md").read_text()
    section = page.partition("\n## Conformance suites\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `([^`]+)` \| (\d) \| [^|]+ \|$", section, re.MULTILINE)
    return Counter({name: int(times) for name, times in rows})
