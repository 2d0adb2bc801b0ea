"""The shipped units are clean, tight, and agree with what the daemon expects of them."""

import os
import re
import shutil
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest

from protocols.limits import HttpLimits
from spoold.app.listeners import DOORS
from spoold.config.model import Listen
from spoold.runtime.clock import BOOT_ID_VARIABLE
from spoold.runtime.limits import DaemonLimits

UNITS = Path(__file__).parents[2] / "systemd"
SYSTEM_UNITS = "/usr/lib/systemd/system"
INSTALLED_COMMAND = "/usr/lib/spoold/venv/bin/spoold"
MAX_EXPOSURE = 1.2
NAMES = ("spoold.service", "spoold-ipp.socket", "spoold-web.socket", "spoold-lpr.socket")
# What the document workers and the daemon need beyond reading, writing and sockets (security reference 5.5).
NEEDED_CALLS = frozenset(
    {
        "landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self", "prctl", "prlimit64",
        "setsid", "pidfd_open", "pidfd_send_signal", "waitid", "wait4", "memfd_create", "execve", "clone3",
        "vfork", "fsync", "fdatasync", "fallocate", "flock", "rename", "renameat2", "getrandom",
        "epoll_create1", "accept4", "statx", "kill",
    }
)  # fmt: skip
FORBIDDEN_CALLS = frozenset(
    {"ptrace", "mount", "bpf", "chown", "setuid", "init_module", "kexec_load", "reboot"}
)


def parse(name: str) -> dict[str, list[str]]:
    """Return a unit's settings, each with its values in order."""
    settings: dict[str, list[str]] = defaultdict(list)
    for line in (UNITS / name).read_text().splitlines():
        if "=" in line and not line.startswith("#"):
            key, _, value = line.partition("=")
            settings[key].append(value)
    return settings


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """Copies of the units whose command exists."""
    command = tmp_path / "spoold"
    command.write_text("#!/bin/sh\n")
    command.chmod(0o755)
    for name in NAMES:
        text = (UNITS / name).read_text()
        (tmp_path / name).write_text(text.replace(INSTALLED_COMMAND, str(command)))
    return tmp_path


def analyze(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "SYSTEMD_UNIT_PATH": f"{directory}:{SYSTEM_UNITS}", "LC_ALL": "C.UTF-8"}
    return subprocess.run(
        ["systemd-analyze", *arguments],
        cwd=directory,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
    )


def exposure(directory: Path) -> float:
    result = analyze(directory, "security", "--offline=true", "--no-pager", str(directory / "spoold.service"))
    found = re.search(r"Overall exposure level for spoold\.service: ([0-9.]+)", result.stdout)
    assert found is not None, result.stdout
    return float(found[1])


def test_verify_is_clean(installed: Path) -> None:
    result = analyze(installed, "verify", "--man=no", *NAMES)
    assert (result.returncode, result.stdout) == (0, "")


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (("UMask=0077", "UMaks=0077"), "UMaks"),
        (("SystemCallFilter=@system", "SystemCallFilter=@nosuch"), "@nosuch"),
    ],
)
def test_verify_would_tell(installed: Path, change: tuple[str, str], complaint: str) -> None:
    """What systemd does not know is only a warning: an empty output is what counts, not the status."""
    unit = installed / "spoold.service"
    unit.write_text(unit.read_text().replace(*change))
    assert complaint in analyze(installed, "verify", "--man=no", *NAMES).stdout


def test_exposure_is_within_the_bar(installed: Path) -> None:
    assert exposure(installed) <= MAX_EXPOSURE


def test_exposure_would_tell(installed: Path) -> None:
    unit = installed / "spoold.service"
    unit.write_text(unit.read_text().replace("CapabilityBoundingSet=\n", "") + "\n")
    assert exposure(installed) > MAX_EXPOSURE


