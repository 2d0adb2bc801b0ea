"""A folder as a printer: every document becomes a file, whole or not at all (to try things out)."""

import os
import re
from collections import OrderedDict
from collections.abc import AsyncIterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import trio

from spoold.model.printer import Printer, PrinterStatus
from spoold.printers.base import (
    NoSuchRemoteJob,
    Outgoing,
    PrinterDescription,
    PrinterRefused,
    PrinterUnreachable,
    RemoteJob,
    RemoteState,
    Ticket,
)
from spoold.printers.health import judge, unknown
from spoold.runtime.clock import Clock

SCHEME = "folder:"
# Words in this file of the folder are the printer's state reasons: `echo media-jam > printer-state-reasons`.
REASONS_FILE = "printer-state-reasons"
MAX_REASONS_BYTES = 4096
# "printer-state" idle (RFC 8011 5.4.11).
_IDLE = 3
# A folder knows every job under one number; it goes by tokens.
REMOTE_ID = 1
# Jobs of this process whose end is remembered; recovery goes by the files.
MAX_REMEMBERED = 256

_SUFFIXES = {
    "application/pdf": "pdf",
    "application/postscript": "ps",
    "application/vnd.hp-PCL": "pcl",
    "application/vnd.hp-PCLXL": "pxl",
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/pwg-raster": "pwg",
    "image/urf": "urf",
    "text/plain": "txt",
}
_TOKEN = re.compile(r"[0-9a-f]{32}\Z")


@dataclass(slots=True)
class _FolderJob:
    documents: int
    state: RemoteState = RemoteState.PROCESSING
    out: int = 0


