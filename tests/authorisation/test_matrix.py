"""Who may do what at every door of the running daemon: a cell for each declared call and kind of caller.

The cells are made from the declarations (IPP operations, web routes, control commands), the expectations from
the table of access. A declaration without an expectation here fails; what nobody declared is refused.
"""

import json

import pytest

from protocols.ipp.operations import Operation
from protocols.ipp.values import integer
from spoold.doors.control.table import COMMANDS
from spoold.doors.ipp.declarations import OPERATIONS, SUPPORTED, Object
from spoold.doors.ipp.declarations import Declaration as IppDeclaration
from spoold.doors.web.guard import RouteDeclaration, Surface
from spoold.doors.web.routes import ROUTES
from spoold.model.access import ALLOWED, Action, Standing, station_may
from spoold.model.jobstate import JobState
from tests.authorisation.expectations import CONTROL, IPP, WEB, IppCase, WebCase
from tests.authorisation.spooler import Answer, Changes, Kind, Spooler, Target, Who, lines
from tests.authorisation.waiting import check_made_job, wait_until_over
from tests.integration.daemon import CANARY_PASSWORD
from tests.support.addresses import filled

NOT_AUTHORIZED, NOT_POSSIBLE, NOT_FOUND = 0x0403, 0x0404, 0x0406


def check_changes(spooler: Spooler, changes: Changes, target: Target, becomes: JobState | None) -> None:
    """After a call that was allowed: the job is where it should be, and nothing else has changed."""
    if becomes is None:
        assert changes.none
        return
    assert spooler.state(target) is becomes
    assert changes.jobs == {target.id}
    assert {entry["job"] for entry in changes.audit if "job" in entry} == {target.id}
    assert changes.paper == (1 if becomes is JobState.COMPLETED else 0)


# -- IPP


# A station is a browser, and nobody to other doors.
IPP_CALLERS = tuple(who for who in Who if who is not Who.STATION)
IPP_CELLS = [
    pytest.param(declaration, case, kind, who, id=f"{declaration.operation.rfc_name}-{number}-{kind}-{who}")
    for declaration in OPERATIONS
    for number, case in enumerate(IPP.get(declaration.operation, ()))
    for kind in Kind
    for who in IPP_CALLERS
]


@pytest.mark.parametrize(("declaration", "case", "kind", "who"), IPP_CELLS)
def test_ipp_operation(
    spooler: Spooler, declaration: IppDeclaration, case: IppCase, kind: Kind, who: Who
) -> None:
    target = spooler.job(kind, arriving=case.arriving, documents=case.documents)
    try:
        about = (integer("job-id", target.job.number),) if declaration.about is Object.JOB else ()
        with spooler.watched() as changes:
            answer = spooler.ipp(
                who,
                declaration.operation,
                *about,
                *case.attributes,
                queue=kind.queue,
                document=case.document,
            )
            if case.becomes is JobState.COMPLETED and answer.ipp_status == 0:
                wait_until_over(spooler, target)
        reads_title = spooler.expects(who, Action.READ_TITLE, target)
        assert answer.holds(target.title) == (case.shows and reads_title)
        if not ipp_expected(spooler, declaration, case, who, target):
            assert changes.none
            check_ipp_refusal(spooler, answer, declaration, who, target)
            return
        if case.status is None:
            assert 0 <= answer.ipp_status < 0x0100
        else:
            assert answer.ipp_status == case.status
        if case.undone_by is not None:
            assert [(entry["queue"], "job" in entry) for entry in changes.audit] == [(kind.queue, False)]
            assert (changes.jobs, changes.paper) == (set(), 0)
            assert spooler.ipp(Who.OPERATOR, case.undone_by, queue=kind.queue).ipp_status == 0
        elif case.makes_job:
            check_made_job(spooler, answer, changes, spooler.people.get(who))
        elif declaration.operation is Operation.CANCEL_MY_JOBS:
            is_mine = spooler.expects(who, Action.READ_TITLE, target)
            check_changes(spooler, changes, target, case.becomes if is_mine else None)
        else:
            check_changes(spooler, changes, target, case.becomes)
        if declaration.operation is Operation.GET_JOBS:
            assert answer.holds(str(target.job.id)) == spooler.expects(
                who, Action.READ_STATE, target, by_address=True
            )
    finally:
        spooler.clear(target)


