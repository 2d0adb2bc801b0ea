"""An authenticator in software: makes passkeys and shows them, and lies where a test wants it to."""

import hashlib
import json
import os
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from webauthn.helpers import base64url_to_bytes, encode_cbor

USER_PRESENT, USER_VERIFIED, ATTESTED = 0x01, 0x04, 0x40


@dataclass
class Passkey:
    """One key for one site.

    Args:
        site: host name it is bound to.
        origin: of the page that the browser says it was asked by.
        counter: of uses; counts up with each.
        flags: what it says of its person.
    """

    site: str
    origin: str
    counter: int = 0
    flags: int = USER_PRESENT | USER_VERIFIED
    credential_id: bytes = field(default_factory=lambda: os.urandom(16))
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def make(self, options: str) -> str:
        """Answer navigator.credentials.create."""
        client = self._client("webauthn.create", json.loads(options)["challenge"])
        numbers = self.key.public_key().public_numbers()
        # COSE (RFC 9053 7.1): EC2, ES256, P-256.
        public = encode_cbor(
            {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}
        )
        attested = bytes(16) + len(self.credential_id).to_bytes(2, "big") + self.credential_id + public
        attestation = {"fmt": "none", "attStmt": {}, "authData": self._authenticator(ATTESTED) + attested}
        response: dict[str, str | None] = {
            "attestationObject": _b64(encode_cbor(attestation)),
            "clientDataJSON": _b64(client),
        }
        return self._answer(response)

    def show(self, options: str) -> str:
        """Answer navigator.credentials.get."""
        self.counter += 1
        client = self._client("webauthn.get", json.loads(options)["challenge"])
        data = self._authenticator(0)
        signature = self.key.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(hashes.SHA256()))
        return self._answer(
            {
                "authenticatorData": _b64(data),
                "clientDataJSON": _b64(client),
                "signature": _b64(signature),
                "userHandle": None,
            }
        )

    def _answer(self, response: dict[str, str | None]) -> str:
        name = _b64(self.credential_id)
        return json.dumps(
            {
                "id": name,
                "rawId": name,
                "type": "public-key",
                "response": response,
                "clientExtensionResults": {},
            }
        )

    def _client(self, kind: str, challenge: str) -> bytes:
        content = {"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": False}
        return json.dumps(content).encode()

    def _authenticator(self, flags: int) -> bytes:
        site = hashlib.sha256(self.site.encode()).digest()
        return site + bytes([self.flags | flags]) + self.counter.to_bytes(4, "big")


def challenge_of(options: str) -> bytes:
    """Return the challenge that the browser is given."""
    return base64url_to_bytes(json.loads(options)["challenge"])


def _b64(octets: bytes) -> str:
    return urlsafe_b64encode(octets).rstrip(b"=").decode("ascii")
