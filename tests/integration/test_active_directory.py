"""A real Active Directory: names with and without domain, nested groups, and every way of being closed."""

import base64
import json
import re
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from tests.integration.daemon import ROOT, Daemon
from tests.integration.domain_controller import ADMINISTRATOR_PASSWORD, BASE, HOST, DomainController
from tests.support.authority import Authority
from tests.support.directories import ODD_GROUPS

# Every answer is timed.
pytestmark = pytest.mark.alone
# Domain passwords: long enough for the domain's own rules.
ANA, READER, CLOSED = "Passw0rd.ana-7f31", "Passw0rd.reader-4412", "Passw0rd.closed-51"
# The promise: somebody stands at a printer and waits.
ANSWER_S = 5.0
ONLY_ITSELF = "finds nobody but bind_dn itself: look at base_dn, user_filter and name_attribute"
SETTINGS: dict[str, Any] = {
    "kind": "active-directory",
    "base_dn": BASE,
    "bind_dn": f"cn=spoold,cn=Users,{BASE}",
    "bind_password": READER,
    "name_attribute": "sAMAccountName",
    "display_name_attribute": "displayName",
    "user_filter": "(&(objectCategory=person)(objectClass=user))",
    "group_mode": "ad-nested",
    "domains": ["ADLAB", "ad.lab.example"],
    "operator_groups": ["Printing"],
    "administrator_groups": ["Domain Admins"],
}


@pytest.fixture(scope="module")
def controller(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DomainController]:
    folder = tmp_path_factory.mktemp("domain")
    made = DomainController(folder, Authority(folder / "authority"))
    try:
        made.start()
        _populate(made)
        yield made
    finally:
        made.stop()


def _populate(controller: DomainController) -> None:
    tool = controller.tool
    tool("user", "create", "ana", ANA, "--given-name=Ana", "--surname=Lab")
    tool("user", "create", "spoold", READER)
    for name in ("disabled", "expired", "locked", "must", "old"):
        tool("user", "create", name, CLOSED)
    tool("user", "create", "other", ANA)
    tool("user", "disable", "disabled")
    tool("user", "setexpiry", "expired", "--days=0")
    # "staff" is in "printing": ana is in both, and in the one that no entry lists as hers.
    for group in ("Staff", "Printing"):
        tool("group", "add", group)
    tool("group", "addmembers", "Staff", "ana")
    tool("group", "addmembers", "Printing", "Staff")
    odd = "\n".join(
        f"dn:: {_base64(f'CN={written},CN=Users,{BASE}')}\nchangetype: add\nobjectClass: group\n"
        f"member: CN=odd,CN=Users,{BASE}\n"
        for written, _ in ODD_GROUPS.values()
    )
    tool("user", "create", "odd", ANA)
    controller.ldap("ldapmodify", stdin=odd)
    changes = (
        f"dn: CN=must,CN=Users,{BASE}\nchangetype: modify\nreplace: pwdLastSet\npwdLastSet: 0\n\n"
        f"dn: CN=other,CN=Users,{BASE}\nchangetype: modify\nreplace: userPrincipalName\n"
        "userPrincipalName: renata@ad.lab.example\n"
    )
    controller.ldap("ldapmodify", stdin=changes)


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def ask(controller: DomainController, *questions: tuple[str, ...], **more: Any) -> list[dict[str, Any]]:
    """Ask the controller from where it listens; every answer comes in time."""
    asked = {
        "host": HOST,
        "port": 636 if more.pop("implicit_tls", True) else 389,
        "implicit_tls": True,
        "ca": str(more.pop("ca", controller.authority.certificate)),
        "settings": SETTINGS | more,
        "questions": questions,
    }
    asked["implicit_tls"] = asked["port"] == 636
    found: list[dict[str, Any]] = json.loads(controller.ask(json.dumps(asked)))
    assert all(one["took_s"] < ANSWER_S for one in found), found
    return found


