"""An OpenID provider that says whatever a test wants, over TLS on a loopback port."""

import base64
import hashlib
import hmac
import json
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from protocols.tls import create_self_signed

CLIENT_ID = "spoold"


@dataclass
class HostileProvider:
    """What it says; each answer may be changed before it is asked for.

    Args:
        answers: by path, a status and what is sent: JSON, or bytes as they are.
        asked: paths and bodies, in order.
    """

    issuer: str
    certificate: Path
    answers: dict[str, tuple[int, Any]] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    key: ECKey = field(default_factory=lambda: ECKey.generate_key("P-256", {"kid": "one", "alg": "ES256"}))

    def __post_init__(self) -> None:
        self.answers["/.well-known/openid-configuration"] = (200, self.metadata())
        self.publish(self.key)

    def metadata(self, **changed: Any) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/auth",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "userinfo_endpoint": f"{self.issuer}/me",
            **changed,
        }

    def publish(self, *keys: ECKey) -> None:
        """Say that these are its keys."""
        self.answers["/keys"] = (200, KeySet(list(keys)).as_dict(private=False))

    def claims(self, nonce_wanted: str, **changed: Any) -> dict[str, Any]:
        """Claims that are right; None takes one away."""
        now = int(time.time())
        right = {
            "iss": self.issuer,
            "sub": "ana-1",
            "aud": CLIENT_ID,
            "exp": now + 300,
            "iat": now,
            "nonce": nonce_wanted,
            "preferred_username": "ana",
        }
        return {name: value for name, value in {**right, **changed}.items() if value is not None}

    def give(self, id_token: str, **more: Any) -> None:
        """Answer the next code with this identity token."""
        token = {
            "access_token": "at",
            "token_type": "Bearer",
            "expires_in": 300,
            "id_token": id_token,
            **more,
        }
        self.answers["/token"] = (200, token)

    def signed(self, claims: dict[str, Any], key: Any = None, **header: Any) -> str:
        return jwt.encode({"alg": "ES256", "kid": "one", **header}, claims, key or self.key)

    def signed_with_the_public_key(self, claims: dict[str, Any]) -> str:
        """HMAC with what everybody knows as the secret."""
        signed = f"{_part({'alg': 'HS256', 'kid': 'one'})}.{_part(claims)}"
        mac = hmac.digest(self.key.as_pem(private=False), signed.encode(), hashlib.sha256)
        return f"{signed}.{_base64(mac)}"

    def unsigned(self, claims: dict[str, Any]) -> str:
        return f"{_part({'alg': 'none'})}.{_part(claims)}."


def _part(content: object) -> str:
    return _base64(json.dumps(content).encode())


def _base64(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


@contextmanager
def hostile_provider(folder: Path) -> Iterator[HostileProvider]:
    """Serve it until the block ends."""
    folder.mkdir(parents=True, exist_ok=True)
    key, certificate = create_self_signed(["localhost"])
    (folder / "key.pem").write_bytes(key)
    (folder / "certificate.pem").write_bytes(certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "certificate.pem", folder / "key.pem")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer("")

        def do_POST(self) -> None:
            self._answer(self.rfile.read(int(self.headers["Content-Length"])).decode())

        def _answer(self, body: str) -> None:
            path = self.path.partition("?")[0]
            provider.asked.append((path, body))
            status, said = provider.answers.get(path, (404, {}))
            octets = said if isinstance(said, bytes) else json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(octets)))
            self.end_headers()
            try:
                self.wfile.write(octets)
            except OSError:
                # Whoever asked has had enough.
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.socket = context.wrap_socket(server.socket, server_side=True)
    provider = HostileProvider(f"https://localhost:{server.server_port}", folder / "certificate.pem")
    thread = threading.Thread(target=server.serve_forever, name="hostile-provider")
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
