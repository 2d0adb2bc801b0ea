"""A real slapd for tests: its own data, certificates and ports, started and stopped by process id."""

import base64
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.authority import KeyPair
from tests.support.ports import free_port

START_TIMEOUT_S = 120.0
BASE = "dc=lab,dc=example"
PEOPLE, GROUPS, SERVICES = f"ou=people,{BASE}", f"ou=groups,{BASE}", f"ou=services,{BASE}"
READER, READER_PASSWORD = f"cn=spoold,{SERVICES}", "reader-password-4412"
WRITER, WRITER_PASSWORD = f"cn=writer,{SERVICES}", "writer-password-7731"
ROOT, ROOT_PASSWORD = f"cn=admin,{BASE}", "root-password-9921"

_CONFIG = """\
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/nis.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload memberof
moduleload ppolicy
pidfile {folder}/slapd.pid
TLSCACertificateFile {ca}
TLSCertificateFile {certificate}
TLSCertificateKeyFile {key}
security {security}
sizelimit 500
{extra}
database mdb
suffix "{base}"
rootdn "{root}"
rootpw {root_password}
directory {folder}/data
maxsize 16777216
index uid,cn,member,memberUid,entryUUID eq
overlay memberof
overlay ppolicy
{rules}
access to attrs=userPassword by dn.exact="{writer}" write by self =xw by anonymous auth by * none
access to * by dn.exact="{writer}" write by dn.exact="{reader}" read by self read by * none
"""


def password_hash(password: str) -> str:
    """Return a userPassword value that is not the password itself."""
    salt = os.urandom(8)
    digest = hashlib.sha1(password.encode() + salt, usedforsecurity=False).digest()
    return "{SSHA}" + base64.b64encode(digest + salt).decode()


def person(uid: str, password: str, *, dn: str = "", **more: str | Sequence[str]) -> str:
    """Return the LDIF of a person."""
    lines = [
        f"dn: {dn or f'uid={uid},{PEOPLE}'}",
        "objectClass: inetOrgPerson",
        f"uid: {uid}",
        f"cn: {uid.title()} Lab",
        "sn: Lab",
        f"userPassword: {password_hash(password)}",
    ]
    for key, value in more.items():
        values = [value] if isinstance(value, str) else value
        lines += [f"{key}: {one}" for one in values]
    return "\n".join(lines) + "\n"


def group(cn: str, *members: str, rdn: str = "") -> str:
    """Return the LDIF of a group.

    Args:
        rdn: its name as a distinguished name has it, where that is not the name itself.
    """
    dn = base64.b64encode(f"cn={rdn or cn},{GROUPS}".encode()).decode()
    lines = [f"dn:: {dn}", "objectClass: groupOfNames", f"cn:: {base64.b64encode(cn.encode()).decode()}"]
    return "\n".join([*lines, *(f"member: {member}" for member in members)]) + "\n"


def unit(dn: str) -> str:
    """Return the LDIF of an organizational unit."""
    name = dn.partition(",")[0].partition("=")[2]
    return f"dn: {dn}\nobjectClass: organizationalUnit\nou: {name}\n"


def lab_entries() -> list[str]:
    """Return the people and groups that most tests want: alice and bob, mallory closed, two of one name."""
    word = "correct horse"
    elsewhere = f"ou=elsewhere,{BASE}"
    return [
        f"dn: {BASE}\nobjectClass: dcObject\nobjectClass: organization\ndc: lab\no: Lab\n",
        *(unit(dn) for dn in (PEOPLE, GROUPS, SERVICES, elsewhere)),
        *(
            f"dn: {dn}\nobjectClass: organizationalRole\nobjectClass: simpleSecurityObject\n"
            f"cn: {dn.split(',')[0][3:]}\nuserPassword: {password_hash(secret)}\n"
            for dn, secret in ((READER, READER_PASSWORD), (WRITER, WRITER_PASSWORD))
        ),
        person("alice", word),
        person("bob", "bobs password"),
        person("carol", word, employeeType="guest"),
        person("mallory", word, pwdAccountLockedTime="000001010000Z"),
        person("twin", word),
        person("twin", word, dn=f"uid=twin,{elsewhere}"),
        group("pupils", f"uid=alice,{PEOPLE}", f"uid=bob,{PEOPLE}"),
        group("print-admins", f"uid=bob,{PEOPLE}"),
        group("print-operators", f"uid=carol,{PEOPLE}"),
    ]


