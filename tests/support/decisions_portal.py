"""The portal over a real desk, with people whom a rule names: served over TLS from a thread, for browsers."""

from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from policy.rules import RuleSource
from spoold.doors.web.app import build_web_app
from spoold.doors.web.asgi import AsgiApp
from spoold.model.ids import UserId
from spoold.model.job import Job
from spoold.model.jobstate import JobState
from spoold.model.principal import Method, Principal, Role
from spoold.runtime.health import Health
from tests.support.clock import FakeClock
from tests.support.identities import PASSWORD, make_identity, open_database
from tests.support.portal_server import Running, serving_app
from tests.support.release_house import House, open_house, queue

LONG = RuleSource(
    "long-documents",
    "job.copies > 30",
    hold="Long documents are approved by a teacher first.",
    approvers=("teachers",),
)
PEOPLE = {"alice": (), "bob": (), "tom": ("teachers",), "una": ("teachers",)}


@dataclass
class Served(Running):
    """A portal, and the house behind it."""

    house: House
    people: dict[str, Principal]

    def job(self, title: str, *, waiting: bool = True, pages: int = 48) -> Job:
        """A job of alice's that waits for a teacher, or is held."""

        async def make() -> Job:
            held = await self.house.add_job(self.people["alice"], title=title, pages=pages)
            if not waiting:
                return held
            made = await self.house.wants(held, "teachers", rules=("long-documents",))
            await self.house.service.ledger.change(
                made.id, [JobState.WAITING_APPROVAL], reason=LONG.hold or ""
            )
            return await self.house.job(made)

        return self.ask(make)

    def forgive_wrong_codes(self) -> None:
        """Have alice start anew: several tests are more than five wrong codes."""

        async def forgive() -> None:
            subject = f"codes-by:{self.people['alice'].id}"
            guesses = self.house.decisions.codes.guesses
            await self.house.database.write(lambda connection: guesses.pardon(connection, subject))

        self.ask(forgive)

    def now(self, job: Job) -> Job:
        """A job as it is now."""
        return self.ask(self.house.job, job)


@contextmanager
def serving_decisions(folder: Path) -> Iterator[Served]:
    """Serve such a portal on a loopback port until the block ends."""

    async def make(stack: AsyncExitStack) -> tuple[AsgiApp, tuple[House, dict[str, Principal]]]:
        database = stack.enter_context(open_database(folder / "spoold.db"))
        shown = replace(queue("secure", "lobby", "floor-2"), show_names_to_approvers=False)
        house = await stack.enter_async_context(
            open_house(folder, queues=[shown], rules=[LONG], database=database)
        )
        # Of one clock with the gate, which asks how old a sign-in is.
        identity = make_identity(database, clock=cast(FakeClock, house.clock)).identity
        people = {}
        for name, groups in PEOPLE.items():
            user = await identity.add_user(name, PASSWORD, groups=groups, display_name=name.title())
            people[name] = _principal(house, user.id, name, groups)
        app = build_web_app(
            identity=identity,
            desk=house.desk,
            site=lambda: house.site,
            clock=house.clock,
            metrics=house.metrics,
            health=Health(house.clock),
            decisions=house.decisions,
        )
        return app, (house, people)

    with serving_app(folder, make) as (running, (house, people)):
        yield Served(running.port, running.certificate, running.token, house, people)


def _principal(house: House, user_id: UserId, name: str, groups: tuple[str, ...]) -> Principal:
    found = Principal(
        user_id, name, frozenset(groups), Role.USER, Method.SESSION, house.clock.now(), name.title()
    )
    house.accounts[user_id] = found
    return found
