"""Personal print URIs and claims: a real CUPS, clients that cannot sign in, two people at once."""

from pathlib import Path
from threading import Thread

import pytest

from protocols.raster.headers import PWG_FORMAT
from tests.integration.conftest import MakeDaemon
from tests.integration.daemon import CANARY_DOCUMENT, CANARY_PASSWORD, Daemon, DaemonError
from tests.integration.ipp_asking import tls_context
from tests.integration.recorder import wait_until
from tests.integration.replay import Replay
from tests.support import pdfs, rasters
from tests.support.cups import Cups

SITE = """
[printers.out]
uri = "folder:{out}"
[queues.open]
printers = ["out"]
authentication = "at-release"
[queues.secure]
printers = ["out"]
[queues.phones]
printers = ["out"]
authentication = "at-release"
claim = "open"
"""
# What is said of jobs and addresses that prove nobody.
UNPROVEN = (
    "job-state-reasons has job-held-for-authorization",
    "printer-uri-supported has ipp://{authority}/ipp/print/{queue}",
)
PROOF = {"password": CANARY_PASSWORD}


@pytest.fixture
def daemon(make_daemon: MakeDaemon, tmp_path: Path) -> Daemon:
    (tmp_path / "out").mkdir()
    one = make_daemon(SITE.format(out=tmp_path / "out"), listen={"ipp": "127.0.0.1:0"})
    for name in ("mia", "ben"):
        one.add_user(name)
    return one


def made(daemon: Daemon, queue: str = "open", user: str = "mia") -> tuple[str, str]:
    """Make a print URI; returns its id and its token."""
    answer = daemon.command("print-uri-add", queue=queue, label="Laptop", user=user, **PROOF)
    assert answer["uri"].startswith(f"ipps://localhost:{daemon.ports['ipp']}/ipp/print/{queue}/u/")
    return answer["id"], answer["uri"].rpartition("/")[2]


def documents() -> dict[str, bytes]:
    lines = tuple(bytes([row]) * 20 for row in range(10))
    drawn = rasters.document(PWG_FORMAT, [rasters.Page(rasters.header(20, 10), lines)])
    return {"report.pdf": pdfs.pdf(1, text=CANARY_DOCUMENT.decode()), "page.pwg": drawn}


def assert_hers_alone(daemon: Daemon, job: dict[str, object], token: str) -> None:
    """The job is mia's, proven, and nothing that was kept or written names the token."""
    assert (job["user"], job["claimed"]) == ("mia", True)
    with pytest.raises(DaemonError, match="no such job"):
        daemon.release(str(job["id"]), "ben")
    assert daemon.release(str(job["id"]), "mia")["state"] == "completed"
    assert token not in daemon.log
    assert daemon.files_with(token.encode()) == []


@pytest.mark.parametrize("queue", ["open", "secure"])
def test_a_real_cups_prints_through_a_personal_uri(
    daemon: Daemon, cups: Cups, tmp_path: Path, queue: str
) -> None:
    uri_id, token = made(daemon, queue)
    cups.add_queue(f"mine-{queue}", f"{daemon.ipp_uri(queue, scheme='ipps')}/u/{token}")
    path = tmp_path / "report.pdf"
    path.write_bytes(documents()["report.pdf"])
    # The local user is somebody else: the address says who prints.
    number = cups.lp(f"mine-{queue}", path, user="somebody", copies=2)
    cups.wait_for("completed", number)
    (job,) = daemon.wait_for_job("held")
    (listed,) = daemon.command("print-uri-list", user="mia", **PROOF)
    assert listed["used_at"] is not None
    assert_hers_alone(daemon, job, token)
    daemon.command("print-uri-revoke", id=uri_id, user="mia", **PROOF)
    later = cups.lp(f"mine-{queue}", path, user="somebody")
    wait_until(lambda: cups.printer(f"mine-{queue}")["printer-state"] == "stopped", "CUPS' own refusal")
    # Nothing is dropped without a word: the job stays on the client, and its queue says that it is stopped.
    assert cups.job(later).state != "completed"
    assert len(daemon.jobs()) == 1


