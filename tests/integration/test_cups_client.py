"""A real CUPS as the client: driverless queues, what it keeps and loses, and a queue that is always free."""

import re
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from protocols.ipp.operations import Operation
from protocols.ipp.tags import GroupTag
from tests.integration.conftest import MakeDaemon
from tests.integration.daemon import CANARY_DOCUMENT, CANARY_PASSWORD, Daemon
from tests.integration.eve import Bus, EvePrinter, Printed
from tests.integration.recorder import Recorder, wait_until
from tests.support import pdfs
from tests.support.cups import Cups

MIB = 1024 * 1024

SITE = """
[printers.lab]
uri = "{lab}"
[queues.open]
printers = ["lab"]
authentication = "at-release"
[queues.secure]
printers = ["lab"]
"""
IDLE = ("printer-state", "printer-state-reasons", "printer-is-accepting-jobs")


@pytest.fixture(scope="module")
def lab() -> Iterator[EvePrinter]:
    bus = Bus()
    bus.start()
    printer = EvePrinter("Lab", bus)
    printer.start()
    yield printer
    printer.stop()
    bus.stop()


@pytest.fixture
def daemon(make_daemon: MakeDaemon, lab: EvePrinter) -> Daemon:
    one = make_daemon(SITE.format(lab=lab.uri()), listen={"ipp": "127.0.0.1:0"})
    one.add_user("alice")
    return one


