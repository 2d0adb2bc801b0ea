"""A real OpenID provider (oidc-provider on Node) over TLS on a loopback port."""

import json
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from protocols.tls import create_self_signed
from tests.support.node import node_packages
from tests.support.ports import free_port

CLIENT_ID = "spoold"
CLIENT_SECRET = "a-secret-of-the-client-6b1f0c"
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 60.0
GROUPS: Mapping[str, Sequence[str]] = {"ana": ["staff"], "eve": ["visitors"]}


class ProviderError(Exception):
    """The provider did not start; the message ends with what it said."""


@dataclass(frozen=True)
class OpenIdProvider:
    """A running provider.

    Args:
        certificate: what to trust it by.
    """

    issuer: str
    certificate: Path
    log: Path


@contextmanager
def openid_provider(folder: Path, redirect_uri: str) -> Iterator[OpenIdProvider]:
    """Start a provider that sends browsers back to one address; stopped at the end."""
    folder.mkdir(parents=True, exist_ok=True)
    packages = node_packages()
    key, certificate = create_self_signed(["localhost"])
    (folder / "key.pem").write_bytes(key)
    (folder / "certificate.pem").write_bytes(certificate)
    port = free_port()
    settings = {
        "port": port,
        "key": str(folder / "key.pem"),
        "certificate": str(folder / "certificate.pem"),
        "client": {"id": CLIENT_ID, "secret": CLIENT_SECRET},
        "redirectUri": redirect_uri,
        "groups": GROUPS,
    }
    log = folder / "provider.log"
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [str(packages.node), str(packages.home / "provider.mjs")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            cwd=packages.home,
        )
    try:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(settings).encode() + b"\n")
        process.stdin.close()
        giving_up = threading.Timer(START_TIMEOUT_S, process.kill)
        giving_up.start()
        said = process.stdout.readline()
        giving_up.cancel()
        if said != b"ready\n":
            raise ProviderError(f"the provider did not start:\n{log.read_text()[-3000:]}")
        yield OpenIdProvider(f"https://localhost:{port}", folder / "certificate.pem", log)
    finally:
        process.terminate()
        process.wait(STOP_TIMEOUT_S)
        if process.stdout is not None:
            process.stdout.close()
