"""What LPR clients say, replayed byte by byte to a real daemon: Windows, AS/400, scanners, PLP, CUPS."""

from pathlib import Path

import pytest

from tests.integration.conftest import MakeDaemon
from tests.integration.daemon import Daemon, DaemonError
from tests.support.lpr_exchanges import EXCHANGES, PCL, PDF, UEL, Exchange, ExchangeFailedError, replay

LISTEN = {"lpr": "127.0.0.1:0", "ipp": "127.0.0.1:0"}
SITE = """
[lpr]
allow = ["127.0.0.0/24"]
[[lpr.networks]]
addresses = ["127.0.0.4"]
account = "billing"
queue = "invoices"
[[lpr.networks]]
addresses = ["127.0.0.8/29"]
name_from = "class"
strip_domain = true
queue = "open"
[printers.tray]
uri = "folder:{tray}"
[queues.open]
printers = ["tray"]
authentication = "at-release"
formats = ["application/pdf", "text/plain", "application/vnd.hp-pcl", "application/postscript"]
[queues.careful]
printers = ["tray"]
authentication = "at-release"
[queues.invoices]
printers = ["tray"]
release = "on-arrival"
formats = ["application/pdf", "application/vnd.hp-pcl"]
"""
OTHERS = ("ben", "qpgmr", "quser", "scan", "root")
# What a folder calls documents of these formats.
SUFFIXES = {"application/pdf": ".pdf", "text/plain": ".txt", "application/vnd.hp-PCL": ".pcl"}


@pytest.fixture(scope="module")
def tray(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tray")


@pytest.fixture
def daemon(make_daemon: MakeDaemon, tray: Path) -> Daemon:
    one = make_daemon(SITE.format(tray=tray), listen=LISTEN)
    for user in ("ana", "billing"):
        one.add_user(user)
    return one


def printed(daemon: Daemon, tray: Path, job: str, user: str) -> list[tuple[str, bytes]]:
    """Release as the owner; return the kinds and contents that came out, one after the other."""
    before = set(tray.iterdir())
    assert daemon.release(job, user)["state"] == "completed"
    return [(path.suffix, path.read_bytes()) for path in sorted(set(tray.iterdir()) - before)]


def said(control: bytes, document: bytes, queue: bytes = b"open") -> Exchange:
    """One job of one file, control file first."""
    return Exchange(
        "test",
        (
            b"\x02%s\n" % queue,
            b"\x02%d cfA001host\n" % len(control),
            control + b"\0",
            b"\x03%d dfA001host\n" % len(document),
            document + b"\0",
        ),
        (),
    )


def test_every_client_s_job_is_held_for_its_user_and_comes_out_as_it_was(daemon: Daemon, tray: Path) -> None:
    for user in OTHERS:
        daemon.add_user(user)
    told = 0
    for exchange in EXCHANGES:
        replay(exchange, "127.0.0.1", daemon.ports["lpr"])
        told += len(exchange.held)
        # A client that streams to the end is answered after it has gone.
        jobs = daemon.wait_for_job("held", count=told)[-len(exchange.held) :]
        assert len(daemon.jobs()) == told, exchange.client
        for job, held in zip(jobs, exchange.held, strict=True):
            assert (job["user"], job["claimed"]) == (held.user, False), exchange.client
    for job, held in zip(
        daemon.wait_for_job("held"), [held for one in EXCHANGES for held in one.held], strict=True
    ):
        kinds = [SUFFIXES[one] for one in held.formats]
        assert printed(daemon, tray, job["id"], held.user) == list(zip(kinds, held.documents, strict=True))
    assert daemon.command("store-check")["findings"] == []


def test_an_address_stands_for_its_account_and_a_network_says_where_the_name_is(
    daemon: Daemon, tray: Path
) -> None:
    before = set(tray.iterdir())
    machine = said(b"HAS400\nPQSECOFR\nldfA001host\n", PDF, queue=b"PRT01")
    replay(machine, "127.0.0.1", daemon.ports["lpr"], source="127.0.0.4")
    (job,) = daemon.wait_for_job("completed")
    assert (job["user"], job["claimed"], job["queue"]) == ("billing", True, "invoices")
    assert [path.read_bytes() for path in set(tray.iterdir()) - before] == [PDF]
    office = said(b"Hpc\nPSYSTEM\nCEXAMPLE\\Ana\nldfA001host\n", PDF, queue=b"anything")
    replay(office, "127.0.0.1", daemon.ports["lpr"], source="127.0.0.9")
    (job,) = daemon.wait_for_job("held")
    assert (job["user"], job["claimed"], job["queue"]) == ("ana", False, "open")
    with pytest.raises(ExchangeFailedError):
        replay(machine, "127.0.0.1", daemon.ports["lpr"])


@pytest.mark.parametrize(
    ("document", "queue", "words"),
    [
        (UEL + b'@PJL FSDELETE NAME="0:/x"\r\n' + PCL, b"open", "cannot be printed safely"),
        (PCL + UEL + b"@PJL RNVRAM ADDRESS=1\r\n", b"open", "cannot be printed safely"),
        (PCL + UEL + b"%!PS\n", b"open", "in the middle of the document"),
        (PCL, b"careful", "not printed here"),
        (b"%!PS-Adobe-3.0\n", b"careful", "not printed here"),
        (b"%!PS-Adobe-3.0\n", b"open", ""),
    ],
)
def test_what_a_printer_must_not_be_told_is_refused_and_the_owner_reads_why(
    daemon: Daemon, document: bytes, queue: bytes, words: str
) -> None:
    exchange = said(b"Hpc\nPana\nJLetter\nldfA001host\n", document, queue=queue)
    if not words:
        replay(exchange, "127.0.0.1", daemon.ports["lpr"])
        assert [job["state"] for job in daemon.jobs()] == ["held"]
        return
    with pytest.raises(ExchangeFailedError):
        replay(exchange, "127.0.0.1", daemon.ports["lpr"])
    (job,) = daemon.jobs()
    assert (job["state"], job["user"]) == ("aborted", "ana")
    assert words in job["reason"]
    with pytest.raises(DaemonError):
        daemon.release(job["id"], "ana")
