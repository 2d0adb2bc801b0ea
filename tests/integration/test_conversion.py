"""PDF to real printers that take only dots: what comes out, what it takes, and what becomes of bad ones."""

import contextlib
import subprocess
import threading
import time
from pathlib import Path

import pytest

from protocols.raster.walk import RasterWalker
from tests.integration.conftest import MakeDaemon, MakePrinter
from tests.integration.daemon import CANARY_DOCUMENT, CANARY_TITLE, Daemon
from tests.integration.eve import EvePrinter
from tests.integration.recorder import wait_until
from tests.support import pdfs
from tests.support.rasters import Page, unpacked

MIB = 1024 * 1024
FONT = b"/Resources<</Font<</F1<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>>>"
TWENTY_PAGES_S = 10.0

PRINT = """{
  OPERATION Print-Job
  GROUP operation-attributes-tag
  ATTR charset attributes-charset utf-8
  ATTR language attributes-natural-language en
  ATTR uri printer-uri $uri
  ATTR name requesting-user-name alice
  ATTR name job-name $title
  ATTR mimeMediaType document-format application/pdf
  GROUP job-attributes-tag
  %s
  FILE $filename
  STATUS successful-ok
  STATUS successful-ok-ignored-or-substituted-attributes
}
"""


def started(make_daemon: MakeDaemon, printer: EvePrinter) -> Daemon:
    """Start a daemon that has heard what its printer can do."""
    config = (
        f'[printers.p1]\nuri = "{printer.uri()}"\n'
        '[queues.open]\nprinters = ["p1"]\nauthentication = "at-release"\n'
    )
    daemon = make_daemon(config, listen={"ipp": "127.0.0.1:0"})
    daemon.add_user("alice")
    wait_until(lambda: '"capabilities"' in daemon.log, "the printer has said what it can do")
    return daemon


