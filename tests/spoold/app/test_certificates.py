"""The server's certificate: made once, kept while it is good, replaced when it has ended."""

import ssl
import stat
from datetime import timedelta
from pathlib import Path

import pytest

from spoold.app.certificates import prepare_tls, renew_if_ended
from spoold.config.model import Config
from spoold.model.errors import ConfigurationError
from tests.support.clock import FakeClock


def _config(tmp_path: Path, **tls: object) -> Config:
    return Config.model_validate(
        {
            "server": {"name": "print.example.org", "state_dir": str(tmp_path / "state")},
            "store": {"key": "credential:store-key"},
            "tls": tls,
            "printers": {"p": {"uri": "ipp://192.0.2.1/ipp/print"}},
            "queues": {"q": {"printers": ["p"]}},
        }
    )


def test_it_is_made_on_first_start_and_kept(tmp_path: Path) -> None:
    """The key is the daemon's alone, and the fingerprint stays the same from start to start."""
    clock = FakeClock()
    first = prepare_tls(_config(tmp_path), tmp_path / "tls", clock)
    assert stat.S_IMODE(first.key.stat().st_mode) == 0o600
    clock.advance(timedelta(days=390).total_seconds())
    again = prepare_tls(_config(tmp_path), tmp_path / "tls", clock)
    assert again.fingerprint == first.fingerprint


def test_it_is_replaced_once_it_has_ended(tmp_path: Path) -> None:
    """Not before: CUPS takes another certificate only when the one it knows has ended."""
    clock = FakeClock()
    config = _config(tmp_path)
    tls = prepare_tls(config, tmp_path / "tls", clock)
    before = (tls.fingerprint, tls.context)
    assert renew_if_ended(tls, config, clock) is False
    clock.advance(timedelta(days=398).total_seconds())
    assert renew_if_ended(tls, config, clock) is True
    assert tls.fingerprint != before[0]
    assert tls.context is not before[1]


def test_a_pair_without_its_key_is_made_anew(tmp_path: Path) -> None:
    """Half a pair is no pair."""
    first = prepare_tls(_config(tmp_path), tmp_path / "tls", FakeClock())
    fingerprint = first.fingerprint
    first.key.unlink()
    assert prepare_tls(_config(tmp_path), tmp_path / "tls", FakeClock()).fingerprint != fingerprint


def test_a_site_s_own_certificate_is_used_and_never_replaced(tmp_path: Path) -> None:
    """Whoever brings a certificate also renews it."""
    clock = FakeClock()
    made = prepare_tls(_config(tmp_path), tmp_path / "tls", clock)
    config = _config(tmp_path, certificate=str(made.certificate), key=str(made.key))
    tls = prepare_tls(config, tmp_path / "elsewhere", clock)
    clock.advance(timedelta(days=500).total_seconds())
    assert renew_if_ended(tls, config, clock) is False
    assert not (tmp_path / "elsewhere").exists()


def test_a_broken_certificate_stops_the_start_and_spares_the_running(tmp_path: Path) -> None:
    """At start it is a refusal in words; at a reload the old context stays in use."""
    made = prepare_tls(_config(tmp_path), tmp_path / "tls", FakeClock())
    context = made.context
    made.certificate.write_text("not a certificate")
    with pytest.raises(ConfigurationError, match="cannot be used"):
        made.reload()
    assert made.context is context
    assert isinstance(context, ssl.SSLContext)
    config = _config(tmp_path, certificate=str(made.certificate), key=str(made.key))
    with pytest.raises(ConfigurationError, match="cannot be used"):
        prepare_tls(config, tmp_path / "tls", FakeClock())
