"""Certificates, fingerprints, pins, and what each context accepts and refuses."""

import ipaddress
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from protocols import tls
from protocols.errors import LocalProtocolError, RemoteProtocolError
from tests.support.tls_pair import make_tls_pair

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def shake_hands(client: ssl.SSLContext, server: ssl.SSLContext, name: str = "localhost") -> ssl.SSLObject:
    """Do a handshake in memory; return the client's side."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = server.wrap_bio(to_server, to_client, server_side=True)
    theirs = client.wrap_bio(to_client, to_server, server_hostname=name)
    waiting = [theirs, ours]
    for _ in range(10):
        for side in tuple(waiting):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
            waiting.remove(side)
    assert not waiting
    return theirs


def test_a_self_signed_certificate_says_what_it_should() -> None:
    key_pem, certificate_pem = tls.create_self_signed(["Print.example.org", "10.1.2.3", "localhost"], now=NOW)
    certificate = x509.load_pem_x509_certificate(certificate_pem)
    key = certificate.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert isinstance(key.curve, ec.SECP256R1)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["print.example.org", "localhost"]
    assert names.get_values_for_type(x509.IPAddress) == [
        ipaddress.ip_address(text) for text in ("10.1.2.3", "127.0.0.1", "::1")
    ]
    assert certificate.not_valid_before_utc == NOW - timedelta(hours=1)
    assert certificate.not_valid_after_utc - certificate.not_valid_before_utc == timedelta(days=397)
    assert certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == "Print.example.org"
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.SERVER_AUTH]
    assert not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    loaded = serialization.load_pem_private_key(key_pem, None)
    assert isinstance(loaded, ec.EllipticCurvePrivateKey)
    assert loaded.public_key() == key


def test_two_certificates_never_share_a_key() -> None:
    assert tls.spki_pin(tls.create_self_signed(["a"])[1]) != tls.spki_pin(tls.create_self_signed(["a"])[1])


@pytest.mark.parametrize("names", [[], [""], ["a b"], ["Büro"], ["a/b"], ["x" * 254]])
def test_a_name_that_is_none_is_refused(names: list[str]) -> None:
    with pytest.raises(LocalProtocolError):
        tls.create_self_signed(names)


def test_facts_are_the_same_for_pem_and_der() -> None:
    pem = tls.create_self_signed(["a.example"], now=NOW)[1]
    certificate = x509.load_pem_x509_certificate(pem)
    facts = tls.certificate_facts(pem)
    assert facts == tls.certificate_facts(pem.decode())
    assert facts == tls.certificate_facts(certificate.public_bytes(serialization.Encoding.DER))
    assert facts == tls.certificate_facts(b"a comment first\n" + pem)
    assert facts.names == ("a.example", "localhost", "127.0.0.1", "::1")
    assert facts.not_after == NOW + timedelta(days=397, hours=-1)
    assert facts.fingerprint.replace(":", "").lower() == certificate.fingerprint(hashes.SHA256()).hex()
    assert tls.fingerprint_sha256(pem) == facts.fingerprint
    assert tls.spki_pin(pem) == facts.pin


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"\x30\x03\x02\x01\x01",
        "no certificate",
        b"-----BEGIN CERTIFICATE-----\n",
        b"-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n",
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    ],
)
def test_a_broken_certificate_is_the_peers_fault(broken: bytes | str) -> None:
    with pytest.raises(RemoteProtocolError):
        tls.certificate_facts(broken)
    with pytest.raises(RemoteProtocolError):
        tls.pinned_context(broken)


def test_every_truncation_and_bit_flip_of_a_certificate_is_read_or_refused() -> None:
    der = ssl.PEM_cert_to_DER_cert(tls.create_self_signed(["a"])[1].decode())
    pin, readable = tls.spki_pin(der), 0
    for at in range(len(der)):
        with pytest.raises(RemoteProtocolError):
            tls.certificate_facts(der[:at])
        flipped = der[:at] + bytes([der[at] ^ 0x40]) + der[at + 1 :]
        try:
            tls.certificate_facts(flipped)
        except RemoteProtocolError:
            continue
        readable += 1
    assert readable > 0
    assert tls.spki_pin(der) == pin


def test_the_server_speaks_modern_tls_only(tmp_path: Path) -> None:
    pair = make_tls_pair(tmp_path)
    for version, name in ((ssl.TLSVersion.TLSv1_2, "TLSv1.2"), (ssl.TLSVersion.TLSv1_3, "TLSv1.3")):
        client = tls.verified_context(pair.certificate)
        client.minimum_version = client.maximum_version = version
        connected = shake_hands(client, pair.server)
        cipher = connected.cipher()
        assert connected.version() == name
        assert cipher is not None
        assert "GCM" in cipher[0] or "CHACHA20" in cipher[0]
        assert connected.compression() is None
    assert pair.server.num_tickets == 0
    for option in (ssl.OP_NO_TICKET, ssl.OP_NO_COMPRESSION, ssl.OP_NO_RENEGOTIATION):
        assert pair.server.options & option


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_old_tls_is_refused(tmp_path: Path, version: ssl.TLSVersion) -> None:
    pair = make_tls_pair(tmp_path)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.load_verify_locations(pair.certificate)
    client.set_ciphers("ALL:@SECLEVEL=0")
    client.minimum_version = client.maximum_version = version
    with pytest.raises(ssl.SSLError):
        shake_hands(client, pair.server)


@pytest.mark.parametrize("ciphers", ["AES128-SHA", "ECDHE-ECDSA-AES128-SHA256", "ECDHE-ECDSA-AES256-SHA"])
def test_ciphers_without_authentication_or_forward_secrecy_are_refused(tmp_path: Path, ciphers: str) -> None:
    pair = make_tls_pair(tmp_path)
    client = tls.verified_context(pair.certificate)
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    client.set_ciphers(ciphers)
    with pytest.raises(ssl.SSLError):
        shake_hands(client, pair.server)


def test_a_verified_connection_checks_name_and_issuer(tmp_path: Path) -> None:
    pair = make_tls_pair(tmp_path)
    shake_hands(tls.verified_context(pair.certificate), pair.server)
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(tls.verified_context(pair.certificate), pair.server, "evil.example")
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(tls.verified_context(), pair.server)


def test_a_pinned_connection_reaches_exactly_the_pinned_key(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    pair, impostor = make_tls_pair(tmp_path), make_tls_pair(tmp_path / "other")
    leaf = ssl.PEM_cert_to_DER_cert(pair.certificate.read_text())
    pin = tls.spki_pin(leaf)
    for context in (
        tls.pinned_context(leaf, pin),
        tls.pinned_context(pair.certificate.read_bytes(), pin),
    ):
        # The name does not matter: printers are reached by address.
        shake_hands(context, pair.server, "printer.example")
        with pytest.raises(ssl.SSLCertVerificationError):
            shake_hands(context, impostor.server)


def test_a_leaf_with_another_key_than_the_pin_is_refused_before_any_connection(tmp_path: Path) -> None:
    pair = make_tls_pair(tmp_path)
    with pytest.raises(tls.PinMismatchError):
        tls.pinned_context(pair.certificate.read_bytes(), "sha256:" + "00" * 32)


@pytest.mark.parametrize("pin", ["", "sha256:", "sha256:zz", "md5:" + "00" * 32, "00" * 32])
def test_a_malformed_pin_is_our_mistake(tmp_path: Path, pin: str) -> None:
    pair = make_tls_pair(tmp_path)
    with pytest.raises(LocalProtocolError):
        tls.check_pin(pair.certificate.read_bytes(), pin)


def issue(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: str,
    signer: ec.EllipticCurvePrivateKey,
    *,
    end: datetime,
) -> x509.Certificate:
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(end)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(signer, hashes.SHA256())
    )


@pytest.mark.parametrize("end", [datetime(2021, 1, 1, tzinfo=UTC), datetime(2099, 1, 1, tzinfo=UTC)])
def test_a_pin_holds_for_a_leaf_of_an_unknown_authority_and_for_an_expired_one(
    tmp_path: Path, end: datetime
) -> None:
    key, signer = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    leaf = issue("printer", key, "factory", signer, end=end)
    pem = serialization.Encoding.PEM
    (tmp_path / "key").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    (tmp_path / "leaf").write_bytes(leaf.public_bytes(pem))
    server = tls.server_context(tmp_path / "leaf", tmp_path / "key")
    shake_hands(tls.pinned_context(leaf.public_bytes(pem), tls.spki_pin(leaf.public_bytes(pem))), server)
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(tls.verified_context(), server, "printer")


def test_an_expired_certificate_is_refused_where_names_are_verified(tmp_path: Path) -> None:
    key_pem, certificate_pem = tls.create_self_signed(["localhost"], now=datetime(2020, 1, 1, tzinfo=UTC))
    (tmp_path / "key").write_bytes(key_pem)
    (tmp_path / "certificate").write_bytes(certificate_pem)
    server = tls.server_context(tmp_path / "certificate", tmp_path / "key")
    with pytest.raises(ssl.SSLCertVerificationError, match="expired"):
        shake_hands(tls.verified_context(tmp_path / "certificate"), server)


def test_files_that_do_not_match_are_found_when_the_context_is_made(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    pair, other = make_tls_pair(tmp_path), make_tls_pair(tmp_path / "other")
    with pytest.raises(ssl.SSLError):
        tls.server_context(pair.certificate, other.key)
    with pytest.raises(OSError, match="No such file"):
        tls.server_context(tmp_path / "none", pair.key)