def ipp_expected(
    spooler: Spooler, declaration: IppDeclaration, case: IppCase, who: Who, target: Target
) -> bool:
    """Return whether the call is to be allowed, by the table of access and the queue's own rule."""
    about = target if declaration.about is Object.JOB else None
    if declaration.action is Action.SUBMIT and target.job.queue == "secure" and who not in spooler.people:
        return False
    allowed = spooler.expects(who, declaration.action, about, by_address=True)
    if case.action is not None:
        allowed = allowed and spooler.expects(who, case.action, about, by_address=True)
    return allowed


def check_ipp_refusal(
    spooler: Spooler, answer: Answer, declaration: IppDeclaration, who: Who, target: Target
) -> None:
    """A refusal is a challenge for whoever proved nothing; others hear no more than they may know."""
    if who not in spooler.people:
        assert answer.status == 401
        assert answer.headers["www-authenticate"].startswith("Basic ")
        assert answer.message is None
        return
    reads = declaration.about is Object.QUEUE or spooler.expects(who, Action.READ_JOB, target)
    knows = spooler.expects(who, Action.READ_STATE, target, by_address=True)
    # At Send-Document "not found" would stop the queue of a CUPS client.
    gone = NOT_POSSIBLE if declaration.operation is Operation.SEND_DOCUMENT else NOT_FOUND
    expected = {NOT_AUTHORIZED} if reads else {NOT_AUTHORIZED, gone} if knows else {gone}
    assert answer.ipp_status in expected
    assert not answer.holds(str(target.job.id))


# -- web


# Nobody is known to the web by an address.
WEB_CALLERS = tuple(who for who in Who if who not in (Who.SENDER, Who.NEIGHBOUR))


def web_key(declaration: RouteDeclaration) -> tuple[str, str]:
    """Return a route's place in the table; files have a hash of their content in their path."""
    path = declaration.path
    if path.startswith("/static/"):
        stem, _, ending = path.split(".")
        path = f"{stem}.{ending}"
    return declaration.method, path


WEB_CELLS = [
    pytest.param(declaration, kind, who, id=f"{'-'.join(web_key(declaration))}-{kind}-{who}")
    for declaration in ROUTES
    for kind in (Kind if "{job_id}" in declaration.path else (Kind.OWNED,))
    for who in WEB_CALLERS
]


@pytest.mark.parametrize(("declaration", "kind", "who"), WEB_CELLS)
def test_web_route(spooler: Spooler, declaration: RouteDeclaration, kind: Kind, who: Who) -> None:
    case = WEB.get(web_key(declaration))
    assert case is not None, "this route has no expectation"
    target = spooler.job(kind, waiting=case.waiting)
    try:
        if declaration.surface is Surface.PORTAL:
            spooler.sign_in(who)
        if who is Who.STATION:
            spooler.enrol_station()
        is_allowed = web_expected(spooler, declaration, who, target)
        with spooler.watched() as changes:
            answer = use_route(spooler, declaration, case, who, target)
            if is_allowed and case.becomes is JobState.COMPLETED:
                wait_until_over(spooler, target)
        reads_title = spooler.expects(who, Action.READ_TITLE, target)
        if is_allowed:
            assert answer.status in case.answers
            check_changes(spooler, changes, target, case.becomes)
            assert answer.holds(target.title) == (case.shows and reads_title)
        else:
            assert changes.none
            assert not answer.holds(target.title)
            check_web_refusal(spooler, answer, declaration, who, target)
        if declaration.path in ("/", "/api/v1/jobs") and who in spooler.people:
            assert answer.holds(target.id) == spooler.expects(who, Action.READ_JOB, target)
    finally:
        if case.ends_session:
            spooler.sessions.pop(who, None)
        spooler.clear(target)