@pytest.mark.parametrize("implicit_tls", [True, False], ids=["ldaps", "starttls"])
def test_a_person_is_one_whatever_form_the_name_has(controller: DomainController, implicit_tls: bool) -> None:
    names = ("ana", "adlab\\ana", "ana@ad.lab.example", "ana@school")
    found = ask(controller, *(("check", name, ANA) for name in names), implicit_tls=implicit_tls)
    assert {(one["said"], one["name"]) for one in found} == {("accepted", "ana")}, found
    assert len({one["id"] for one in found}) == 1
    first = found[0]
    assert first["id"].startswith("ldap:school:")
    assert first["display_name"] == "Ana Lab"
    assert set(first["groups"]) == {"Staff", "Printing", "Domain Users"}
    assert first["role"] == "operator"
    wrong = ask(controller, *(("check", name, "wrong") for name in names), implicit_tls=implicit_tls)
    assert {(one["said"], one["why"]) for one in wrong} == {("rejected", "wrong-password")}


def test_the_id_is_the_entrys_and_finds_it_again(controller: DomainController) -> None:
    (found,) = ask(controller, ("find", "ana"))
    said = controller.ldap("ldapsearch", "-LLL", "-b", BASE, "(sAMAccountName=ana)", "objectGUID")
    octets = base64.b64decode(said.partition("objectGUID:: ")[2].split()[0])
    assert found["id"].rpartition(":")[2] == str(UUID(bytes_le=octets))
    again, nobody = ask(controller, ("again", found["id"]), ("again", found["id"][:-4] + "0000"))
    assert (again["said"], again["id"], nobody["said"]) == ("accepted", found["id"], "not-here")


def test_people_sign_in_with_an_attribute_of_the_sites_choice(controller: DomainController) -> None:
    """Who has signed in is still told by the account, not by that attribute."""
    for domains in ([], ["ADLAB"], ["other.example"]):
        right, wrong = ask(
            controller,
            ("check", "ana@ad.lab.example", ANA),
            ("check", "ana@ad.lab.example", "wrong"),
            name_attribute="userPrincipalName",
            domains=domains,
        )
        assert (right["said"], right.get("name")) == ("accepted", "ana@ad.lab.example"), domains
        assert wrong["said"] == "rejected"


def test_a_principal_name_of_its_own_is_the_person_it_names(controller: DomainController) -> None:
    """The name before the "@" need not be the account's."""
    upn, account, nobody = ask(
        controller,
        ("check", "renata@ad.lab.example", ANA),
        ("check", "other", ANA),
        ("check", "renata", ANA),
    )
    assert (upn["said"], upn["name"]) == ("accepted", "other")
    assert upn["id"] == account["id"]
    assert nobody["said"] == "not-here"


@pytest.mark.parametrize(
    ("name", "why"),
    [("disabled", "disabled"), ("expired", "account-expired"), ("must", "password-must-change")],
)
def test_every_way_of_being_closed_is_a_no(controller: DomainController, name: str, why: str) -> None:
    right, wrong = ask(controller, ("check", name, CLOSED), ("check", name, "wrong"))
    assert (right["said"], right["why"]) == ("rejected", why)
    assert wrong["said"] == "rejected"
    assert right["id"] == wrong["id"]


@contextmanager
def domain_rules(controller: DomainController, **rules: str) -> Iterator[None]:
    """Have the domain's entry say something else for a while."""
    before = controller.ldap("ldapsearch", "-LLL", "-b", BASE, "-s", "base", *rules)
    usual = dict(line.split(": ", 1) for line in before.splitlines() if line.split(":")[0] in rules)

    def change(values: dict[str, str]) -> None:
        changes = "-\n".join(f"replace: {key}\n{key}: {value}\n" for key, value in values.items())
        controller.ldap("ldapmodify", stdin=f"dn: {BASE}\nchangetype: modify\n{changes}")

    change(rules)
    try:
        yield
    finally:
        change(usual)


