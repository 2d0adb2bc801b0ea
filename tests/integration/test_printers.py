"""Releases to real printers: what comes out, what stands in the way of paper, and what a printer is told."""

import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from protocols.ipp.operations import Operation
from tests.integration.conftest import MakeDaemon, MakePrinter
from tests.integration.daemon import CANARY_DOCUMENT, CANARY_PASSWORD, CANARY_TITLE, Daemon, DaemonError
from tests.integration.eve import EvePrinter
from tests.integration.recorder import Recorder, wait_until
from tests.support import pdfs

MIB = 1024 * 1024
# A status is waited for 3 s, and then the other printers are asked.
# More than the kernel's buffers hold between here and there: what is stopped under way is not complete.
LARGE_BYTES = 24 * MIB
AT_ONCE_S = 12.0
# "operations-supported" with Create-Job (5) taken out of it: Print-Job (2) stands there twice.
ONE_STEP = (b"\x23\x00\x00\x00\x04\x00\x00\x00\x05", b"\x23\x00\x00\x00\x04\x00\x00\x00\x02")

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
  ATTR integer copies 3
  ATTR keyword sides two-sided-long-edge
  ATTR keyword media iso_a4_210x297mm
  FILE $filename
  STATUS successful-ok
}
"""


@pytest.fixture
def recorders() -> Iterator[list[Recorder]]:
    """Recorders that are closed at the end."""
    made: list[Recorder] = []
    yield made
    for recorder in made:
        recorder.close()


def one_queue(*printers: str, mask_names: bool = True) -> str:
    """Configure the queue "open" with these printers, given as the lines of their tables."""
    names = [f"p{number}" for number in range(1, len(printers) + 1)]
    tables = "\n".join(f"[printers.{name}]\n{lines}" for name, lines in zip(names, printers, strict=True))
    return (
        f'{tables}\n[queues.open]\nprinters = {names}\nauthentication = "at-release"\n'
        f"mask_names = {str(mask_names).lower()}\n"
    ).replace("'", '"')


def print_to(daemon: Daemon, content: bytes) -> str:
    """Print a document as Alice, with the canary as its title; returns the id of the held job."""
    path = daemon.directory.parent / "document.pdf"
    path.write_bytes(content)
    test = daemon.directory.parent / "print.test"
    test.write_text(PRINT)
    title = f"title={CANARY_TITLE}"
    done = subprocess.run(
        ["ipptool", "-tv", "-f", str(path), "-d", title, daemon.ipp_uri("open"), str(test)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    path.unlink()
    assert done.returncode == 0, done.stdout
    job: str = daemon.wait_for_job("held")[-1]["id"]
    return job


def document(size_bytes: int = 0) -> bytes:
    """Return a PDF with the canary in it, of about this size, and without a title."""
    padding = b"%" + b"." * size_bytes + b"\n" if size_bytes else b""
    return pdfs.pdf(2, text=CANARY_DOCUMENT.decode()) + padding


def operations(recorder: Recorder) -> set[int]:
    return {request.message.code for request in recorder.requests()}


def started(make_daemon: MakeDaemon, config: str, *, name: str = "daemon") -> Daemon:
    daemon = make_daemon(config, listen={"ipp": "127.0.0.1:0"}, name=name)
    daemon.add_user("alice")
    return daemon


# -- what comes out --


@pytest.mark.parametrize("scheme", ["ipp", "ipps"])
def test_a_released_document_comes_out_as_it_went_in(
    make_daemon: MakeDaemon, make_printer: MakePrinter, scheme: str
) -> None:
    lab = make_printer("Lab")
    pin = f'\npin = "{lab.spki_sha256()}"' if scheme == "ipps" else ""
    daemon = started(make_daemon, one_queue(f'uri = "{lab.uri(scheme)}"{pin}'))
    content = document(3 * MIB)
    job = print_to(daemon, content)
    assert lab.arrived() == []
    assert daemon.release(job, "alice")["state"] == "completed"
    (page,) = lab.printed()
    assert page.content == content
    assert page.settings["CONTENT_TYPE"] == "application/pdf"
    told = {name: page.settings.get(name) for name in ("IPP_COPIES", "IPP_SIDES", "IPP_MEDIA")}
    assert told == {"IPP_COPIES": "3", "IPP_SIDES": "two-sided-long-edge", "IPP_MEDIA": "iso_a4_210x297mm"}
    # Nothing of it is left in the store, and it cannot come out again.
    with pytest.raises(DaemonError, match="has been printed"):
        daemon.release(job, "alice")
    assert len(lab.printed()) == 1


def test_a_printer_with_another_key_than_the_pinned_one_gets_nothing(
    make_daemon: MakeDaemon, make_printer: MakePrinter
) -> None:
    lab, impostor = make_printer("Lab"), make_printer("Impostor")
    daemon = started(make_daemon, one_queue(f'uri = "{impostor.uri("ipps")}"\npin = "{lab.spki_sha256()}"'))
    job = print_to(daemon, document())
    with pytest.raises(DaemonError, match="another certificate"):
        daemon.release(job, "alice")
    assert daemon.wait_for_job("held")[0]["id"] == job
    assert impostor.arrived() == []


def test_a_printer_with_a_certificate_of_its_own_making_is_not_trusted_without_a_pin(
    make_daemon: MakeDaemon, make_printer: MakePrinter
) -> None:
    lab = make_printer("Lab")
    daemon = started(make_daemon, one_queue(f'uri = "{lab.uri("ipps")}"'))
    job = print_to(daemon, document())
    with pytest.raises(DaemonError, match="certificate"):
        daemon.release(job, "alice")
    assert lab.arrived() == []
    assert ssl.get_server_certificate(("localhost", lab.port))


@pytest.mark.parametrize(
    ("instead", "operation"), [(None, Operation.CREATE_JOB), (ONE_STEP, Operation.PRINT_JOB)]
)
def test_documents_go_out_in_two_steps_or_in_one(
    make_daemon: MakeDaemon,
    make_printer: MakePrinter,
    recorders: list[Recorder],
    instead: tuple[bytes, bytes] | None,
    operation: Operation,
) -> None:
    lab = make_printer("Lab")
    recorders.append(recorder := Recorder(lab.port, instead=instead))
    daemon = started(make_daemon, one_queue(f'uri = "{lab.uri(port=recorder.port)}"'))
    content = document()
    assert daemon.release(print_to(daemon, content), "alice")["state"] == "completed"
    (page,) = lab.printed()
    assert page.content == content
    assert recorder.documents() == [content]
    assert operations(recorder) & {Operation.CREATE_JOB, Operation.PRINT_JOB} == {operation}


# -- what stands in the way of paper --


def refusal(daemon: Daemon, job: str, printer: str) -> str:
    with pytest.raises(DaemonError) as refused:
        daemon.release(job, "alice", printer)
    return str(refused.value)


TROUBLES: dict[str, tuple[Callable[[EvePrinter], None], str]] = {
    "jammed": (lambda printer: printer.report("+media-jam"), "jam"),
    "open": (lambda printer: printer.report("+cover-open"), "cover is open"),
    "out of toner": (lambda printer: printer.report("+toner-empty"), "toner"),
    "without paper": (lambda printer: printer.load_paper(0), "paper"),
    "hanging": (EvePrinter.freeze, "does not answer"),
    "gone": (EvePrinter.kill, "cannot be reached"),
}


def test_a_printer_in_trouble_gets_nothing_and_a_better_one_is_named(
    make_daemon: MakeDaemon, make_printer: MakePrinter
) -> None:
    lab, hall = make_printer("Lab"), make_printer("Hall")
    config = one_queue(f'uri = "{lab.uri()}"\nlocation = "Lab"', f'uri = "{hall.uri()}"\nlocation = "Hall"')
    daemon = started(make_daemon, config)
    job = print_to(daemon, content := document())
    for name, (trouble, why) in TROUBLES.items():
        trouble(lab)
        began_s = time.monotonic()
        words = refusal(daemon, job, "p1")
        assert time.monotonic() - began_s < AT_ONCE_S
        assert "p1 (Lab) is not ready" in words, name
        assert why in words.lower(), f"{name}: {words}"
        assert "It can be released at p2 (Hall) now." in words
        assert [one["id"] for one in daemon.wait_for_job("held")] == [job]
        lab.resume()
        if name == "without paper":
            lab.load_paper(250)
        elif name not in ("hanging", "gone"):
            lab.report("-media-jam,cover-open,toner-empty")
    assert (lab.printed(), hall.arrived()) == ([], [])
    assert daemon.release(job, "alice", "p2")["state"] == "completed"
    assert [page.content for page in hall.printed()] == [content]


def test_with_no_better_printer_the_owner_is_told_to_put_this_one_right(
    make_daemon: MakeDaemon, make_printer: MakePrinter
) -> None:
    lab = make_printer("Lab")
    daemon = started(make_daemon, one_queue(f'uri = "{lab.uri()}"'))
    job = print_to(daemon, document())
    lab.report("+media-jam")
    with pytest.raises(DaemonError, match="Put the printer right, then release the job again"):
        daemon.release(job, "alice")
    lab.report("-media-jam")
    # That the jam has cleared releases nothing; asking again does.
    assert lab.printed() == []
    assert daemon.release(job, "alice")["state"] == "completed"
    assert len(lab.printed()) == 1


def test_a_jam_after_the_release_ends_held_and_clearing_it_prints_nothing(
    make_daemon: MakeDaemon, make_printer: MakePrinter
) -> None:
    lab = make_printer("Lab")
    daemon = started(make_daemon, one_queue(f'uri = "{lab.uri()}"'))
    job = print_to(daemon, content := document())
    lab.jam()
    answer = daemon.release(job, "alice")
    assert answer["state"] == "held"
    assert "jam" in answer["reason"].lower()
    assert len(lab.arrived()) == 1
    lab.clear()
    lab.report("-media-jam")
    assert lab.printed() == []
    assert [one["id"] for one in daemon.wait_for_job("held")] == [job]
    assert daemon.release(job, "alice")["state"] == "completed"
    assert [page.content for page in lab.printed()] == [content]


def test_paper_that_runs_out_under_way_ends_held_and_loading_it_prints_nothing(
    make_daemon: MakeDaemon, make_printer: MakePrinter, recorders: list[Recorder]
) -> None:
    lab = make_printer("Lab")
    recorders.append(recorder := Recorder(lab.port))
    daemon = started(make_daemon, one_queue(f'uri = "{lab.uri(port=recorder.port)}"'))
    job = print_to(daemon, content := document(LARGE_BYTES))
    recorder.hold(MIB)
    daemon.release(job, "alice", wait_s=0)
    recorder.wait_held()
    lab.load_paper(0)
    wait_until(lambda: Operation.CANCEL_JOB in operations(recorder), "the recall")
    recorder.go.set()
    # ippeveprinter only stops a job that waits for paper once there is some.
    lab.load_paper(250)
    held = daemon.wait_for_job("held")
    assert [one["id"] for one in held] == [job]
    assert "paper" in held[0]["reason"].lower()
    lab.report("-media-jam")
    assert lab.printed() == []
    assert daemon.release(job, "alice")["state"] == "completed"
    assert [page.content for page in lab.printed()] == [content]


def test_a_printer_that_vanishes_under_way_never_prints_a_second_copy(
    make_daemon: MakeDaemon, make_printer: MakePrinter, recorders: list[Recorder]
) -> None:
    lab = make_printer("Lab")
    recorders.append(recorder := Recorder(lab.port))
    daemon = started(make_daemon, one_queue(f'uri = "{lab.uri(port=recorder.port)}"'))
    job = print_to(daemon, content := document(LARGE_BYTES))
    recorder.hold(4 * MIB)
    daemon.release(job, "alice", wait_s=0)
    recorder.wait_held()
    lab.kill()
    recorder.go.set()
    lab.start()
    wait_until(lambda: daemon.jobs()[0]["state"] in ("held", "unknown"), "the end of the release")
    # A part of it was at the printer: nobody can know.
    assert daemon.jobs()[0]["state"] == "unknown"
    with pytest.raises(DaemonError, match="Nobody can know"):
        daemon.release(job, "alice")
    assert daemon.stop() == 0
    daemon.start()
    assert daemon.jobs()[0]["state"] == "unknown"
    assert lab.printed() == []
    daemon.command("take-back", job=job, user="alice", password=CANARY_PASSWORD)
    assert daemon.release(job, "alice")["state"] == "completed"
    assert [page.content for page in lab.printed()] == [content]


# -- what a printer is told --


@pytest.mark.parametrize("masked", [True, False])
def test_the_title_goes_out_only_where_names_are_not_masked(
    make_daemon: MakeDaemon, make_printer: MakePrinter, recorders: list[Recorder], masked: bool
) -> None:
    lab = make_printer("Lab")
    recorders.append(recorder := Recorder(lab.port))
    config = one_queue(f'uri = "{lab.uri(port=recorder.port)}"', mask_names=masked)
    daemon = started(make_daemon, config)
    assert daemon.release(print_to(daemon, document()), "alice")["state"] == "completed"
    told = recorder.sent + b"".join(_everything(lab.root))
    assert CANARY_DOCUMENT in told
    assert (CANARY_TITLE.encode() in told) is not masked
    assert (b"alice" in told) is not masked


def _everything(root: Path) -> Iterator[bytes]:
    for path in root.rglob("*"):
        if path.is_file():
            yield str(path).encode() + path.read_bytes()