@pytest.mark.parametrize("client", ["windows-class-driver", "android"])
def test_clients_that_cannot_sign_in_print_through_one(daemon: Daemon, client: str) -> None:
    _, token = made(daemon)
    run = Replay(
        client,
        daemon.ports["ipp"],
        "open",
        documents(),
        tls_context(daemon),
        token=token,
        leaves_out=UNPROVEN,
    )
    answers = run.play()
    told = [answer.attribute("printer-uri-supported") for answer in answers]
    own = f"ipps://localhost:{daemon.ports['ipp']}/ipp/print/open/u/{token}"
    assert {one for one in told if one is not None} <= {(own,)}
    (job,) = daemon.wait_for_job("held")
    assert_hers_alone(daemon, job, token)


def test_the_account_s_end_is_the_address_s_end(daemon: Daemon) -> None:
    _, token = made(daemon)
    daemon.command("user-disable", name="mia")
    run = Replay(
        "windows-class-driver", daemon.ports["ipp"], "open", documents(), tls_context(daemon), token=token
    )
    with pytest.raises(AssertionError, match="code=1030"):
        run.play()
    assert daemon.jobs() == []


def phone_job(daemon: Daemon, user: str = "Pixel 8") -> dict[str, object]:
    """Print from a phone that names itself."""
    words = {"user": user}
    Replay("android", daemon.ports["ipp"], "phones", documents(), tls_context(daemon), words).play()
    return daemon.wait_for_job("held")[-1]


def test_a_phone_s_job_is_claimed_by_one_of_two_who_try_at_once(daemon: Daemon, tmp_path: Path) -> None:
    job = phone_job(daemon)
    for name in ("mia", "ben"):
        with pytest.raises(DaemonError):
            daemon.release(str(job["id"]), name)
    (offered,) = daemon.command("claimable", user="mia", **PROOF)
    assert (offered["number"], offered["from"]) == (job["number"], "127.0.0.1")
    assert "pixel" not in str(offered).lower()
    outcomes: dict[str, str] = {}

    def claim(name: str) -> None:
        done = daemon.cli(
            "claim", str(job["id"]), "--user", name, "--password-stdin", stdin=f"{CANARY_PASSWORD}\n"
        )
        outcomes[name] = "mine" if done.returncode == 0 else done.stderr

    threads = [Thread(target=claim, args=(name,)) for name in ("mia", "ben")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    winner, loser = sorted(outcomes, key=lambda name: outcomes[name] != "mine")
    assert outcomes[winner] == "mine"
    assert "Somebody else has claimed this job." in outcomes[loser]
    with pytest.raises(DaemonError):
        daemon.release(str(job["id"]), loser)
    assert daemon.release(str(job["id"]), winner)["state"] == "completed"
    assert len(list((tmp_path / "out").iterdir())) >= 1
    events = [line["event"] for line in daemon.command("job", job=job["id"])["timeline"]]
    assert events.count("claimed") == 1
    assert daemon.command("audit-verify")["broken_at"] is None


def test_a_job_under_an_account_s_name_is_not_offered_to_others(daemon: Daemon) -> None:
    job = phone_job(daemon, user="MIA")
    assert daemon.command("claimable", user="ben", **PROOF) == []
    with pytest.raises(DaemonError, match="no such job"):
        daemon.command("claim", job=job["id"], user="ben", **PROOF)
    assert daemon.release(str(job["id"]), "mia")["state"] == "completed"


def test_the_command_line_makes_lists_and_revokes(daemon: Daemon) -> None:
    who = ("--user", "mia", "--password-stdin")
    made_one = daemon.cli("print-uri", "add", "open", "--label", "Laptop", *who, stdin=f"{CANARY_PASSWORD}\n")
    assert made_one.returncode == 0, made_one.stderr
    token = made_one.stdout.strip().rpartition("/")[2]
    listed = daemon.cli("print-uri", "list", *who, stdin=f"{CANARY_PASSWORD}\n")
    assert "Laptop" in listed.stdout
    assert token not in listed.stdout
    # Root sees and ends everybody's, and has none.
    by_root = daemon.cli("print-uri", "list", "--of", "mia")
    uri_id = by_root.stdout.splitlines()[1].split()[0]
    refused = daemon.cli("print-uri", "list", "--of", "mia", "--json", *who)
    assert refused.returncode == 0
    assert daemon.cli("print-uri", "revoke", uri_id).returncode == 0
    assert daemon.cli("print-uri", "revoke", uri_id).returncode == 1
    assert daemon.cli("print-uri", "list", "--of", "mia").stdout.strip() == "No print addresses."
    none = daemon.cli("claim", *who, stdin=f"{CANARY_PASSWORD}\n")
    assert none.stdout.strip() == "Nothing to claim."
