"""Badges: a badge or id number and a PIN prove somebody at a printer; both are set up by a full sign-in.

A number is kept as a tag under a key derived from the store key, a PIN as bcrypt of such a tag: whoever has
the database and not the store key can try neither. Who shows an unknown badge and who types a wrong PIN hear
the same words after the same work.
"""

from collections.abc import Callable
from functools import partial

import structlog
import trio
from sqlalchemy import Connection

from protocols.errors import RemoteProtocolError
from spoold.database import badges
from spoold.database.badges import BadgeRow
from spoold.database.engine import Database
from spoold.identity.admission import Admission
from spoold.identity.badge_reading import BadgeReader
from spoold.identity.guesses import Guess, Guesses, badge_subject, pin_subject
from spoold.identity.passwords import PasswordHasher
from spoold.identity.provider import Account
from spoold.identity.secret import Secret
from spoold.keys.tags import Tags
from spoold.model.badge import BadgeRules, pin_trouble
from spoold.model.errors import NotAuthorized, NotFound, NotPossible, TooManyAttempts
from spoold.model.ids import UserId
from spoold.model.principal import Principal
from spoold.model.site import CurrentSite
from spoold.records import audit
from spoold.runtime.clock import Clock

log = structlog.get_logger()

BADGE = b"spoold/badge/v1"
PIN = b"spoold/station-pin/v1"
# Two readers in a house, a new badge before the old one is taken back, an id number; more is a mistake.
MAX_BADGES_EACH = 5
MAX_LABEL_CHARACTERS = 40
# One text for both: which of the two was wrong is what a guesser wants to know.
WRONG = "The badge and the PIN do not go together. Try again, or sign in with your password."
_TAKEN = "This badge is linked to another account. Ask whoever looks after the printers."


class WrongBadge(NotAuthorized):
    """The badge is nobody's, or the PIN is not that person's."""

    kind = "wrong-badge"


class Misread(NotPossible):
    """The reader did not read one whole badge."""

    kind = "badge-misread"


