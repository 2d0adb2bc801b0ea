"""Words on every page, from the file to the paper of real printers, and nothing on paper without them."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from protocols.ipp.status import Status
from protocols.ipp.tags import GroupTag
from tests.integration.conftest import MakeDaemon
from tests.integration.daemon import CANARY_DOCUMENT, CANARY_TITLE, Daemon
from tests.integration.eve import Bus, EvePrinter
from tests.integration.ipp_asking import ask, hold, print_job
from tests.integration.recorder import wait_until
from tests.support import pdfs
from tests.support.rasters import unpacked
from tests.support.seen import words_of

FONT = b"/Resources<</Font<</F1<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>>>"
SITE = """
[printers.p1]
uri = "{printer}"
[queues.open]
printers = ["p1"]
authentication = "at-release"
[queues.early]
printers = ["p1"]
authentication = "at-release"
[[rules]]
name = "Who"
stage = "release"
when = "true"
watermark = "Printed by {{user}} at {{printer}}, job {{job}}, {{date}} {{time}}"
[[rules]]
name = "Papers"
stage = "accept"
queues = ["early"]
when = "true"
watermark = "Confidential"
"""


@pytest.fixture(name="printed")
def _printed(tmp_path: Path) -> Path:
    folder = tmp_path / "printed"
    folder.mkdir()
    return folder


@pytest.fixture(name="daemon")
def _daemon(make_daemon: MakeDaemon, printed: Path) -> Daemon:
    daemon = make_daemon(SITE.format(printer=f"folder:{printed}"), listen={"ipp": "127.0.0.1:0"})
    daemon.add_user("alice")
    return daemon


@pytest.fixture(name="dots")
def _dots() -> Iterator[EvePrinter]:
    bus = Bus()
    bus.start()
    printer = EvePrinter("Dots", bus, "image/pwg-raster")
    printer.start()
    yield printer
    printer.stop()
    bus.stop()


def letter(pages: int, entries: bytes = b"") -> bytes:
    return pdfs.pdf(pages, text=CANARY_DOCUMENT.decode(), page_entries=FONT + entries)


def paper(printed: Path) -> list[bytes]:
    """The documents that came out into the folder."""
    return [path.read_bytes() for path in sorted(printed.rglob("*.pdf"))]


@pytest.mark.parametrize("queue", ["open", "early"])
def test_every_page_says_who_printed_it(daemon: Daemon, printed: Path, tmp_path: Path, queue: str) -> None:
    job = hold(daemon, letter(3, b"/Rotate 90/CropBox[50 50 500 700]"), queue=queue)
    number = daemon.command("job", job=str(job))["number"]
    assert daemon.release(str(job), "alice")["state"] == "completed"
    [document] = paper(printed)
    pages = words_of(document, tmp_path)
    assert len(pages) == 3
    for page in pages:
        assert re.search(rf"Printed by alice at p1, job {number}, \d{{4}}-\d\d-\d\d \d\d:\d\d", page), page
        assert CANARY_DOCUMENT.decode() in page
        assert ("Confidential" in page) == (queue == "early")
        assert CANARY_TITLE not in page
    assert CANARY_TITLE.encode() not in document
    assert "alice at p1" not in daemon.log


def test_a_printer_that_takes_only_dots_gets_the_words(make_daemon: MakeDaemon, dots: EvePrinter) -> None:
    daemon = make_daemon(SITE.format(printer=dots.uri()), listen={"ipp": "127.0.0.1:0"})
    daemon.add_user("alice")
    wait_until(lambda: '"capabilities"' in daemon.log, "the printer has said what it can do")
    job = hold(daemon, pdfs.pdf(2))
    assert daemon.release(str(job), "alice")["state"] == "completed"
    (out,) = dots.printed()
    pages = unpacked(out.content)
    assert len(pages) == 2
    for page in pages:
        foot = len(page.lines) * 9 // 10
        assert any(min(line) < 160 for line in page.lines[foot:])
        assert all(min(line) == 255 for line in page.lines[:foot])


def test_nothing_comes_out_without_the_words(daemon: Daemon, printed: Path) -> None:
    """At acceptance where it is known then, at the gate, and when the stamping fails."""
    picture = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00" + CANARY_DOCUMENT
    answer = ask(daemon.ports["ipp"], print_job("early", format="image/jpeg") + picture, queue="early")
    assert answer.code >= Status.CLIENT_ERROR_BAD_REQUEST
    assert "Send the document as PDF." in str(answer.group(GroupTag.OPERATION).string("status-message"))
    held = hold(daemon, picture, format="image/jpeg")
    with pytest.raises(Exception, match="Send the document as PDF"):
        daemon.release(str(held), "alice")
    damaged = hold(daemon, b"%PDF-1.4\n" + CANARY_DOCUMENT)
    assert daemon.release(str(damaged), "alice")["state"] == "held"
    reason = daemon.command("job", job=str(damaged))["reason"]
    assert "they cannot be put on this document: it is damaged" in reason
    assert paper(printed) == []
    assert {job["state"] for job in daemon.jobs() if job["id"] in {str(held), str(damaged)}} == {"held"}


def test_a_mistake_in_the_words_is_found_before_anything_starts(make_daemon: MakeDaemon) -> None:
    wrong = SITE.format(printer="folder:/nowhere").replace("{user}", "{usr}")
    daemon = make_daemon(wrong, start=False)
    daemon.prepare()
    done = daemon.cli("check")
    assert done.returncode == 2
    assert re.search(
        r'spoold\.toml:\d+:25: rules\[0\]\.watermark: there is no \{usr\}.*did you mean "\{user\}"',
        done.stdout + done.stderr,
    ), done.stdout + done.stderr
