"""What the configuration points to on this machine: key, certificates, directories; nothing is changed."""

import os
import ssl
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from holdstore.errors import KeyUnavailable
from holdstore.keyring import read_key_file
from spoold.config.consistency import DEFAULT_STATE_DIR, table
from spoold.config.problems import Finding, KeyPath

Raw = Mapping[str, Any]


def findings(raw: Raw) -> Iterator[Finding]:
    """Yield what is missing, unreadable or readable by too many; parts of the wrong type are passed over.

    Args:
        raw: the document as tomllib gives it.
    """
    yield from _state_dir(raw)
    yield from _store_key(raw)
    yield from _certificate(raw)
    for name, printer in table(raw, "printers").items():
        if isinstance(printer, Mapping):
            yield from _printer(("printers", name), printer)


def _state_dir(raw: Raw) -> Iterator[Finding]:
    text = table(raw, "server").get("state_dir", DEFAULT_STATE_DIR)
    path = _absolute(text)
    if path is None:
        return
    where: KeyPath = ("server", "state_dir")
    try:
        status = path.stat()
    except FileNotFoundError:
        # The daemon makes the directory on its first start, but not the way there.
        if not path.parent.is_dir():
            yield Finding(where, f"there is no directory {path.parent} to make it in")
        return
    except OSError as error:
        yield Finding(where, f"cannot be looked at: {error.strerror}")
        return
    mode = stat.S_IMODE(status.st_mode)
    if not stat.S_ISDIR(status.st_mode):
        yield Finding(where, "is not a directory")
    elif mode & 0o077:
        yield Finding(where, f"has mode {mode:04o}; nobody but the daemon may enter it (0700)")
    elif os.geteuid() not in {0, status.st_uid}:
        yield Finding(where, f"belongs to uid {status.st_uid}, not to the user of this process")


def _store_key(raw: Raw) -> Iterator[Finding]:
    """Check a key file the way the store will; a credential exists only while systemd runs the service."""
    key = table(raw, "store").get("key")
    where: KeyPath = ("store", "key")
    if not isinstance(key, str):
        return
    kind, _, name = key.partition(":")
    directory = os.environ.get("CREDENTIALS_DIRECTORY")
    try:
        if kind == "credential" and directory and "/" not in name:
            read_key_file(Path(directory, name), credential=True)
        elif kind == "file" and (path := _absolute(name)) is not None:
            # An administrator may check the key of the daemon's own user.
            root = os.geteuid() == 0
            if root and path.is_file() and (mode := stat.S_IMODE(path.stat().st_mode)) & 0o077:
                yield Finding(
                    where, f"the store key {path} has mode {mode:04o}; others must have no access (0600)"
                )
            else:
                read_key_file(path, credential=root)
    except KeyUnavailable as error:
        yield Finding(where, str(error))


def _certificate(raw: Raw) -> Iterator[Finding]:
    tls = table(raw, "tls")
    certificate, key = _absolute(tls.get("certificate")), _absolute(tls.get("key"))
    if certificate is None or key is None:
        return
    readable = True
    for name, path in (("certificate", certificate), ("key", key)):
        for finding in _file(("tls", name), path):
            readable = False
            yield finding
    if not readable:
        return
    mode = stat.S_IMODE(key.stat().st_mode)
    if mode & 0o007:
        yield Finding(("tls", "key"), f"{key} has mode {mode:04o}; others must have no access (0640 or 0600)")
    try:
        # The empty password refuses an encrypted key, for which OpenSSL would ask on the terminal.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password=lambda: b"")
    except (ssl.SSLError, OSError) as error:
        yield Finding(
            ("tls", "certificate"), f"is no certificate with a matching, unencrypted key ({_reason(error)})"
        )


def _printer(path: KeyPath, printer: Raw) -> Iterator[Finding]:
    uri = printer.get("uri")
    if isinstance(uri, str) and uri.startswith("folder:"):
        folder = _absolute(uri.removeprefix("folder:"))
        if folder is not None and not folder.is_dir():
            yield Finding((*path, "uri"), f"there is no directory {folder}")
        elif folder is not None and not os.access(folder, os.W_OK | os.X_OK, effective_ids=True):
            yield Finding((*path, "uri"), f"the directory {folder} cannot be written to")
    if (ca := _absolute(printer.get("ca"))) is not None:
        unreadable = list(_file((*path, "ca"), ca))
        yield from unreadable
        if not unreadable:
            try:
                ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(ca)
            except (ssl.SSLError, OSError) as error:
                yield Finding((*path, "ca"), f"{ca} holds no certificates ({_reason(error)})")


def _absolute(value: object) -> Path | None:
    """Return a path that the daemon would accept; what is wrong with others is found elsewhere."""
    if not isinstance(value, str) or not value.startswith("/") or "\0" in value:
        return None
    return Path(value)


def _file(where: KeyPath, path: Path) -> Iterator[Finding]:
    try:
        with path.open("rb") as file:
            file.read(1)
    except OSError as error:
        yield Finding(where, f"{path} cannot be read: {error.strerror}")


def _reason(error: OSError) -> str:
    return getattr(error, "reason", None) or error.strerror or type(error).__name__
