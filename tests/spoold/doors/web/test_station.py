"""Release stations over HTTP: one device, one printer, one person at a time, and nothing left of the last."""

import re
from dataclasses import dataclass, replace

import httpx2
import pytest

from policy.access import Access
from policy.engine import compile_rules
from policy.setting import Setting
from spoold.doors.web.guard import STATION_COOKIE, Surface
from spoold.doors.web.routes import ROUTES
from spoold.model.jobstate import JobState
from spoold.model.principal import Method
from spoold.release.stations import ANSWER_S, DONE_S, NOT_YOUR_PRINTER
from tests.support.fake_desk import JAM
from tests.support.identities import PASSWORD
from tests.support.web_portal import ORIGIN, PortalKit, Visitor

BADGE, OTHER_BADGE, PIN = "0012345678", "0087654321", "482915"
AT_STATION = "10.20.30.40"
_HIDDEN = re.compile(r'name="(csrf|turn)" value="([^"]*)"')
_HEADING = re.compile(r"<h1[^>]*>(.*?)</h1>", re.DOTALL)


@dataclass
class Tablet:
    """The device of a station, and whoever stands before it."""

    visitor: Visitor
    page: str = ""

    async def look(self) -> str:
        answer = await self.visitor.get("/station")
        assert answer.status_code == 200
        self.page = answer.text
        return self.page

    @property
    def heading(self) -> str:
        found = _HEADING.search(self.page)
        assert found is not None
        return found[1].strip()

    @property
    def hidden(self) -> dict[str, str]:
        """What the first form of the page carries besides what people fill in."""
        found = dict(_HIDDEN.findall(self.page))
        turns = re.findall(r'name="turn" value="([^"]+)"', self.page)
        return {**found, "turn": turns[0] if turns else ""}

    async def send(self, path: str, **fields: str) -> str:
        """Fill in a form of the page that was looked at; returns the next page."""
        answer = await self.post(path, **{**self.hidden, **fields})
        assert answer.status_code == 303
        assert answer.headers["location"] == "/station"
        return await self.look()

    async def post(self, path: str, **fields: str) -> httpx2.Response:
        headers = {"Origin": ORIGIN, "Sec-Fetch-Site": "same-origin"}
        return await self.visitor.client.post(f"/station/{path}", data=fields, headers=headers)

    async def by_badge(self, badge: str = BADGE, pin: str = PIN) -> str:
        await self.look()
        await self.send("badge", badge=badge)
        return await self.send("pin", pin=pin)


async def tablet_of(portal: PortalKit, peer: str = AT_STATION) -> Tablet:
    """A device that was just enrolled."""
    invitation = await portal.stations.devices.invite("lobby", actor="test")
    visitor = portal.visitor(peer)
    page = await visitor.get(f"/station/enrol?key={invitation}")
    assert invitation in page.text
    answer = await visitor.post("/station/enrol", key=invitation)
    assert answer.status_code == 303
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"{STATION_COOKIE}=")
    assert "Secure; HttpOnly; SameSite=Strict" in cookie
    tablet = Tablet(visitor)
    await tablet.look()
    return tablet


async def give_badge(portal: PortalKit, name: str = "alice", badge: str = BADGE, pin: str = PIN) -> None:
    """A badge and a PIN, set up in the portal after a full sign-in."""
    browser = await portal.signed_in(name)
    pin_set = await browser.post("/me/badges/pin", pin=pin, again=pin)
    assert pin_set.headers["location"] == "/me/badges?done=pin"
    linked = await browser.post("/me/badges", badge=badge, again=badge, label="Blue")
    assert linked.headers["location"] == "/me/badges?done=linked"


def stand_alone(portal: PortalKit, **changes: object) -> None:
    """What a reload does to the one station."""
    station = replace(portal.site.stations["lobby"], **changes)  # type: ignore[arg-type]
    portal.site = replace(portal.site, stations={"lobby": station})


