"""Approval, codes and delegation in a real browser: phone and tablet, English and French, with and without
scripts, nothing in the way of anybody."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from spoold.model.jobstate import JobState
from tests.support.browser import Person, Seat, visiting
from tests.support.decisions_portal import Served, serving_decisions

SEATS = [
    Seat("phone", "en"),
    Seat("tablet", "fr"),
    Seat("phone", "fr", script=False),
    Seat("tablet", "en", script=False),
]
# Alice's document as she named it; nobody else is shown this.
TITLE = "Reader for class 3b.pdf"


@pytest.fixture(scope="module", name="served")
def _served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving_decisions(tmp_path_factory.mktemp("decisions")) as served:
        yield served


def shot(person: Person, name: str) -> None:
    """Keep a picture of the seats that show most."""
    if person.seat in {SEATS[0], SEATS[1]}:
        person.screenshot(f"{name}-{person.seat.size}-{person.seat.language}", full=False)


@pytest.mark.parametrize("seat", SEATS, ids=str)
def test_a_teacher_approves_and_refuses(served: Served, browser: Browser, seat: Seat) -> None:
    """What waits is found by the menu; the owner reads what became of it."""
    good, bad = served.job(TITLE), served.job(TITLE, pages=112)
    with visiting(browser, served.origin, seat) as person:
        person.sign_in("tom")
        person.open("/approvals")
        expect(person.page.locator("nav a[aria-current=page]").first).to_have_attribute("href", "/approvals")
        assert TITLE not in person.page.content()
        person.check()
        person.page.click(f"#refusing-{bad.number}")
        shot(person, "approvals")
        person.check()
        person.page.fill(f"#reason-{bad.number}", "Twice on a page, please.")
        person.page.click(f"#refuse-{bad.number}")
        expect(person.page.locator(f"#refuse-{bad.number}")).to_have_count(0)
        person.page.click(f"#approve-{good.number}")
        expect(person.page.locator(f"#approve-{good.number}")).to_have_count(0)
        person.check()
    assert (served.now(good).state, served.now(bad).state) == (JobState.HELD, JobState.ABORTED)
    with visiting(browser, served.origin, seat) as owner:
        owner.sign_in("alice")
        owner.open(f"/jobs/{good.id}")
        words = "Accepté par Tom." if seat.language == "fr" else "Approved by Tom."
        expect(owner.page.locator(".reason")).to_contain_text(words)
        owner.check()
        owner.open(f"/jobs/{bad.id}")
        expect(owner.page.locator(".reason")).to_contain_text("Twice on a page, please.")
        owner.check()


@pytest.mark.parametrize("seat", SEATS, ids=str)
def test_a_refusal_without_a_reason_is_none(served: Served, browser: Browser, seat: Seat) -> None:
    """The form says so beside the job it is about."""
    job = served.job(TITLE)
    with visiting(browser, served.origin, seat) as person:
        person.sign_in("una")
        person.open("/approvals")
        person.page.click(f"#refusing-{job.number}")
        person.page.fill(f"#reason-{job.number}", "   ")
        person.page.click(f"#refuse-{job.number}")
        expect(person.page.get_by_role("alert")).to_have_count(1)
        person.check()
    assert served.now(job).state is JobState.WAITING_APPROVAL


@pytest.mark.parametrize("seat", SEATS, ids=str)
def test_a_code_goes_from_teacher_to_pupil(served: Served, browser: Browser, seat: Seat) -> None:
    """Issued by one, typed by another, revoked at the end."""
    job, later = served.job(TITLE), served.job(TITLE)
    served.forgive_wrong_codes()
    with visiting(browser, served.origin, seat) as teacher:
        teacher.sign_in("tom")
        teacher.open("/approvals/codes")
        teacher.check()
        teacher.page.fill("#label", f"Class 3b {seat}")
        teacher.page.fill("#uses", "5")
        teacher.page.click("#issue")
        code = teacher.page.locator("#new-code").inner_text()
        assert re.fullmatch(r"[0-9A-Z]{4}-[0-9A-Z]{4}", code)
        teacher.check()
        shot(teacher, "approval-code-issued")
        with visiting(browser, served.origin, seat) as pupil:
            pupil.sign_in("alice")
            pupil.open(f"/jobs/{job.id}")
            pupil.page.click("#enter-code")
            pupil.page.fill("#code", "1111-1111")
            pupil.page.click("#use-code")
            expect(pupil.page.get_by_role("alert")).to_have_count(1)
            pupil.check()
            pupil.page.fill("#code", code.lower().replace("-", " "))
            shot(pupil, "approval-code-used")
            pupil.page.click("#use-code")
            expect(pupil.page.locator("#release")).to_have_count(1)
            pupil.check()
            teacher.open("/approvals/codes")
            teacher.page.locator("#codes li", has_text=f"Class 3b {seat}").get_by_role("button").click()
            expect(teacher.page.locator("#codes li", has_text=f"Class 3b {seat}")).to_have_count(0)
            pupil.open(f"/jobs/{later.id}/code")
            pupil.page.fill("#code", code)
            pupil.page.click("#use-code")
            expect(pupil.page.get_by_role("alert")).to_have_count(1)
    assert (served.now(job).state, served.now(later).state) == (
        JobState.HELD,
        JobState.WAITING_APPROVAL,
    )


@pytest.mark.parametrize("seat", SEATS, ids=str)
def test_somebody_else_releases_for_the_owner(served: Served, browser: Browser, seat: Seat) -> None:
    """One job from its page, then all of them until a day; taken back it is gone."""
    job, other = served.job(TITLE, waiting=False), served.job(TITLE, waiting=False)
    with visiting(browser, served.origin, seat) as owner, visiting(browser, served.origin, seat) as friend:
        owner.sign_in("alice")
        owner.open(f"/jobs/{job.id}")
        owner.page.click("#delegate")
        owner.page.fill("#name", "bob")
        owner.check()
        owner.page.click("#give")
        expect(owner.page.locator("#given li")).to_have_count(1)
        friend.sign_in("bob")
        expect(friend.page.locator(f"#open-{job.number}")).to_have_count(1)
        expect(friend.page.locator(f"#open-{other.number}")).to_have_count(0)
        assert TITLE not in friend.page.content()
        friend.check()
        friend.follow(f"#open-{job.number}")
        expect(friend.page.locator("#delete")).to_have_count(0)
        shot(friend, "delegate-job")
        friend.check()
        # A link to the page, and the button there.
        friend.follow("#release")
        friend.follow("#release")
        expect(friend.page).to_have_url(re.compile(rf"/jobs/{job.id}$"))
        owner.open("/me/delegation")
        owner.page.fill("#name", "bob")
        owner.page.check("#which-all")
        owner.page.check("#titles")
        owner.page.click("#give")
        expect(owner.page.locator("#given li")).to_have_count(2)
        shot(owner, "delegation")
        owner.check()
        friend.open("/")
        expect(friend.page.locator(f"#open-{other.number}")).to_have_text(TITLE)
        friend.open("/me/delegation")
        friend.check()
        for left in (1, 0):
            owner.page.locator("#given li").first.get_by_role("button").click()
            expect(owner.page.locator("#given li")).to_have_count(left)
        friend.open(f"/jobs/{other.id}")
        expect(friend.page.locator("#release")).to_have_count(0)
    released = served.now(job)
    assert (released.owner_id, released.released_by) == (served.people["alice"].id, served.people["bob"].id)
