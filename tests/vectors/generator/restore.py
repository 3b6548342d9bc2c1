"""A slow, plain reader of baggage header lines, to check the header vectors with."""

import re
import uuid
import zlib
from urllib.parse import unquote_plus, unquote_to_bytes

from .jws import b64, unb64
from .verify import Refused, strict_json, verify

HEADER_BYTES, MEMBERS, ENTRIES, INFLATED = 16384, 4096, 256, 1 << 20
TIERS = {"kest.passport", "kest.passport_z", "kest.claim_check"}
OURS = TIERS | {"kest.chain_tip"}


class Rejected(Exception):
    """The status that the request is answered with."""

    def __init__(self, status: int):
        super().__init__(status)
        self.status = status


def demand(condition: bool, status: int = 400):
    if not condition:
        raise Rejected(status)


def written_out(line) -> list[str]:
    """The header lines that a vector's line stands for."""
    if isinstance(line, str):
        return [line]
    return [line["prefix"] + line["repeat"] * line["times"] + line["suffix"]] * line["copies"]


def admitted(lines: list, claims: dict, bundle: dict) -> list[str] | None:
    """The verified passport, `None` if none came; raises `Rejected`."""
    members = ours([text for line in lines for text in written_out(line)])
    tiers = TIERS & set(members)
    if not members:
        return None
    demand(len(tiers) == 1 and "kest.chain_tip" in members)
    tier = tiers.pop()
    passport = unpacked(tier, members[tier], claims)
    demand(len(passport) <= ENTRIES, 431)
    demand(re.fullmatch("[0-9a-f]{64}(,[0-9a-f]{64})*", members["kest.chain_tip"]) is not None)
    try:
        verify(passport, members["kest.chain_tip"], bundle)
    except Refused as error:
        raise Rejected(401) from error
    return passport


def ours(lines: list[str]) -> dict[str, str]:
    """The members that carry a passport, decoded."""
    header = ",".join(lines)
    listed = header.split(",")
    demand(len(header) <= HEADER_BYTES and len(listed) <= MEMBERS, 431)
    members = {}
    for item in listed:
        name, _, value = (part.strip(" \t") for part in item.split(";")[0].partition("="))
        demand(not read_as(name).startswith("kest.") or name == read_as(name))
        if name in OURS:
            demand(name not in members)
            members[name] = decoded(value)
    return members


def read_as(name: str) -> str:
    """What a lenient reader makes of a name: decoded until nothing is left to decode, trimmed, in lower case."""
    while (again := unquote_plus(name).strip("\ufeff \t\0\xa0")) != name:
        name = again
    return name.lower()


def decoded(value: str) -> str:
    demand(re.search("%(?![0-9A-Fa-f]{2})|[^\x21-\x7e]", value) is None)
    try:
        text = unquote_to_bytes(value).decode("utf-8")
    except UnicodeDecodeError as error:
        raise Rejected(400) from error
    demand(re.search("[\x00-\x1f\x7f]", text) is None)
    return text


def unpacked(tier: str, value: str, claims: dict) -> list[str]:
    if tier == "kest.passport":
        return strings(value.encode(), 400)
    if tier == "kest.passport_z":
        return strings(inflated(value), 400)
    try:
        demand(str(uuid.UUID(value)) == value)
    except ValueError as error:
        raise Rejected(400) from error
    demand("kest.claim." + value in claims, 401)
    return strings(claims["kest.claim." + value].encode(), 401)


def inflated(value: str) -> bytes:
    bare = value.rstrip("=")
    demand(re.fullmatch("[A-Za-z0-9_-]+", bare) is not None and len(bare) % 4 != 1)
    demand(b64(unb64(bare)) == bare and (value == bare or len(value) % 4 == 0))
    stream = zlib.decompressobj()
    try:
        data = stream.decompress(unb64(bare), INFLATED + 1)
    except zlib.error as error:
        raise Rejected(400) from error
    demand(len(data) <= INFLATED, 431)
    demand(stream.eof and not stream.unused_data)
    return data


def strings(text: bytes, status: int) -> list[str]:
    try:
        array = strict_json(text)
    except Refused as error:
        raise Rejected(status) from error
    demand(isinstance(array, list) and all(isinstance(item, str) for item in array), status)
    return array
