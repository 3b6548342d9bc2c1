"""Pieces of a W3C baggage header: percent-encoded members in the three tiers."""

import json
import string
import zlib
from urllib.parse import quote

from .jws import b64

# Of the octets that a baggage value may hold (W3C Baggage section 3.2.1.3), all but "%" itself.
OCTETS = "".join(c for c in string.ascii_letters + string.digits + string.punctuation if c not in '",;\\%')


def array(passport: list[str]) -> str:
    return json.dumps(passport, separators=(",", ":"))


def encoded(text: str) -> str:
    """Encodes what has to be encoded, and nothing else."""
    return quote(text, safe=OCTETS)


def encoded_whole(text: str) -> str:
    """Encodes every octet, with lower-case digits."""
    return "".join(f"%{octet:02x}" for octet in text.encode())


def inline(passport: list[str]) -> str:
    return "kest.passport=" + encoded(array(passport))


def compressed(passport: list[str]) -> str:
    return "kest.passport_z=" + packed(array(passport).encode())


def packed(data: bytes, level: int = 9) -> str:
    return b64(deflated(data, level))


def deflated(data: bytes, level: int = 9) -> bytes:
    return zlib.compress(data, level)


def stored(data: bytes) -> bytes:
    """A zlib stream of one stored block (RFC 1951 section 3.2.4): the same bytes whatever made it."""
    size = len(data)
    assert size < 65536
    block = b"\x01" + size.to_bytes(2, "little") + (size ^ 0xFFFF).to_bytes(2, "little") + data
    return b"\x78\x01" + block + zlib.adler32(data).to_bytes(4, "big")


def tip(chain_tip: str) -> str:
    return "kest.chain_tip=" + encoded(chain_tip)


def claim(name: str) -> str:
    return "kest.claim_check=" + name


def claims(name: str, text: str) -> dict:
    return {"kest.claim." + name: text}
