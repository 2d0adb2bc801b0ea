"""What the configuration points to is checked on the machine, and nothing is changed."""

import os
from pathlib import Path
from typing import Any

import pytest

from holdstore.keyring import generate_key_file
from protocols.tls import create_self_signed
from spoold.config import environment
from spoold.config.problems import Finding


@pytest.fixture
def good(tmp_path: Path) -> dict[str, Any]:
    """A document whose files all exist and are safe."""
    generate_key_file(tmp_path / "store.key")
    key, certificate = create_self_signed(["print.example.org"])
    (tmp_path / "tls.key").write_bytes(key)
    (tmp_path / "tls.key").chmod(0o640)
    (tmp_path / "tls.pem").write_bytes(certificate)
    (tmp_path / "state").mkdir(mode=0o700)
    (tmp_path / "out").mkdir()
    return {
        "server": {"state_dir": f"{tmp_path}/state"},
        "store": {"key": f"file:{tmp_path}/store.key"},
        "tls": {"certificate": f"{tmp_path}/tls.pem", "key": f"{tmp_path}/tls.key"},
        "printers": {
            "folder": {"uri": f"folder:{tmp_path}/out"},
            "lobby": {"uri": "ipps://h", "ca": f"{tmp_path}/tls.pem"},
        },
    }


def only(document: dict[str, Any]) -> Finding:
    (finding,) = environment.findings(document)
    return finding


def test_a_machine_that_is_ready_has_no_findings(good: dict[str, Any]) -> None:
    assert list(environment.findings(good)) == []


def test_a_state_directory_that_will_be_made_is_fine(good: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "state").rmdir()
    assert list(environment.findings(good)) == []
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize("mode", [0o750, 0o701, 0o777])
def test_a_state_directory_open_to_others_is_found(good: dict[str, Any], tmp_path: Path, mode: int) -> None:
    (tmp_path / "state").chmod(mode)
    finding = only(good)
    assert finding.path == ("server", "state_dir")
    assert f"mode {mode:04o}" in finding.message


def test_a_state_directory_that_cannot_be_is_found(good: dict[str, Any], tmp_path: Path) -> None:
    assert "to make it in" in only(good | {"server": {"state_dir": f"{tmp_path}/a/b"}}).message
    assert "is not a directory" in only(good | {"server": {"state_dir": f"{tmp_path}/tls.pem"}}).message
    assert "cannot be looked at" in only(good | {"server": {"state_dir": f"{tmp_path}/tls.pem/x"}}).message


@pytest.mark.parametrize("mode", [0o640, 0o604])
def test_a_store_key_open_to_others_is_found(good: dict[str, Any], tmp_path: Path, mode: int) -> None:
    (tmp_path / "store.key").chmod(mode)
    finding = only(good)
    assert finding.path == ("store", "key")
    assert f"mode {mode:04o}" in finding.message


def test_a_store_key_that_is_missing_or_no_key_is_found(good: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "store.key").write_bytes(b"short")
    assert "neither 32 bytes nor 64 hex digits" in only(good).message
    (tmp_path / "store.key").unlink()
    assert "No such file" in only(good).message


def test_a_credential_is_looked_for_where_systemd_puts_it(
    good: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = good | {"store": {"key": "credential:store.key"}}
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    assert list(environment.findings(document)) == []
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert list(environment.findings(document)) == []
    (tmp_path / "store.key").unlink()
    assert "No such file" in only(document).message


def test_a_certificate_that_does_not_fit_is_found(good: dict[str, Any], tmp_path: Path) -> None:
    other_key, _ = create_self_signed(["other.example.org"])
    (tmp_path / "tls.key").write_bytes(other_key)
    finding = only(good)
    assert finding.path == ("tls", "certificate")
    assert "matching" in finding.message


def test_a_certificate_that_is_missing_is_found(good: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "tls.key").unlink()
    good["printers"] = {}
    assert only(good).path == ("tls", "key")
    (tmp_path / "tls.pem").unlink()
    assert [finding.path for finding in environment.findings(good)] == [
        ("tls", "certificate"),
        ("tls", "key"),
    ]


def test_an_encrypted_key_is_refused_without_asking_for_its_password(
    good: dict[str, Any], tmp_path: Path
) -> None:
    from cryptography.hazmat.primitives.serialization import (
        BestAvailableEncryption,
        Encoding,
        PrivateFormat,
        load_pem_private_key,
    )

    key = load_pem_private_key((tmp_path / "tls.key").read_bytes(), None)
    locked = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    (tmp_path / "tls.key").write_bytes(locked)
    assert "unencrypted" in only(good).message


def test_a_tls_key_open_to_everybody_is_found(good: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "tls.key").chmod(0o644)
    assert only(good).path == ("tls", "key")


def test_printers_files_and_folders_are_looked_at(good: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "out").rmdir()
    assert "there is no directory" in only(good).message
    (tmp_path / "out").mkdir()
    good["printers"]["lobby"]["ca"] = f"{tmp_path}/store.key"
    assert "holds no certificates" in only(good).message
    good["printers"]["lobby"]["ca"] = f"{tmp_path}/missing.pem"
    assert "cannot be read" in only(good).message


def test_a_folder_without_write_permission_is_found() -> None:
    document = {"printers": {"f": {"uri": "folder:/usr"}}, "server": {"state_dir": "/usr/new"}}
    before = os.geteuid()
    try:
        if before == 0:
            # Root may write everywhere, so the look is taken as nobody.
            os.seteuid(65534)
        finding = only(document)
    finally:
        os.seteuid(before)
    assert finding.path == ("printers", "f", "uri")
    assert "cannot be written to" in finding.message


@pytest.mark.parametrize(
    "document",
    [
        {"server": 1, "store": [], "tls": "x", "printers": {"a": 1, "b": {"uri": 3, "ca": []}}},
        {
            "server": {"state_dir": "relative"},
            "store": {"key": 7},
            "tls": {"certificate": "auto", "key": "x"},
        },
        {"server": {"state_dir": "/"}, "store": {"key": "credential:../../etc/passwd"}},
    ],
)
def test_parts_of_the_wrong_type_are_passed_over(document: dict[str, Any]) -> None:
    assert all(finding.path == ("server", "state_dir") for finding in environment.findings(document))