async def test_a_badge_and_a_pin_let_ones_own_jobs_out(portal: PortalKit) -> None:
    await give_badge(portal)
    job, others = portal.job("Salaries 2026"), portal.job("Secret of bob", owner="bob")
    tablet = await tablet_of(portal)
    assert tablet.heading == "Release your documents"
    await tablet.send("badge", badge=BADGE)
    assert tablet.heading == "Enter your PIN"
    assert BADGE not in tablet.page
    page = await tablet.send("pin", pin=PIN)
    assert tablet.heading == "Your documents"
    # Names are not for a screen that others see; the person's own is.
    assert "Salaries" not in page
    assert "Job 1" in page
    assert "Alice" in page
    await tablet.send("release", all="yes")
    assert portal.desk.released == [(job, "lobby")]
    assert portal.desk.state_of(others) is JobState.HELD
    assert tablet.heading == "On its way"
    assert "Alice" not in tablet.page
    kinds = await portal.kit.kinds()
    assert [kind for kind in kinds if kind in {"station-enrolled", "badge-linked", "sign-in"}][
        -1
    ] == "sign-in"
    entry = (await portal.kit.audit())[-1]
    assert (entry["method"], entry["actor"], entry["peer"]) == (
        Method.BADGE,
        portal.users["alice"],
        AT_STATION,
    )


async def test_what_was_chosen_goes_and_the_rest_stays(portal: PortalKit) -> None:
    await give_badge(portal)
    first, second = portal.job("one"), portal.job("two")
    tablet = await tablet_of(portal)
    await tablet.by_badge()
    await tablet.send("release", **{f"job-{second}": "yes"})
    assert portal.desk.released == [(second, "lobby")]
    assert portal.desk.state_of(first) is JobState.HELD
    # Signed out by the release.
    await tablet.send("leave")
    assert tablet.heading == "Release your documents"


async def test_choosing_nothing_says_so(portal: PortalKit) -> None:
    await give_badge(portal)
    portal.job("one")
    tablet = await tablet_of(portal)
    await tablet.by_badge()
    page = await tablet.send("release")
    assert "Choose at least one document" in page
    assert portal.desk.released == []


async def test_a_station_may_release_all_on_sign_in(portal: PortalKit) -> None:
    await give_badge(portal)
    stand_alone(portal, releases_all=True)
    jobs = [portal.job("one"), portal.job("two")]
    tablet = await tablet_of(portal)
    await tablet.by_badge()
    assert tablet.heading == "On its way"
    assert {job for job, _ in portal.desk.released} == set(jobs)


async def test_names_are_shown_where_the_site_says_so(portal: PortalKit) -> None:
    await give_badge(portal)
    stand_alone(portal, shows_names=True)
    portal.job("Salaries 2026")
    tablet = await tablet_of(portal)
    assert "Salaries 2026" in await tablet.by_badge()


async def test_the_unknown_badge_and_the_wrong_pin_hear_the_same(portal: PortalKit) -> None:
    await give_badge(portal)
    tablet = await tablet_of(portal)
    wrong_pin = await tablet.by_badge(pin="482916")
    await tablet.send("leave")
    unknown = await tablet.by_badge(badge=OTHER_BADGE)
    plain = [re.sub(r'value="[^"]*"|data-left="\d+"|in \d+ s', "", page) for page in (wrong_pin, unknown)]
    assert plain[0] == plain[1]
    assert "do not go together" in unknown


async def test_five_wrong_pins_are_the_last_for_a_while(portal: PortalKit) -> None:
    await give_badge(portal)
    tablet = await tablet_of(portal)
    await tablet.send("badge", badge=BADGE)
    for _ in range(5):
        assert "do not go together" in await tablet.send("pin", pin="482916")
    computed = portal.kit.hasher.computed
    page = await tablet.send("pin", pin=PIN)
    assert "Too many" in page
    assert portal.kit.hasher.computed == computed
    portal.kit.clock.advance(901)
    await tablet.look()
    await tablet.by_badge()
    assert tablet.heading == "Your documents"
    assert (await portal.kit.kinds()).count("badge-rejected") == 5
    assert (await portal.kit.kinds()).count("badge-throttled") == 1


@pytest.mark.parametrize("read", ["12345678", BADGE * 2, BADGE + OTHER_BADGE, "00123x5678", "", "0" * 60])
async def test_what_is_not_a_whole_badge_is_refused_before_the_pin(portal: PortalKit, read: str) -> None:
    tablet = await tablet_of(portal)
    page = await tablet.send("badge", badge=read)
    assert tablet.heading == "Release your documents"
    assert 'role="alert"' in page
    assert not read or read not in page


