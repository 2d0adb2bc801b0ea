"""The [badges] and [stations] tables: badge numbers, PINs beside them, and screens beside printers."""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field, StrictBool, StrictInt

from spoold.config.section import Section
from spoold.config.values import Duration, Name, Network
from spoold.model.badge import (
    MAX_NUMBER_CHARACTERS,
    MAX_PIN_DIGITS,
    MIN_NUMBER_CHARACTERS,
    MIN_PIN_DIGITS,
    Alphabet,
    BadgeFormat,
    BadgeRules,
    Check,
)
from spoold.model.station import SignInBy, Station

Length = Annotated[StrictInt, Field(ge=MIN_NUMBER_CHARACTERS, le=MAX_NUMBER_CHARACTERS)]
Sign = Annotated[str, Field(max_length=4, pattern=r"^[^\x00-\x1f\x7f]*$")]


class Badges(Section):
    """How badge or id numbers look; with a PIN they sign people in at stations."""

    lengths: Annotated[tuple[Length, ...], Field(min_length=1)]
    """Every length a whole number may have: the only thing that tells half a number from a whole one."""
    alphabet: Alphabet = Alphabet.DIGITS
    """"digits", "hex-upper" or "hex-lower", as the readers type them."""
    check: Check = Check.NONE
    """What the end of a number proves: "luhn" (its last digit) or "xor" (its last byte, in hex)."""
    facility: Annotated[str, Field(max_length=16, pattern=r"^[0-9A-Fa-f]*$")] = ""
    """With what every number begins; badges of other houses are refused."""
    prefix: Sign = ""
    """What readers type before the number, such as ";"."""
    suffix: Sign = ""
    """What readers type after it and before Enter, such as "?"."""
    pin_digits: Annotated[StrictInt, Field(ge=MIN_PIN_DIGITS, le=MAX_PIN_DIGITS)] = MIN_PIN_DIGITS
    """Fewest digits of a PIN."""

    def rules(self) -> BadgeRules:
        """Return what services ask."""
        return BadgeRules(
            BadgeFormat(
                lengths=frozenset(self.lengths),
                alphabet=self.alphabet,
                check=self.check,
                facility=self.facility,
                prefix=self.prefix,
                suffix=self.suffix,
            ),
            self.pin_digits,
        )


class StationSettings(Section):
    """A screen beside a printer; `spoold station add NAME` makes the link that enrols its device."""

    printer: Name
    """The printer it stands at, and the only one where it lets jobs out."""
    networks: Annotated[tuple[Network, ...], Field(min_length=1)]
    """Where its device is; the device's token is good from nowhere else."""
    sign_in: Annotated[tuple[Literal["badge+pin", "password"], ...], Field(min_length=1)] | None = None
    """How people sign in there; when absent by badge and PIN where [badges] is set, and by password."""
    release: Literal["choose", "all"] = "choose"
    """"all": everything held for this printer goes as soon as somebody has signed in."""
    show_names: StrictBool = False
    """Show people the names of their documents, on a screen that others can see."""
    link_badges: StrictBool = True
    """A badge that nobody has may be linked there, after a sign-in with the password."""
    session: Duration = timedelta(seconds=60)
    """How long somebody who does nothing stays signed in."""

    def station(self, name: str, *, badges: bool) -> Station:
        """Return what services ask.

        Args:
            badges: whether the site has [badges].
        """
        default = (SignInBy.BADGE, SignInBy.PASSWORD) if badges else (SignInBy.PASSWORD,)
        return Station(
            name=name,
            printer=self.printer,
            networks=self.networks,
            sign_in=default if self.sign_in is None else tuple(map(SignInBy, self.sign_in)),
            releases_all=self.release == "all",
            shows_names=self.show_names,
            links_badges=self.link_badges,
            visit_s=self.session.total_seconds(),
        )
