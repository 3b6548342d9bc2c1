"""A slow, plain verifier: the generator checks with it that each vector gets the verdict it is filed under."""

import json
import re
import uuid

import rfc8785
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from .entries import ORIGINS, UNKNOWN_ORIGIN
from .jws import b64, hash_of, unb64

MEMBERS = {
    "schema_version", "runtime", "entry_id", "operation", "classification", "trust_score", "parent_ids", "added_taints",
    "removed_taints", "taints", "labels", "policy_context", "environment", "otel_context", "metadata", "content_hash",
    "input_hash", "timestamp_ms",
}  # fmt: skip
DEEPEST = 64
SOURCES = {"jwt", "lineage", "anonymous", "unverified"}


class Refused(Exception):
    """The passport is not to be believed."""


def demand(condition: bool, reason: str):
    if not condition:
        raise Refused(reason)


def verify(passport: list[str], chain_tip: str, bundle: dict) -> dict:
    """Returns the tips, their trust and their taints, or raises `Refused`."""
    seen: dict[str, dict] = {}
    for jws in passport:
        entry = verified_entry(jws, bundle)
        demand(entry["entry_id"] not in {other["entry_id"] for other in seen.values()}, "entry id used twice")
        parents = known_parents(entry, seen)
        check_labels(entry["labels"])
        check_lineage(entry["labels"], [parent["labels"] for parent in parents])
        check_trust(entry, parents)
        check_taints(entry, parents)
        seen[hash_of(jws)] = entry
    named = {parent for entry in seen.values() for parent in entry["parent_ids"]}
    tips = sorted(set(seen) - named)
    demand(sorted(chain_tip.split(",")) == tips, "tips differ from those announced")
    return {
        "tips": tips,
        "trust_score": min(seen[tip]["trust_score"] for tip in tips),
        "taints": sorted({taint for tip in tips for taint in seen[tip]["taints"]}),
    }


def verified_entry(jws: str, bundle: dict) -> dict:
    parts = jws.split(".")
    demand(len(parts) == 3, "not three parts")
    head, payload, signature = map(strict_base64, parts)
    protected = strict_json(head)
    demand(isinstance(protected, dict) and set(protected) - {"kid"} == {"alg", "typ"}, "header members")
    demand(protected["alg"] == "EdDSA" and protected["typ"] == "JWS", "header values")
    demand("kid" not in protected or isinstance(protected["kid"], str), "kid")
    entry = strict_json(payload)
    try:
        demand(rfc8785.dumps(entry) == payload, "payload is not canonical")
    except ValueError as error:
        raise Refused("payload cannot be canonicalized") from error
    check_schema(entry)
    keys = [key for key in bundle["keys"] if key["principal"] == entry["labels"]["principal"]]
    keys = [key for key in keys if protected.get("kid", key["kid"]) == key["kid"]]
    signing_input = ".".join(parts[:2]).encode()
    demand(any(signed_by(key, signature, signing_input) for key in keys), "no key of the principal signed this")
    return entry


