"""What clients work with that cannot sign in, made as the daemon makes it, over real people and real jobs."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from spoold.app.clients import Clients, make_clients, print_authority
from spoold.identity.kept import KeptPeople, Term
from spoold.model.errors import NotFound
from spoold.model.job import Job
from spoold.model.principal import Method, Principal
from spoold.model.queue import Authentication, ClaimRule
from spoold.runtime.limits import DaemonLimits
from tests.spoold.identity.test_people_of_directories import SERGE, WORD, FakeDirectory
from tests.support.identities import PASSWORD, IdentityKit, make_identity
from tests.support.release_house import House, open_house, queue

if TYPE_CHECKING:
    from spoold.app.parts import Parts

SENDER = "10.0.0.9"


@dataclass
class Site:
    """A house whose people are ben of its own, a directory's, and an OpenID provider's."""

    house: House
    kit: IdentityKit
    school: FakeDirectory
    clients: Clients
    ben: Principal

    async def job(self, name: str) -> Job:
        return await self.house.add_job(None, claimed=name, queue="phones")

    async def is_offered(self, job: Job, person: Principal) -> bool:
        """Whether somebody may claim a job: shown and given, or neither."""
        shown = await self.clients.claims.claimable(person, peer=SENDER)
        if job.id in {one.id for one in shown}:
            return (await self.clients.claims.one(person, job.id, peer=SENDER)).id == job.id
        with pytest.raises(NotFound):
            await self.clients.claims.claim(person, job.id, peer=SENDER)
        return False


@asynccontextmanager
async def open_site(root: Path, rule: ClaimRule) -> AsyncIterator[Site]:
    phones = replace(queue("phones", "lobby"), authentication=Authentication.AT_RELEASE, claim=rule)
    async with open_house(root, queues=[phones]) as house:
        kit, school = make_identity(house.service.ledger.database), FakeDirectory()
        kept = KeptPeople("oidc", kit.database, Term("oidc", timedelta(days=30), kit.clock))
        kit.identity.providers.order = (kit.users, school, kept)
        await kit.identity.add_user("ben", PASSWORD)
        ben = await kit.identity.authenticate("ben", PASSWORD, peer=SENDER, fresh=True)
        parts = SimpleNamespace(
            config=SimpleNamespace(server=SimpleNamespace(name="print.example.org")),
            listening={},
            database=kit.database,
            clock=kit.clock,
            metrics=kit.metrics,
            identity=kit.identity,
            site=lambda: house.site,
            release=house.service,
            limits=DaemonLimits(),
        )
        yield Site(house, kit, school, make_clients(cast("Parts", parts)), ben)


@pytest.mark.parametrize("rule", [ClaimRule.OPEN, ClaimRule.SAME_ADDRESS])
async def test_a_name_of_somebody_whom_only_openid_knows_is_open_to_nobody(
    tmp_path: Path, rule: ClaimRule
) -> None:
    async with open_site(tmp_path, rule) as site:
        phone, hers = await site.job("Pixel 8"), await site.job("Serge")
        assert await site.is_offered(hers, site.ben), "nobody has that name yet"
        vouched = replace(SERGE, vouched_at=site.kit.clock.now())
        serge = await site.kit.identity.admit(vouched, method=Method.OIDC, peer=SENDER)
        assert await site.is_offered(phone, site.ben)
        # A list may be a minute old; a claim never is.
        with pytest.raises(NotFound):
            await site.clients.claims.claim(site.ben, hers.id, peer=SENDER)
        assert not await site.is_offered(hers, site.ben)
        claimed = await site.clients.claims.claim(serge, hers.id, peer=SENDER)
        assert claimed.owner_id == serge.id


async def test_a_name_of_somebody_who_is_gone_is_open_to_nobody(tmp_path: Path) -> None:
    async with open_site(tmp_path, ClaimRule.OPEN) as site:
        site.school.add("carol")
        await site.kit.identity.authenticate("carol", WORD, peer=SENDER, fresh=True)
        del site.school.accounts["carol"]
        for name in ("carol", "carol@school.example"):
            assert not await site.is_offered(await site.job(name), site.ben)
        assert await site.is_offered(await site.job("Pixel 8"), site.ben)


async def test_somebody_known_to_the_directory_alone_closes_the_name_as_ever(tmp_path: Path) -> None:
    async with open_site(tmp_path, ClaimRule.OPEN) as site:
        site.school.add("dora")
        job = await site.job("dora")
        assert not await site.is_offered(job, site.ben)
        site.school.down = True
        assert not await site.is_offered(await site.job("Pixel 8"), site.ben)


def test_what_clients_print_to_has_the_port() -> None:
    assert print_authority("print.example.org", []) == "print.example.org:631"
    assert print_authority("2001:db8::1", ["[::]:8631"]) == "[2001:db8::1]:8631"
