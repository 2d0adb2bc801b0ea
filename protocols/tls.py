"""Certificates and TLS contexts: our own self-signed one, the server's rules, and pinning of printers.

A pin is "sha256:HEX", the SHA-256 of the certificate's SubjectPublicKeyInfo (RFC 7469 2.4): a printer may
renew its certificate and keeps its pin as long as it keeps its key.

`cryptography` is imported where it is used: a process that only connects out does not pay for it.
"""

import hashlib
import ipaddress
import re
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from protocols.errors import LocalProtocolError, RemoteProtocolError

# What browsers accept at most; also long enough that a forgotten spooler survives a year.
SELF_SIGNED_LIFETIME = timedelta(days=397)
# Clients whose clock is behind must accept a certificate made a moment ago.
_BACKDATED = timedelta(hours=1)
# TLS 1.2 with forward secrecy and authenticated encryption only; TLS 1.3 has nothing else.
_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
_PIN = re.compile(r"sha256:([0-9a-fA-F]{64})")
_PEM_BEGIN = "-----BEGIN CERTIFICATE-----"
_PEM_END = "-----END CERTIFICATE-----"
_DNS_NAME = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9_](?:[A-Za-z0-9_.\-]*[A-Za-z0-9_])?")
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
# X509_V_FLAG_NO_CHECK_TIME (openssl/x509_vfy.h); the ssl module has no name for it.
_NO_CHECK_TIME = 0x200000
# RFC 5280 upper bound of commonName; longer names stand in the SANs alone.
_MAX_COMMON_NAME = 64

if TYPE_CHECKING:
    from cryptography import x509


class PinMismatchError(RemoteProtocolError):
    """The peer's key is not the pinned one: it is another device, or someone in between."""


@dataclass(frozen=True, slots=True)
class CertificateFacts:
    """What people need to know about a certificate.

    `fingerprint` is the SHA-256 of the whole certificate as "AB:CD:...", which is what clients show;
    `pin` is the key's, which is what spoold compares.
    """

    names: tuple[str, ...]
    not_before: datetime
    not_after: datetime
    fingerprint: str
    pin: str


