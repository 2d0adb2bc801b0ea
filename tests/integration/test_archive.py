"""The archive, with the real daemon: what a rule archives is kept, opened by its key alone, and destroyed."""

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import MakeDaemon
from tests.integration.daemon import CANARY_DOCUMENT, CANARY_PASSWORD, CANARY_TITLE, ROOT, Daemon
from tests.integration.ipp_asking import hold
from tests.integration.recorder import wait_until
from tests.support import pdfs

SITE = """
[archive]
key = "{key}"
keep = "365d"
[printers.lab]
uri = "folder:{printed}"
[queues.open]
printers = ["lab"]
authentication = "at-release"
[queues.files]
printers = ["lab"]
authentication = "at-release"
[[rules]]
name = "Files"
queues = ["files"]
when = "true"
archive = true
"""
SHORT = pdfs.pdf(1, text=CANARY_DOCUMENT.decode())
# Its container does not fit into a row.
LONG = SHORT + b"\n%" + os.urandom(100_000).hex().encode() + b"\n"


@pytest.fixture(name="archive_key")
def _archive_key(tmp_path: Path) -> Path:
    """The archivist's key, which lies where no daemon looks."""
    return tmp_path / "archive.key"


@pytest.fixture(name="daemon")
def _daemon(make_daemon: MakeDaemon, archive_key: Path, printed: Path) -> Daemon:
    public = new_key(archive_key)
    daemon = make_daemon(SITE.format(key=public, printed=printed), listen={"ipp": "127.0.0.1:0"})
    daemon.add_user("alice")
    return daemon


def new_key(path: Path) -> str:
    """Make an archive key as its keeper does; returns its public half."""
    words = ("-m", "spoold", "archive", "new-key", "--to", str(path))
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, timeout=60, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return done.stdout.split('"')[1]


def printed_job(daemon: Daemon, content: bytes, queue: str = "files") -> str:
    job = str(hold(daemon, content, queue=queue))
    assert daemon.release(job, "alice")["state"] == "completed"
    return job


def listed(daemon: Daemon) -> list[dict[str, Any]]:
    done = daemon.cli("archive", "list", "--json")
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def containers(daemon: Daemon) -> list[Path]:
    return [path for path in (daemon.state / "documents" / "blobs").rglob("*") if path.is_file()]


def audit(daemon: Daemon) -> list[dict[str, Any]]:
    with sqlite3.connect(f"file:{daemon.state / 'spoold.db'}?mode=ro", uri=True) as database:
        return [json.loads(entry) for (entry,) in database.execute("SELECT entry FROM audit ORDER BY seq")]


def export(daemon: Daemon, job: str, key: Path, target: Path, *more: str, stdin: str = "") -> Any:
    words = ("archive", "export", job, "--key", str(key), "--to", str(target), *more)
    return daemon.cli(*words, stdin=stdin)


@pytest.mark.parametrize("content", [SHORT, LONG], ids=["in its row", "a file"])
def test_a_printed_job_is_listed_and_exported_byte_for_byte(
    daemon: Daemon, archive_key: Path, tmp_path: Path, content: bytes
) -> None:
    job = printed_job(daemon, content)
    [one] = listed(daemon)
    assert (one["id"], one["user"], one["printer"], one["documents"]) == (job, "alice", "lab", 1)
    assert CANARY_TITLE not in json.dumps(one)
    target = tmp_path / "copy.pdf"
    done = export(daemon, job[:13], archive_key, target)
    assert (done.returncode, done.stderr) == (0, "")
    assert CANARY_TITLE in done.stdout
    assert f": job {one['number']}, application/pdf, {len(content)} bytes." in done.stdout
    assert target.read_bytes() == content
    assert target.stat().st_mode & 0o777 == 0o600
    opened = [entry for entry in audit(daemon) if entry["kind"] == "archive-opened"]
    assert [(entry["job"], entry["document"], entry["actor"]) for entry in opened] == [
        (job, 1, f"uid:{os.geteuid()}")
    ]
    again = export(daemon, job, archive_key, target)
    assert again.returncode == 2
    assert "nothing is overwritten" in again.stderr
    assert daemon.command("store-check", read_fraction=1.0)["findings"] == []


def test_a_job_that_no_rule_archives_is_shredded(daemon: Daemon) -> None:
    printed_job(daemon, LONG, queue="open")
    assert listed(daemon) == []
    wait_until(lambda: containers(daemon) == [], "shredding it")


def test_a_copy_survives_a_crash_and_a_start_with_a_wrong_clock(daemon: Daemon) -> None:
    jobs = [printed_job(daemon, content) for content in (SHORT, LONG)]
    daemon.kill()
    daemon.start()
    assert [one["id"] for one in listed(daemon)] == jobs
    assert len(containers(daemon)) == 1
    assert daemon.command("store-check", read_fraction=1.0)["findings"] == []
    daemon.stop()
    # Their time looks long past, and the clock was not watched for an hour yet.
    with sqlite3.connect(daemon.state / "spoold.db") as database:
        database.execute("UPDATE archived_jobs SET expires_us = 1")
    daemon.start()
    # Expiry looks at once when the daemon starts; this takes longer.
    jobs.append(printed_job(daemon, SHORT))
    assert [one["id"] for one in listed(daemon)] == jobs
    assert len(containers(daemon)) == 1
    assert [entry for entry in audit(daemon) if entry["kind"] == "archive-expired"] == []
    assert daemon.command("store-check", read_fraction=1.0)["findings"] == []


def test_another_key_and_a_damaged_copy_give_nothing(
    daemon: Daemon, archive_key: Path, tmp_path: Path
) -> None:
    job = printed_job(daemon, LONG)
    other, target = tmp_path / "other.key", tmp_path / "copy.pdf"
    new_key(other)
    done = export(daemon, job, other, target)
    assert (done.returncode, target.exists()) == (2, False)
    assert "is for the archive key" in done.stderr
    [place] = containers(daemon)
    content = bytearray(place.read_bytes())
    content[150_000] ^= 1
    place.write_bytes(content)
    done = export(daemon, job, archive_key, target)
    assert (done.returncode, target.exists()) == (1, False)
    assert "not what was sealed" in done.stderr


def test_only_administrators_open_copies(daemon: Daemon, archive_key: Path, tmp_path: Path) -> None:
    job = printed_job(daemon, SHORT)
    daemon.add_user("ada", role="administrator")
    target = tmp_path / "copy.pdf"
    for name, status in (("alice", 1), ("ada", 0)):
        password = f"{CANARY_PASSWORD}\n"
        done = export(daemon, job, archive_key, target, "--user", name, "--password-stdin", stdin=password)
        assert (done.returncode, target.exists()) == (status, status == 0), done.stderr
    [opened] = [entry for entry in audit(daemon) if entry["kind"] == "archive-opened"]
    assert not opened["actor"].startswith("uid:")


def test_a_rule_that_archives_needs_the_section(make_daemon: MakeDaemon, printed: Path) -> None:
    _, _, rest = SITE.partition("[printers.lab]")
    daemon = make_daemon(f"[printers.lab]{rest.format(printed=printed)}", start=False)
    daemon.prepare()
    done = daemon.cli("check")
    assert done.returncode == 2
    assert "rules[0].archive: there is no [archive] section" in done.stderr + done.stdout
