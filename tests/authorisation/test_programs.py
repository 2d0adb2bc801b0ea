"""Callers who are no person at a desk: what tokens and personal print addresses may, at every call of a door.

Neither is ever good for more than its owner may without any office, and none for more than it was made for.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from protocols.ipp.operations import Operation
from protocols.ipp.values import integer
from spoold.doors.ipp.declarations import OPERATIONS, Object
from spoold.doors.ipp.declarations import Declaration as IppDeclaration
from spoold.doors.web.guard import RouteDeclaration, Surface
from spoold.doors.web.routes import ROUTES
from spoold.model.access import Action, may
from spoold.model.jobstate import JobState
from spoold.model.principal import Method, Principal, Role
from spoold.model.scopes import OF_A_PERSON, OF_THE_SITE, Scope
from tests.authorisation.expectations import IPP, WEB, IppCase
from tests.authorisation.spooler import Answer, Changes, Kind, Spooler, Target, Who
from tests.authorisation.waiting import check_made_job, wait_until_over
from tests.support.addresses import filled

NOT_AUTHORIZED, NOT_POSSIBLE, NOT_FOUND = 0x0403, 0x0404, 0x0406


def without_office(spooler: Spooler, who: Who, method: Method) -> Principal:
    """Return somebody as a token or a print address proves them: whoever they are, a user."""
    return replace(spooler.people[who], method=method, role=Role.USER)


# -- tokens


@dataclass(frozen=True)
class Token:
    """A kind of token.

    Args:
        owner: None for one of the site's.
    """

    owner: Who | None
    scopes: frozenset[Scope]


TOKENS = {
    "owner-s": Token(Who.OWNER, OF_A_PERSON),
    "owner-s-to-read": Token(Who.OWNER, frozenset({Scope.JOBS_READ})),
    "owner-s-to-delete": Token(Who.OWNER, frozenset({Scope.JOBS_DELETE})),
    "other-user-s": Token(Who.OTHER, OF_A_PERSON),
    "administrator-s": Token(Who.ADMINISTRATOR, OF_A_PERSON),
    "site-s": Token(None, OF_THE_SITE),
}
PROGRAM_ROUTES = [one for one in ROUTES if one.surface is Surface.API or one.scope is not None]
TOKEN_CELLS = [
    pytest.param(route, kind, name, id=f"{route.method}-{route.path}-{kind}-{name}")
    for route in PROGRAM_ROUTES
    for kind in (Kind if "{job_id}" in route.path else (Kind.OWNED,))
    for name in TOKENS
]
MakeToken = Callable[[str], str]


@pytest.fixture(scope="module", name="token_of")
def _token_of(spooler: Spooler) -> MakeToken:
    made: dict[str, str] = {}

    def token_of(name: str) -> str:
        if name not in made:
            token = TOKENS[name]
            arguments = {
                "owner": None if token.owner is None else spooler.people[token.owner].name,
                "label": name,
                "scopes": sorted(token.scopes),
                "networks": ["127.0.0.0/8"],
                "life_s": 3600,
            }
            made[name] = str(spooler.daemon.command("token-add", **arguments)["token"])
        return made[name]

    return token_of


@pytest.mark.parametrize(("route", "kind", "name"), TOKEN_CELLS)
def test_a_token(
    spooler: Spooler, token_of: MakeToken, route: RouteDeclaration, kind: Kind, name: str
) -> None:
    case, token = WEB[route.method, route.path], TOKENS[name]
    headers = {"Authorization": f"Bearer {token_of(name)}"}
    target = spooler.job(kind, waiting=case.waiting)
    try:
        body = b"" if case.body is None else case.body(spooler, token.owner or Who.ANONYMOUS, target)
        headers |= {"Content-Type": "application/json"} if body else {}
        is_for_this = route.scope in token.scopes
        is_allowed = is_for_this and token_may(spooler, token, route, target)
        with spooler.watched() as changes:
            answer = spooler.web(
                Who.ANONYMOUS, route.method, filled(route.path, target.id), body=body, headers=headers
            )
            if is_allowed and case.becomes is JobState.COMPLETED:
                wait_until_over(spooler, target)
        # Every call is on record, with what became of the token.
        said = [entry["kind"] for entry in changes.audit if entry["kind"].startswith("token-")]
        assert said == ["token-used" if is_for_this else "token-refused"]
        if not is_allowed:
            assert answer.status == (404 if is_for_this else 403), answer.body
            assert_nothing_done(changes)
            assert not answer.holds(target.title)
            return
        # A badge agent that sends nothing is heard, and told so.
        assert answer.status in ({400, 409} if route.scope is Scope.BADGES_READ else case.answers)
        if case.becomes is None:
            assert_nothing_done(changes)
        else:
            assert spooler.state(target) is case.becomes
            assert changes.jobs == {target.id}
        assert answer.holds(target.title) == (case.shows and token.owner is Who.OWNER)
    finally:
        spooler.clear(target)


def token_may(spooler: Spooler, token: Token, route: RouteDeclaration, target: Target) -> bool:
    """Return what the table of access says of its owner as a user, where the call is about one job."""
    if token.owner is None or "{job_id}" not in route.path:
        return True
    owner = without_office(spooler, token.owner, Method.TOKEN)
    return may(owner, Action.READ_JOB, target.job) and may(owner, route.action, target.job)


def assert_nothing_done(changes: Changes) -> None:
    """That the token was shown is on record; nothing else is."""
    assert (changes.jobs, changes.accounts, changes.paper) == (set(), 0, 0)
    assert len(changes.audit) == 1


# -- personal print addresses

URI_OWNERS = (Who.OWNER, Who.OTHER, Who.ADMINISTRATOR)
URI_CELLS = [
    pytest.param(declaration, case, who, id=f"{declaration.operation.rfc_name}-{number}-{who}")
    for declaration in OPERATIONS
    for number, case in enumerate(IPP.get(declaration.operation, ()))
    for who in URI_OWNERS
]
MakeUri = Callable[[Who], str]


@pytest.fixture(scope="module", name="uri_of")
def _uri_of(spooler: Spooler) -> MakeUri:
    made: dict[Who, str] = {}

    def uri_of(who: Who) -> str:
        if who not in made:
            arguments = {"queue": "secure", "label": "Laptop"}
            answer = spooler.control("print-uri-add", arguments, spooler.people[who].name)
            assert answer.status == 200, answer.body
            made[who] = answer.body.decode().partition("/ipp/print/")[2].partition('"')[0]
        return made[who]

    return uri_of


@pytest.mark.parametrize(("declaration", "case", "who"), URI_CELLS)
def test_a_personal_print_address(
    spooler: Spooler, uri_of: MakeUri, declaration: IppDeclaration, case: IppCase, who: Who
) -> None:
    queue = uri_of(who)
    target = spooler.job(Kind.OWNED, arriving=case.arriving, documents=case.documents)
    person = without_office(spooler, who, Method.PRINT_URI)
    try:
        about = (integer("job-id", target.job.number),) if declaration.about is Object.JOB else ()
        with spooler.watched() as changes:
            answer = spooler.ipp(
                Who.ANONYMOUS,
                declaration.operation,
                *about,
                *case.attributes,
                queue=queue,
                document=case.document,
            )
        # What documents are called stays between their owner and the portal.
        assert not answer.holds(target.title)
        job = target.job if declaration.about is Object.JOB else None
        actions = {declaration.action, case.action or declaration.action}
        if not all(may(person, action, job) for action in actions):
            check_uri_refusal(answer, declaration, person, target)
            assert changes.none
            return
        assert answer.ipp_status == case.status if case.status else 0 <= answer.ipp_status < 0x0100
        if case.makes_job:
            check_made_job(spooler, answer, changes, spooler.people[who])
            return
        is_theirs = who is Who.OWNER or declaration.about is Object.JOB
        becomes = case.becomes if is_theirs else None
        assert changes.jobs == (set() if becomes is None else {target.id})
        assert spooler.state(target) is (becomes or target.job.state)
        assert changes.paper == 0
    finally:
        spooler.clear(target)


def check_uri_refusal(answer: Answer, declaration: IppDeclaration, person: Principal, target: Target) -> None:
    """Nobody is challenged: the address was proof, and no password makes it good for more."""
    assert answer.status == 200
    knows = declaration.about is Object.QUEUE or may(person, Action.READ_STATE, target.job)
    gone = NOT_POSSIBLE if declaration.operation is Operation.SEND_DOCUMENT else NOT_FOUND
    assert answer.ipp_status == (NOT_AUTHORIZED if knows else gone)


def test_a_personal_print_address_is_good_in_one_queue(spooler: Spooler, uri_of: MakeUri) -> None:
    there = uri_of(Who.OWNER).replace("secure", "open", 1)
    with spooler.watched() as changes:
        for case in IPP[Operation.PRINT_JOB]:
            answer = spooler.ipp(
                Who.ANONYMOUS, Operation.PRINT_JOB, *case.attributes, queue=there, document=case.document
            )
            assert answer.ipp_status == NOT_FOUND
    assert changes.none


def test_every_call_of_programs_is_tried() -> None:
    assert {route.scope for route in PROGRAM_ROUTES} == {*Scope, None}
    assert len(TOKEN_CELLS) + len(URI_CELLS) < 300