def test_the_filter_lets_the_worker_lock_itself_in_and_nothing_more() -> None:
    shown = subprocess.run(
        ["systemd-analyze", "syscall-filter"], capture_output=True, text=True, check=True, timeout=60
    )
    groups: dict[str, list[str]] = {}
    for line in shown.stdout.splitlines():
        if line.startswith("@"):
            members = groups.setdefault(line.strip(), [])
        elif line.startswith("    ") and not line.strip().startswith("#"):
            members.append(line.strip())

    def calls(names: list[str]) -> set[str]:
        return {call for name in names for call in (calls(groups[name]) if name.startswith("@") else {name})}

    allowed, denied = (
        value.removeprefix("~").split() for value in parse("spoold.service")["SystemCallFilter"]
    )
    effective = calls(allowed) - calls(denied)
    assert set() == NEEDED_CALLS - effective
    assert set() == FORBIDDEN_CALLS & effective


def test_every_door_has_its_socket_under_the_name_the_daemon_looks_for() -> None:
    for door in DOORS:
        unit = parse(f"spoold-{door}.socket")
        assert unit["FileDescriptorName"] == [door]
        assert unit["Service"] == ["spoold.service"]
        assert "Accept" not in unit
    assert sorted(path.name for path in UNITS.glob("*.socket")) == sorted(
        f"spoold-{door}.socket" for door in DOORS
    )


def test_lpr_is_off_unless_somebody_enables_it() -> None:
    service = parse("spoold.service")
    assert service["Sockets"] == service["Also"] == ["spoold-ipp.socket spoold-web.socket"]


def test_the_ports_are_the_configuration_s_defaults() -> None:
    defaults = Listen()
    assert parse("spoold-ipp.socket")["ListenStream"] == [str(address) for address in defaults.ipp]
    assert parse("spoold-web.socket")["ListenStream"] == [str(address) for address in defaults.web]


def test_reload_checks_the_new_file_before_it_is_read() -> None:
    service = parse("spoold.service")
    check, signal = service["ExecReload"]
    # Credentials are named but not readable in a reload; without the name they are not looked for.
    assert check == (
        f"/usr/bin/env -u CREDENTIALS_DIRECTORY {INSTALLED_COMMAND} check --config /etc/spoold/spoold.toml"
    )
    assert signal == "/usr/bin/kill -HUP $MAINPID"
    assert service["ExecStart"] == [f"{INSTALLED_COMMAND} serve --config /etc/spoold/spoold.toml"]


def test_the_key_comes_under_the_name_the_configuration_asks_for() -> None:
    assert parse("spoold.service")["LoadCredential"] == ["store-key:/etc/spoold/store.key"]


def test_times_and_counts_fit_the_daemon_s() -> None:
    service = parse("spoold.service")
    assert int(service["TimeoutStopSec"][0]) > DaemonLimits().drain_timeout_s
    assert int(service["LimitNOFILE"][0]) > HttpLimits().max_connections
    assert service["StartLimitIntervalSec"] == ["0"]
    assert service["Type"] == ["notify"]
    assert float(service["WatchdogSec"][0]) > 0


def test_the_boot_is_known_although_proc_sys_is_hidden() -> None:
    service = parse("spoold.service")
    assert service["ProcSubset"] == ["pid"]
    assert f"{BOOT_ID_VARIABLE}=%b" in service["Environment"][0].split()


def test_what_can_be_written_cannot_be_run() -> None:
    """systemd 252 mounts each of these by itself, out of reach of what is said of "/"."""
    service = parse("spoold.service")
    assert service["ProtectSystem"] == ["strict"]
    state = f"/var/lib/private/{service['StateDirectory'][0]}"
    assert {state, "/tmp", "/var/tmp", "/dev/shm", "/run"} <= set(service["NoExecPaths"][0].split())
    # An exception for running would take its path out of ProtectSystem=strict.
    assert "ExecPaths" not in service
    assert "ReadWritePaths" not in service


def test_tmpfiles_lines_are_understood(tmp_path: Path) -> None:
    rules = tmp_path / "spoold.conf"
    shutil.copy(UNITS / "spoold.tmpfiles.conf", rules)
    root = tmp_path / "root"
    (root / "etc" / "spoold").mkdir(parents=True)
    (root / "etc" / "spoold" / "store.key").write_bytes(b"k" * 32)
    (root / "etc" / "spoold" / "store.key").chmod(0o644)
    result = subprocess.run(
        ["systemd-tmpfiles", "--create", f"--root={root}", str(rules)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert (root / "etc" / "spoold" / "store.key").stat().st_mode & 0o777 == 0o600
