"""Remembers what each printer said last that it can do: over restarts, and while the printer is away."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import structlog
import trio

from protocols.errors import LocalProtocolError, RemoteProtocolError
from protocols.ipp.decoder import decode_group
from protocols.ipp.encoder import encode_group
from protocols.ipp.message import Group
from protocols.ipp.tags import GroupTag
from protocols.ipp.values import uri
from protocols.limits import IppLimits
from spoold.model.printer import Printer
from spoold.printers import said
from spoold.printers.capabilities import Capabilities

log = structlog.get_logger()

# The fullest honest answer, without what is not about abilities, has 60 KiB.
MAX_NOTE_BYTES = 256 * 1024
_OF = "printer-uri"


@dataclass(frozen=True, slots=True)
class _Note:
    uri: str
    octets: bytes
    capabilities: Capabilities | None


class Notebook:
    """What printers said, one small file each: the printer group of an answer, as it came.

    What is in the files is no secret, and a file that cannot be read or written costs no more than
    asking the printer again.

    Args:
        folder: where files are kept; None keeps nothing over a restart.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._notes: dict[str, _Note] = {}
        self.epoch = 0

    def of(self, printer: Printer) -> Capabilities | None:
        """Return what a printer can do as far as it ever said; None when it never did."""
        note = self._notes.get(printer.name)
        if note is None or note.uri != printer.uri:
            note = self._load(printer)
            self._notes[printer.name] = note
        return note.capabilities

    async def learn(self, printer: Printer, group: Group) -> None:
        """Note what a printer has just said of itself; an answer that makes no sense changes nothing."""
        essence = said.essence(group)
        capabilities = said.read(essence)
        if capabilities is None:
            log.warning("capabilities-ignored", printer=printer.name, reason="no formats")
            return
        try:
            octets = encode_group(Group(GroupTag.PRINTER, (uri(_OF, printer.uri), *essence)))
        except LocalProtocolError as error:
            # It was read leniently; what cannot be written again is no attribute.
            log.warning("capabilities-ignored", printer=printer.name, reason=str(error))
            return
        if len(octets) > MAX_NOTE_BYTES:
            log.warning("capabilities-ignored", printer=printer.name, reason="too large", size=len(octets))
            return
        known = self.of(printer)
        if self._notes[printer.name].octets == octets:
            return
        self._notes[printer.name] = _Note(printer.uri, octets, capabilities)
        if capabilities != known:
            self.epoch += 1
            log.info("capabilities", printer=printer.name, formats=sorted(capabilities.formats))
        if self._folder is not None:
            path = _path(self._folder, printer.name)
            try:
                await trio.to_thread.run_sync(_write, path, octets)
            except OSError as error:
                log.warning("capabilities-not-kept", printer=printer.name, error=str(error))

    def forget(self, name: str) -> None:
        """Forget a printer that is not configured any more."""
        self._notes.pop(name, None)
        if self._folder is not None:
            try:
                _path(self._folder, name).unlink(missing_ok=True)
            except OSError as error:
                log.warning("capabilities-not-forgotten", printer=name, error=str(error))

    def _load(self, printer: Printer) -> _Note:
        if self._folder is None:
            return _Note(printer.uri, b"", None)
        try:
            with _path(self._folder, printer.name).open("rb") as file:
                octets = file.read(MAX_NOTE_BYTES + 1)
            group = decode_group(octets, IppLimits(), lenient=True)
        except FileNotFoundError:
            return _Note(printer.uri, b"", None)
        except (OSError, RemoteProtocolError) as error:
            log.warning("capabilities-unreadable", printer=printer.name, error=str(error))
            return _Note(printer.uri, b"", None)
        if group.string(_OF) != printer.uri:
            # Another machine has the name now.
            return _Note(printer.uri, b"", None)
        return _Note(printer.uri, octets, said.read(group))


def _path(folder: Path, name: str) -> Path:
    """Return the file of a printer; the name is hashed, for it comes from the configuration."""
    return folder / f"{hashlib.sha256(name.encode()).hexdigest()[:32]}.ipp"


def _write(path: Path, octets: bytes) -> None:
    """Replace a file: after a crash it is the old one or the new one, whole."""
    path.parent.mkdir(mode=0o700, exist_ok=True)
    part = path.with_suffix(".part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        view = memoryview(octets)
        while view:
            view = view[os.write(descriptor, view) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    part.replace(path)
