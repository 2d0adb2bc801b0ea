"""Mutates reads of badges and asks who is let in by them: nobody but the person whose badge was read whole.

    python -m tests.fuzz.fuzz_badge [--executions N] [--seed N]

Each read is one of an enrolled badge that was truncated, doubled, joined or interleaved with another read,
had characters flipped, dropped, inserted or swapped, or several of these. It goes the way of a real one: the
parser, the keyed hash, the table of tags; where it finds anybody, the PIN of the person who holds the badge
is compared with that of the person found. A failure is named by its seed and number.

Two things are counted as failures: somebody else is let in, and anybody is let in by a read whose number is
not, character for character, the one on the badge. In a series of serial numbers without a check digit a
changed digit is another person's number; those are reported as "another's number", and only the PIN stands
between them: it must.
"""

import hashlib
import hmac
import random
import string
import sys
import time
from dataclasses import dataclass, field

from holdstore.keyring import Keyring
from protocols.errors import RemoteProtocolError
from spoold.identity.badge_reading import BadgeReader
from spoold.identity.badges import BADGE
from spoold.keys.tags import Tags
from spoold.model.badge import Alphabet, BadgeFormat, Check, pin_trouble
from tests.fuzz.runner import Report, command

TAGS = Tags(Keyring.from_bytes(bytes(range(32))).derive)
PEOPLE = 1_000
END = "\r"


@dataclass
class House:
    """One site: its format, its people's badges and PINs."""

    name: str
    format: BadgeFormat
    numbers: list[str]
    # Whether a changed read may have the form of another enrolled badge.
    dense: bool
    owners: dict[bytes, int] = field(default_factory=dict)
    pins: list[bytes] = field(default_factory=list)

    def enrol(self, rng: random.Random) -> None:
        """Give everybody a badge and a PIN of their own choice, as far as the rules let them."""
        self.reader = BadgeReader(self.format)
        self.owners = {TAGS.of(BADGE, number): person for person, number in enumerate(self.numbers)}
        while len(self.pins) < len(self.numbers):
            pin = f"{rng.randrange(10**6):06}"
            if not pin_trouble(pin):
                self.pins.append(hashlib.sha256(pin.encode()).digest())

    def framed(self, person: int) -> str:
        """What a reader types for a person's badge."""
        return self.format.prefix + self.numbers[person] + self.format.suffix + END


