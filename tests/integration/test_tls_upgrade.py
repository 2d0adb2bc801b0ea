"""Clients that go on in TLS on the plain port (RFC 2817): ipptool -E, and CUPS where it is required."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.conftest import MakeDaemon
from tests.integration.daemon import CANARY_DOCUMENT, CANARY_PASSWORD, CANARY_TITLE, Daemon
from tests.integration.recorder import Recorder
from tests.support import pdfs
from tests.support.cups import Cups

SITE = """
[printers.sink]
uri = "folder:{folder}"
[queues.open]
printers = ["sink"]
authentication = "at-release"
[queues.secure]
printers = ["sink"]
"""
# RFC 8446 5.1: a handshake record; its version says TLS 1.0 (ClientHello) for the sake of old middleboxes.
CLIENT_HELLO = b"\x16\x03\x01"


@pytest.fixture
def daemon(make_daemon: MakeDaemon, tmp_path: Path) -> Daemon:
    folder = tmp_path / "sink"
    folder.mkdir()
    one = make_daemon(SITE.format(folder=folder), listen={"ipp": "127.0.0.1:0"})
    one.add_user("alice")
    return one


@pytest.fixture
def recorder(daemon: Daemon) -> Iterator[Recorder]:
    one = Recorder(daemon.ports["ipp"])
    yield one
    one.close()


def assert_switched(recorder: Recorder) -> None:
    """Each connection began with the question and went on in TLS; nothing of a job was said in clear."""
    sent = recorder.sent
    assert sent.startswith(b"OPTIONS * HTTP/1.1\r\n")
    assert sent.count(b"OPTIONS * ") == sent.count(CLIENT_HELLO) > 0
    assert b"POST " not in sent
    for secret in (CANARY_TITLE.encode(), CANARY_DOCUMENT, CANARY_PASSWORD.encode(), b"attributes-charset"):
        assert secret not in sent


def test_ipptool_with_required_encryption(recorder: Recorder) -> None:
    done = subprocess.run(
        [
            *("ipptool", "-E", "-tv", f"ipp://localhost:{recorder.port}/ipp/print/secure"),
            "get-printer-attributes.test",
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "[PASS]" in done.stdout
    # What the daemon knows of the connection: its own pages are over there, in TLS.
    assert re.search(rf"printer-more-info \(uri\) = https://localhost:{recorder.port}/", done.stdout)
    assert_switched(recorder)


def test_a_cups_queue_that_requires_encryption(daemon: Daemon, recorder: Recorder, tmp_path: Path) -> None:
    """The password goes over the line as well: the server asks for it as it does on ipps://."""
    document = tmp_path / f"{CANARY_TITLE}.pdf"
    document.write_bytes(pdfs.pdf(2, text=CANARY_DOCUMENT.decode()))
    cups = Cups()
    cups.start()
    try:
        authority = f"alice:{CANARY_PASSWORD}@localhost:{recorder.port}"
        cups.add_raw_queue("secure", f"ipp://{authority}/ipp/print/secure?encryption=required")
        number = cups.lp("secure", document, user="somebody", document_format="application/pdf")
        cups.wait_for("completed", number)
    finally:
        cups.stop()
    (job,) = daemon.wait_for_job("held")
    assert (job["user"], job["claimed"]) == ("alice", True)
    assert_switched(recorder)
