"""The web application over a real Identity and a desk in memory, and visitors with their own cookies."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from ipaddress import ip_network

import httpx2
from starlette.applications import Starlette

from holdstore.keyring import Keyring
from policy.engine import compile_rules
from policy.setting import Setting
from spoold.doors.web.app import build_web_app
from spoold.doors.web.guard import COOKIE
from spoold.identity.badges import Badges
from spoold.identity.marks import PrinterMarks
from spoold.identity.print_uris import PrintUris
from spoold.identity.stations import Stations
from spoold.keys.tags import Tags
from spoold.model.badge import BadgeFormat, BadgeRules
from spoold.model.ids import JobId, UserId
from spoold.model.principal import Role
from spoold.model.printer import Printer
from spoold.model.queue import Authentication, Queue, Release
from spoold.model.site import CurrentSite, Site
from spoold.model.station import Station
from spoold.release.stations import StationDesk
from spoold.runtime.health import Health
from tests.support.fake_claims import FakeClaims
from tests.support.fake_desk import FakeDesk
from tests.support.identities import PASSWORD, IdentityKit

HOST = "print.example.org"
ORIGIN = f"https://{HOST}"
SITE = Site(
    name=HOST,
    queues={
        "secure": Queue(
            "secure",
            ("lobby", "floor-2"),
            mask_names=True,
            authentication=Authentication.REQUIRED,
            release=Release.BY_OWNER,
            expires_after=timedelta(hours=4),
            pins=True,
        )
    },
    printers={
        "lobby": Printer("lobby", "ipp://lobby.example.org/ipp/print", "Lobby, ground floor"),
        "floor-2": Printer("floor-2", "ipp://floor-2.example.org/ipp/print", "Second floor, by the stairs"),
    },
    policy=compile_rules((), Setting(), "UTC"),
    mask_names=False,
    max_document_bytes=1 << 30,
    forget_after=timedelta(days=7),
    badges=BadgeRules(BadgeFormat(frozenset({10}))),
    stations={"lobby": Station("lobby", "lobby", (ip_network("127.0.0.1/32"), ip_network("10.20.30.0/24")))},
)
PEOPLE = {
    "alice": Role.USER,
    "bob": Role.USER,
    "oskar": Role.OPERATOR,
    "ada": Role.ADMINISTRATOR,
}
_CSRF = re.compile(r'name="csrf" value="([0-9a-f]{64})"')


@dataclass
class Visitor:
    """One browser: keeps cookies, sends what browsers send with forms, follows nothing by itself."""

    client: httpx2.AsyncClient
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def token(self) -> str:
        return self.client.cookies.get(COOKIE) or ""

    async def get(self, path: str, **headers: str) -> httpx2.Response:
        return await self.client.get(path, headers={**self.headers, **headers})

    async def csrf(self) -> str:
        """The token in the forms of this visitor's pages."""
        match = _CSRF.search((await self.get("/")).text)
        assert match is not None
        return match[1]

    async def post(self, path: str, headers: dict[str, str] | None = None, **fields: str) -> httpx2.Response:
        """Submit a form as our own page would; a `csrf` field is added where there is a session."""
        if self.token and "csrf" not in fields:
            fields["csrf"] = await self.csrf()
        sent = {"Origin": ORIGIN, "Sec-Fetch-Site": "same-origin", **self.headers, **(headers or {})}
        sent = {name: value for name, value in sent.items() if value}
        return await self.client.post(path, data=fields, headers=sent)

    async def sign_in(self, name: str, password: str = PASSWORD) -> httpx2.Response:
        return await self.post("/sign-in", name=name, password=password)


@dataclass
class PortalKit:
    """The portal and what it is made of."""

    kit: IdentityKit
    desk: FakeDesk
    health: Health
    app: Starlette
    stations: StationDesk
    marks: PrinterMarks
    claims: FakeClaims
    print_uris: PrintUris
    site: Site = SITE
    users: dict[str, UserId] = field(default_factory=dict)

    def visitor(self, peer: str = "10.20.1.9", base: str = ORIGIN) -> Visitor:
        """A new browser at this address."""
        transport = httpx2.ASGITransport(app=self.app, client=(peer, 50_000))
        return Visitor(httpx2.AsyncClient(transport=transport, base_url=base, trust_env=False))

    async def signed_in(self, name: str = "alice", peer: str = "10.20.1.9") -> Visitor:
        """A browser in which somebody has just signed in."""
        visitor = self.visitor(peer)
        response = await visitor.sign_in(name)
        assert response.status_code == 303
        return visitor

    def job(self, title: str = "Salaries 2026", owner: str = "alice", **fields: object) -> JobId:
        """A held job of somebody's."""
        return self.desk.add_job(title, self.users[owner], **fields).id  # type: ignore[arg-type]


def _stations(kit: IdentityKit, desk: FakeDesk, site: CurrentSite, tags: Tags) -> StationDesk:
    badges = Badges(
        database=kit.database,
        clock=kit.clock,
        site=site,
        identity=kit.identity,
        guesses=kit.guesses,
        hasher=kit.hasher,
        tags=tags,
    )
    return StationDesk(
        identity=kit.identity,
        badges=badges,
        devices=Stations(kit.database, kit.clock, site),
        desk=desk,
        printers=desk,
        site=site,
        clock=kit.clock,
    )


async def make_portal(kit: IdentityKit, *, allowed_hosts: Callable[[str], bool] | None = None) -> PortalKit:
    """Return a portal with four people and two printers."""
    desk, health = FakeDesk(kit.clock), Health(kit.clock)
    desk.add_printer("lobby", "Lobby, ground floor")
    desk.add_printer("floor-2", "Second floor, by the stairs")
    held: list[PortalKit] = []
    tags = Tags(Keyring.from_bytes(bytes(range(32))).derive)
    stations, marks = _stations(kit, desk, lambda: held[0].site if held else SITE, tags), PrinterMarks(tags)
    claims = FakeClaims(desk)
    print_uris = PrintUris(
        kit.database,
        kit.clock,
        kit.metrics,
        kit.throttle,
        queues=lambda: frozenset(SITE.queues),
        authority=lambda: f"{HOST}:631",
    )
    app = build_web_app(
        identity=kit.identity,
        desk=desk,
        site=lambda: held[0].site if held else SITE,
        clock=kit.clock,
        metrics=kit.metrics,
        health=health,
        allowed_hosts=allowed_hosts,
        tokens=kit.tokens,
        factors=kit.factors,
        stations=stations,
        marks=marks,
        print_uris=print_uris,
        claims=claims,
    )
    portal = PortalKit(kit, desk, health, app, stations, marks, claims, print_uris)
    held.append(portal)
    desk.site = lambda: portal.site
    for name, role in PEOPLE.items():
        user = await kit.identity.add_user(name, PASSWORD, role=role, display_name=name.title())
        portal.users[name] = user.id
    return portal
