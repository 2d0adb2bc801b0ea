"""What can be wrong with a server that is asked about people, told apart: out of errors and result codes."""

import enum
import socket
import ssl

# X509_V_ERR_* of OpenSSL (x509_vfy.h): host name or address not in the certificate; not yet; no longer.
_WRONG_NAME = frozenset({62, 64})
_NOT_YET, _EXPIRED = 9, 10
# ... and everything that says that no known authority stands behind it.
_UNKNOWN_AUTHORITY = frozenset({2, 18, 19, 20, 21, 24, 27})


class Trouble(enum.Enum):
    """What is wrong, as far as it can be told; `spoold.identity.ldap_check` has words for each."""

    TOLD = "told"
    """Nothing below: the error's own message says it."""
    REFUSED = "refused"
    UNKNOWN_HOST = "unknown-host"
    UNREACHABLE = "unreachable"
    TIME_OUT = "time-out"
    HUNG_UP = "hung-up"
    NO_TLS = "no-tls"
    NO_STARTTLS = "no-starttls"
    WRONG_AUTHORITY = "wrong-authority"
    WRONG_NAME = "wrong-name"
    EXPIRED = "expired"
    NOT_YET = "not-yet"
    BAD_CERTIFICATE = "bad-certificate"
    NO_LDAP = "no-ldap"
    NO_SUCH_OBJECT = "no-such-object"
    REFERRAL = "referral"
    NO_NAME = "no-name"
    NOT_ALLOWED = "not-allowed"
    OVERLOADED = "overloaded"
    CUT_SHORT = "cut-short"
    NO_ANSWER = "no-answer"


# RFC 4511 A.1. Active Directory answers operationsError to whoever asks before signing in.
_OF_CODES = {
    1: Trouble.NOT_ALLOWED,
    3: Trouble.OVERLOADED,
    8: Trouble.NOT_ALLOWED,
    10: Trouble.REFERRAL,
    11: Trouble.OVERLOADED,
    32: Trouble.NO_SUCH_OBJECT,
    34: Trouble.NO_NAME,
    48: Trouble.NOT_ALLOWED,
    50: Trouble.NOT_ALLOWED,
    51: Trouble.OVERLOADED,
    52: Trouble.OVERLOADED,
    53: Trouble.NOT_ALLOWED,
}


def trouble_of_code(code: int) -> Trouble:
    """Return what a result code (RFC 4511 4.1.9) that is no answer says."""
    return _OF_CODES.get(code, Trouble.NO_ANSWER)


def trouble_of(error: BaseException) -> Trouble:
    """Return what an error says, or the first of those that led to it which says anything."""
    found: BaseException | None = error
    while found is not None:
        if isinstance(found, OSError) and (trouble := _of_connection(found)) is not None:
            return trouble
        found = found.__cause__ or found.__context__
        if isinstance(found, BaseExceptionGroup):
            # Of a name's several addresses, each with an error of its own.
            found = found.exceptions[0]
    # By their names: whoever looks for troubles does not load ldap3.
    match type(error).__name__:
        case "LDAPStartTLSError":
            return Trouble.NO_STARTTLS
        case "LDAPSessionTerminatedByServerError":
            return Trouble.HUNG_UP
    return Trouble.NO_LDAP


def _of_connection(error: OSError) -> Trouble | None:
    match error:
        case ssl.SSLCertVerificationError():
            return _of_certificate(error)
        case ssl.SSLError():
            return Trouble.NO_TLS
        case socket.gaierror():
            return Trouble.UNKNOWN_HOST
        case ConnectionRefusedError():
            return Trouble.REFUSED
        case TimeoutError():
            return Trouble.TIME_OUT
        case ConnectionError():
            return Trouble.HUNG_UP
    return Trouble.UNREACHABLE if error.errno is not None else None


def _of_certificate(error: ssl.SSLCertVerificationError) -> Trouble | None:
    code = getattr(error, "verify_code", None)
    if code is None:
        # Made anew by ldap3, of the text alone.
        return None
    if code in _WRONG_NAME:
        return Trouble.WRONG_NAME
    if code in _UNKNOWN_AUTHORITY:
        return Trouble.WRONG_AUTHORITY
    return {_EXPIRED: Trouble.EXPIRED, _NOT_YET: Trouble.NOT_YET}.get(code, Trouble.BAD_CERTIFICATE)