def test_a_password_that_has_expired_is_told_from_a_wrong_one(controller: DomainController) -> None:
    """The controller answers the bind with data 532."""
    old = f"cn=old,cn=Users,{BASE}"
    (before,) = ask(controller, ("check", "old", CLOSED))
    controller.outdate(old)
    right, wrong = ask(controller, ("check", "old", CLOSED), ("check", "old", "wrong"))
    assert before["said"] == "accepted"
    assert (right["said"], right["why"]) == ("rejected", "password-expired")
    assert (wrong["said"], wrong["why"]) == ("rejected", "wrong-password")
    (reader,) = ask(controller, ("online",), bind_dn=old, bind_password=CLOSED)
    said = (
        "refuses bind_dn with bind_password: its password has expired; set a new one, which does not expire"
    )
    assert reader["tried"][-1] == [False, said]


def test_an_account_that_the_domain_has_locked_is_told_from_a_wrong_password(
    controller: DomainController,
) -> None:
    """The controller answers the bind with data 775."""
    with domain_rules(controller, lockoutThreshold="2"):
        first, second, right = ask(
            controller,
            ("check", "locked", "wrong"),
            ("check", "locked", "wrong again"),
            ("check", "locked", CLOSED),
        )
    assert [one["said"] for one in (first, second, right)] == ["rejected"] * 3
    assert (first["why"], right["why"]) == ("wrong-password", "locked-in-directory")


@pytest.mark.parametrize(
    ("threshold", "fine", "said"),
    [
        ("0", True, "locks no account after wrong passwords"),
        ("4", False, "set max_wrong_passwords to 3 or less"),
        ("5", True, "locks an account after 5 wrong passwords; spoold passes on 4 at most"),
    ],
)
def test_the_domains_own_lockout_is_compared(
    controller: DomainController, threshold: str, fine: bool, said: str
) -> None:
    with domain_rules(controller, lockoutThreshold=threshold):
        (found,) = ask(controller, ("online",))
    assert [one[0] for one in found["tried"] if one[1].endswith(said)] == [fine], found


def test_the_domain_counts_no_longer_than_spoold(controller: DomainController) -> None:
    longer = {"lockOutObservationWindow": "-36000000000", "lockoutDuration": "-36000000000"}
    with domain_rules(controller, lockoutThreshold="5", **longer):
        (found,) = ask(controller, ("online",))
    words = (
        'the directory counts wrong passwords for 60 minutes: set wrong_passwords_window to "3600s" or more'
    )
    assert [False, words] in found["tried"], found


def test_names_that_are_questions_find_nobody(controller: DomainController) -> None:
    names = (
        "*",
        "*)(sAMAccountName=*",
        "an*",
        "ana)(objectClass=*",
        "\\61na",
        "an\u00e1",
        "ana\0",
        "other\\ana",
    )
    found = ask(controller, *(("check", name, ANA) for name in names))
    assert {one["said"] for one in found} == {"not-here"}, found


def test_a_form_of_its_own_for_the_password(controller: DomainController) -> None:
    for form in ("{name}@ad.lab.example", "ADLAB\\{name}"):
        right, wrong = ask(controller, ("check", "ana", ANA), ("check", "ana", "wrong"), direct_bind=form)
        assert (right["said"], wrong["said"]) == ("accepted", "rejected"), form
    (led_astray,) = ask(controller, ("check", "ana", ANA), direct_bind="other@ad.lab.example")
    assert led_astray["said"] != "accepted"


def test_groups_without_nesting_are_the_direct_ones(controller: DomainController) -> None:
    (found,) = ask(controller, ("find", "ana"), group_mode="memberOf")
    assert found["groups"] == ["Staff"]
    assert found["role"] == "user"


def test_groups_have_the_names_that_people_gave_them(controller: DomainController) -> None:
    for mode in ("ad-nested", "memberOf"):
        (found,) = ask(controller, ("check", "odd", ANA), group_mode=mode)
        assert set(found["groups"]) - {"Domain Users"} == set(ODD_GROUPS), mode
    for name, written in ODD_GROUPS.items():
        for wanted in (name, *(f"cn={rdn},cn=Users,{BASE}" for rdn in written)):
            (found,) = ask(controller, ("find", "odd"), operator_groups=[wanted])
            assert found["role"] == "operator", wanted
    (found,) = ask(controller, ("find", "odd"), operator_groups=["Sales", f"cn=R,cn=Users,{BASE}"])
    assert found["role"] == "user"


