"""A real MIT KDC on a loopback port, without privileges: two realms that trust each other, a service."""

import os
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.ports import free_port

REALM = "LAB.TEST"
# Its people get tickets for our service too, over the trust: a realm that nobody listed.
FOREIGN = "FOREIGN.TEST"
PASSWORD = "correct horse of kerberos"
SERVICE = f"HTTP/localhost@{REALM}"
OTHER_SERVICE = f"HTTP/elsewhere.lab.test@{REALM}"
PEOPLE = ("alice", "bob", "nobody-here", "alice/admin", "host$")
START_TIMEOUT_S = 120.0
TOOL_TIMEOUT_S = 60.0

_KRB5_CONF = """
[libdefaults]
default_realm = {realm}
dns_lookup_kdc = false
dns_lookup_realm = false
rdns = false
dns_canonicalize_hostname = false
udp_preference_limit = 1
[realms]
{realm} = {{
  kdc = 127.0.0.1:{port}
}}
{foreign} = {{
  kdc = 127.0.0.1:{port}
}}
[domain_realm]
localhost = {realm}
elsewhere.lab.test = {realm}
[capaths]
{foreign} = {{
  {realm} = .
}}
"""
_KDC_CONF = """
[kdcdefaults]
kdc_listen = ""
kdc_tcp_listen = 127.0.0.1:{port}
[realms]
{realm} = {{
  database_name = {folder}/{realm}.db
  key_stash_file = {folder}/{realm}.stash
  supported_enctypes = aes256-cts-hmac-sha1-96:normal
}}
{foreign} = {{
  database_name = {folder}/{foreign}.db
  key_stash_file = {folder}/{foreign}.stash
  supported_enctypes = aes256-cts-hmac-sha1-96:normal
}}
[logging]
kdc = FILE:{folder}/kdc.log
"""


class KdcError(Exception):
    """A tool of Kerberos failed; the message ends with what it said."""


@dataclass
class Kdc:
    """A running KDC.

    Args:
        keytab: the service's keys.
        other_keytab: those of a service elsewhere.
    """

    folder: Path
    port: int
    keytab: Path = field(init=False)
    other_keytab: Path = field(init=False)

    def __post_init__(self) -> None:
        self.keytab, self.other_keytab = self.folder / "http.keytab", self.folder / "other.keytab"

    @property
    def environment(self) -> dict[str, str]:
        """What tells Kerberos programs where to look."""
        return {
            "KRB5_CONFIG": str(self.folder / "krb5.conf"),
            "KRB5_KDC_PROFILE": str(self.folder / "kdc.conf"),
            "PATH": f"{os.environ['PATH']}:/usr/sbin",
        }

    def signed_in(self, principal: str) -> dict[str, str]:
        """Get somebody's first ticket, as signing in at a desk does; returns the environment that has it."""
        caches = len(list(self.folder.glob("cache-*")))
        environment = {**self.environment, "KRB5CCNAME": f"FILE:{self.folder}/cache-{caches}"}
        self.tool(["kinit", principal], f"{PASSWORD}\n", environment)
        return environment

    def without_ticket(self) -> dict[str, str]:
        """The environment of somebody who has none."""
        return {**self.environment, "KRB5CCNAME": f"FILE:{self.folder}/none"}

    def tool(self, command: list[str], typed: str = "", environment: Mapping[str, str] | None = None) -> str:
        """Run a tool of Kerberos; returns what it printed."""
        done = subprocess.run(
            command,
            input=typed,
            env={**os.environ, **(environment or self.environment)},
            capture_output=True,
            text=True,
            timeout=TOOL_TIMEOUT_S,
            check=False,
        )
        if done.returncode != 0:
            raise KdcError(f"{' '.join(command)}: {done.stdout[-1000:]}{done.stderr[-1000:]}")
        return done.stdout

    def populate(self) -> None:
        """Make both realms, their people, the trust, and the services' keys."""
        trust = f"krbtgt/{REALM}@{FOREIGN}"
        for realm in (REALM, FOREIGN):
            self.tool(["kdb5_util", "-r", realm, "create", "-s", "-P", "master"])
        orders = [f'addprinc -pw "{PASSWORD}" {person}@{REALM}' for person in PEOPLE]
        orders += [f"addprinc -randkey {service}" for service in (SERVICE, OTHER_SERVICE)]
        orders += [f"ktadd -k {self.keytab} {SERVICE}", f"ktadd -k {self.other_keytab} {OTHER_SERVICE}"]
        orders += [f"addprinc -pw trust {trust}"]
        self.tool(["kadmin.local", "-r", REALM], "\n".join([*orders, "quit", ""]))
        orders = [f'addprinc -pw "{PASSWORD}" alice@{FOREIGN}', f"addprinc -pw trust {trust}"]
        self.tool(["kadmin.local", "-r", FOREIGN], "\n".join([*orders, "quit", ""]))
        for path in (self.keytab, self.other_keytab):
            path.chmod(0o600)


@contextmanager
def running_kdc(folder: Path) -> Iterator[Kdc]:
    """Start a KDC in a folder of its own; stopped at the end."""
    folder.mkdir(parents=True, exist_ok=True)
    kdc = Kdc(folder, free_port())
    words = {"realm": REALM, "foreign": FOREIGN, "port": kdc.port, "folder": folder}
    (folder / "krb5.conf").write_text(_KRB5_CONF.format(**words))
    (folder / "kdc.conf").write_text(_KDC_CONF.format(**words))
    kdc.populate()
    with (folder / "kdc.out").open("wb") as output:
        process = subprocess.Popen(
            ["/usr/sbin/krb5kdc", "-n", "-r", REALM, "-r", FOREIGN],
            env={**os.environ, **kdc.environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        _wait_for(kdc.port, process)
        yield kdc
    finally:
        process.terminate()
        process.wait(TOOL_TIMEOUT_S)


def _wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise KdcError(f"krb5kdc ended with {process.returncode}")
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise KdcError("krb5kdc does not answer")