@dataclass
class Slapd:
    """One slapd.

    Args:
        ca: PEM file of the authority that signed its certificate.
        rules: slapd.access(5), before those that all have.
        security: slapd.conf(5) `security`; the default refuses simple binds in clear.
    """

    folder: Path
    ca: Path
    pair: KeyPair
    entries: Sequence[str] = field(default_factory=lab_entries)
    security: str = "simple_bind=128"
    extra: str = ""
    rules: str = ""
    ports: Mapping[str, int] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Load the entries if need be, start, and wait until both ports answer."""
        config = self.folder / "slapd.conf"
        if not config.exists():
            (self.folder / "data").mkdir(parents=True)
            config.write_text(
                _CONFIG.format(
                    folder=self.folder,
                    ca=self.ca,
                    certificate=self.pair.certificate,
                    key=self.pair.key,
                    security=self.security,
                    extra=self.extra,
                    rules=self.rules,
                    base=BASE,
                    root=ROOT,
                    root_password=ROOT_PASSWORD,
                    writer=WRITER,
                    reader=READER,
                )
            )
            self._load(config)
        if not self.ports:
            self.ports = {"ldap": free_port(), "ldaps": free_port()}
        urls = f"ldap://127.0.0.1:{self.ports['ldap']}/ ldaps://127.0.0.1:{self.ports['ldaps']}/"
        with (self.folder / "slapd.log").open("ab") as log:
            self.process = subprocess.Popen(
                ["slapd", "-d", "stats", "-f", str(config), "-h", urls],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + START_TIMEOUT_S
        for port in self.ports.values():
            while True:
                assert self.process.poll() is None, self.log[-3000:]
                assert time.monotonic() < deadline, self.log[-3000:]
                try:
                    socket.create_connection(("127.0.0.1", port), timeout=1).close()
                except OSError:
                    time.sleep(0.05)
                else:
                    break

    @property
    def log(self) -> str:
        """What it has said."""
        return (self.folder / "slapd.log").read_text(errors="replace")

    @property
    def uri(self) -> str:
        """Where it listens for StartTLS."""
        return f"ldap://localhost:{self.ports['ldap']}"

    @property
    def tls_uri(self) -> str:
        """Where it listens for TLS."""
        return f"ldaps://localhost:{self.ports['ldaps']}"

    def modify(self, ldif: str) -> None:
        """Change entries, as the directory's administrator."""
        done = subprocess.run(
            ["ldapmodify", "-ZZ", "-x", "-H", self.uri, "-D", ROOT, "-w", ROOT_PASSWORD],
            input=ldif,
            capture_output=True,
            text=True,
            timeout=START_TIMEOUT_S,
            env={**os.environ, "LDAPTLS_CACERT": str(self.ca)},
            check=False,
        )
        assert done.returncode == 0, done.stderr

    def stop(self) -> None:
        """Stop it; its data stays."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait(timeout=START_TIMEOUT_S)
            self.process = None

    def _load(self, config: Path) -> None:
        data = self.folder / "data.ldif"
        data.write_text("\n".join(self.entries))
        done = subprocess.run(
            ["slapadd", "-q", "-f", str(config), "-l", str(data)],
            capture_output=True,
            text=True,
            timeout=START_TIMEOUT_S,
            check=False,
        )
        assert done.returncode == 0, done.stderr


@contextmanager
def running(slapd: Slapd) -> Iterator[Slapd]:
    """Start it for a while; its folder goes with it."""
    assert shutil.which("slapd"), "slapd is missing: .ci/debian-packages.txt names it"
    try:
        slapd.start()
        yield slapd
    finally:
        slapd.stop()