def use_route(
    spooler: Spooler, declaration: RouteDeclaration, case: WebCase, who: Who, target: Target
) -> Answer:
    """Call a route in the way of its surface."""
    path = filled(declaration.path, target.id)
    if case.form is not None:
        if declaration.surface is Surface.OPEN:
            # A new browser: what somebody does who has no session yet.
            fields = case.form(spooler, who, target)
            return spooler.form(Who.ANONYMOUS, path, fields)
        return spooler.form(who, path, case.form(spooler, who, target))
    if declaration.surface is Surface.API:
        body = b"" if case.body is None else case.body(spooler, who, target)
        headers = {"Content-Type": "application/json"} if body else {}
        return spooler.web(who, declaration.method, path, body=body, headers=headers | spooler.basic(who))
    return spooler.page(who, path)


def web_expected(spooler: Spooler, declaration: RouteDeclaration, who: Who, target: Target) -> bool:
    """Return whether the call is to be allowed."""
    if declaration.surface is Surface.OPEN:
        return Standing.ANONYMOUS in ALLOWED[declaration.action]
    if declaration.surface is Surface.STATION:
        return who is Who.STATION and station_may(declaration.action)
    if who not in spooler.people:
        return False
    if declaration.about_approval:
        return spooler.expects(who, declaration.action, target)
    if "{job_id}" in declaration.path:
        may_read = spooler.expects(who, Action.READ_JOB, target)
        return may_read and spooler.expects(who, declaration.action, target)
    # A list is everybody's who is known; what is on it is decided job by job.
    return declaration.about_job or spooler.expects(who, declaration.action, None)


def check_web_refusal(
    spooler: Spooler, answer: Answer, declaration: RouteDeclaration, who: Who, target: Target
) -> None:
    """Strangers are asked to sign in; 404 is for what one may not see, 403 for what one may not do."""
    if declaration.surface is Surface.STATION:
        # Who somebody is counts for nothing there: the device must be one.
        assert answer.status == 403
        return
    if who not in spooler.people:
        is_api = declaration.surface is Surface.API
        assert answer.status == (401 if is_api else 303)
        assert is_api or answer.headers["location"].startswith("/sign-in")
        assert "clear-site-data" not in answer.headers
        return
    if declaration.about_approval:
        # Owners know of theirs, and hear that it is for others to decide; whoever is not asked knows of none.
        assert answer.status == (403 if who is Who.OWNER else 404)
        return
    may_know = "{job_id}" not in declaration.path or spooler.expects(who, Action.READ_JOB, target)
    assert answer.status == (403 if may_know else 404)


# -- the control socket and the command line


# None: root, without naming anybody: the machine's administrator.
CONTROL_CALLERS = (None, Who.OTHER, Who.OWNER, Who.OPERATOR, Who.ADMINISTRATOR, Who.DELEGATE)
CONTROL_CELLS = [
    pytest.param(name, kind, who, id=f"{name}-{kind}-{who or 'root'}")
    for name in COMMANDS
    for kind in (Kind if name in CONTROL and CONTROL[name].job else (Kind.OWNED,))
    for who in CONTROL_CALLERS
]


@pytest.mark.parametrize(("name", "kind", "who"), CONTROL_CELLS)
def test_control_command(spooler: Spooler, name: str, kind: Kind, who: Who | None) -> None:
    case = CONTROL.get(name)
    assert case is not None, "this command has no expectation"
    stands_for = who or Who.ADMINISTRATOR
    if name.startswith("user-"):
        prepare_spare_account(spooler, closed=name == "user-enable")
    target = spooler.job(kind, waiting=case.waiting)
    try:
        arguments = {
            key: value.format(who=who or "root") if key == "name" else value
            for key, value in case.arguments.items()
        }
        if case.job:
            arguments["job"] = target.id
        if name == "station-remove":
            spooler.daemon.command("station-add", name="spare")
        if name == "token-revoke":
            arguments["token"] = made_token(spooler)
        user = None if who is None else spooler.people[who].name
        with spooler.watched() as changes:
            answer = spooler.control(name, arguments, user)
        reads_title = spooler.expects(stands_for, Action.READ_TITLE, target)
        is_allowed = control_expected(spooler, name, stands_for, target)
        is_allowed = is_allowed and not (case.for_people and who is None)
        assert answer.holds(target.title) == (case.shows and reads_title and is_allowed)
        assert not answer.holds(CANARY_PASSWORD)
        if not is_allowed or case.refused_in_state or case.missing:
            assert changes.none
            assert answer.status == 0
            reads = not case.job or spooler.expects(stands_for, Action.READ_JOB, target)
            refused = "not-found" if case.missing else "not-possible"
            if case.waiting:
                # Whoever is not asked hears of no job that waits.
                reads = who is None
            expected = refused if is_allowed else "not-authorized" if reads else "not-found"
            assert json.loads(answer.body)["error"]["kind"] == expected
            return
        assert answer.status == 200
        if case.accounts:
            assert changes.accounts == case.accounts
            assert not changes.jobs
        elif case.records:
            assert len(changes.audit) == case.records
            assert (changes.jobs, changes.accounts, changes.paper) == (set(), 0, 0)
        else:
            check_changes(spooler, changes, target, case.becomes)
        if name == "jobs":
            assert answer.holds(target.id) == spooler.expects(stands_for, Action.READ_JOB, target)
    finally:
        spooler.clear(target)


