"""The main job in front of your eyes: a page is held, refused at a jammed printer, and released."""

import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from spoold.cli.client import CommandRefused, ask
from spoold.model.errors import ConfigurationError, SpoolError

START_TIMEOUT_S = 30.0
RELEASE_WAIT_S = 30
USER = "demo"
# Stands in the page's text, uncompressed: whoever finds it in the state directory has found the document.
MARKER = b"For the eyes of its owner only."

CONFIG = """\
[server]
name = "localhost"
state_dir = "{state}"

[listen]
ipp = ["127.0.0.1:0"]
web = ["127.0.0.1:0"]

[store]
key = "file:{key}"

[log]
format = "json"

[printers.lobby]
uri = "folder:{lobby}"
location = "entrance hall"

[printers.floor-2]
uri = "folder:{floor}"
location = "second floor"

[queues.secure]
printers = ["lobby", "floor-2"]
authentication = "at-release"
"""


class DemoFailed(SpoolError):  # noqa: N818 - what happened
    """Something in the demo was not as it must be."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Where the demo plays."""

    root: Path

    @property
    def state(self) -> Path:
        """The daemon's state directory."""
        return self.root / "state"

    @property
    def config(self) -> Path:
        """The demo's configuration."""
        return self.root / "spoold.toml"

    @property
    def lobby(self) -> Path:
        """What came out of the printer in the lobby."""
        return self.root / "printed-in-the-lobby"

    def came_out(self) -> list[Path]:
        """Return the documents the virtual printers have put out."""
        return sorted(path for path in self.root.glob("printed-*/*") if path.suffix == ".pdf")


@click.command()
@click.option("--keep", is_flag=True, help="Leave the daemon and its portal running until Ctrl-C.")
def demo(keep: bool) -> None:
    """Start spoold on loopback with a virtual printer and show what it does; takes a few seconds."""
    root = Path(tempfile.mkdtemp(prefix="spoold-demo-"))
    stage = Stage(root)
    process: subprocess.Popen[bytes] | None = None
    try:
        _prepare(stage)
        process = _start(stage)
        _play(stage, keep=keep)
        if keep:
            _wait_for_interrupt()
    finally:
        if process is not None:
            process.send_signal(signal.SIGTERM)
            process.wait()
        shutil.rmtree(root)


def _prepare(stage: Stage) -> None:
    from holdstore.keyring import generate_key_file  # noqa: PLC0415 - cryptography, for this command only

    key = stage.root / "store.key"
    generate_key_file(key)
    floor = stage.root / "printed-on-the-second-floor"
    for folder in (stage.lobby, floor):
        folder.mkdir()
    stage.config.write_text(CONFIG.format(state=stage.state, key=key, lobby=stage.lobby, floor=floor))
    _say("A store key was made, and a configuration with one queue and two printers (folders stand in).")


def _start(stage: Stage) -> subprocess.Popen[bytes]:
    with (stage.root / "log.json").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "spoold", "serve", "--config", str(stage.config)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            # Ctrl-C is for the demo, which then stops the daemon in order.
            start_new_session=True,
        )
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            _ask(stage, "status")
        except ConfigurationError:
            time.sleep(0.05)
            continue
        _say("spoold is running, with a certificate it made for itself.")
        return process
    process.kill()
    process.wait()
    raise DemoFailed(f"The daemon did not start:\n{(stage.root / 'log.json').read_text()[-3000:]}")