def create_self_signed(names: Sequence[str], *, now: datetime | None = None) -> tuple[bytes, bytes]:
    """Make an ECDSA P-256 key and a certificate for it that says `names`.

    Args:
        names: host names and IP addresses, the first being the common name; localhost and the loopback
            addresses are always added.
        now: start of the 397 days; the current time by default.

    Returns:
        The key and the certificate as PEM. The key is not encrypted: write it with mode 0600.

    Raises:
        LocalProtocolError: there is no name, or one cannot stand in a certificate.
    """
    from cryptography import x509  # noqa: PLC0415
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID  # noqa: PLC0415

    if not names:
        raise LocalProtocolError("a certificate needs a name")
    san = _general_names(names)
    begin = now if now is not None else datetime.now(UTC)
    key = ec.generate_private_key(ec.SECP256R1())
    common_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:_MAX_COMMON_NAME])])
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(common_name)
        .issuer_name(common_name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin - _BACKDATED)
        .not_valid_after(begin - _BACKDATED + SELF_SIGNED_LIFETIME)
        .add_extension(san, critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    key_pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return key_pem, certificate.public_bytes(serialization.Encoding.PEM)


def server_context(certificate: Path | str, key: Path | str) -> ssl.SSLContext:
    """Return a server's context: TLS 1.2 or later, AEAD only, no tickets, compression or renegotiation.

    To renew a certificate make a new context and give it to the connections that come; those that are open
    keep theirs.

    Args:
        certificate: PEM file, the chain's leaf first.
        key: PEM file.

    Raises:
        OSError: a file cannot be read, or (ssl.SSLError) is not a matching certificate and key.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_CIPHERS)
    # Session tickets after the handshake confuse ipptool's reading of the first answer; without them TLS 1.2
    # has no long-lived ticket key either.
    context.num_tickets = 0
    context.options |= (
        ssl.OP_NO_TICKET
        | ssl.OP_NO_COMPRESSION
        | ssl.OP_NO_RENEGOTIATION
        | ssl.OP_CIPHER_SERVER_PREFERENCE
        | ssl.OP_SINGLE_ECDH_USE
    )
    context.load_cert_chain(certificate, key)
    return context


def verified_context(ca_file: Path | str | None = None) -> ssl.SSLContext:
    """Return a client's context that verifies the chain and the name.

    Args:
        ca_file: PEM file of the authorities to trust; None: the system's.

    Raises:
        OSError: the file cannot be read or holds no certificate.
    """
    context = ssl.create_default_context(cafile=ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def pinned_context(leaf: bytes | str, pin: str | None = None) -> ssl.SSLContext:
    """Return a client's context that talks to the holder of exactly this certificate and nobody else.

    Name, issuer and dates do not matter (printers ship with certificates that nobody renews), the key does:
    the handshake proves it before a byte is sent.

    Args:
        leaf: the certificate, as DER (`tls_streams.fetch_leaf`) or PEM.
        pin: "sha256:HEX" that its key must have; None when the certificate itself is the configured trust.

    Raises:
        PinMismatchError: the certificate has another key than the pin.
        LocalProtocolError: the pin is malformed.
        RemoteProtocolError: the certificate cannot be read.
    """
    if pin is not None:
        check_pin(leaf, pin)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED
    # The leaf is its own anchor, whoever signed it.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | ssl.VerifyFlags(_NO_CHECK_TIME)
    try:
        context.load_verify_locations(cadata=_der(leaf))
    except (ssl.SSLError, ValueError) as error:
        raise RemoteProtocolError(f"the certificate cannot be read ({error})") from error
    return context


def check_pin(leaf: bytes | str, pin: str) -> None:
    """Compare a certificate's key with a pin.

    Raises:
        PinMismatchError: it is another key.
        LocalProtocolError: the pin is malformed.
        RemoteProtocolError: the certificate cannot be read.
    """
    if _PIN.fullmatch(pin) is None:
        raise LocalProtocolError('a pin is "sha256:" and 64 hexadecimal digits')
    shown = spki_pin(leaf)
    if shown != pin.lower():
        raise PinMismatchError(f"the peer's key is {shown}, not the pinned one")


def spki_pin(certificate: bytes | str) -> str:
    """Return the pin "sha256:hex" of a certificate (DER or PEM).

    Raises:
        RemoteProtocolError: the certificate cannot be read.
    """
    return certificate_facts(certificate).pin


def fingerprint_sha256(certificate: bytes | str) -> str:
    """Return the SHA-256 fingerprint "AB:CD:..." of a certificate (DER or PEM), as clients show it.

    Raises:
        RemoteProtocolError: the certificate cannot be read.
    """
    return certificate_facts(certificate).fingerprint


def certificate_facts(certificate: bytes | str) -> CertificateFacts:
    """Read a certificate (DER, or the first in a PEM text).

    Raises:
        RemoteProtocolError: it cannot be read.
    """
    from cryptography import x509  # noqa: PLC0415
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415

    try:
        loaded = x509.load_der_x509_certificate(_der(certificate))
        spki = loaded.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        names = _names_in(loaded)
        not_before, not_after = loaded.not_valid_before_utc, loaded.not_valid_after_utc
    except (
        ValueError,
        TypeError,
        UnsupportedAlgorithm,
        x509.InvalidVersion,
        x509.DuplicateExtension,
    ) as error:
        raise RemoteProtocolError(f"the certificate cannot be read ({error})") from error
    der = loaded.public_bytes(serialization.Encoding.DER)
    return CertificateFacts(
        names=names,
        not_before=not_before,
        not_after=not_after,
        fingerprint=hashlib.sha256(der).digest().hex(":").upper(),
        pin=f"sha256:{hashlib.sha256(spki).hexdigest()}",
    )


def _der(certificate: bytes | str) -> bytes:
    """Return DER of a DER or PEM certificate; ValueError if it is neither."""
    if isinstance(certificate, bytes) and _PEM_BEGIN.encode() not in certificate:
        return certificate
    text = certificate if isinstance(certificate, str) else certificate.decode("ascii")
    begin = text.find(_PEM_BEGIN)
    end = text.find(_PEM_END, begin)
    if begin < 0 or end < 0:
        raise ValueError("no PEM certificate in it")
    return ssl.PEM_cert_to_DER_cert(text[begin : end + len(_PEM_END)])


def _general_names(names: Sequence[str]) -> "x509.SubjectAlternativeName":
    """Sort names into DNS names and addresses, each once, the loopback ones last."""
    from cryptography import x509  # noqa: PLC0415

    found: dict[str, x509.GeneralName] = {}
    for name in (*names, *_LOOPBACK):
        try:
            found[name.lower()] = x509.IPAddress(ipaddress.ip_address(name))
        except ValueError:
            if _DNS_NAME.fullmatch(name) is None:
                raise LocalProtocolError(f"{name!r} cannot stand in a certificate") from None
            found[name.lower()] = x509.DNSName(name.lower())
    return x509.SubjectAlternativeName(found.values())


def _names_in(certificate: "x509.Certificate") -> tuple[str, ...]:
    from cryptography import x509  # noqa: PLC0415

    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return ()
    addresses = extension.value.get_values_for_type(x509.IPAddress)
    return (*extension.value.get_values_for_type(x509.DNSName), *(str(address) for address in addresses))