def control_expected(spooler: Spooler, name: str, who: Who, target: Target) -> bool:
    """Return whether the command is to be carried out."""
    action = COMMANDS[name].action
    if name == "jobs":
        return True
    if CONTROL[name].waiting:
        return spooler.expects(who, action, target)
    if not CONTROL[name].job:
        return spooler.expects(who, action, None)
    return spooler.expects(who, Action.READ_JOB, target) and spooler.expects(who, action, target)


def made_token(spooler: Spooler) -> str:
    """Return the id of a token that is good."""
    made = spooler.daemon.command("token-add", **CONTROL["token-add"].arguments)
    return str(made["id"])


def prepare_spare_account(spooler: Spooler, *, closed: bool) -> None:
    """Have an account that nobody uses, open or closed."""
    names = {one["name"] for one in lines(spooler.control("user-list", {}))}
    if "spare" not in names:
        spooler.daemon.add_user("spare")
    spooler.daemon.command("user-disable" if closed else "user-enable", name="spare")


def test_the_command_line_lets_nobody_release_for_somebody_else(spooler: Spooler) -> None:
    """Root cannot release or take back either: the owner's password is needed, whoever runs the command."""
    target = spooler.job(Kind.OWNED)
    for command in ("release", "take-back"):
        for user in ("bob", "ada"):
            with spooler.watched() as changes:
                done = spooler.daemon.cli(
                    command, target.id, "--user", user, "--password-stdin", stdin=f"{CANARY_PASSWORD}\n"
                )
            assert (done.returncode, done.stdout) == (1, "")
            assert target.title not in done.stderr
            assert changes.none
    with spooler.watched() as changes:
        # Without --user it is the login name, root, who has no account.
        done = spooler.daemon.cli("release", target.id, "--password-stdin", stdin=f"{CANARY_PASSWORD}\n")
    assert done.returncode == 1
    assert changes.none
    for words in (("jobs",), ("jobs", "--json"), ("job", target.id), ("job", target.id, "--json")):
        shown = spooler.daemon.cli(*words)
        assert shown.returncode == 0
        assert str(target.job.number) in shown.stdout
        assert target.title not in shown.stdout + shown.stderr
    done = spooler.daemon.cli(
        "release", target.id, "--user", "alice", "--password-stdin", "--json", stdin=f"{CANARY_PASSWORD}\n"
    )
    assert done.returncode == 0, done.stderr
    assert spooler.state(target) is JobState.COMPLETED


def test_the_command_line_cancels_as_root_without_seeing_the_name(spooler: Spooler) -> None:
    target = spooler.job(Kind.UNCLAIMED)
    done = spooler.daemon.cli("cancel", str(target.job.number), "--json")
    assert done.returncode == 0
    assert target.title not in done.stdout + done.stderr
    assert spooler.state(target) is JobState.CANCELED


# -- the declarations and the matrix fit together


def test_every_declaration_has_an_expectation_and_every_expectation_a_declaration() -> None:
    assert set(IPP) == set(SUPPORTED)
    assert all(IPP.values())
    assert set(WEB) == {web_key(declaration) for declaration in ROUTES}
    assert len(WEB) == len(ROUTES)
    assert set(CONTROL) == set(COMMANDS)
