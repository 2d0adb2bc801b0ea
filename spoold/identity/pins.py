"""PINs of jobs: how clients send them, how they are kept, how they are checked (PWG 5100.11, "job-password").

A PIN is short, so what is kept of it is slow to try: bcrypt, and that only inside the job's sealed words.
Many clients hash the PIN before they send it; what is typed later is hashed in the same way first.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from spoold.identity.passwords import PasswordHasher
from spoold.identity.secret import Secret
from spoold.model.errors import Unavailable

# ChromeOS shows its PIN field from 4 on; CUPS makes a pattern of at most 32 for its dialog.
MIN_PIN_OCTETS = 4
MAX_PIN_OCTETS = 32
# 60 ms of one processor a check. More would not save four digits from whoever holds the store key, and a
# client waits for it when it prints; five wrong ones end the PIN (spoold.release.pins).
PIN_COST = 10
CLEAR = "none"
# A PIN that came in clear is kept as if the client had hashed it so: clients that hash can release it, too.
_DEFAULT = "sha2-256"

# Keywords of "job-password-encryption" as IANA registers them. Never "sha-256", which some firmware lists:
# CUPS prefers it, cannot compute it, and drops the PIN without a word.
_DIGESTS: Mapping[str, Callable[[bytes], bytes]] = MappingProxyType(
    {
        "sha2-256": lambda octets: hashlib.sha256(octets).digest(),
        "sha2-384": lambda octets: hashlib.sha384(octets).digest(),
        "sha2-512": lambda octets: hashlib.sha512(octets).digest(),
        "sha3-256": lambda octets: hashlib.sha3_256(octets).digest(),
        "sha3-384": lambda octets: hashlib.sha3_384(octets).digest(),
        "sha3-512": lambda octets: hashlib.sha3_512(octets).digest(),
    }
)
# The first is what clients take that do not choose.
METHODS: tuple[str, ...] = (CLEAR, *_DIGESTS)


@dataclass(frozen=True, slots=True)
class Pin:
    """A PIN as somebody presents it; shows itself nowhere.

    Args:
        octets: "job-password".
        method: "job-password-encryption": what the client did to it.
    """

    octets: bytes = field(repr=False)
    method: str = CLEAR

    @classmethod
    def typed(cls, text: str) -> "Pin":
        """Return the PIN that a person typed."""
        return cls(text.strip().encode("utf-8", "replace"))

    def trouble(self) -> str:
        """Return why this cannot be the PIN of a job, in words; empty when it can."""
        if self.method not in METHODS:
            return f"PINs are not taken as {self.method} here."
        if self.method != CLEAR:
            expected = len(_DIGESTS[self.method](b""))
            return "" if len(self.octets) == expected else "The PIN was not hashed as it says."
        if not MIN_PIN_OCTETS <= len(self.octets) <= MAX_PIN_OCTETS:
            return f"A PIN has {MIN_PIN_OCTETS} to {MAX_PIN_OCTETS} digits or letters."
        if not all(0x20 < octet < 0x7F for octet in self.octets):
            return "A PIN is made of digits and plain letters."
        return ""

    def hashed(self, method: str) -> Secret:
        """Return the PIN as it is under a method; what was hashed otherwise equals nothing."""
        if self.method == CLEAR and method in _DIGESTS:
            return Secret(_DIGESTS[method](self.octets).hex())
        return Secret(f"{self.method}:{self.octets.hex()}" if self.method != method else self.octets.hex())


class PinKeeper:
    """Makes what is kept of a PIN, and compares with it.

    Args:
        hasher: with a cost of its own (`PIN_COST`), so that PINs never wait behind passwords or before them.
    """

    def __init__(self, hasher: PasswordHasher) -> None:
        self._hasher = hasher

    async def keep(self, pin: Pin) -> str:
        """Return what is kept of a PIN that has no trouble: the method and a slow, salted hash.

        Raises:
            Busy: too many are being hashed.
        """
        method = _DEFAULT if pin.method == CLEAR else pin.method
        return f"{method} {await self._hasher.hash(pin.hashed(method))}"

    async def matches(self, pin: Pin, kept: str | None) -> bool:
        """Tell whether this is the PIN; None, where there is none, takes the same work.

        Raises:
            Busy: too many are being checked.
            Unavailable: what was kept cannot be read.
        """
        # What cannot be a PIN at all costs the same as a wrong one: the answer's time must not tell which.
        if kept is None:
            return (await self._hasher.verify_nobody(pin.hashed(_DEFAULT))).matches
        method, _, stored = kept.partition(" ")
        if method not in _DIGESTS or not stored:
            raise Unavailable("The PIN of this job cannot be read; sign in to release it.")
        return (await self._hasher.verify(pin.hashed(method), stored)).matches