def luhn(digits: str) -> str:
    """The digits and their check digit (ISO/IEC 7812-1)."""
    doubled = [int(digit) * (2 - place % 2) for place, digit in enumerate(reversed(digits))]
    return digits + str(-sum(value // 10 + value % 10 for value in doubled) % 10)


def xored(content: bytes) -> str:
    """The bytes and their XOR, in hex."""
    check = 0
    for byte in content:
        check ^= byte
    return (content + bytes([check])).hex().upper()


def houses(rng: random.Random) -> list[House]:
    """Sites of every kind: random and serial numbers, with and without check digits and frames."""
    serial = range(4_100_000, 4_100_000 + PEOPLE)
    found = [
        House(
            "random decimal",
            BadgeFormat(frozenset({10})),
            [f"{number:010}" for number in rng.sample(range(10**10), PEOPLE)],
            dense=False,
        ),
        House(
            "random hex with XOR",
            BadgeFormat(frozenset({12}), Alphabet.HEX_UPPER, Check.XOR),
            [xored(rng.randbytes(5)) for _ in range(PEOPLE)],
            dense=False,
        ),
        House(
            "two lengths in a frame",
            BadgeFormat(frozenset({9, 13}), facility="40", prefix=";", suffix="?"),
            [f"40{rng.randrange(10**7):07}" for _ in range(PEOPLE // 2)]
            + [f"40{rng.randrange(10**11):011}" for _ in range(PEOPLE // 2)],
            dense=False,
        ),
        House(
            "serial with Luhn",
            BadgeFormat(frozenset({8}), check=Check.LUHN),
            [luhn(f"{number}") for number in serial],
            dense=True,
        ),
        House("serial", BadgeFormat(frozenset({7})), [f"{number}" for number in serial], dense=True),
    ]
    for house in found:
        house.enrol(rng)
    return found


_ANY = string.printable + "\0\x7f\N{ARABIC-INDIC DIGIT ONE}"


class Damage:
    """What cables, hubs and hurried people do to a read."""

    def __init__(self, rng: random.Random) -> None:
        self._random = rng
        self._ways = (
            self._truncated,
            self._beheaded,
            self._doubled,
            self._joined,
            self._interleaved,
            self._flipped,
            self._digit_changed,
            self._dropped,
            self._inserted,
            self._swapped,
            self._spliced,
            self._repeated,
        )

    def of(self, read: str, other: str) -> str:
        """Return a read with one to three kinds of damage."""
        for _ in range(self._random.choice((1, 1, 1, 2, 3))):
            read = self._random.choice(self._ways)(read, other)
        return read

    def _at(self, read: str) -> int:
        return int(self._random.random() * (len(read) + 1))

    def _truncated(self, read: str, _other: str) -> str:
        kept = read[: self._at(read)]
        # Half of the truncated reads end all the same: somebody pressed Enter.
        return kept + END if self._random.random() < 0.5 else kept

    def _beheaded(self, read: str, _other: str) -> str:
        return read[self._at(read) :]

    def _doubled(self, read: str, _other: str) -> str:
        return read + read if self._random.random() < 0.5 else read.rstrip(END) + read

    def _joined(self, read: str, other: str) -> str:
        return read.rstrip(END) + other

    def _interleaved(self, read: str, other: str) -> str:
        turns = [self._random.random() < 0.5 for _ in range(len(read) + len(other))]
        one, two, mixed = list(read[::-1]), list(other[::-1]), []
        for turn in turns:
            source = one if (turn and one) or not two else two
            mixed.append(source.pop())
        return "".join(mixed)

    def _flipped(self, read: str, _other: str) -> str:
        at = min(self._at(read), len(read) - 1)
        if at < 0:
            return read
        return read[:at] + chr(ord(read[at]) ^ 1 << self._random.randrange(7)) + read[at + 1 :]

    def _digit_changed(self, read: str, _other: str) -> str:
        at = self._at(read)
        return read[:at] + self._random.choice(string.digits) + read[at + 1 :]

    def _dropped(self, read: str, _other: str) -> str:
        at = self._at(read)
        return read[:at] + read[at + self._random.randint(1, 3) :]

    def _inserted(self, read: str, _other: str) -> str:
        at = self._at(read)
        return read[:at] + self._random.choice(_ANY) + read[at:]

    def _swapped(self, read: str, _other: str) -> str:
        at = self._at(read)
        return read[:at] + read[at : at + 2][::-1] + read[at + 2 :]

    def _spliced(self, read: str, other: str) -> str:
        at = self._at(read)
        return read[:at] + other[at:]

    def _repeated(self, read: str, _other: str) -> str:
        at = self._at(read)
        return read[:at] + read[at : at + 1] * self._random.choice((2, 3, 64, 512)) + read[at + 1 :]


def present(house: House, person: int, read: str) -> tuple[str, bool]:
    """Show a read at a station with the PIN of whoever holds the badge; returns what happened.

    Returns:
        The outcome, and whether it is one that must not be.
    """
    try:
        number = house.reader.framed(read)
    except RemoteProtocolError:
        return "refused", False
    found = house.owners.get(TAGS.of(BADGE, number))
    if found is None:
        return "unknown", False
    if number != house.numbers[found]:
        return "a number that nobody has was let in", True
    if found == person:
        # What changed lies outside of the number: the form of Enter, or nothing at all.
        whole = read.rstrip("\r\n") == house.framed(person).rstrip(END)
        return "whole", not whole
    if not house.dense and read.rstrip("\r\n") not in {house.framed(found).rstrip(END)}:
        return "another's badge by accident", True
    let_in = hmac.compare_digest(house.pins[person], house.pins[found])
    return "let in as somebody else" if let_in else "another's number, wrong PIN", let_in


def run(executions: int, seed: int) -> Report:
    """Show `executions` mutated reads and return what was found."""
    report, rng = Report(), random.Random(seed)
    known, damage = houses(rng), Damage(rng)
    started = time.monotonic()
    for house in known:
        for person in range(len(house.numbers)):
            if present(house, person, house.framed(person)) != ("whole", False):
                report.failures.append(f"{house.name}: badge {person} does not work")
    for index in range(executions):
        house = known[index % len(known)]
        person, other = rng.randrange(len(house.numbers)), rng.randrange(len(house.numbers))
        read = damage.of(house.framed(person), house.framed(other))
        outcome, wrong = present(house, person, read)
        report.outcomes[outcome] += 1
        if wrong:
            report.failures.append(f"seed {seed}, input {index}, {house.name}: {read!r}: {outcome}")
    report.executions, report.seconds = executions, time.monotonic() - started
    return report


if __name__ == "__main__":
    sys.exit(command("badges", run, sys.argv[1:]))