async def test_a_password_signs_in_at_a_station_and_nowhere_else(portal: PortalKit) -> None:
    job = portal.job("one")
    tablet = await tablet_of(portal)
    await tablet.send("by-password")
    assert tablet.heading == "Sign in"
    assert "not right" in await tablet.send("password", name="alice", password="wrong horse")
    await tablet.send("password", name="alice", password=PASSWORD)
    assert tablet.heading == "Your documents"
    # The browser of the station is nobody's in the portal.
    assert (await tablet.visitor.get("/")).status_code == 303
    await tablet.send("release", all="yes")
    assert portal.desk.released == [(job, "lobby")]


async def test_an_unknown_badge_is_linked_by_a_full_sign_in_and_a_second_read(portal: PortalKit) -> None:
    portal.job("one")
    tablet = await tablet_of(portal)
    await tablet.send("badge", badge=BADGE)
    await tablet.send("by-password", link="yes")
    assert tablet.heading == "Link your badge"
    await tablet.send("password", name="alice", password=PASSWORD)
    assert tablet.heading == "Hold your badge to the reader once more"
    assert "differently" in await tablet.send("again", badge=OTHER_BADGE)
    await tablet.send("again", badge=BADGE)
    assert tablet.heading == "Choose a PIN"
    assert "not a row" in await tablet.send("new-pin", pin="123456", again="123456")
    assert "not alike" in await tablet.send("new-pin", pin=PIN, again="482916")
    await tablet.send("new-pin", pin=PIN, again=PIN)
    assert tablet.heading == "Your documents"
    await tablet.send("leave")
    await tablet.by_badge()
    assert tablet.heading == "Your documents"
    linked = next(entry for entry in await portal.kit.audit() if entry["kind"] == "badge-linked")
    assert (linked["actor"], linked["station"]) == (portal.users["alice"], "lobby")


async def test_a_badge_of_somebody_else_is_not_linked(portal: PortalKit) -> None:
    await give_badge(portal)
    tablet = await tablet_of(portal)
    await tablet.send("badge", badge=BADGE)
    await tablet.send("by-password", link="yes")
    await tablet.send("password", name="bob", password=PASSWORD)
    assert "another account" in await tablet.send("again", badge=BADGE)
    assert (await portal.kit.kinds()).count("badge-linked") == 1


async def test_nobody_stays_signed_in(portal: PortalKit) -> None:
    await give_badge(portal)
    portal.job("one")
    tablet = await tablet_of(portal)
    await tablet.by_badge()
    answer = await tablet.visitor.get("/station")
    assert answer.headers["refresh"] == "61; url=/station"
    assert answer.headers["cache-control"] == "no-store"
    left = tablet.hidden
    portal.kit.clock.advance(60)
    await tablet.look()
    assert tablet.heading == "Release your documents"
    assert "Alice" not in tablet.page
    # The page of the person who left moves nothing any more.
    await tablet.post("release", **left, all="yes")
    assert portal.desk.released == []


async def test_the_page_of_one_person_is_nothing_in_the_turn_of_the_next(portal: PortalKit) -> None:
    await give_badge(portal)
    await give_badge(portal, "bob", OTHER_BADGE, "739104")
    mine, his = portal.job("one"), portal.job("two", owner="bob")
    tablet = await tablet_of(portal)
    await tablet.by_badge()
    of_alice = tablet.hidden
    await tablet.by_badge(OTHER_BADGE, "739104")
    assert "Bob" in tablet.page
    await tablet.post("release", **of_alice, all="yes")
    assert portal.desk.released == []
    await tablet.send("release", all="yes")
    assert portal.desk.released == [(his, "lobby")]
    assert portal.desk.state_of(mine) is JobState.HELD


async def test_a_printer_that_is_not_ready_keeps_the_person_and_says_why(portal: PortalKit) -> None:
    await give_badge(portal)
    portal.desk.set_status("lobby", JAM)
    job = portal.job("one")
    tablet = await tablet_of(portal)
    assert "Paper is jammed" in tablet.page
    page = await tablet.by_badge()
    page = await tablet.send("release", all="yes")
    assert tablet.heading == "Your documents"
    assert page.count("Paper is jammed") >= 1
    assert portal.desk.state_of(job) is JobState.HELD
    portal.desk.set_status("lobby")
    await tablet.send("release", all="yes")
    assert portal.desk.released == [(job, "lobby")]


async def test_what_was_let_out_does_not_stand_there_for_long(portal: PortalKit) -> None:
    await give_badge(portal)
    portal.job("one")
    tablet = await tablet_of(portal)
    await tablet.by_badge()
    await tablet.send("release", all="yes")
    portal.kit.clock.advance(DONE_S)
    await tablet.look()
    assert tablet.heading == "Release your documents"


