"""A self-signed certificate on disk, and the contexts of a server and a client that use it."""

import ssl
from dataclasses import dataclass
from pathlib import Path

from protocols import tls


@dataclass(frozen=True)
class TlsPair:
    """Both sides of a TLS connection to "localhost"."""

    certificate: Path
    key: Path
    server: ssl.SSLContext
    client: ssl.SSLContext


def make_tls_pair(folder: Path) -> TlsPair:
    """Make a certificate in `folder`."""
    key_pem, certificate_pem = tls.create_self_signed(["localhost"])
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    key.write_bytes(key_pem)
    certificate.write_bytes(certificate_pem)
    return TlsPair(
        certificate=certificate,
        key=key,
        server=tls.server_context(certificate, key),
        client=tls.verified_context(certificate),
    )