def test_the_domain_itself_wants_encryption(controller: DomainController) -> None:
    """What the rule about StartTLS guards against: a simple bind in clear, which this server refuses."""
    script = (
        "import warnings; warnings.simplefilter('ignore'); import ldap3; "
        f"c = ldap3.Connection(ldap3.Server('{HOST}', get_info=None), 'ana@ad.lab.example', '{ANA}'); "
        "c.bind(); print(c.result['description'])"
    )
    assert controller.run(sys.executable, "-c", script).strip() == "strongerAuthRequired"


def test_strangers_learn_nothing(controller: DomainController) -> None:
    assert [
        one["said"] for one in ask(controller, ("check", "ana", ANA), bind_dn=None, bind_password="")
    ] == ["unavailable"]
    assert (
        ask(controller, ("check", "ana", ANA), ca="/etc/ssl/certs/ca-certificates.crt")[0]["said"]
        == "unavailable"
    )


def test_an_account_that_may_write_is_reported(controller: DomainController) -> None:
    (reader,) = ask(controller, ("online",))
    assert reader["tried"][-1] == [True, "bind_dn changes nothing"]
    # The controller's own accounts that are closed are no example of a person.
    (found,) = [words for _, words in reader["tried"] if words.startswith("finds people")]
    assert found.split()[4].rstrip(",") not in {"krbtgt", "guest", "disabled", "expired"}, found
    (writer,) = ask(
        controller,
        ("online",),
        bind_dn=f"cn=Administrator,cn=Users,{BASE}",
        bind_password=ADMINISTRATOR_PASSWORD,
    )
    said = [words.partition(";")[0] for fine, words in writer["tried"] if not fine]
    assert said == [
        "bind_dn may change entries of people",
        'bind_dn may change who is in "Domain Admins"',
        'bind_dn may change who is in "Printing"',
        "bind_dn may add entries",
    ]


@pytest.mark.parametrize("where", ["Printing", "Staff"], ids=["group", "group-within"])
def test_an_account_that_may_fill_a_group_is_reported(controller: DomainController, where: str) -> None:
    """Staff is in Printing: whoever puts somebody there makes an operator."""
    name = f"keeper-of-{where.lower()}"
    controller.tool("user", "create", name, CLOSED)
    shown = controller.tool("user", "show", name, "--attributes=objectSid")
    sid = shown.partition("objectSid: ")[2].split()[0]
    # The attribute is member: write it, and nothing else.
    right = f"(OA;;WP;bf9679c0-0de6-11d0-a285-00aa003049e2;;{sid})"
    (before,) = ask(controller, ("online",), bind_dn=f"cn={name},cn=Users,{BASE}", bind_password=CLOSED)
    controller.tool("dsacl", "set", f"--objectdn=cn={where},cn=Users,{BASE}", f"--sddl={right}")
    (after,) = ask(controller, ("online",), bind_dn=f"cn={name},cn=Users,{BASE}", bind_password=CLOSED)
    assert before["tried"][-1] == [True, "bind_dn changes nothing"]
    fine, words = after["tried"][-1]
    assert not fine
    assert words.startswith('bind_dn may change who is in "Printing"; take that right away')


def test_a_group_that_is_not_there_is_said(controller: DomainController) -> None:
    (found,) = ask(controller, ("online",), operator_groups=["Print", f"cn=Staff,cn=Users,{BASE}"])
    fine, words = found["tried"][-1]
    assert not fine
    assert words.startswith('there is no group "Print" below group_base_dn')


def test_what_an_account_may_change_of_itself_is_not_reported(controller: DomainController) -> None:
    """Everybody may change a telephone number of one's own; whichever entry is listed first."""
    for other in ("ana", "other", "must", "krbtgt"):
        both = f"(|(sAMAccountName=spoold)(sAMAccountName={other}))"
        (found,) = ask(controller, ("online",), user_filter=both)
        assert found["tried"][-1] == [True, "bind_dn changes nothing"], other
    for named in (f"cn=spoold,cn=Users,{BASE}", "spoold@ad.lab.example", "ADLAB\\spoold"):
        (alone,) = ask(controller, ("online",), user_filter="(sAMAccountName=spoold)", bind_dn=named)
        assert alone["tried"][-1] == [False, ONLY_ITSELF], named