def print_to(daemon: Daemon, content: bytes, *attributes: str) -> str:
    """Print a document as Alice; returns the id of the held job."""
    path, test = daemon.directory.parent / "document.pdf", daemon.directory.parent / "print.test"
    path.write_bytes(content)
    test.write_text(PRINT % "\n  ".join(attributes))
    done = subprocess.run(
        ["ipptool", "-tv", "-f", path, "-d", f"title={CANARY_TITLE}", daemon.ipp_uri("open"), test],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    path.unlink()
    assert done.returncode == 0, done.stdout
    job: str = daemon.wait_for_job("held")[-1]["id"]
    return job


def document(pages: int, *, text: str = CANARY_DOCUMENT.decode()) -> bytes:
    return pdfs.pdf(pages, text=text, page_entries=FONT)


def reference(octets: bytes, tmp_path: Path, *, resolution: int, dots: tuple[int, int]) -> list[Page]:
    """Draw a document by Ghostscript alone, in colour."""
    source, made = tmp_path / "reference.pdf", tmp_path / "reference.pwg"
    source.write_bytes(octets)
    command = [
        *("gs", "-q", "-dSAFER", "-sDEVICE=pwgraster", f"-r{resolution}", f"-g{dots[0]}x{dots[1]}"),
        *("-dFIXEDMEDIA", "-dFitPage", "-dNOPLATFONTS", "-dNEWPDF=false", "-dcupsColorSpace=19"),
        *("-dcupsBitsPerPixel=24", "-dcupsBitsPerColor=8", "-o", str(made), str(source)),
    ]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    pages = unpacked(made.read_bytes())
    source.unlink()
    made.unlink()
    return pages


@pytest.mark.parametrize("kind", ["image/pwg-raster", "image/urf"])
def test_a_printer_that_takes_only_dots_gets_dots(
    make_daemon: MakeDaemon, make_printer: MakePrinter, tmp_path: Path, kind: str
) -> None:
    printer = make_printer("Dots", kind)
    daemon = started(make_daemon, printer)
    content = (Path(__file__).parents[1] / "spoold/documents/samples/chromium-3-pages-a4.pdf").read_bytes()
    job = print_to(daemon, content, "ATTR keyword media iso_a4_210x297mm", "ATTR integer copies 1")
    ended = daemon.release(job, "alice")
    assert ended["state"] == "completed", ended
    (out,) = printer.printed()
    assert out.settings["CONTENT_TYPE"] == kind
    pages = unpacked(out.content)
    assert len(pages) == 3
    head = pages[0].header
    across, along = head.resolution
    assert across == along
    assert (head.width, head.height) == (round(210 / 25.4 * across), round(297 / 25.4 * along))
    wanted = reference(content, tmp_path, resolution=across, dots=(head.width, head.height))
    assert head.bits_per_pixel == 24
    assert [page.lines for page in pages] == [page.lines for page in wanted]


def test_a_printer_that_takes_pdf_gets_what_was_sent(
    make_daemon: MakeDaemon, make_printer: MakePrinter
) -> None:
    printer = make_printer("Dots", "application/pdf,image/pwg-raster")
    daemon = started(make_daemon, printer)
    content = document(2)
    assert daemon.release(print_to(daemon, content), "alice")["state"] == "completed"
    assert [out.content for out in printer.printed()] == [content]


@pytest.mark.alone
def test_twenty_pages_in_time_and_in_bounds(
    make_daemon: MakeDaemon, make_printer: MakePrinter, capsys: pytest.CaptureFixture[str]
) -> None:
    printer = make_printer("Dots", "image/pwg-raster")
    daemon = started(make_daemon, printer)
    job = print_to(daemon, document(20), "ATTR keyword sides two-sided-long-edge")
    idle = memory_bytes(daemon, "VmRSS")
    helpers = Helpers(daemon)
    began = time.monotonic()
    assert daemon.release(job, "alice")["state"] == "completed"
    took = time.monotonic() - began
    (out,) = printer.printed()
    assert count(out.content) == 20
    assert took < TWENTY_PAGES_S
    grown, largest = memory_bytes(daemon, "VmHWM") - idle, helpers.stop()
    with capsys.disabled():
        print(f"\n20 pages: {took:.2f} s, daemon {grown // MIB} MiB more, Ghostscript {largest // MIB} MiB")
    assert grown < 64 * MIB
    assert 0 < largest < 256 * MIB


class Helpers:
    """Watches how much memory the daemon's child processes have, while a test goes on."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._largest = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def stop(self) -> int:
        """Return the most that one of them had, in bytes."""
        self._stop.set()
        self._thread.join()
        return self._largest

    def _watch(self) -> None:
        while not self._stop.wait(0.02):
            for pid, name in _children(self._daemon).items():
                with contextlib.suppress(OSError, IndexError):
                    status = Path(f"/proc/{pid}/status").read_text()
                    used = int(status.split("VmHWM:")[1].split()[0]) * 1024
                    self._largest = max(self._largest, used if name == "gs" else 0)


def memory_bytes(daemon: Daemon, name: str) -> int:
    assert daemon.process is not None
    status = Path(f"/proc/{daemon.process.pid}/status").read_text()
    return int(status.split(f"{name}:")[1].split()[0]) * 1024


def test_the_time_line_tells_of_the_conversion(make_daemon: MakeDaemon, make_printer: MakePrinter) -> None:
    printer = make_printer("Dots", "image/pwg-raster")
    daemon = started(make_daemon, printer)
    job = print_to(daemon, document(9))
    assert daemon.release(job, "alice")["state"] == "completed"
    assert count(printer.printed()[0].content) == 9
    told = daemon.command("job", job=job)["timeline"]
    words = [line["words"] for line in told if line["event"] == "conversion"]
    assert words == [
        "p1 does not take application/pdf; it is being converted to PWG raster.",
        "Page 9 of 9 is ready.",
    ]


def count(octets: bytes) -> int:
    """Count pages without unpacking them."""
    walker = RasterWalker(max_pages=100)
    for _ in walker.receive_data(octets):
        pass
    walker.finish()
    return walker.pages


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"%PDF-1.4\nthis is none", "it is damaged"),
        (document(3)[:700], "it is damaged"),
        (pdfs.encrypted("secret"), "it is protected by a password"),
    ],
    ids=["no-pdf", "cut", "password"],
)
def test_a_document_that_cannot_be_converted_is_held_with_the_reason(
    make_daemon: MakeDaemon, make_printer: MakePrinter, content: bytes, words: str
) -> None:
    printer = make_printer("Dots", "image/pwg-raster")
    daemon = started(make_daemon, printer)
    job = print_to(daemon, content)
    ended = daemon.release(job, "alice")
    assert ended["state"] == "held"
    assert f"cannot be converted: {words}" in ended["reason"]
    assert "Nothing was printed." in ended["reason"]
    assert printer.arrived() == []


def test_a_conversion_can_be_canceled(make_daemon: MakeDaemon, make_printer: MakePrinter) -> None:
    """While Ghostscript draws: no process is left, and the printer never heard of the job."""
    printer = make_printer("Dots", "image/pwg-raster")
    daemon = started(make_daemon, printer)
    job = print_to(daemon, endless())
    assert daemon.release(job, "alice", wait_s=0.1)["state"] == "releasing"
    wait_until(lambda: helpers_of(daemon) >= {"gs"}, "Ghostscript draws")
    assert daemon.command("cancel", job=job)["state"] == "canceled"
    wait_until(lambda: "gs" not in helpers_of(daemon), "Ghostscript is gone")
    assert printer.arrived() == []


def test_no_helper_outlives_a_killed_daemon(make_daemon: MakeDaemon, make_printer: MakePrinter) -> None:
    """Ghostscript is told by the kernel; at the next start the job is held, because no byte had gone out."""
    printer = make_printer("Dots", "image/pwg-raster")
    daemon = started(make_daemon, printer)
    job = print_to(daemon, endless())
    daemon.release(job, "alice", wait_s=0.1)
    wait_until(lambda: helpers_of(daemon) >= {"gs"}, "Ghostscript draws")
    helpers = helper_pids(daemon)
    daemon.kill()
    wait_until(lambda: not [pid for pid in helpers if is_running(pid)], "every helper is gone")
    daemon.start()
    (again,) = daemon.wait_for_job("held")
    assert again["id"] == job
    assert printer.arrived() == []


def test_status_tells_that_conversion_works(make_daemon: MakeDaemon, make_printer: MakePrinter) -> None:
    daemon = started(make_daemon, make_printer("Dots", "image/urf"))
    wait_until(
        lambda: daemon.command("status")["components"].get("conversion") == {"state": "ok", "reason": ""},
        "conversion was tried",
    )


def endless() -> bytes:
    """One page of a form that draws itself ten times, ten levels deep."""
    forms = {
        20 + level: pdfs.stream(
            b"/F Do " * 10 if level < 9 else b"0 0 9 9 re f",
            b"/Type/XObject/Subtype/Form/BBox[0 0 595 842]/Resources<</XObject<</F %d 0 R>>>>" % (21 + level),
        )
        for level in range(10)
    }
    return pdfs.assemble(
        {
            1: b"<</Type/Catalog/Pages 2 0 R>>",
            2: b"<</Type/Pages/Kids[10 0 R]/Count 1>>",
            3: pdfs.stream(b"/F Do"),
            10: b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 3 0 R"
            b"/Resources<</XObject<</F 20 0 R>>>>>>",
            **forms,
        }
    )


def helpers_of(daemon: Daemon) -> set[str]:
    """Names of the daemon's child processes."""
    return set(_children(daemon).values())


def helper_pids(daemon: Daemon) -> set[int]:
    return set(_children(daemon))


def _children(daemon: Daemon) -> dict[int, str]:
    assert daemon.process is not None
    found = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            name, _, rest = stat.read_text().partition("(")[2].rpartition(")")
            if int(rest.split()[1]) == daemon.process.pid:
                found[int(stat.parent.name)] = name
    return found


def is_running(pid: int) -> bool:
    """Whether a process of this id is there and not merely waiting to be reaped."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False
