"""Compact JWS (RFC 7515) over exactly the bytes given, right or wrong."""

import base64
import hashlib

import rfc8785


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def header(kid: str | None = None, **other) -> dict:
    members = {"alg": "EdDSA", "typ": "JWS", **other}
    if kid is not None:
        members["kid"] = kid
    return members


def compact(head: dict | bytes, payload: dict | bytes, sign) -> str:
    """Signs; dicts are canonicalized, bytes are taken as they are."""
    return compact_encoded(b64(as_bytes(head)), b64(as_bytes(payload)), sign)


def compact_encoded(head: str, payload: str, sign) -> str:
    signing_input = f"{head}.{payload}"
    return f"{signing_input}.{b64(sign(signing_input.encode()))}"


def as_bytes(value: dict | bytes) -> bytes:
    return value if isinstance(value, bytes) else rfc8785.dumps(value)


def hash_of(jws: str) -> str:
    return hashlib.sha256(jws.encode()).hexdigest()


def jcs(value) -> str:
    return rfc8785.dumps(value).decode()