def test_who_is_disabled_is_refused_at_the_next_question(controller: DomainController) -> None:
    (found,) = ask(controller, ("check", "other", ANA))
    controller.tool("user", "disable", "other")
    try:
        (again,) = ask(controller, ("again", found["id"]))
        assert (again["said"], again["why"]) == ("rejected", "disabled")
    finally:
        controller.tool("user", "enable", "other")


def test_the_page_followed_by_hand(controller: DomainController, tmp_path: Path) -> None:
    """The table of docs/directory.md with this domain's names: tried, printed to, signed in to, released."""
    page = (ROOT / "docs" / "directory.md").read_text("utf-8")
    lines = page.partition("For Active Directory:\n")[2].partition("\n   For OpenLDAP")[0]
    password, printed = tmp_path / "directory-password", tmp_path / "printed"
    password.write_text(READER)
    password.chmod(0o600)
    printed.mkdir()
    table = textwrap.dedent(lines)
    for shown, here in {
        '"ldaps://dc1.example.org", "ldaps://dc2.example.org"': f'"ldaps://{HOST}"',
        "cn=spoold,ou=services,": "cn=spoold,cn=Users,",
        "dc=example,dc=org": BASE,
        "/etc/spoold/tls/directory-ca.pem": str(controller.authority.certificate),
        "credential:directory-password": f"file:{password}",
        '"EXAMPLE", "example.org"': '"ADLAB", "ad.lab.example"',
        "print-operators": "Printing",
    }.items():
        assert shown in table, shown
        table = table.replace(shown, here)
    queue = f'[printers.out]\nuri = "folder:{printed}"\n[queues.secure]\nprinters = ["out"]\n'
    daemon = Daemon(tmp_path / "daemon", queue + table, wrapper=controller.inside)
    daemon.start()
    try:
        spoold = (sys.executable, "-m", "spoold")
        with domain_rules(controller, lockoutThreshold="5"):
            said = controller.run(*spoold, "check", "--online", "--config", str(daemon.config_path))
        for line in re.findall(r"^ +ok   school \S+ (.*)$", page, re.MULTILINE):
            # Which person is found first is the directory's choice, and some are in one group.
            promised = re.escape(line).replace("ana", r"\w+").replace("3", r"\d+").replace("ups", "ups?")
            assert re.search(promised, said), (line, said)
        document = tmp_path / "job.txt"
        document.write_bytes(b"printed with the domain's password")
        controller.run(
            "ipptool", "-q", "-f", str(document), "-d", "filetype=text/plain",
            f"ipps://ana:{ANA}@localhost:{daemon.ports['ipp']}/ipp/print/secure", "print-job.test",
        )  # fmt: skip
        (job,) = daemon.wait_for_job("held")
        curl = ("curl", "-sS", "-f", "--cacert", str(daemon.state / "tls" / "certificate.pem"))
        jobs = f"https://localhost:{daemon.ports['web']}/api/v1/jobs"
        for name in ("ADLAB\\ana", "ana@ad.lab.example", "ana@school"):
            assert job["id"] in controller.run(*curl, "-u", f"{name}:{ANA}", jobs)
        release = ("--json", '{"printer": "out"}', f"{jobs}/{job['id']}/release")
        controller.run(*curl, "-u", f"ADLAB\\ana:{ANA}", *release)
        daemon.wait_for_job("completed")
        (paper,) = printed.iterdir()
        assert paper.read_bytes() == document.read_bytes()
        (ana,) = daemon.command("user-list")
        assert (ana["name"], ana["role"], "Staff" in ana["groups"]) == ("ana", "operator", True)
    finally:
        daemon.stop()
    assert ANA not in daemon.log
    assert READER not in daemon.log
