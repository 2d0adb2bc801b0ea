"""Claiming: who may take an unclaimed job upon themselves, and that exactly one does."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from spoold.identity.provider import Accepted, Account, Finding, NotHere, Rejected
from spoold.model.errors import NotAuthorized, NotFound, NotPossible, SpoolError, Unavailable
from spoold.model.ids import UserId, new_job_id
from spoold.model.job import Job
from spoold.model.jobstate import JobState
from spoold.model.principal import Method, Principal, Role
from spoold.model.queue import Authentication, ClaimRule
from spoold.release import claims
from spoold.release.claims import KNOWN_FOR_S, MAX_LOOKUPS, MAX_SHOWN, Claimable, ClaimDesk
from tests.support.release_house import TITLE_MARKER, House, open_house, queue

# Where the jobs of the house come from, and somewhere else.
SENDER, ELSEWHERE = "10.0.0.9", "198.51.100.7"


@dataclass
class Site:
    """A house with one queue for each rule, and the names that are accounts."""

    house: House
    desk: ClaimDesk
    findings: dict[str, Finding | Unavailable]
    asked: list[str]
    # People who are others to their provider now than in their sessions.
    now: dict[UserId, Principal | SpoolError]

    async def job(self, name: str = "pixel 8", in_queue: str = "open", **fields: object) -> Job:
        return await self.house.add_job(None, claimed=name, queue=in_queue, **fields)  # type: ignore[arg-type]

    async def shown(self, person: Principal, peer: str = ELSEWHERE) -> list[Claimable]:
        return await self.desk.claimable(person, peer=peer)

    async def refuses(self, person: Principal, job: Job, peer: str = ELSEWHERE) -> None:
        """Neither shown nor given, and a job that is not there."""
        assert job.id not in {one.id for one in await self.shown(person, peer)}
        for ask in (self.desk.one, self.desk.claim):
            with pytest.raises(NotFound):
                await ask(person, job.id, peer=peer)
        assert (await self.house.job(job)).owner_id is None


@asynccontextmanager
async def open_site(root: Path, *, max_jobs: int = 100, known: bool = False) -> AsyncIterator[Site]:
    queues = [
        replace(
            queue(rule.value, "lobby"),
            authentication=Authentication.AT_RELEASE,
            claim=rule,
            claim_known_names=known,
        )
        for rule in ClaimRule
    ]
    async with open_house(root, queues=(*queues, queue("secure", "lobby"))) as house:
        findings: dict[str, Finding | Unavailable] = {}
        asked: list[str] = []

        async def find(name: str) -> Finding:
            await trio.lowlevel.checkpoint()
            asked.append(name)
            found = findings.get(name, NotHere())
            if isinstance(found, Unavailable):
                raise found
            return found

        now: dict[UserId, Principal | SpoolError] = {}

        async def confirm(person: Principal) -> Principal:
            await trio.lowlevel.checkpoint()
            found = now.get(person.id, person)
            if isinstance(found, SpoolError):
                raise found
            return found

        desk = ClaimDesk(house.service.ledger, lambda: house.site, find, confirm, max_jobs=max_jobs)
        yield Site(house, desk, findings, asked, now)


def account(name: str) -> Accepted:
    return Accepted(Account(UserId(f"id-{name}"), name, frozenset(), Role.USER, 0))


async def test_an_open_queue_shows_enough_to_know_a_job_again_and_no_name(tmp_path: Path) -> None:
    async with open_site(tmp_path) as site:
        ana, job = site.house.person("ana"), await site.job()
        (one,) = await site.shown(ana)
        assert (one.id, one.number, one.queue, one.rule) == (job.id, job.number, "open", ClaimRule.OPEN)
        assert (one.size_bytes, one.peer, one.created_at) == (job.size_bytes, SENDER, job.created_at)
        assert TITLE_MARKER not in repr(one)
        assert "pixel" not in repr(one)
        assert await site.desk.one(ana, job.id, peer=ELSEWHERE) == one


async def test_whoever_claims_has_the_job_from_then_on(tmp_path: Path) -> None:
    async with open_site(tmp_path) as site:
        ana, ben, job = site.house.person("ana"), site.house.person("ben"), await site.job()
        claimed = await site.desk.claim(ana, job.id, peer=ELSEWHERE)
        assert (claimed.owner_id, claimed.state) == (ana.id, JobState.HELD)
        assert [view.title for view in await site.house.desk.jobs(ana)] == [TITLE_MARKER]
        assert await site.shown(ana) == await site.shown(ben) == []
        with pytest.raises(NotPossible, match="Somebody else has claimed"):
            await site.desk.claim(ben, job.id, peer=ELSEWHERE)
        # The name it was sent under counts no more.
        assert await site.house.desk.jobs(site.house.person("pixel 8")) == []
        # Asked again by the same person, because the answer was lost.
        assert (await site.desk.claim(ana, job.id, peer=ELSEWHERE)).owner_id == ana.id
        records = [entry for entry in await site.house.audit() if entry["kind"] == "job-claimed"]
        (entry,) = records
        assert (entry["actor"], entry["rule"], entry["sender"], entry["peer"]) == (
            ana.id,
            "open",
            SENDER,
            ELSEWHERE,
        )
        events = await site.house.desk.timeline(ana, job.id)
        assert [event.event for event in events] == ["claimed"]


async def test_of_many_who_claim_at_once_one_gets_it(tmp_path: Path) -> None:
    async with open_site(tmp_path) as site:
        people = [site.house.person(f"person-{number}") for number in range(50)]
        job, won = await site.job(), list[Principal]()

        async def claim(person: Principal) -> None:
            try:
                await site.desk.claim(person, job.id, peer=ELSEWHERE)
            except NotPossible:
                return
            won.append(person)

        async with trio.open_nursery() as nursery:
            for person in people:
                nursery.start_soon(claim, person)
        assert [person.id for person in won] == [(await site.house.job(job)).owner_id]
        assert [entry["kind"] for entry in await site.house.audit()].count("job-claimed") == 1


async def test_from_the_same_address_only(tmp_path: Path) -> None:
    async with open_site(tmp_path) as site:
        ana, job = site.house.person("ana"), await site.job(in_queue="same-address")
        for other in (ELSEWHERE, "10.0.0.90", "local", "", "::ffff:10.0.0.8"):
            await site.refuses(ana, job, other)
        for same in (SENDER, f"::ffff:{SENDER}"):
            (one,) = await site.shown(ana, same)
            assert (one.id, one.rule) == (job.id, ClaimRule.SAME_ADDRESS)
        assert (await site.desk.claim(ana, job.id, peer=SENDER)).owner_id == ana.id


async def test_by_name_nobody_else_may(tmp_path: Path) -> None:
    async with open_site(tmp_path) as site:
        ben, job = site.house.person("ben"), await site.job(name="ana", in_queue="by-name")
        await site.refuses(ben, job, SENDER)
        await site.refuses(ben, await site.job(in_queue="by-name"), SENDER)
        ana = site.house.person("ana")
        # It is on her list of jobs already; claiming it is no harm.
        assert await site.shown(ana) == []
        assert (await site.desk.claim(ana, job.id, peer=ELSEWHERE)).owner_id == ana.id


async def test_an_account_s_name_in_another_spelling_is_that_person_s(tmp_path: Path) -> None:
    r"""Windows says SCHOOL\ana where the account is "ana"; the directory knows both."""
    async with open_site(tmp_path) as site:
        ana, ben = site.house.person("ana"), site.house.person("ben")
        site.findings["school\\ana"] = account("ana")
        for name in ("by-name", "open"):
            job = await site.job(name="school\\ana", in_queue=name)
            await site.refuses(ben, job)
            (one,) = await site.shown(ana)
            assert (one.id, one.rule) == (job.id, ClaimRule.BY_NAME)
            assert (await site.desk.claim(ana, job.id, peer=ELSEWHERE)).owner_id == ana.id


@pytest.mark.parametrize(
    "finding",
    [account("cleo"), Rejected(UserId("id-cleo"), "disabled"), Unavailable("The directory is down.")],
)
async def test_a_name_that_is_somebody_s_is_open_to_nobody(
    tmp_path: Path, finding: Finding | Unavailable
) -> None:
    """Closed accounts included; and a directory that cannot be asked is a no."""
    async with open_site(tmp_path) as site:
        site.findings["cleo"] = finding
        await site.refuses(site.house.person("ana"), await site.job(name="cleo"))


async def test_unless_the_queue_says_so(tmp_path: Path) -> None:
    async with open_site(tmp_path, known=True) as site:
        site.findings["user"] = account("user")
        ana, job = site.house.person("ana"), await site.job(name="user")
        assert (await site.desk.claim(ana, job.id, peer=ELSEWHERE)).owner_id == ana.id


async def test_a_name_that_became_somebody_s_a_moment_ago_counts(tmp_path: Path) -> None:
    async with open_site(tmp_path) as site:
        ana, job = site.house.person("ana"), await site.job()
        assert len(await site.shown(ana)) == 1
        site.findings["pixel 8"] = account("pixel 8")
        with pytest.raises(NotFound):
            await site.desk.claim(ana, job.id, peer=ELSEWHERE)


async def test_a_job_of_nobody_s_name_can_be_claimed(tmp_path: Path) -> None:
    async with open_site(tmp_path) as site:
        job = await site.job(name="")
        assert [one.id for one in await site.shown(site.house.person("ana"))] == [job.id]
        assert site.asked == []


async def test_what_waits_for_something_else_is_not_there(tmp_path: Path) -> None:
    async with open_site(tmp_path) as site:
        ana = site.house.person("ana")
        site.house.accept_pins()
        for state in set(JobState) - {JobState.HELD}:
            await site.refuses(ana, await site.job(state=state))
        await site.refuses(ana, await site.job(on_arrival=True))
        await site.refuses(ana, await site.job(in_queue="secure"))
        await site.refuses(ana, await site.job(in_queue="gone"))
        with pytest.raises(NotFound):
            await site.desk.claim(ana, new_job_id(), peer=ELSEWHERE)


async def test_a_pin_is_its_sender_s_word_and_nobody_claims_around_it(tmp_path: Path) -> None:
    from spoold.identity.pins import Pin

    async with open_site(tmp_path) as site:
        site.house.accept_pins()
        job = await site.house.add_pin(await site.job(), Pin.typed("4711"))
        await site.refuses(site.house.person("ana"), job)


@pytest.mark.parametrize("method", [Method.PRINT_URI, Method.CONTROL_SOCKET])
async def test_only_a_person_claims(tmp_path: Path, method: Method) -> None:
    async with open_site(tmp_path) as site:
        nobody = replace(site.house.person("ana"), method=method)
        job = await site.job()
        for ask in (site.desk.one, site.desk.claim):
            with pytest.raises(NotAuthorized):
                await ask(nobody, job.id, peer=SENDER)
        with pytest.raises(NotAuthorized):
            await site.shown(nobody)


async def test_nobody_takes_everything(tmp_path: Path) -> None:
    async with open_site(tmp_path, max_jobs=2) as site:
        ana = site.house.person("ana")
        found = [await site.job() for _ in range(3)]
        for job in found[:2]:
            await site.desk.claim(ana, job.id, peer=ELSEWHERE)
        with pytest.raises(NotPossible, match="too many"):
            await site.desk.claim(ana, found[2].id, peer=ELSEWHERE)


async def test_lists_are_short_and_ask_for_each_name_once(
    tmp_path: Path, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_site(tmp_path) as site:
        ana = site.house.person("ana")
        made = [await site.job() for _ in range(MAX_SHOWN + 1)]
        shown = await site.shown(ana)
        assert [one.number for one in shown] == [job.number for job in reversed(made[1:])]
        assert site.asked == ["pixel 8"]
        await site.shown(ana)
        assert site.asked == ["pixel 8"]
        await trio.sleep(KNOWN_FOR_S)
        await site.shown(ana)
        assert site.asked == ["pixel 8"] * 2
        monkeypatch.setattr(claims, "MAX_SHOWN", 200)
        for number in range(MAX_LOOKUPS + 5):
            await site.job(name=f"phone {number}")
        # What nobody looked up is not shown.
        assert len(await site.shown(ana)) == len(made) + MAX_LOOKUPS


async def test_an_offer_is_made_where_a_queue_makes_one(tmp_path: Path) -> None:
    async with open_site(tmp_path) as site:
        assert site.desk.offers()
        queues = site.house.site.queues
        site.house.change_site(queues={"by-name": queues["by-name"]})
        assert not site.desk.offers()
        site.house.change_site(queues={"secure": queues["secure"]})
        assert not site.desk.offers()
        assert await site.shown(site.house.person("ana")) == []


async def test_a_name_that_is_somebody_elses_by_now_claims_nothing(tmp_path: Path) -> None:
    """A session keeps the name of its sign-in; the directory may have given it to another person since."""
    async with open_site(tmp_path) as site:
        ana, job = site.house.person("ana"), await site.job("ana", "by-name")
        for now in (
            replace(ana, name="ana.muller"),
            NotAuthorized("Your account is closed."),
            Unavailable("The directory cannot be asked."),
        ):
            site.now[ana.id] = now
            wanted = NotFound if isinstance(now, Principal) else type(now)
            with pytest.raises(wanted):
                await site.desk.claim(ana, job.id, peer=ELSEWHERE)
            assert (await site.house.job(job)).owner_id is None
        del site.now[ana.id]
        assert (await site.desk.claim(ana, job.id, peer=ELSEWHERE)).owner_id == ana.id
