"""One-time passwords by time (TOTP, RFC 6238), and recovery codes for when the phone is lost."""

import base64
import hashlib
import hmac
import secrets
from datetime import datetime

import pyotp

# What authenticator apps do without being told: SHA-1, six digits, 30 s (RFC 6238 1.2).
DIGITS = 6
PERIOD_S = 30
# RFC 4226 4, R6: 160 bits.
SECRET_BYTES = 20
# One step each way: clocks of phones, and slow typing (RFC 6238 5.2).
STEPS_AROUND = 1
RECOVERY_CODES = 10
# 80 bits each: not to be guessed from its hash either.
_RECOVERY_BYTES = 10


def counter_of(secret: bytes, code: str, at: datetime, *, after: int) -> int | None:
    """Return the time step of a code that is right now, None when it is wrong or not newer than `after`.

    RFC 6238 5.2: a code is good once; the caller stores the step it was good for.
    """
    typed = "".join(code.split())
    if len(typed) != DIGITS or not (typed.isascii() and typed.isdigit()):
        return None
    one_time = pyotp.TOTP(_base32(secret), digits=DIGITS, interval=PERIOD_S)
    now = int(at.timestamp()) // PERIOD_S
    found = None
    for step in range(now - STEPS_AROUND, now + STEPS_AROUND + 1):
        # All are compared, whichever fits: the time tells nothing.
        if hmac.compare_digest(one_time.generate_otp(step), typed) and step > after:
            found = step
    return found


def setup_uri(secret: bytes, *, account: str, issuer: str) -> str:
    """Return what an authenticator app reads from the QR code (Google's "Key Uri Format")."""
    return str(pyotp.TOTP(_base32(secret)).provisioning_uri(name=account, issuer_name=issuer))


def spelled(secret: bytes) -> str:
    """Return the secret in groups of four, for people who type it."""
    return " ".join(_groups(_base32(secret)))


def new_recovery_codes() -> list[str]:
    """Return new codes to be kept on paper."""
    return [
        "-".join(_groups(base64.b32encode(secrets.token_bytes(_RECOVERY_BYTES)).decode().lower()))
        for _ in range(RECOVERY_CODES)
    ]


def recovery_hash(code: str) -> bytes:
    """Return what is stored of a recovery code, however it was typed."""
    plain = "".join(character for character in code.lower() if character.isalnum())
    return hashlib.sha256(b"spoold/recovery/v1" + plain.encode("utf-8", "replace")).digest()


def is_recovery_code(code: str) -> bool:
    """Tell whether this may be meant as a recovery code, by its length."""
    return sum(character.isalnum() for character in code) == _RECOVERY_BYTES * 8 // 5


def _base32(secret: bytes) -> str:
    return base64.b32encode(secret).decode("ascii")


def _groups(text: str) -> list[str]:
    return [text[start : start + 4] for start in range(0, len(text), 4)]