class Badges:
    """Enrols badges and PINs, and proves people by them.

    Args:
        hasher: with a limiter of its own: whoever tries PINs does not keep people from signing in.
    """

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        site: CurrentSite,
        identity: Admission,
        guesses: Guesses,
        hasher: PasswordHasher,
        tags: Tags,
    ) -> None:
        self._database = database
        self._clock = clock
        self._site = site
        self._identity = identity
        self._guesses = guesses
        self._hasher = hasher
        self._tags = tags

    @property
    def rules(self) -> BadgeRules:
        """What the site says of badges.

        Raises:
            NotPossible: it does not use any.
        """
        found = self._site().badges
        if found is None:
            raise NotPossible("Badges are not used here. Sign in with your password.")
        return found

    def typed(self, read: str) -> Secret:
        """Return the number that a reader typed into a field of a form.

        Raises:
            Misread: it is not one whole number; the words repeat nothing of it.
        """
        try:
            return Secret(BadgeReader(self.rules.format).typed(read))
        except RemoteProtocolError as error:
            raise Misread(str(error)) from None

    def framed(self, read: str) -> Secret:
        """Return the number of a read that an agent passes on, the Enter at its end included; as `typed`."""
        try:
            return Secret(BadgeReader(self.rules.format).framed(read))
        except RemoteProtocolError as error:
            raise Misread(str(error)) from None

    # -- proving

    async def prove(self, number: Secret, pin: str, *, station: str, peer: str) -> Account:
        """Return the account of whoever holds the badge and knows the PIN.

        Args:
            number: as `typed` or `framed` gave it.
            peer: numeric address of the station, for the record; many people stand behind it.

        Raises:
            WrongBadge: the badge is nobody's, the PIN is another, or the account is closed.
            SignInAgain: both are right, and nobody has vouched for the person within the term.
            TooManyAttempts, Busy: too many wrong ones, too much at once.
            Unavailable: the directory of the account cannot be asked.
        """
        tags = self._tags.all_of(BADGE, number.reveal())
        badge, kept = await self._database.read(partial(_known, tags=tags))
        record = partial(self._record, actor=f"unproven:{peer}", badge=badge, station=station)
        if badge is None:
            counted = pin_subject(tags[0].hex()), badge_subject(tags[0])
        else:
            # By the tag that its row has, which may be an older key's: so a sign-in finds it again.
            counted = pin_subject(badge.user_id), badge_subject(badge.tag)
        try:
            async with self._guesses.attempt(*counted, f"station:{station}") as guess:
                # Whoever walks away after typing a guess has guessed all the same.
                with trio.CancelScope(shield=True):
                    matches = await self._matches(badge, pin, kept)
                    if badge is None or not matches:
                        await self._database.write(partial(self._reject, guess=guess, record=record))
                        raise WrongBadge(WRONG)
                    await self._database.write(partial(self._accept, guess=guess, badge=badge, tag=tags[0]))
                    holder = badge.user_id
        except TooManyAttempts as error:
            if error.fields.get("first"):
                await self._database.write(lambda connection: record(connection, "badge-throttled"))
            raise
        account = await self._identity.account_of(holder)
        if account is None:
            raise WrongBadge(WRONG)
        return account

    async def is_known(self, number: Secret) -> bool:
        """Tell whether somebody has this badge; only for people who have just signed in with a password."""
        tags = self._tags.all_of(BADGE, number.reveal())
        return await self._database.read(lambda c: badges.badge_by_tags(c, tags)) is not None

    # -- what people look after themselves; every caller has a fresh full sign-in

    async def of(self, user_id: UserId) -> list[BadgeRow]:
        """Return somebody's badges, the oldest first."""
        return await self._database.read(lambda connection: badges.badges_of(connection, user_id))

    async def has_pin(self, user_id: UserId) -> bool:
        """Tell whether somebody has a PIN."""
        return await self._database.read(lambda c: badges.pin_hash_of(c, user_id)) is not None

    async def enrol(
        self, principal: Principal, number: Secret, again: Secret, label: str, *, station: str | None = None
    ) -> BadgeRow:
        """Link a badge to an account.

        Args:
            number, again: two reads of the badge, which must be alike: a misread number would be linked for
                good, and be somebody else's one day.
            station: where, if at a station.

        Raises:
            NotPossible: the reads differ, the badge is linked already, or there are too many.
        """
        if number.reveal() != again.reveal():
            raise Misread("The badge was read differently the second time. Try again.")
        now = self._clock.now()
        tags = self._tags.all_of(BADGE, number.reveal())
        words = " ".join(label.split())[:MAX_LABEL_CHARACTERS]
        row = BadgeRow(tags[0], principal.id, words or f"{now:%Y-%m-%d}", now)

        def link(connection: Connection) -> BadgeRow:
            known = badges.badge_by_tags(connection, tags)
            if known is not None:
                mine = known.user_id == principal.id
                raise NotPossible("This badge is linked to your account already." if mine else _TAKEN)
            if len(badges.badges_of(connection, principal.id)) >= MAX_BADGES_EACH:
                raise NotPossible(
                    f"An account has {MAX_BADGES_EACH} badges at most. Remove one that you do not use."
                )
            badges.insert_badge(connection, row)
            self._record(connection, "badge-linked", principal.id, row, station)
            return row

        return await self._database.write(link)

    async def revoke(self, principal: Principal, badge_id: str) -> None:
        """Remove one of somebody's badges; it opens nothing from then on.

        Raises:
            NotFound: it is not one of theirs.
        """

        def remove(connection: Connection) -> None:
            for badge in badges.badges_of(connection, principal.id):
                if badge.id == badge_id:
                    badges.delete_badge(connection, badge)
                    self._record(connection, "badge-removed", principal.id, badge, None)
                    return
            raise NotFound("There is no such badge.")

        await self._database.write(remove)
        self._database.shred_soon()

    async def set_pin(self, principal: Principal, pin: str, *, station: str | None = None) -> None:
        """Give somebody a new PIN; wrong tries of the old one are forgotten.

        Raises:
            NotPossible: it is too short, or one of those that everybody tries first.
        """
        if trouble := pin_trouble(pin, self.rules.pin_digits):
            raise NotPossible(trouble)
        kept = await self._hasher.hash(self._prepared(principal.id, pin)[0])

        def store(connection: Connection) -> None:
            badges.put_pin_hash(connection, principal.id, kept, self._clock.now())
            self._guesses.pardon_person(connection, principal.id)
            self._record(connection, "station-pin-set", principal.id, None, station)

        await self._database.write(store)
        self._database.shred_soon()

    # -- how

    def _prepared(self, user_id: str, pin: str) -> list[Secret]:
        """Return the PIN as bcrypt sees it, under each store key: keyed, and of one person only."""
        return [Secret(tag.hex()) for tag in self._tags.all_of(PIN, f"{user_id} {pin}")]

    def _reject(self, connection: Connection, *, guess: Guess, record: Callable[..., None]) -> None:
        guess.wrong(connection)
        record(connection, "badge-rejected")

    def _accept(self, connection: Connection, *, guess: Guess, badge: BadgeRow, tag: bytes) -> None:
        if not badges.use_badge(connection, badge, self._clock.now(), tag=tag):
            # Revoked between the look and now.
            raise WrongBadge(WRONG)
        guess.right(connection)

    async def _matches(self, badge: BadgeRow | None, pin: str, kept: str | None) -> bool:
        candidates = self._prepared("" if badge is None else badge.user_id, pin)
        found = False
        for candidate in candidates:
            if kept is None:
                await self._hasher.verify_nobody(candidate)
            else:
                found |= (await self._hasher.verify(candidate, kept)).matches
        return found

    def _record(
        self, connection: Connection, kind: str, actor: str, badge: BadgeRow | None, station: str | None
    ) -> None:
        audit.append(
            connection,
            at=self._clock.now(),
            kind=kind,
            actor=actor,
            user=None if badge is None else badge.user_id,
            badge=None if badge is None else badge.id,
            station=station,
        )


def _known(connection: Connection, tags: tuple[bytes, ...]) -> tuple[BadgeRow | None, str | None]:
    badge = badges.badge_by_tags(connection, tags)
    return badge, None if badge is None else badges.pin_hash_of(connection, badge.user_id)
