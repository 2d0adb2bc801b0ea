"""Tokens as a Kerberos client makes them, with a real ticket from a real KDC."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import gssapi

from tests.support.kdc import Kdc

SPNEGO = gssapi.OID.from_int_seq("1.3.6.1.5.5.2")


@contextmanager
def kerberos_environment(kdc: Kdc) -> Iterator[None]:
    """Tell Kerberos in this process where to look; as it was, afterwards."""
    before = {name: os.environ.get(name) for name in ("KRB5_CONFIG",)}
    os.environ["KRB5_CONFIG"] = kdc.environment["KRB5_CONFIG"]
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


class Client:
    """Somebody with a first ticket, who turns to a service.

    Args:
        signed_in: what `Kdc.signed_in` returned.
    """

    def __init__(self, signed_in: Mapping[str, str], host: str = "localhost", *, spnego: bool = True) -> None:
        name = gssapi.Name(f"HTTP@{host}", gssapi.NameType.hostbased_service)
        self._context = gssapi.SecurityContext(
            name=name,
            creds=gssapi.Credentials(usage="initiate", store={"ccache": signed_in["KRB5CCNAME"]}),
            mech=SPNEGO if spnego else gssapi.MechType.kerberos,
            flags=[gssapi.RequirementFlag.mutual_authentication],
            usage="initiate",
        )

    def token(self) -> bytes:
        """The token for the service."""
        return bytes(self._context.step())

    def believes(self, reply: bytes) -> bool:
        """Tell whether the service has proven itself with its token."""
        self._context.step(reply)
        return bool(self._context.complete)
