"""Passkeys (W3C Web Authentication, level 3): what the browser is asked, and whether its answer is right.

Everything is done by `webauthn`; this is the only module that knows it, imported when a passkey is used.
"""

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from webauthn import (
    base64url_to_bytes,
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from spoold.identity.passkey_site import PasskeySite
from spoold.model.errors import NotAuthenticated
from spoold.model.ids import UserId

# A passkey's answer is about 1 KiB; a public key and attestation "none" a little more.
MAX_ANSWER_CHARACTERS = 8_192
_WRONG = "The passkey was not accepted."


@dataclass(frozen=True, slots=True)
class NewKey:
    """A passkey that a browser has just made."""

    credential_id: bytes
    public_key: bytes = field(repr=False)
    counter: int


@dataclass(frozen=True, slots=True)
class Answer:
    """A browser's answer, as far as it can be read before anything of it is checked."""

    credential_id: bytes
    challenge: bytes
    content: dict[str, Any] = field(repr=False)


def options_to_make(
    site: PasskeySite, *, user_id: UserId, account: str, challenge: bytes, have: list[bytes]
) -> str:
    """Return what the browser is asked to make a passkey with, as JSON."""
    options = generate_registration_options(
        rp_id=site.name,
        rp_name=site.name,
        # 14.6.1: nothing about the person; the same for all keys of one account.
        user_id=hashlib.sha256(b"spoold/webauthn/v1" + user_id.encode()).digest(),
        user_name=account,
        challenge=challenge,
        authenticator_selection=AuthenticatorSelectionCriteria(
            # Found without a user name; and with a PIN or finger, so that it is two factors by itself.
            resident_key=ResidentKeyRequirement.REQUIRED,
            user_verification=UserVerificationRequirement.REQUIRED,
        ),
        exclude_credentials=[PublicKeyCredentialDescriptor(id=one) for one in have],
    )
    return options_to_json(options)


def options_to_show(site: PasskeySite, *, challenge: bytes, have: list[bytes]) -> str:
    """Return what the browser is asked to show a passkey with; any of this site's when `have` is empty."""
    options = generate_authentication_options(
        rp_id=site.name,
        challenge=challenge,
        allow_credentials=[PublicKeyCredentialDescriptor(id=one) for one in have] or None,
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return options_to_json(options)


def read(text: str) -> Answer:
    """Read a browser's answer.

    Raises:
        NotAuthenticated: it is none.
    """
    try:
        if len(text) > MAX_ANSWER_CHARACTERS:
            raise ValueError("too long")
        content = json.loads(text)
        client = json.loads(base64url_to_bytes(content["response"]["clientDataJSON"]))
        return Answer(base64url_to_bytes(content["rawId"]), base64url_to_bytes(client["challenge"]), content)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise NotAuthenticated(_WRONG, why="malformed") from None


def made(answer: Answer, site: PasskeySite) -> NewKey:
    """Return the passkey that a browser made for its challenge, which the caller has redeemed.

    Raises:
        NotAuthenticated: for another site, another origin, without a PIN or finger, or not well-formed.
    """
    try:
        found = verify_registration_response(
            credential=answer.content,
            expected_challenge=answer.challenge,
            expected_rp_id=site.name,
            expected_origin=site.origin,
            require_user_verification=True,
        )
    except _NOT_RIGHT as error:
        raise NotAuthenticated(_WRONG, why=_why(error)) from None
    return NewKey(found.credential_id, found.credential_public_key, found.sign_count)


def shown(answer: Answer, site: PasskeySite, *, public_key: bytes, counter: int) -> int:
    """Return the new counter of a passkey that was shown for its challenge, which the caller has redeemed.

    Raises:
        NotAuthenticated: as `made`; or its counter has not grown: there are two of it.
    """
    try:
        found = verify_authentication_response(
            credential=answer.content,
            expected_challenge=answer.challenge,
            expected_rp_id=site.name,
            expected_origin=site.origin,
            credential_public_key=public_key,
            credential_current_sign_count=counter,
            require_user_verification=True,
        )
    except _NOT_RIGHT as error:
        raise NotAuthenticated(_WRONG, why=_why(error)) from None
    return found.new_sign_count


# What the library raises on answers made to break it: its own errors, and those of what it calls.
_NOT_RIGHT = (WebAuthnException, ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError)


def _why(error: Exception) -> str:
    """Return a word for the records; the library's text quotes what was sent."""
    text = str(error)
    for word in ("challenge", "origin", "RP ID", "sign count", "verified", "signature"):
        if word in text:
            return {"RP ID": "site", "sign count": "cloned"}.get(word, word)
    return "malformed"