async def test_a_device_works_in_its_network_only(portal: PortalKit) -> None:
    tablet = await tablet_of(portal)
    token = tablet.visitor.client.cookies[STATION_COOKIE]
    elsewhere = portal.visitor("10.20.1.9")
    elsewhere.client.cookies.set(STATION_COOKIE, token)
    answer = await elsewhere.get("/station")
    assert answer.status_code == 403
    assert "network" in answer.text


async def test_an_invitation_is_good_once_in_its_network_and_for_a_day(portal: PortalKit) -> None:
    devices = portal.stations.devices
    used = await devices.invite("lobby", actor="test")
    elsewhere = await portal.visitor("10.20.1.9").post("/station/enrol", key=used)
    assert elsewhere.status_code == 403
    await portal.visitor(AT_STATION).post("/station/enrol", key=used)
    again = await portal.visitor(AT_STATION).post("/station/enrol", key=used)
    assert again.status_code == 403
    assert "used before" in again.text
    late = await devices.invite("lobby", actor="test")
    portal.kit.clock.advance(24 * 3600 + 1)
    assert (await portal.visitor(AT_STATION).post("/station/enrol", key=late)).status_code == 403


@pytest.mark.parametrize("how", ["dismissed", "invited again", "gone from the configuration"])
async def test_a_device_that_was_sent_away_is_a_stranger(portal: PortalKit, how: str) -> None:
    tablet = await tablet_of(portal)
    if how == "dismissed":
        await portal.stations.devices.dismiss("lobby", actor="test")
    elif how == "invited again":
        await portal.stations.devices.invite("lobby", actor="test")
    else:
        portal.site = replace(portal.site, stations={})
    answer = await tablet.visitor.get("/station")
    assert answer.status_code == 403
    assert "Ask an administrator" in answer.text


async def test_an_invitation_is_no_device(portal: PortalKit) -> None:
    visitor = portal.visitor(AT_STATION)
    visitor.client.cookies.set(STATION_COOKIE, await portal.stations.devices.invite("lobby", actor="test"))
    assert (await visitor.get("/station")).status_code == 403


async def test_forms_without_the_devices_token_or_from_elsewhere_are_refused(portal: PortalKit) -> None:
    tablet = await tablet_of(portal)
    without = await tablet.post("badge", badge=BADGE)
    assert without.status_code == 403
    headers = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    data = {**tablet.hidden, "badge": BADGE}
    foreign = await tablet.visitor.client.post("/station/badge", data=data, headers=headers)
    assert foreign.status_code == 403


@pytest.mark.parametrize(
    "path", [each.path for each in ROUTES if each.surface is Surface.STATION and each.method == "POST"]
)
async def test_every_answer_of_a_device_leads_back_to_its_one_address(portal: PortalKit, path: str) -> None:
    tablet = await tablet_of(portal)
    answer = await tablet.post(path.removeprefix("/station/"), **tablet.hidden)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/station"


async def test_ways_that_are_not_offered_are_refused(portal: PortalKit) -> None:
    await give_badge(portal)
    tablet = await tablet_of(portal)
    first_page = tablet.page
    stand_alone(portal, sign_in=(), links_badges=False)
    for path, fields in (("badge", {"badge": BADGE}), ("by-password", {}), ("by-password", {"link": "yes"})):
        tablet.page = first_page
        page = await tablet.send(path, **fields)
        assert "not offered" in page or "signed out" in page
        assert tablet.heading == "Release your documents"


async def test_an_answer_that_takes_too_long_starts_over(portal: PortalKit) -> None:
    tablet = await tablet_of(portal)
    await tablet.send("badge", badge=BADGE)
    portal.kit.clock.advance(ANSWER_S)
    await tablet.send("pin", pin=PIN)
    assert tablet.heading == "Release your documents"


# -- my account


async def test_a_badge_needs_a_pin_and_a_fresh_proof(portal: PortalKit) -> None:
    alice = await portal.signed_in("alice")
    first = await alice.post("/me/badges", badge=BADGE, again=BADGE, label="")
    assert "Set a PIN first" in first.text
    portal.kit.clock.advance(180)
    old = await alice.post("/me/badges/pin", pin=PIN, again=PIN)
    assert "Enter your password again" in old.text
    right = await alice.post("/me/badges/pin", pin=PIN, again=PIN, password=PASSWORD)
    assert right.status_code == 303
    differently = await alice.post("/me/badges", badge=BADGE, again=OTHER_BADGE, label="")
    assert "differently" in differently.text
    for _ in range(2):
        last = await alice.post("/me/badges", badge=BADGE, again=BADGE, label="")
    assert "linked to your account already" in last.text


