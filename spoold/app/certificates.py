"""The server's certificate: a file the site provides, or one made on first start and kept."""

import os
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path

import structlog

from protocols.errors import RemoteProtocolError
from protocols.tls import certificate_facts, create_self_signed, fingerprint_sha256, server_context
from spoold.config.model import Config
from spoold.model.errors import ConfigurationError
from spoold.runtime.clock import Clock

log = structlog.get_logger()

# CUPS clients accept a new certificate only once the old one has ended, so it is kept until then.


@dataclass(slots=True)
class ServerTls:
    """The context of both TLS listeners; `reload` puts a new certificate into use for new connections."""

    certificate: Path
    key: Path
    context: ssl.SSLContext

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate, as people compare it."""
        return fingerprint_sha256(self.certificate.read_text())

    def reload(self) -> None:
        """Load the files anew; the old certificate stays in use if they are not right.

        Raises:
            ConfigurationError: they cannot be used.
        """
        self.context = _context(self.certificate, self.key)


def prepare_tls(config: Config, directory: Path, clock: Clock) -> ServerTls:
    """Return the server's TLS, making a self-signed certificate on first start.

    Raises:
        ConfigurationError: the site's certificate cannot be used.
    """
    if config.tls.certificate != "auto":
        key = config.tls.key or config.tls.certificate
        return ServerTls(config.tls.certificate, key, _context(config.tls.certificate, key))
    certificate, key = directory / "certificate.pem", directory / "key.pem"
    if not (certificate.exists() and key.exists()) or _has_ended(certificate, clock):
        _make(directory, certificate, key, config.server.name, clock)
    tls = ServerTls(certificate, key, _context(certificate, key))
    log.info("certificate", kind="self-signed", sha256=tls.fingerprint)
    return tls


def _make(directory: Path, certificate: Path, key: Path, name: str, clock: Clock) -> None:
    directory.mkdir(mode=0o700, exist_ok=True)
    host = socket.gethostname()
    # The name under .local is the one by which clients come that found us on the local network.
    local = f"{host.partition('.')[0]}.local"
    names = list(dict.fromkeys([name, host, local, "localhost", "127.0.0.1", "::1"]))
    key_pem, certificate_pem = create_self_signed(names, now=clock.now())
    # The key first: a certificate without its key would be taken for a complete pair.
    _write(key, key_pem)
    _write(certificate, certificate_pem)
    log.warning("certificate-made", name=name, sha256=fingerprint_sha256(certificate_pem.decode()))


def _write(path: Path, content: bytes) -> None:
    fresh = path.with_suffix(".new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def renew_if_ended(tls: ServerTls, config: Config, clock: Clock) -> bool:
    """Replace a self-made certificate that has ended, for new connections; returns whether it was.

    Raises:
        ConfigurationError: the new one cannot be used.
    """
    if config.tls.certificate != "auto" or not _has_ended(tls.certificate, clock):
        return False
    _make(tls.certificate.parent, tls.certificate, tls.key, config.server.name, clock)
    tls.reload()
    return True


def _has_ended(certificate: Path, clock: Clock) -> bool:
    try:
        return certificate_facts(certificate.read_text()).not_after <= clock.now()
    except (OSError, ValueError, RemoteProtocolError) as error:
        raise ConfigurationError(f"The certificate {certificate} cannot be used: {error}.") from error


def _context(certificate: Path, key: Path) -> ssl.SSLContext:
    try:
        return server_context(certificate, key)
    except (OSError, ssl.SSLError, ValueError) as error:
        raise ConfigurationError(f"The certificate {certificate} cannot be used: {error}.") from error
