"""Entries and passports: the 18 members, and trust and taints as the protocol computes them."""

import copy
import hashlib
import uuid

from .jws import compact, hash_of, header, jcs
from .keys import BY_KID, CURRENT, GATEWAY

ORIGINS = {
    "system": 100,
    "internal": 100,
    "verified_rag": 90,
    "third_party_api": 60,
    "user_input": 40,
    "internet": 10,
    "llm": 0,
}
UNKNOWN_ORIGIN = 10
START_MS = 1_767_225_600_000  # 2026-01-01T00:00:00Z
ISSUER = "https://issuer.example.org"
ALICE = {"agent": "assistant", "task": "orders:read", "user": "alice"}
NOBODY = {"agent": None, "task": None, "user": None}


def uuid7(millis: int, name: str) -> str:
    """A UUIDv7 (RFC 9562) whose random bits are a hash of `name`."""
    bits = bytearray(millis.to_bytes(6, "big") + hashlib.sha256(name.encode()).digest()[:10])
    bits[6] = 0x70 | bits[6] & 0x0F
    bits[8] = 0x80 | bits[8] & 0x3F
    return str(uuid.UUID(bytes=bytes(bits)))


class Entry:
    """A payload and the JWS made of it."""

    def __init__(self, payload: dict, jws: str):
        self.payload, self.jws, self.hash = payload, jws, hash_of(jws)


class Passport:
    """Entries in order; `name` makes its identifiers its own. Unless told otherwise they are anonymous, and short."""

    def __init__(self, name: str, signed_in: bool = False):
        self.name, self.signed_in = name, signed_in
        self.entries: list[Entry] = []

    def draft(
        self,
        parents: list[Entry] = (),
        principal: str = GATEWAY,
        operation: str = "orders.read",
        origin: str | None = None,
        added: list[str] = (),
        removed: list[str] = (),
        trust: int | None = None,
        sanitizer: str | None = None,
        identity: tuple[dict, str] | None = None,
        labels: dict | None = None,
        **members,
    ) -> dict:
        """A payload by the rules; `members` replace what the rules gave."""
        index = len(self.entries)
        origin = origin or ("system" if parents else "user_input")
        own = ORIGINS.get(origin, UNKNOWN_ORIGIN)
        if trust is None:
            trust = min(p.payload["trust_score"] for p in parents) * own // 100 if parents else own
        inherited = {taint for parent in parents for taint in parent.payload["taints"]}
        who, source = identity or self.identity(parents)
        label = {
            "principal": principal,
            "trace_id": hashlib.sha256(self.name.encode()).hexdigest()[:32],
            "kest.identity": jcs(who),
            "kest.identity_source": source,
            "kest.origin": origin,
        }
        if source == "jwt":
            label["kest.issuer"] = ISSUER
        if source == "lineage" and parents:
            said = parents[0].payload["labels"]
            label.update({name: said[name] for name in ("kest.issuer", "kest.tenant") if name in said})
        if sanitizer:
            label["kest.sanitizer"] = jcs({"by": principal, "reason": sanitizer})
        payload = {
            "schema_version": "0.3.0",
            "runtime": {"name": "kest-python-vectors", "version": "1"},
            "entry_id": uuid7(START_MS + index, f"{self.name}/{index}"),
            "operation": operation,
            "classification": "system",
            "trust_score": trust,
            "parent_ids": sorted(p.hash for p in parents) or ["0"],
            "added_taints": sorted(added),
            "removed_taints": sorted(removed),
            "taints": sorted((inherited | set(added)) - set(removed)),
            # A label of None is one that is not there.
            "labels": {name: text for name, text in {**label, **(labels or {})}.items() if text is not None},
            "policy_context": {
                "enterprise_policies": [],
                "platform_policies": [],
                "app_policies": [],
                "function_policies": [],
                "deviations": [],
            },
            "environment": {},
            "otel_context": {},
            "metadata": None,
            "content_hash": "",
            "input_hash": "",
            "timestamp_ms": START_MS + index,
        }
        return copy.deepcopy({**payload, **members})

    def identity(self, parents: list[Entry]) -> tuple[dict, str]:
        if not self.signed_in:
            return NOBODY, "anonymous"
        return ALICE, "lineage" if parents else "jwt"

    def sign(self, payload: dict, kid: str | None = "", head=None, raw: bytes | None = None) -> Entry:
        """Appends an entry. `kid=None` leaves the key id out; `raw` replaces the payload's bytes."""
        key_id = CURRENT[payload["labels"]["principal"]] if kid in ("", None) else kid
        chosen = head if head is not None else header(None if kid is None else key_id)
        entry = Entry(payload, compact(chosen, payload if raw is None else raw, BY_KID[key_id].sign))
        self.entries.append(entry)
        return entry

    def add(self, parents: list[Entry] = (), kid: str | None = "", **draft) -> Entry:
        return self.sign(self.draft(parents, **draft), kid)

    def chain(self, length: int, **draft) -> "Passport":
        """Appends `length` entries, each the child of the one before."""
        for _ in range(length):
            self.add(self.entries[-1:], **draft)
        return self

    def tips(self) -> list[Entry]:
        named = {parent for entry in self.entries for parent in entry.payload["parent_ids"]}
        return [entry for entry in self.entries if entry.hash not in named]

    @property
    def tip(self) -> str:
        return ",".join(sorted(entry.hash for entry in self.tips()))

    @property
    def passport(self) -> list[str]:
        return [entry.jws for entry in self.entries]