async def test_a_removed_badge_opens_nothing(portal: PortalKit) -> None:
    await give_badge(portal)
    alice, bob = await portal.signed_in("alice"), await portal.signed_in("bob")
    badge = re.search(r'name="badge" value="([0-9a-f]{16})"', (await alice.get("/me/badges")).text)
    assert badge is not None
    assert "no such badge" in (await bob.post("/me/badges/remove", badge=badge[1])).text
    assert (await alice.post("/me/badges/remove", badge=badge[1])).status_code == 303
    tablet = await tablet_of(portal)
    assert "do not go together" in await tablet.by_badge()


async def test_a_closed_account_is_let_in_nowhere(portal: PortalKit) -> None:
    await give_badge(portal)
    await portal.kit.identity.disable_user("alice")
    tablet = await tablet_of(portal)
    assert "do not go together" in await tablet.by_badge()


async def test_numbers_and_pins_are_written_down_nowhere(portal: PortalKit) -> None:
    # A short PIN is among the digits of so many tags and keys now and then.
    pin = "482915063719"
    await give_badge(portal, pin=pin)
    tablet = await tablet_of(portal)
    await tablet.by_badge(pin=pin)
    assert tablet.heading == "Your documents"
    dump = (await portal.kit.database.read(lambda c: "\n".join(c.connection.iterdump()))).lower()
    assert "badges" in dump
    for number in (BADGE, pin):
        assert number not in dump
        assert number.encode().hex() not in dump


# -- codes beside printers


async def test_the_code_of_a_printer_opens_its_page_after_a_sign_in(portal: PortalKit) -> None:
    path = portal.marks.path_of("lobby")
    stranger = portal.visitor()
    answer = await stranger.get(path)
    assert answer.headers["location"] == f"/sign-in?next={path}"
    signed_in = await stranger.post("/sign-in", name="alice", password=PASSWORD, next=path)
    assert signed_in.headers["location"] == path
    mine, his = portal.job("Salaries 2026"), portal.job("Secret", owner="bob")
    page = await stranger.get(path)
    assert "Salaries 2026" in page.text
    assert "Secret" not in page.text
    released = await stranger.post(path, None, **{f"job-{mine}": "yes", f"job-{his}": "yes"})
    assert "On its way" in released.text
    assert portal.desk.released == [(mine, "lobby")]


async def test_forged_and_foreign_codes_are_refused(portal: PortalKit) -> None:
    alice = await portal.signed_in("alice")
    job = portal.job("one")
    path = portal.marks.path_of("lobby")
    changed = path[:-1] + ("A" if path[-1] != "A" else "B")
    for wrong in (changed, path.replace("lobby", "floor-2"), path[:-1], path + "x", "/p/attic/" + path[-22:]):
        answer = await alice.get(wrong)
        assert answer.status_code == 404
        assert (await alice.post(wrong, all="yes")).status_code == 404
    assert portal.desk.state_of(job) is JobState.HELD


async def test_an_old_sign_in_is_proven_again_at_the_printer(portal: PortalKit) -> None:
    alice = await portal.signed_in("alice")
    job = portal.job("one")
    path = portal.marks.path_of("lobby")
    portal.kit.clock.advance(180)
    assert "Enter your password again" in (await alice.post(path, all="yes")).text
    assert portal.desk.released == []
    await alice.post(path, all="yes", password=PASSWORD)
    assert portal.desk.released == [(job, "lobby")]


async def test_only_staff_print_the_sheet(portal: PortalKit) -> None:
    oskar, alice = await portal.signed_in("oskar"), await portal.signed_in("alice")
    sheet = await oskar.get("/printers/lobby/sheet")
    assert f"{ORIGIN}{portal.marks.path_of('lobby')}" in sheet.text
    assert "<svg" in sheet.text
    assert "/printers/lobby/sheet" in (await oskar.get("/printers")).text
    assert "/sheet" not in (await alice.get("/printers")).text
    assert (await alice.get("/printers/lobby/sheet")).status_code == 403
    assert (await oskar.get("/printers/attic/sheet")).status_code == 404


