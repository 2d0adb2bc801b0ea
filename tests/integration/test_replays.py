"""Clients that cannot run here, from recorded or specified exchanges: what they read, where jobs end."""

import subprocess
from base64 import b64encode
from pathlib import Path

import pytest

from tests.integration.conftest import MakeDaemon
from tests.integration.daemon import CANARY_DOCUMENT, CANARY_PASSWORD, Daemon
from tests.integration.ipp_asking import tls_context
from tests.integration.recorder import wait_until
from tests.integration.replay import REPLAYS, Answer, Replay
from tests.support import pdfs
from tests.support.parts import need_program

SITE = """
[printers.out]
uri = "folder:{out}"
[queues.open]
printers = ["out"]
authentication = "at-release"
pins = "accepted"
[queues.secure]
printers = ["out"]
"""
PAGES = 2


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What phones and desktops send: PDF, and PWG raster and URF drawn from it by Ghostscript."""
    folder = tmp_path_factory.mktemp("documents")
    report = pdfs.pdf(PAGES, text=CANARY_DOCUMENT.decode())
    (folder / "report.pdf").write_bytes(report)
    for device, name in (("pwgraster", "page.pwg"), ("urf", "page.urf")):
        command = [
            need_program("gs"),
            "-q",
            "-dSAFER",
            f"-sDEVICE={device}",
            "-r300",
            "-o",
            str(folder / name),
        ]
        subprocess.run([*command, str(folder / "report.pdf")], check=True, timeout=120, capture_output=True)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def daemon(make_daemon: MakeDaemon, tmp_path: Path) -> Daemon:
    (tmp_path / "out").mkdir()
    return make_daemon(SITE.format(out=tmp_path / "out"), listen={"ipp": "127.0.0.1:0"})


def replay(
    name: str, daemon: Daemon, documents: dict[str, bytes], *, queue: str = "open", **words: str
) -> list[Answer]:
    """Play an exchange; its expectations are in its file."""
    run = Replay(name, daemon.ports["ipp"], queue, documents, tls_context(daemon), dict(words))
    return run.play()


def printed(folder: Path) -> list[bytes]:
    """What came out, in order."""
    return [path.read_bytes() for path in sorted((folder / "out").iterdir()) if path.is_file()]


def assert_released_by(
    daemon: Daemon, user: str, job: dict[str, object], folder: Path, content: bytes
) -> None:
    """The job is nobody's until this person signs in, and then comes out as it went in."""
    assert (job["user"], job["claimed"], printed(folder)) == (user, False, [])
    daemon.add_user(user)
    assert daemon.release(str(job["id"]), user)["state"] == "completed"
    assert printed(folder) == [content]


def test_every_exchange_is_played() -> None:
    named = {path.stem for path in REPLAYS.glob("*.toml")}
    source = Path(__file__).read_text()
    assert {name for name in named if f'"{name}"' not in source} == set()
    assert len(named) >= 7


def test_an_android_phone_s_job_waits_unclaimed_while_the_phone_sees_an_idle_printer(
    daemon: Daemon, documents: dict[str, bytes], tmp_path: Path
) -> None:
    replay("android", daemon, documents, user="mia")
    (job,) = daemon.wait_for_job("held")
    assert_released_by(daemon, "mia", job, tmp_path, documents["page.pwg"])


def test_a_device_s_name_is_kept_as_the_claim_it_is(daemon: Daemon, documents: dict[str, bytes]) -> None:
    """Android names itself by its model where its owner has given it no other name."""
    replay("android", daemon, documents)
    (job,) = daemon.wait_for_job("held")
    assert (job["user"], job["claimed"]) == ("pixel 8", False)


# What each client prints, and with which PIN.
WITH_PIN = {"ios": ("page.urf", "4711"), "chromeos": ("report.pdf", "8642")}


@pytest.mark.parametrize("client", WITH_PIN)
def test_a_job_with_a_pin_waits_for_that_pin(
    daemon: Daemon, documents: dict[str, bytes], tmp_path: Path, client: str
) -> None:
    document, pin = WITH_PIN[client]
    replay(client, daemon, documents)
    (job,) = daemon.wait_for_job("held")
    assert (job["claimed"], printed(tmp_path)) == (False, [])
    number = {"job-id": str(job["number"])}
    replay("release-by-pin", daemon, documents, pin=pin, user=job["user"], **number)
    assert [one["state"] for one in daemon.jobs()] == ["completed"]
    assert printed(tmp_path) == [documents[document]]


def test_who_signs_in_owns_the_job_whatever_the_device_calls_itself(
    daemon: Daemon, documents: dict[str, bytes], tmp_path: Path
) -> None:
    daemon.add_user("mia")
    basic = b64encode(f"mia:{CANARY_PASSWORD}".encode()).decode()
    replay("macos-sign-in", daemon, documents, queue="secure", basic=basic)
    (job,) = daemon.wait_for_job("held")
    assert (job["user"], job["claimed"], printed(tmp_path)) == ("mia", True, [])
    assert daemon.release(job["id"], "mia")["state"] == "completed"
    assert printed(tmp_path) == [documents["report.pdf"]]


def test_the_windows_class_driver_prints_under_whatever_name_its_account_has(
    daemon: Daemon, documents: dict[str, bytes], tmp_path: Path
) -> None:
    replay("windows-class-driver", daemon, documents)
    (job,) = daemon.wait_for_job("held")
    assert (job["user"], job["claimed"]) == ("desktop-7\\mia weber", False)
    replay("windows-class-driver", daemon, documents, user="mia")
    wait_until(lambda: len(daemon.wait_for_job("held")) == 2, "the second job")
    (job,) = [one for one in daemon.jobs() if one["user"] == "mia"]
    assert_released_by(daemon, "mia", job, tmp_path, documents["report.pdf"])


def test_the_windows_class_driver_loses_nothing_where_it_cannot_sign_in(
    daemon: Daemon, documents: dict[str, bytes]
) -> None:
    replay("windows-401", daemon, documents, queue="secure")
    assert daemon.jobs() == []
    # Nobody was locked out by it: the same address prints on.
    replay("windows-internet-printing", daemon, documents)
    daemon.wait_for_job("held")


def test_the_old_internet_printing_client_prints_with_ipp_1_0(
    daemon: Daemon, documents: dict[str, bytes], tmp_path: Path
) -> None:
    answers = replay("windows-internet-printing", daemon, documents)
    # A Printer answers in the version it was asked in (RFC 8011 4.1.8).
    assert {answer.message.version for answer in answers if answer.message is not None} == {(1, 0)}
    (job,) = daemon.wait_for_job("held")
    assert_released_by(daemon, "mweber", job, tmp_path, documents["report.pdf"])
