"""A real Active Directory: a Samba domain controller on a network of its own, where its ports are free.

Its LDAP and Kerberos ports are fixed, so it has a loopback, an /etc/hosts and a /run of its own; whoever
asks it runs there too (`DomainController.run`). Needs root.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.support.authority import Authority

ROOT = Path(__file__).resolve().parent.parent.parent
START_TIMEOUT_S = 240.0
STEP_TIMEOUT_S = 120.0
HOST = "dc1.ad.lab.example"
REALM, DOMAIN = "AD.LAB.EXAMPLE", "ADLAB"
BASE = "dc=ad,dc=lab,dc=example"

ADMINISTRATOR_PASSWORD = "Passw0rd.1"

_SET_UP = """
set -e
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /var/log/samba
mkdir -p /run/samba
printf '127.0.0.1 {host} dc1 localhost\\n' > /run/hosts
mount --bind /run/hosts /etc/hosts
ip link set lo up
touch {ready}
exec sleep infinity
"""


# Over LDAP nobody may say when a password was set; the controller's own library may, in its own files.
_OUTDATE = """
import sys, ldb
from samba.auth import system_session
from samba.dsdb import DSDB_CONTROL_BYPASS_PASSWORD_HASH_OID
from samba.param import LoadParm
from samba.samdb import SamDB
settings = LoadParm()
settings.load(sys.argv[1])
database = SamDB(settings.private_path("sam.ldb"), session_info=system_session(), lp=settings)
change = ldb.Message(ldb.Dn(database, sys.argv[2]))
change["pwdLastSet"] = ldb.MessageElement("130000000000000000", ldb.FLAG_MOD_REPLACE, "pwdLastSet")
database.modify(change, controls=[f"local_oid:{DSDB_CONTROL_BYPASS_PASSWORD_HASH_OID}:0"])
"""


@dataclass
class DomainController:
    """One controller of one domain.

    Args:
        folder: everything of it lies below.
    """

    folder: Path
    authority: Authority
    _host: subprocess.Popen[bytes] | None = None
    _samba: subprocess.Popen[bytes] | None = None
    _asker: subprocess.Popen[str] | None = None

    @property
    def inside(self) -> tuple[str, ...]:
        """What makes a command run where the controller listens."""
        assert self._host is not None
        return ("nsenter", f"--target={self._host.pid}", "--net", "--mount", "--wd=.")

    def start(self) -> None:
        """Make the domain, with people in it, and wait until it answers."""
        ready = self.folder / "ready"
        script = _SET_UP.format(host=HOST, ready=ready)
        self._host = subprocess.Popen(
            ["unshare", "--net", "--mount", "--propagation=private", "sh", "-c", script],
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._wait(ready.exists)
        self.tool(
            "domain", "provision", f"--realm={REALM}", f"--domain={DOMAIN}", "--server-role=dc",
            "--dns-backend=SAMBA_INTERNAL", f"--adminpass={ADMINISTRATOR_PASSWORD}",
            f"--targetdir={self.folder / 'dc'}",
            "--host-name=dc1", "--host-ip=127.0.0.1", "--option=interfaces=lo",
            "--option=bind interfaces only=yes", configured=False,
        )  # fmt: skip
        pair = self.authority.issue(HOST)
        pair.key.chmod(0o600)
        with (self.folder / "samba.log").open("ab") as log:
            self._samba = subprocess.Popen(
                [
                    *self.inside, "samba", "-F", "--no-process-group", "--debug-stdout", "-M", "single",
                    "-s", str(self._config), "--option=server services=ldap cldap kdc dns rpc",
                    f"--option=tls certfile={pair.certificate}", f"--option=tls keyfile={pair.key}",
                    f"--option=tls cafile={self.authority.certificate}",
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )  # fmt: skip
        probe = f"import socket; socket.create_connection(('{HOST}', 636), 2).close()"
        self._wait(lambda: self._try([sys.executable, "-c", probe]))

    def tool(self, *arguments: str, configured: bool = True) -> str:
        """Run samba-tool; returns what it says."""
        config = ("-s", str(self._config)) if configured else ()
        done = subprocess.run(
            [*self.inside, "samba-tool", *arguments, *config],
            capture_output=True,
            text=True,
            timeout=START_TIMEOUT_S,
            check=False,
        )
        assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
        return done.stdout

    def run(self, *command: str, stdin: str = "") -> str:
        """Run a command where the controller listens; returns its output."""
        done = subprocess.run(
            [*self.inside, *command],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=STEP_TIMEOUT_S,
            cwd=ROOT,
            check=False,
        )
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout

    def ldap(self, tool: str, *arguments: str, stdin: str = "") -> str:
        """Run ldapsearch or ldapmodify as the domain's administrator; returns its output."""
        return self.run(
            "env", f"LDAPTLS_CACERT={self.authority.certificate}", tool, "-x", "-H", f"ldaps://{HOST}",
            "-D", f"Administrator@{REALM.lower()}", "-w", ADMINISTRATOR_PASSWORD, *arguments, stdin=stdin,
        )  # fmt: skip

    def outdate(self, dn: str) -> None:
        """Have somebody's password be from 2012: older than the domain lets any be."""
        self.run("/usr/bin/python3", "-c", _OUTDATE, str(self._config), dn)

    def ask(self, line: str) -> str:
        """Have `tests.integration.directory_asking` answer a line, where the controller listens."""
        if self._asker is None:
            with (self.folder / "asking.log").open("ab") as log:
                self._asker = subprocess.Popen(
                    [*self.inside, sys.executable, "-m", "tests.integration.directory_asking"],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    text=True,
                    cwd=ROOT,
                    start_new_session=True,
                )
        assert self._asker.stdin is not None
        assert self._asker.stdout is not None
        self._asker.stdin.write(line + "\n")
        self._asker.stdin.flush()
        answer = self._asker.stdout.readline()
        assert answer, (self.folder / "asking.log").read_text()[-3000:]
        return answer

    def stop(self) -> None:
        """Stop it; its domain goes with its folder."""
        if self._asker is not None and self._asker.stdin is not None and self._asker.stdout is not None:
            self._asker.stdin.close()
            self._asker.wait(timeout=STEP_TIMEOUT_S)
            self._asker.stdout.close()
        for process in (self._samba, self._host):
            if process is not None:
                # Each leads a group of its own, which ends with it.
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(timeout=STEP_TIMEOUT_S)
        shutil.rmtree(self.folder / "dc", ignore_errors=True)

    @property
    def _config(self) -> Path:
        return self.folder / "dc" / "etc" / "smb.conf"

    def _try(self, command: list[str]) -> bool:
        assert self._samba is not None
        assert self._samba.poll() is None, (self.folder / "samba.log").read_text()[-3000:]
        done = subprocess.run([*self.inside, *command], capture_output=True, timeout=30, check=False)
        return done.returncode == 0

    def _wait(self, done: Callable[[], bool]) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while not done():
            assert time.monotonic() < deadline, "the domain controller does not answer"
            time.sleep(0.2)