@pytest.mark.parametrize(
    ("access", "told"),
    [
        (Access(printers={"lobby": ["staff"]}), "1 document waits for another printer:"),
        (Access(queues={"secure": ["staff"]}), "1 document waits that you may not release at any printer."),
    ],
)
async def test_a_station_offers_nothing_to_whom_its_printer_is_not_for(
    access: Access, told: str, portal: PortalKit
) -> None:
    await give_badge(portal)
    job = portal.job("one")
    portal.site = replace(portal.site, policy=compile_rules((), Setting(access=access), "UTC"))
    tablet = await tablet_of(portal)
    page = await tablet.by_badge()
    assert f"job-{job}" not in page
    assert NOT_YOUR_PRINTER in page
    assert told in page
    agent = await agent_of(portal)
    answer = await agent.post("/api/v1/badge-reads", json={"badge": f"{BADGE}\r", "pin": PIN})
    assert (answer.json()["outcome"], answer.json()["message"]) == ("refused", NOT_YOUR_PRINTER)


# -- agents


async def agent_of(
    portal: PortalKit, *, scope: str = "badges:read", peer: str = AT_STATION
) -> httpx2.AsyncClient:
    """A program beside the printer, with a token."""
    from datetime import timedelta

    made = await portal.kit.tokens.issue(
        None,
        label="reader at the lobby",
        scopes=[scope],
        networks=["10.20.0.0/16"],
        life=timedelta(days=30),
        actor="test",
    )
    client = portal.visitor(peer).client
    client.headers["Authorization"] = f"Bearer {made.token}"
    return client


async def test_an_agent_passes_on_a_badge_and_a_pin(portal: PortalKit) -> None:
    await give_badge(portal)
    job = portal.job("one")
    agent = await agent_of(portal)
    only_badge = await agent.post("/api/v1/badge-reads", json={"badge": f"{BADGE}\r"})
    assert only_badge.status_code == 200
    assert only_badge.json()["outcome"] == "needs-pin"
    unknown = await agent.post("/api/v1/badge-reads", json={"badge": f"{OTHER_BADGE}\r"})
    assert unknown.json() == only_badge.json()
    choose = await agent.post("/api/v1/badge-reads", json={"badge": f"{BADGE}\r\n", "pin": PIN})
    assert (choose.json()["outcome"], choose.json()["jobs"]) == ("choose", 1)
    assert portal.desk.released == []
    stand_alone(portal, releases_all=True)
    released = await agent.post("/api/v1/badge-reads", json={"badge": f"{BADGE}\n", "pin": PIN})
    assert (released.json()["outcome"], released.json()["released"]) == ("released", 1)
    assert portal.desk.released == [(job, "lobby")]
    assert "token-used" in await portal.kit.kinds()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"badge": BADGE, "pin": PIN}, 409),
        ({"badge": BADGE[:-1] + "\r", "pin": PIN}, 409),
        ({"badge": f"{BADGE}\r{BADGE}\r", "pin": PIN}, 409),
        ({"badge": f"{OTHER_BADGE}\r", "pin": PIN}, 403),
        ({"badge": f"{BADGE}\r", "pin": "482916"}, 403),
        ({"badge": f"{BADGE}\r", "pin": PIN, "station": "attic"}, 403),
        ({"badge": f"{BADGE}\r", "pin": PIN, "job": "1"}, 400),
        ({"badge": 12345678, "pin": PIN}, 400),
        ({"pin": PIN}, 400),
        ([], 400),
    ],
)
async def test_what_an_agent_is_refused(portal: PortalKit, body: object, status: int) -> None:
    await give_badge(portal)
    stand_alone(portal, releases_all=True)
    portal.job("one")
    answer = await (await agent_of(portal)).post("/api/v1/badge-reads", json=body)
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert BADGE not in answer.text
    assert portal.desk.released == []


async def test_an_agent_needs_its_scope_and_a_station_where_it_is(portal: PortalKit) -> None:
    await give_badge(portal)
    wanted = {"badge": f"{BADGE}\r", "pin": PIN}
    assert (
        await (await agent_of(portal, scope="metrics:read")).post("/api/v1/badge-reads", json=wanted)
    ).status_code == 403
    elsewhere = await agent_of(portal, peer="10.20.1.9")
    assert (await elsewhere.post("/api/v1/badge-reads", json=wanted)).status_code == 403
    outside = await agent_of(portal, peer="192.0.2.7")
    assert (await outside.post("/api/v1/badge-reads", json=wanted)).status_code == 401