class FolderPrinter:
    """Writes documents to `TOKEN-1-of-2.pdf`; what is on its way is `.TOKEN-1-of-2.pdf.part`."""

    def __init__(self, printer: Printer, clock: Clock) -> None:
        self._printer = printer
        self._clock = clock
        path = printer.uri.removeprefix(SCHEME)
        self._folder = Path("/" + path.lstrip("/"))
        self._jobs: OrderedDict[str, _FolderJob] = OrderedDict()

    @property
    def name(self) -> str:
        """The name in the configuration."""
        return self._printer.name

    async def status(self) -> PrinterStatus:
        """Read the folder's state file; without one the printer is idle."""
        now = self._clock.now()
        return await trio.to_thread.run_sync(self._read_status, now, abandon_on_cancel=True)

    async def describe(self) -> PrinterDescription:
        """Return that it is a folder."""
        return PrinterDescription("Folder")

    async def create(self, ticket: Ticket) -> int | None:
        """Open a job."""
        self._jobs[_checked(ticket.token)] = _FolderJob(len(ticket.formats))
        while len(self._jobs) > MAX_REMEMBERED:
            self._jobs.popitem(last=False)
        return REMOTE_ID

    async def send(
        self,
        ticket: Ticket,
        remote_id: int | None,  # noqa: ARG002 - a folder goes by tokens
        document: Outgoing,
        content: AsyncIterable[bytes],
    ) -> RemoteJob:
        """Write one document; it appears under its name once it is whole, durable and nothing is wrong."""
        job = self._jobs.get(ticket.token)
        if job is None:
            raise NoSuchRemoteJob("The printer has forgotten the job.")
        name = _file_name(ticket.token, document, job.documents)
        part = self._folder / f".{name}.part"
        try:
            descriptor = await trio.to_thread.run_sync(_create, part)
        except OSError as error:
            raise PrinterUnreachable("The folder cannot be written to.", str(error)) from error
        try:
            async for piece in content:
                if job.state.final:
                    raise PrinterRefused("The job was canceled at the printer.")
                await trio.to_thread.run_sync(_write, descriptor, piece)
            await self._let_out(job, descriptor, part, self._folder / name)
        except OSError as error:
            raise PrinterUnreachable("The folder cannot be written to.", str(error)) from error
        finally:
            os.close(descriptor)
        if document.last:
            job.state = RemoteState.COMPLETED
        return RemoteJob(REMOTE_ID, job.state, job.out)

    async def progress(self, ticket: Ticket, remote_id: int) -> RemoteJob:  # noqa: ARG002
        """Return the state of a job."""
        found = await self.find(ticket)
        if found is None:
            raise NoSuchRemoteJob("The printer does not know the job.")
        return found

    async def cancel(self, ticket: Ticket, remote_id: int) -> None:  # noqa: ARG002
        """Drop what has not come out yet."""
        found = await self.find(ticket)
        if found is None:
            raise NoSuchRemoteJob("The printer does not know the job.")
        if found.state.final:
            raise PrinterRefused("The job has ended already.")
        job = self._jobs.setdefault(ticket.token, _FolderJob(0, out=found.impressions or 0))
        job.state = RemoteState.CANCELED
        await trio.to_thread.run_sync(self._drop_parts, _checked(ticket.token))

    async def find(self, ticket: Ticket) -> RemoteJob | None:
        """Look for a job: among those of this process, then among the files."""
        job = self._jobs.get(ticket.token)
        if job is not None:
            return RemoteJob(REMOTE_ID, job.state, job.out)
        return await trio.to_thread.run_sync(self._find_files, _checked(ticket.token))

    async def aclose(self) -> None:
        """There is nothing to close."""

    async def _let_out(self, job: _FolderJob, descriptor: int, part: Path, final: Path) -> None:
        """Make a document durable and give it its name: the moment paper comes out."""
        await trio.to_thread.run_sync(os.fsync, descriptor)
        status = await self.status()
        if not status.ready:
            raise PrinterRefused(status.why)
        if job.state.final:
            raise PrinterRefused("The job was canceled at the printer.")
        # No checkpoint from here on: the file's name and our count of it change together.
        part.rename(final)  # noqa: ASYNC240 - a rename in a local folder does not block
        job.out += 1
        with trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(_sync_directory, self._folder)

    # -- in threads --

    def _read_status(self, now: datetime) -> PrinterStatus:
        if not os.access(self._folder, os.W_OK | os.X_OK) or not self._folder.is_dir():
            return unknown(self.name, "The folder is not there or cannot be written to.", now)
        try:
            with (self._folder / REASONS_FILE).open("rb") as file:
                text = file.read(MAX_REASONS_BYTES).decode("utf-8", "replace")
        except FileNotFoundError:
            text = ""
        except OSError:
            return unknown(self.name, "The printer does not say how it is.", now)
        reasons = re.split(r"[\s,]+", text.strip()) if text.strip() else ["none"]
        block_on = self._printer.block_on
        return judge(self.name, state=_IDLE, accepting=True, reasons=reasons, read_at=now, block_on=block_on)

    def _find_files(self, token: str) -> RemoteJob | None:
        try:
            names = [path.name for path in self._folder.iterdir()]
        except OSError as error:
            raise PrinterUnreachable("The folder cannot be read.", str(error)) from error
        out = [name for name in names if name.startswith(f"{token}-")]
        if out and len(out) == int(out[0].split("-")[3].partition(".")[0]):
            return RemoteJob(REMOTE_ID, RemoteState.COMPLETED, len(out))
        if out or any(name.startswith(f".{token}-") for name in names):
            return RemoteJob(REMOTE_ID, RemoteState.PROCESSING, len(out))
        return None

    def _drop_parts(self, token: str) -> None:
        for part in self._folder.glob(f".{token}-*.part"):
            with suppress(FileNotFoundError):
                part.unlink()


def _checked(token: str) -> str:
    """Tokens become file names: nothing but our own hexadecimal words may."""
    if not _TOKEN.match(token):
        raise PrinterRefused("The job has no proper token.")
    return token


def _file_name(token: str, document: Outgoing, documents: int) -> str:
    suffix = _SUFFIXES.get(document.format, "bin")
    return f"{_checked(token)}-{document.number}-of-{documents}.{suffix}"


def _create(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)


def _write(descriptor: int, piece: bytes) -> None:
    view = memoryview(piece)
    while view:
        view = view[os.write(descriptor, view) :]


def _sync_directory(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