def signed_by(key: dict, signature: bytes, message: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(unb64(key["x"])).verify(signature, message)
    except InvalidSignature:
        return False
    return True


def strict_base64(text: str) -> bytes:
    demand(re.fullmatch(r"[A-Za-z0-9_-]*", text) is not None and len(text) % 4 != 1, "not base64url")
    data = unb64(text)
    demand(b64(data) == text, "base64url with trailing bits")
    return data


def strict_json(data: bytes):
    def members(pairs):
        demand(len(dict(pairs)) == len(pairs), "duplicate member")
        return dict(pairs)

    try:
        value = json.loads(data.decode("utf-8"), object_pairs_hook=members)
        demand(depth(value) <= DEEPEST, "too deep")
        return value
    except (ValueError, RecursionError) as error:
        raise Refused("not JSON") from error


def depth(value) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max(map(depth, inner), default=0)


def check_schema(entry):
    demand(isinstance(entry, dict) and set(entry) == MEMBERS, "members")
    demand(entry["schema_version"] == "0.3.0", "schema version")
    demand(uuid.UUID(entry["entry_id"]).version == 7, "entry id")
    demand(0 < len(entry["operation"].encode()) <= 256, "operation")
    demand(type(entry["trust_score"]) is int and 0 <= entry["trust_score"] <= 100, "trust score")
    demand(type(entry["timestamp_ms"]) is int, "timestamp")
    labels = entry["labels"]
    demand(all(isinstance(value, str) for value in labels.values()), "labels")
    demand(re.fullmatch("[0-9a-f]{32}", labels["trace_id"]) is not None, "trace id")
    for member in ["added_taints", "removed_taints", "taints"]:
        demand(len(set(entry[member])) == len(entry[member]), "a taint twice")


def known_parents(entry: dict, seen: dict[str, dict]) -> list[dict]:
    if entry["parent_ids"] == ["0"]:
        return []
    demand(entry["parent_ids"] and all(parent in seen for parent in entry["parent_ids"]), "parent unknown")
    return [seen[parent] for parent in entry["parent_ids"]]


def check_labels(labels: dict):
    """What the labels of one entry say together."""
    who = identity(labels)
    names = [*who.values(), *(labels.get(f"kest.{name}") for name in ("issuer", "tenant", "resource_id"))]
    demand("" not in names, "empty name")
    source = labels.get("kest.identity_source")
    anything = any(who.values()) or "kest.issuer" in labels or "kest.tenant" in labels
    demand(source in SOURCES or (source is None and not anything), "identity source")
    demand(source != "jwt" or "kest.issuer" in labels, "token of no issuer")
    demand(source != "anonymous" or not anything, "anonymous with a name")
    demand(0 < len(labels.get("kest.origin", "system").encode()) <= 64, "origin")
    attributes = labels.get("kest.resource_attr", "{}")
    demand(isinstance(canonical(attributes), dict), "resource attributes")


def check_lineage(labels: dict, parents: list[dict]):
    """Who is inherited is who every parent had."""
    if labels.get("kest.identity_source") != "lineage":
        return
    demand(parents, "no one to inherit from")
    for parent in parents:
        demand(parent.get("kest.identity_source") in {"jwt", "lineage"}, "a parent has no one to hand on")
        demand(said(parent) == said(labels), "not whom the parent named")


def said(labels: dict):
    return identity(labels), labels.get("kest.issuer"), labels.get("kest.tenant")


def identity(labels: dict) -> dict:
    who = canonical(labels.get("kest.identity", '{"agent":null,"task":null,"user":null}'))
    demand(isinstance(who, dict) and set(who) == {"agent", "task", "user"}, "identity")
    demand(all(name is None or isinstance(name, str) for name in who.values()), "identity")
    return who


def canonical(text: str):
    value = strict_json(text.encode())
    demand(rfc8785.dumps(value).decode() == text, "label is not canonical")
    return value


def check_trust(entry: dict, parents: list[dict]):
    if sanitizer(entry):
        return
    share = ORIGINS.get(entry["labels"].get("kest.origin", "system"), UNKNOWN_ORIGIN)
    lowest = min((parent["trust_score"] for parent in parents), default=100)
    demand(entry["trust_score"] == lowest * share // 100, "trust score")


def check_taints(entry: dict, parents: list[dict]):
    inherited = {taint for parent in parents for taint in parent["taints"]}
    expected = (inherited | set(entry["added_taints"])) - set(entry["removed_taints"])
    demand(set(entry["taints"]) == expected, "taints")
    demand(not entry["removed_taints"] or sanitizer(entry), "a taint removed without a sanitizer")


def sanitizer(entry: dict) -> bool:
    text = entry["labels"].get("kest.sanitizer")
    if text is None:
        return False
    value = canonical(text)
    demand(isinstance(value, dict) and set(value) == {"by", "reason"}, "sanitizer")
    demand(value["by"] == entry["labels"]["principal"], "sanitizer is another workload")
    demand(value["reason"].strip() != "", "sanitizer has no reason")
    return True
