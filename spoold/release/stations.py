"""The desk at a release station: who stands there and what they may release, and nothing of who stood there.

A station has one screen and one person at a time. What the screen shows is a place with a step; every answer
moves it, and an old answer (a page of somebody who has left) fits no place any more. All of it is in memory:
a restart signs everybody out.
"""

import secrets
from collections.abc import Collection
from dataclasses import replace
from typing import Protocol

import structlog
import trio

from spoold.identity.authenticator import Identity
from spoold.identity.badges import Badges, Misread
from spoold.identity.secret import Secret
from spoold.identity.stations import Stations
from spoold.model.errors import NotAuthorized, NotPossible, PrinterNotReady, SpoolError
from spoold.model.ids import JobId
from spoold.model.jobstate import JobState
from spoold.model.principal import Method, Principal, Role
from spoold.model.printer import PrinterStatus
from spoold.model.site import CurrentSite
from spoold.model.station import SignInBy, Station
from spoold.release.gate import PROOF_S
from spoold.release.offers import usable_printers
from spoold.release.station_places import AgentAnswer, Outcome, Place, Step, Waiting
from spoold.release.views import JobView
from spoold.runtime.clock import Clock

log = structlog.get_logger()

# From the badge to the PIN, and from the password to the badge.
ANSWER_S = 60.0
# How long it stands there what was let out; long enough to read, gone before the next person comes.
DONE_S = 12.0
# A visit never outlasts the proof it began with, a little less so that nobody is asked in the middle.
LONGEST_VISIT_S = PROOF_S - 5.0
_NOT_HERE = "That way to sign in is not offered at this station."
GONE = "You have been signed out. Start again."
NOT_YOUR_PRINTER = "This printer is for members of groups that you are not in."


class Jobs(Protocol):
    """The part of `spoold.release.desk.Desk` that a station asks."""

    async def jobs(
        self, principal: Principal, *, states: Collection[JobState] | None = None
    ) -> list[JobView]:
        """Return the jobs this person may read, oldest first."""
        ...

    async def release(self, principal: Principal, job_id: JobId, printer: str | None) -> JobView:
        """Let a job go; refuses in words."""
        ...


class Statuses(Protocol):
    """The part of `spoold.printers.directory.PrinterDirectory` that a station asks."""

    async def status(self, name: str) -> PrinterStatus:
        """Return a printer's live status."""
        ...