def png(width: int = 64, height: int = 64) -> bytes:
    """Return a picture with the canary in a text chunk (PNG 11.3.4.3)."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    lines = b"".join(b"\0" + bytes((40, 80, 160)) * width for _ in range(height))
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
        + chunk(b"tEXt", b"Comment\0" + CANARY_DOCUMENT)
        + chunk(b"IDAT", zlib.compress(lines))
        + chunk(b"IEND", b"")
    )


def documents(folder: Path) -> list[Path]:
    """Write a PDF, a text and a picture."""
    contents = {
        "report.pdf": pdfs.pdf(3, text=CANARY_DOCUMENT.decode()),
        "notes.txt": b"First line\n" + CANARY_DOCUMENT + b"\n" + "Ein Satz mit \u00fc.\n".encode(),
        "picture.png": png(),
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return [folder / name for name in contents]


def assert_free(cups: Cups, queue: str) -> None:
    printer = cups.printer(queue)
    assert {name: printer[name] for name in IDLE} == dict(zip(IDLE, ("idle", "none", "true"), strict=True))


def asked(page: Printed) -> dict[str, str | None]:
    """Return what the printer was told of copies, sides and paper."""
    media = page.settings.get("IPP_MEDIA_COL", "")
    size = re.search(r"x-dimension=(\d+) y-dimension=(\d+)", media)
    return {
        "copies": page.settings.get("IPP_COPIES"),
        "sides": page.settings.get("IPP_SIDES"),
        "size": None if size is None else f"{size[1]}x{size[2]}",
    }


# -- the main job --


@pytest.mark.parametrize("kind", ["at-release", "required"])
def test_lp_prints_a_pdf_a_text_and_a_picture(
    daemon: Daemon, cups: Cups, lab: EvePrinter, tmp_path: Path, kind: str
) -> None:
    before = len(lab.printed())
    recorder = Recorder(daemon.ports["ipp"])
    if kind == "at-release":
        # Through a recorder, to have what spoold received; TLS would hide it.
        queue, uri = "open", f"ipp://localhost:{recorder.port}/ipp/print/open"
    else:
        authority = f"alice:{CANARY_PASSWORD}@localhost:{daemon.ports['ipp']}"
        queue, uri = "secure", f"ipps://{authority}/ipp/print/secure"
    cups.add_queue(queue, uri)
    # On the required queue the local user's name is another one: the proven name counts.
    user = "alice" if kind == "at-release" else "somebody"
    paths = documents(tmp_path)
    numbers = [
        cups.lp(queue, path, user=user, copies=3, sides="two-sided-long-edge", media="iso_a5_148x210mm")
        for path in paths
    ]
    cups.wait_for("completed", *numbers)
    assert_free(cups, queue)
    held = daemon.wait_for_job("held", count=3)
    assert [(job["user"], job["claimed"]) for job in held] == [("alice", kind == "required")] * 3
    assert len(lab.printed()) == before
    for job in held:
        assert daemon.release(job["id"], "alice")["state"] == "completed"
    pages = lab.printed()[before:]
    assert [asked(page) for page in pages] == [
        {"copies": "3", "sides": "two-sided-long-edge", "size": "14800x21000"}
    ] * 3
    assert [page.settings["CONTENT_TYPE"] for page in pages] == ["application/pdf"] * 2 + ["image/png"]
    # CUPS makes a PDF of PDF and text; the picture goes through as it is.
    assert pages[2].content == paths[2].read_bytes()
    if kind == "at-release":
        assert recorder.documents() == [page.content for page in pages]
    recorder.close()


def test_ten_jobs_in_a_row_find_the_local_queue_free(daemon: Daemon, cups: Cups, tmp_path: Path) -> None:
    cups.add_queue("open", daemon.ipp_uri("open"))
    path = documents(tmp_path)[1]
    for count in range(1, 11):
        number = cups.lp("open", path, user="alice")
        cups.wait_for("completed", number)
        assert_free(cups, "open")
        assert [job["state"] for job in daemon.jobs()] == ["held"] * count


def test_what_cups_sends_is_what_is_kept(daemon: Daemon, cups: Cups, tmp_path: Path) -> None:
    recorder = Recorder(daemon.ports["ipp"])
    cups.add_queue("open", f"ipp://localhost:{recorder.port}/ipp/print/open")
    number = cups.lp("open", documents(tmp_path)[0], user="alice", copies=3, sides="two-sided-short-edge")
    cups.wait_for("completed", number)
    recorder.close()
    sent = [request.message for request in recorder.requests()]
    flow = [message.code for message in sent if message.code != Operation.GET_PRINTER_ATTRIBUTES]
    once = [Operation.VALIDATE_JOB, Operation.CREATE_JOB, Operation.SEND_DOCUMENT]
    assert [code for code in flow if code in once] == once
    create = next(message for message in sent if message.code == Operation.CREATE_JOB)
    template = create.group(GroupTag.JOB)
    assert (template.integer("copies"), template.string("sides")) == (3, "two-sided-short-edge")
    # What nobody chose is what the printer at the end has chosen for itself.
    assert template.string("output-bin") in (None, "auto", "face-up")


# -- what must not be lost --


def test_a_queue_that_wants_a_password_keeps_the_job_on_the_client(
    daemon: Daemon, cups: Cups, tmp_path: Path
) -> None:
    cups.add_queue("secure", daemon.ipp_uri("secure", scheme="ipps"))
    number = cups.lp("secure", documents(tmp_path)[1], user="alice")
    cups.wait_for("pending-held", number)
    assert cups.job(number).reasons == ("cups-held-for-authentication",)
    assert_free(cups, "secure")
    assert daemon.jobs() == []
    # The address with name and password in it is what a desktop's dialog comes down to.
    authority = f"alice:{CANARY_PASSWORD}@localhost:{daemon.ports['ipp']}"
    cups.add_queue("secure", f"ipps://{authority}/ipp/print/secure")
    cups.run("lp", "-i", f"secure-{number}", "-H", "resume")
    cups.wait_for("completed", number)
    assert [(job["user"], job["state"]) for job in daemon.jobs()] == [("alice", "held")]


def test_a_wrong_password_keeps_the_job_and_locks_nobody_else_out(
    daemon: Daemon, cups: Cups, tmp_path: Path
) -> None:
    path = documents(tmp_path)[1]
    daemon.add_user("bob")
    secure = f"localhost:{daemon.ports['ipp']}/ipp/print/secure"
    cups.add_queue("secure", f"ipps://alice:an-old-password@{secure}")
    cups.add_queue("bobs", f"ipps://bob:{CANARY_PASSWORD}@{secure}")
    number = cups.lp("secure", path, user="alice")
    cups.wait_for("pending-held", number)
    assert cups.job(number).reasons == ("cups-held-for-authentication",)
    assert_free(cups, "secure")
    assert daemon.jobs() == []
    # CUPS has tried the same password six times by now, and it counted once.
    assert daemon.log.count("ipp-challenge") >= 6
    cups.add_queue("again", f"ipps://alice:{CANARY_PASSWORD}@{secure}")
    cups.wait_for("completed", cups.lp("again", path, user="alice"))
    assert [(job["user"], job["state"]) for job in daemon.jobs()] == [("alice", "held")]
    cups.wait_for("completed", cups.lp("bobs", path, user="bob"))
    assert [(job["user"], job["state"]) for job in daemon.jobs()] == [("alice", "held"), ("bob", "held")]


def test_a_job_canceled_while_it_is_sent_is_not_held(daemon: Daemon, cups: Cups, tmp_path: Path) -> None:
    recorder = Recorder(daemon.ports["ipp"])
    cups.add_queue("open", f"ipp://localhost:{recorder.port}/ipp/print/open")
    large = tmp_path / "large.png"
    large.write_bytes(png() + b"." * (30 * MIB))
    recorder.hold(4 * MIB)
    number = cups.lp("open", large, user="alice")
    recorder.wait_held()
    assert [job["state"] for job in daemon.jobs()] == ["receiving"]
    cups.run("cancel", "-u", "alice", f"open-{number}")
    wait_until(
        lambda: Operation.CANCEL_JOB in {request.message.code for request in recorder.requests()},
        "CUPS' Cancel-Job",
    )
    recorder.go.set()
    cups.wait_for("canceled", number)
    wait_until(lambda: [job["state"] for job in daemon.jobs()] == ["canceled"], "the end of the job")
    recorder.close()
    assert_free(cups, "open")
    assert daemon.command("store-check")["findings"] == []


# -- compressed --


@pytest.mark.parametrize("method", ["gzip", "deflate"])
def test_what_cups_compresses_is_held_as_it_was(
    daemon: Daemon, cups: Cups, tmp_path: Path, method: str
) -> None:
    recorder = Recorder(daemon.ports["ipp"])
    cups.add_raw_queue(method, f"ipp://localhost:{recorder.port}/ipp/print/open?compression={method}")
    picture = tmp_path / "picture.png"
    picture.write_bytes(png() + b"." * 200_000)
    cups.wait_for("completed", cups.lp(method, picture, user="alice", document_format="image/png"))
    recorder.close()
    (sent,) = [request for request in recorder.requests() if request.document]
    assert sent.message.group(GroupTag.OPERATION).string("compression") == method
    assert len(sent.document) < 10_000
    assert [(job["state"], job["size_bytes"]) for job in daemon.jobs()] == [("held", picture.stat().st_size)]
