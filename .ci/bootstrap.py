"""Sets up what a checkout needs, from nothing but python3: a venv from hash-pinned locks, and Debian's parts.

usage: python3 .ci/bootstrap.py run|dev [--system]

`run` installs what the daemon needs, `dev` what checks and tests need as well; `--system` also
installs the Debian packages of .ci/debian-packages.txt that are missing (real clients, printers,
servers for the tests). Does nothing when everything is in place.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
# Node as others than Debian pack it brings npm along, and does not stand Debian's beside it.
ONLY_COMMANDS = frozenset({"nodejs", "npm"})
# Where Debian's python3-gssapi lies, and what of it Kerberos needs.
DEBIAN_PACKAGES = Path("/usr/lib/python3/dist-packages")
GSSAPI = ("gssapi", "decorator.py")
LAUNCHER = "#!/bin/sh\nexec '{python}' -m spoold \"$@\"\n"


def main(arguments: list[str]) -> int:
    """Run the set-up; returns the exit code."""
    if not arguments or arguments[0] not in ("run", "dev"):
        print(__doc__, file=sys.stderr)
        return 2
    if sys.version_info < (3, 11):  # noqa: UP036 - this file is what finds out
        print("spoold needs Python 3.11 or newer", file=sys.stderr)
        return 2
    if "--system" in arguments:
        install_system_packages(wanted_packages())
    install_python_packages(arguments[0])
    if "--system" in arguments:
        provide_gssapi()
    return 0


def wanted_packages() -> list[str]:
    """Return the Debian packages the tests use."""
    lines = (ROOT / ".ci" / "debian-packages.txt").read_text().splitlines()
    return [line.split("#")[0].strip() for line in lines if line.split("#")[0].strip()]


def install_system_packages(names: list[str]) -> None:
    """Install those of the packages that are missing."""
    missing = [name for name in names if not is_installed(name)]
    if not missing:
        return
    apt = shutil.which("apt-get")
    if apt is None or os.geteuid() != 0:
        print(f"these Debian packages are missing: {' '.join(missing)}", file=sys.stderr)
        print("install them, or run this as root", file=sys.stderr)
        raise SystemExit(1)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    say(f"installing {len(missing)} Debian packages")
    # Services must not start by themselves: the tests start what they need on loopback and stop it.
    policy = Path("/usr/sbin/policy-rc.d")
    ours = not policy.exists()
    if ours:
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
    try:
        quiet([apt, "update"], environment)
        quiet([apt, "install", "-y", "--no-install-recommends", *missing], environment)
    finally:
        if ours:
            policy.unlink()


def is_installed(name: str) -> bool:
    """Tell whether dpkg has the package in place, or its command came with another package."""
    if name in ONLY_COMMANDS and shutil.which(name) is not None:
        return True
    query = ["dpkg-query", "-W", "-f", "${db:Status-Status}", name]
    answer = subprocess.run(query, capture_output=True, text=True, check=False)
    return answer.stdout == "installed"


def install_python_packages(group: str) -> None:
    """Make the venv and install the lock file, unless that was done for these very files."""
    lock = ROOT / "requirements" / f"{group}.txt"
    stamp = VENV / f"installed-{group}"
    wanted = hashlib.sha256(lock.read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted and (VENV / "bin" / "python").exists():
        return
    make_venv()
    say(f"installing Python packages ({group})")
    pip = [str(VENV / "bin" / "python"), "-m", "pip", "install", "--disable-pip-version-check"]
    # Python compiles what is imported when it is imported; compiling everything first takes a third longer.
    options = ["--require-hashes", "--only-binary", ":all:", "--no-compile"]
    quiet([*pip, *options, "-r", str(lock)], {**os.environ})
    point_at_checkout()
    stamp.write_text(wanted)


def make_venv() -> None:
    """Create the venv; Debian ships venv apart from python3, so it may have to be fetched."""
    if (VENV / "bin" / "python").exists():
        return
    try:
        import ensurepip  # noqa: F401, PLC0415 - Debian ships it apart
    except ImportError:
        install_system_packages(["python3-venv"])
    say("making .venv")
    quiet([sys.executable, "-m", "venv", str(VENV)], {**os.environ})


def point_at_checkout() -> None:
    """Make the checkout importable in the venv and put the `spoold` command into it."""
    for site in (VENV / "lib").glob("python3.*/site-packages"):
        (site / "spoold-checkout.pth").write_text(f"{ROOT}\n")
    launcher = VENV / "bin" / "spoold"
    launcher.write_text(LAUNCHER.format(python=VENV / "bin" / "python"))
    launcher.chmod(0o755)


def provide_gssapi() -> None:
    """Put Kerberos for Python into the venv: Debian's where it is made for this Python, else built here.

    gssapi has no wheels; it is compiled against the system's Kerberos.
    """
    python = VENV / "bin" / "python"
    found = [str(python), "-c", "import gssapi"]
    if subprocess.run(found, capture_output=True, check=False).returncode == 0:
        return
    suffix = subprocess.run(
        [str(python), "-c", "import sysconfig; print(sysconfig.get_config_var('EXT_SUFFIX'))"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    if any((DEBIAN_PACKAGES / "gssapi").rglob(f"*{suffix}")):
        (site,) = (VENV / "lib").glob("python3.*/site-packages")
        for name in GSSAPI:
            if not (site / name).exists():
                (site / name).symlink_to(DEBIAN_PACKAGES / name)
        return
    install_system_packages(["gcc", "libc6-dev", "libkrb5-dev"])
    say("building gssapi")
    lock = str(ROOT / "requirements" / "kerberos.txt")
    quiet([str(python), "-m", "pip", "install", "--require-hashes", "-r", lock], {**os.environ})


def quiet(command: list[str], environment: dict[str, str]) -> None:
    """Run a command; its output is shown only when it fails."""
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        print(done.stdout[-4000:], done.stderr[-4000:], sep="\n", file=sys.stderr)
        print(f"failed: {' '.join(command[:6])} ...", file=sys.stderr)
        raise SystemExit(1)


def say(words: str) -> None:
    """Tell the person what is taking so long."""
    print(f"bootstrap: {words}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