def _play(stage: Stage, *, keep: bool) -> None:
    password = secrets.token_urlsafe(9)
    _ask(stage, "user-add", name=USER, new_password=password)
    listening = _ask(stage, "status")["listening"]
    document = sample_pdf()

    _print(f"ipp://{listening['ipp'][0]}/ipp/print/secure", document)
    job = _held_job(stage)
    _say(f"A PDF of {len(document)} bytes was printed over IPP. It is held: {job['reason']}")
    _show("Nothing has come out of any printer", not stage.came_out())
    _show("No file of spoold holds a readable byte of it", not _files_with(stage.state, MARKER))

    (stage.lobby / "printer-state-reasons").write_text("media-jam\n")
    refusal = _refused(lambda: _release(stage, job["id"], password))
    _say(f"The printer in the lobby jams. Releasing there is refused: {refusal}")
    _show("Still nothing has come out", not stage.came_out())

    refusal = _refused(lambda: _release(stage, job["id"], "not the password"))
    _say(f"With a wrong password: {refusal}")

    (stage.lobby / "printer-state-reasons").unlink()
    released = _release(stage, job["id"], password)
    _say(f"The jam is cleared, and {USER} releases the job: {released['reason']}")
    out = stage.came_out()
    _show(
        "Exactly one document has come out, byte for byte", [path.read_bytes() for path in out] == [document]
    )
    left = _ask(stage, "store-check")
    _show("Of the document nothing is left in the store", left["checked"] == 0 and not left["findings"])

    portal = f"https://{listening['web'][0]}/"
    if keep:
        click.echo(
            f"\nThe portal is at {portal} (user {USER}, password {password}; the certificate is self-made)."
        )
        click.echo(f"Print to ipp://{listening['ipp'][0]}/ipp/print/secure and look into {stage.root}.")
        click.echo("Press Ctrl-C to end.")
    else:
        click.echo(f"\nThe portal was at {portal}; make demo KEEP=1 leaves it running.")


def _print(uri: str, document: bytes) -> None:
    import trio  # noqa: PLC0415 - for this command only

    from protocols.ipp.client import IppClient  # noqa: PLC0415
    from protocols.ipp.message import Group, Message  # noqa: PLC0415
    from protocols.ipp.operations import Operation  # noqa: PLC0415
    from protocols.ipp.tags import GroupTag  # noqa: PLC0415
    from protocols.ipp.values import charset, mime, name_, natural_language  # noqa: PLC0415
    from protocols.ipp.values import uri as uri_  # noqa: PLC0415

    operation = Group(
        GroupTag.OPERATION,
        (
            charset("attributes-charset", "utf-8"),
            natural_language("attributes-natural-language", "en"),
            uri_("printer-uri", uri),
            name_("requesting-user-name", USER),
            name_("job-name", "Letter to the bank"),
            mime("document-format", "application/pdf"),
        ),
    )
    request = Message((2, 0), Operation.PRINT_JOB, 1, (operation,))

    async def send() -> Message:
        async def pieces() -> Any:
            yield document

        async with IppClient(uri) as client:
            return await client.request(request, pieces(), size=len(document))

    answer = trio.run(send)
    if answer.code >= 0x0100:
        raise DemoFailed(f"The job was refused: {answer.operation_group.string('status-message')}")


def sample_pdf() -> bytes:
    """Return a PDF of one page whose text stands in the file as it is."""
    content = b"BT /F1 24 Tf 72 720 Td (" + MARKER + b") Tj ET"
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R"
        b" /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    file = bytearray(b"%PDF-1.4\n")
    offsets = []
    for number, body in enumerate(objects, 1):
        offsets.append(len(file))
        file += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    xref = len(file)
    file += b"xref\n0 %d\n0000000000 65535 f \n%s" % (len(objects) + 1, table)
    file += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, xref)
    return bytes(file)


def _held_job(stage: Stage) -> dict[str, Any]:
    (job,) = _ask(stage, "jobs")
    if job["state"] != "held":
        raise DemoFailed(f"The job is {job['state']}, not held.")
    found: dict[str, Any] = job
    return found


def _release(stage: Stage, job: str, password: str) -> dict[str, Any]:
    released: dict[str, Any] = _ask(
        stage, "release", job=job, printer="lobby", user=USER, password=password, wait_s=RELEASE_WAIT_S
    )
    return released


def _refused(release: Callable[[], object]) -> str:
    try:
        release()
    except CommandRefused as refusal:
        return refusal.public
    raise DemoFailed("A release that had to be refused was not.")


def _files_with(directory: Path, marker: bytes) -> list[Path]:
    return [path for path in directory.rglob("*") if path.is_file() and marker in path.read_bytes()]


def _ask(stage: Stage, command: str, **arguments: Any) -> Any:
    return ask(str(stage.config), command, **arguments)


def _say(words: str) -> None:
    click.echo(f"* {words}")


def _show(claim: str, holds: bool) -> None:
    if not holds:
        raise DemoFailed(f"This must hold, but does not: {claim}.")
    click.echo(f"  {claim}: yes")


def _wait_for_interrupt() -> None:
    def end(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, end)
    try:
        signal.pause()
    except KeyboardInterrupt:
        click.echo("")