class StationDesk:
    """What the doors ask about stations."""

    def __init__(
        self,
        *,
        identity: Identity,
        badges: Badges,
        devices: Stations,
        desk: Jobs,
        printers: Statuses,
        site: CurrentSite,
        clock: Clock,
    ) -> None:
        self._identity = identity
        self.badges = badges
        self.devices = devices
        self._desk = desk
        self._printers = printers
        self._site = site
        self._clock = clock
        self._places: dict[str, Place] = {}
        self._locks: dict[str, trio.Lock] = {}

    # -- what the screen shows

    def place(self, station: Station) -> Place:
        """Return what a station's screen is at; whatever is over is forgotten."""
        found = self._places.get(station.name)
        if found is None:
            return Place()
        if self._clock.monotonic_s() >= found.until_s:
            del self._places[station.name]
            return Place()
        return found

    def left_s(self, place: Place) -> float:
        """Return how long a place stays by itself."""
        return max(0.0, place.until_s - self._clock.monotonic_s())

    async def status(self, station: Station) -> PrinterStatus:
        """Return what the station's printer says of itself."""
        return await self._printers.status(station.printer)

    async def waiting(self, printer: str, principal: Principal) -> Waiting:
        """Return somebody's held jobs, the newest first, as they are at a printer."""
        views = [view for view in await self._desk.jobs(principal, states=[JobState.HELD]) if view.own][::-1]
        here = tuple(view for view in views if printer in view.printers)
        others = [view for view in views if view.printers and printer not in view.printers]
        places = dict.fromkeys(name for view in others for name in view.printers)
        nowhere = len(views) - len(here) - len(others)
        usable = printer in usable_printers(self._site(), principal)
        return Waiting(here, len(others), tuple(places), nowhere, usable)

    # -- what people answer

    def lock(self, station: Station) -> trio.Lock:
        """Return what makes the answers at one station follow each other."""
        return self._locks.setdefault(station.name, trio.Lock())

    def start_over(self, station: Station) -> None:
        """End whatever is going on at a station; nothing of it is left."""
        self._places.pop(station.name, None)

    def complain(self, station: Station, words: str) -> None:
        """Go back to the beginning, and say why."""
        self._put(station, Place(error=words), DONE_S)

    def read_badge(self, station: Station, typed: str) -> None:
        """Take the badge that the reader typed, and ask for the PIN; known or not."""
        self._check_offered(station, SignInBy.BADGE)
        try:
            number = self.badges.typed(typed)
        except Misread as error:
            self.complain(station, error.public)
            return
        self._put(station, Place(Step.PIN, number=number), ANSWER_S)

    def ask_for_password(self, station: Station, *, linking: bool) -> None:
        """Ask for name and password instead; to link the badge that was read, or to do without one."""
        place = self.place(station)
        self._check_offered(station, SignInBy.PASSWORD)
        links = linking and station.links_badges and place.number is not None
        number = place.number if links else None
        self._put(station, Place(Step.PASSWORD, number=number, linking=links), ANSWER_S)

    async def enter_pin(self, station: Station, pin: str, *, peer: str) -> None:
        """Prove somebody by the badge that was read and a PIN."""
        place = self._expect(station, Step.PIN)
        number = place.number
        if number is None:
            raise NotAuthorized(GONE)
        try:
            principal = await self._by_badge(station, number, pin, peer)
        except SpoolError as error:
            self._put(station, Place(Step.PIN, number=number, error=error.public), ANSWER_S)
            return
        await self._welcome(station, principal)

    async def enter_password(self, station: Station, name: str, password: str, *, peer: str) -> None:
        """Prove somebody by name and password: a full sign-in, after which a badge may be linked."""
        place = self._expect(station, Step.PASSWORD)
        try:
            proven = await self._identity.authenticate(name, password, peer=peer, fresh=True, in_person=True)
        except SpoolError as error:
            self._put(station, replace(place, error=error.public), ANSWER_S)
            return
        principal = replace(proven, method=Method.PASSWORD, role=Role.USER, station=station.name)
        if place.linking and place.number is not None:
            now = self._clock.monotonic_s()
            again = Place(Step.AGAIN, since_s=now, number=place.number, principal=principal)
            self._put(station, again, ANSWER_S)
            return
        await self._welcome(station, principal)

    async def read_again(self, station: Station, typed: str) -> None:
        """Link the badge if the second read is like the first."""
        place = self._expect(station, Step.AGAIN)
        if place.principal is None or place.number is None:
            raise NotAuthorized(GONE)
        try:
            again = self.badges.typed(typed)
            await self.badges.enrol(place.principal, place.number, again, "", station=station.name)
        except Misread as error:
            self._put(station, replace(place, error=error.public), ANSWER_S)
            return
        except SpoolError as error:
            await self._welcome(station, place.principal, error=error.public)
            return
        if await self.badges.has_pin(place.principal.id):
            await self._welcome(station, place.principal)
        else:
            self._put(station, replace(place, step=Step.NEW_PIN, number=None, error=""), ANSWER_S)

    async def choose_pin(self, station: Station, pin: str, again: str) -> None:
        """Give somebody who has just linked a badge the PIN that goes with it."""
        place = self._expect(station, Step.NEW_PIN)
        if place.principal is None:
            raise NotAuthorized(GONE)
        try:
            if pin != again:
                raise NotPossible("The two PINs are not alike. Type the same one twice.")
            await self.badges.set_pin(place.principal, pin, station=station.name)
        except SpoolError as error:
            self._put(station, replace(place, error=error.public), ANSWER_S)
            return
        await self._welcome(station, place.principal)

    async def release(self, station: Station, chosen: Collection[JobId] | None) -> None:
        """Let jobs out at the station's printer and sign the person out; all that it can print when None."""
        place = self._expect(station, Step.JOBS)
        if place.principal is None:
            raise NotAuthorized(GONE)
        await self._release(station, place.principal, chosen)

    # -- agents beside printers

    async def present(
        self, read: str, pin: str | None, *, peer: str, station_name: str | None = None
    ) -> AgentAnswer:
        """Take a read that an agent passes on; says what the agent may show.

        Args:
            read: with the Enter at its end.
            station_name: which station, where several are in the network of the agent.

        Raises:
            NotAuthorized: no station is where the agent is.
            Misread, WrongBadge, TooManyAttempts: as for a station's screen.
        """
        station = self._station_at(peer, station_name)
        self._check_offered(station, SignInBy.BADGE)
        number = self.badges.framed(read)
        if not pin:
            # Said of every badge: whether it is anybody's, only its PIN tells.
            return AgentAnswer("needs-pin", "Type your PIN.")
        principal = await self._by_badge(station, number, pin, peer)
        waiting = await self.waiting(station.printer, principal)
        if not waiting.usable:
            return AgentAnswer("refused", NOT_YOUR_PRINTER, 0)
        if not waiting.here:
            return AgentAnswer("released", "Nothing is waiting for you at this printer.", 0)
        if not station.releases_all:
            return AgentAnswer(
                "choose", "Choose your documents on the screen or your phone.", len(waiting.here)
            )
        outcome = await self._let_go(station, principal, waiting.here)
        if not outcome.went:
            return AgentAnswer("refused", outcome.refused[0][1], len(waiting.here))
        return AgentAnswer("released", "Take your paper.", len(waiting.here), len(outcome.went))

    # -- how

    def _station_at(self, peer: str, name: str | None) -> Station:
        found = [
            station
            for station in self._site().stations.values()
            if station.is_at(peer) and name in (None, station.name)
        ]
        if len(found) != 1:
            raise NotAuthorized(
                "Name the station: several are in your network."
                if found
                else "No station is where this request comes from.",
                peer=peer,
            )
        return found[0]

    async def _by_badge(self, station: Station, number: Secret, pin: str, peer: str) -> Principal:
        account = await self.badges.prove(number, pin, station=station.name, peer=peer)
        principal = await self._identity.admit(account, method=Method.BADGE, peer=peer)
        # Whatever office people have, at a printer they take their own paper.
        return replace(principal, role=Role.USER, station=station.name)

    async def _welcome(self, station: Station, principal: Principal, *, error: str = "") -> None:
        """Sign somebody in at a station; where everything goes at once, it goes now."""
        now = self._clock.monotonic_s()
        place = Place(Step.JOBS, since_s=now, principal=principal, error=error)
        self._put(station, place, min(station.visit_s, LONGEST_VISIT_S))
        if station.releases_all and not error:
            await self._release(station, principal, None)

    async def _release(
        self, station: Station, principal: Principal, chosen: Collection[JobId] | None
    ) -> None:
        place = self.place(station)
        here = (await self.waiting(station.printer, principal)).here
        wanted = [view for view in here if chosen is None or view.job.id in chosen]
        if not wanted:
            if chosen is not None:
                self._stay(station, place, "Choose at least one document.")
            return
        outcome = await self._let_go(station, principal, wanted)
        if outcome.went:
            # From here on nobody is signed in: what is left on the screen are numbers.
            self._put(station, Place(Step.DONE, outcome=outcome), DONE_S)
        else:
            self._stay(station, place, outcome.refused[0][1])

    async def _let_go(self, station: Station, principal: Principal, wanted: Collection[JobView]) -> Outcome:
        went: list[int] = []
        refused: list[tuple[int, str]] = []
        for view in wanted:
            try:
                await self._desk.release(principal, view.job.id, station.printer)
                went.append(view.job.number)
            except SpoolError as error:
                log.info("release-refused", job=str(view.job.id), user=principal.id, kind=error.kind)
                refused.append((view.job.number, error.public))
                if isinstance(error, PrinterNotReady):
                    # It will not be ready for the next one either.
                    break
        return Outcome(tuple(went), tuple(refused))

    def _stay(self, station: Station, place: Place, error: str) -> None:
        """Leave somebody signed in who has something else to do; never past the proof."""
        rest_s = place.since_s + LONGEST_VISIT_S - self._clock.monotonic_s()
        self._put(station, replace(place, error=error), min(station.visit_s, rest_s))

    def _put(self, station: Station, place: Place, stays_s: float) -> None:
        turn = secrets.token_urlsafe(16)
        self._places[station.name] = replace(
            place, turn=turn, until_s=self._clock.monotonic_s() + max(stays_s, 0.0)
        )

    def _expect(self, station: Station, step: Step) -> Place:
        place = self.place(station)
        if place.step is not step:
            raise NotAuthorized(GONE)
        return place

    def _check_offered(self, station: Station, way: SignInBy) -> None:
        linking = way is SignInBy.PASSWORD and self.place(station).number is not None
        if way not in station.sign_in and not (linking and station.links_badges):
            raise NotPossible(_NOT_HERE)
