"""Rows 4 and 5: lineage, trust and taints. All of it well signed by those who had the keys."""

from .entries import Passport
from .jws import b64, hash_of, jcs, unb64
from .keys import BILLING, GATEWAY, ORDERS


def collect(take):
    changed(take)
    lineage(take)
    parents(take)
    tips(take)
    trust(take)
    taints(take)


def changed(take):
    """Row 4: entries changed or moved after they were signed."""

    def altered(name, old, new):
        p = Passport(name).chain(1, operation="orders.read")
        head, payload, signature = p.passport[0].split(".")
        text = unb64(payload).replace(old, new)
        jws = f"{head}.{b64(text)}.{signature}"
        take(4, name, "the payload is not what was signed", [jws], hash_of(jws))

    altered("payload_changed", b'"orders.read"', b'"orders.drop"')
    p = Passport("entry_cut_out_of_the_middle").chain(3)
    take(4, p.name, "a parent is missing", [p.passport[0], p.passport[2]], p.tip)
    p = Passport("entry_cut_off_the_front").chain(2)
    take(4, p.name, "the root is missing", p.passport[1:], p.tip)
    p = Passport("entries_swapped").chain(2)
    take(4, p.name, "a parent comes after its child", p.passport[::-1], p.tip)
    p = Passport("entry_doubled").chain(2)
    take(4, p.name, "the same entry twice", [*p.passport, p.passport[1]], p.tip)
    p = Passport("root_doubled").chain(1)
    take(4, p.name, "the same entry twice", p.passport * 2, p.tip)
    p = Passport("tail_cut_off").chain(2)
    take(4, p.name, "the tip announced is not there", p.passport[:-1], p.tip)
    p = Passport("all_cut_off").chain(1)
    take(4, p.name, "an empty passport has no tip", [], p.tip)


def lineage(take):
    """Row 4: well signed lineages that hang together wrongly."""
    p = Passport("entry_id_used_twice").chain(1)
    p.add(p.entries, principal=ORDERS, entry_id=p.entries[0].payload["entry_id"])
    take(4, p.name, "an entry id names one entry", p)
    p = Passport("second_root_beside_the_tip").chain(2)
    tip = p.tip
    p.add(principal=BILLING, origin="llm")
    take(4, p.name, "a root that the announced tip does not descend from", p, tip)
    p = Passport("second_root_in_front").chain(1)
    stray = p.entries[0]
    root = p.add(principal=BILLING)
    p.add([root], principal=ORDERS)
    take(4, p.name, "a root that the announced tip does not descend from", p, p.entries[-1].hash)
    assert stray in p.tips()


def parents(take):
    """Row 4: parent hashes."""
    draft = Passport("cycle_of_one").chain(1)
    p = Passport("cycle_of_one")
    p.add([], parent_ids=[draft.entries[0].hash])
    take(4, p.name, "as near as one gets to naming oneself: the hash of the same entry as a root", p)
    p = Passport("cycle_of_two")
    early = Passport(p.name)
    early.chain(2)
    first = p.add([], parent_ids=[early.entries[1].hash])
    p.add([first], principal=ORDERS)
    take(4, p.name, "the first names an entry that comes later", p, p.entries[1].hash)

    def naming(name, why, ids):
        p = Passport(name).chain(1)
        p.add(p.entries, principal=ORDERS, parent_ids=ids(p.entries[0].hash))
        take(4, name, why, p, p.entries[1].hash)

    naming("parent_unknown", "no such entry", lambda parent: ["ab" * 32])
    naming("one_parent_of_two_unknown", "no such entry", lambda parent: sorted([parent, "ab" * 32]))
    naming("parent_hash_in_upper_case", "hashes are lower-case", lambda parent: [parent.upper()])
    naming("parents_root_and_entry", "a root has the parent 0 and nothing else", lambda parent: ["0", parent])
    naming("parents_empty", "a root says 0", lambda parent: [])
    naming("parent_empty_string", "neither 0 nor a hash", lambda parent: [""])


def tips(take):
    """Row 4: what is announced."""

    def fork(name):
        p = Passport(name).chain(1)
        p.add(p.entries[:1], principal=ORDERS)
        p.add(p.entries[:1], principal=BILLING)
        return p

    p = fork("two_tips_one_announced")
    take(4, p.name, "one branch is not announced", p, p.entries[1].hash)
    p = fork("two_tips_and_the_root_announced")
    take(4, p.name, "the root is no tip", p, ",".join(sorted(entry.hash for entry in p.entries)))
    p = Passport("one_tip_two_announced").chain(2)
    take(4, p.name, "the root is no tip", p, ",".join(sorted(entry.hash for entry in p.entries)))
    p = Passport("root_announced_as_tip").chain(2)
    take(4, p.name, "the root is no tip", p, p.entries[0].hash)
    p = Passport("tip_of_another_passport").chain(1)
    take(4, p.name, "the tip belongs elsewhere", p, Passport("elsewhere").chain(1).tip)


def trust(take):
    """Row 5: scores."""

    def child(name, why, root=None, **draft):
        p = Passport(name)
        p.add(**(root or {"origin": "internet"}))
        p.add(p.entries, principal=ORDERS, **draft)
        take(5, name, why, p)

    child("trust_raised_without_sanitizer", "above the parent's, without a sanitizer", trust=100)
    child(
        "trust_above_the_share_of_its_origin",
        "user input under a parent of 100 has 40",
        {"origin": "system"},
        origin="user_input",
        trust=100,
    )
    child("trust_over_100", "scores end at 100", trust=101, sanitizer="very clean")
    child("trust_below_0", "scores start at 0", trust=-1, sanitizer="very dirty")
    child("trust_not_an_integer", "half a point", trust=9.5)
    child("trust_a_string", "a string", trust_score="10")
    child(
        "sanitizer_without_a_reason", "it has to say why", trust=90, labels={"kest.sanitizer": jcs({"by": "cleaner"})}
    )
    child("sanitizer_not_json", "it has to say who and why", trust=90, labels={"kest.sanitizer": "cleaner"})
    p = Passport("trust_rounded_up").chain(2, origin="verified_rag")
    p.add(p.entries[-1:], principal=ORDERS, origin="verified_rag", trust=73)
    take(5, p.name, "90 percent of 81 is 72", p)
    p = Passport("sanitizer_of_the_parent_only")
    p.add(origin="internet")
    p.add(p.entries, principal=ORDERS, trust=50, sanitizer="markup removed")
    p.add(p.entries[-1:], principal=BILLING, trust=90)
    take(5, p.name, "a sanitizer speaks for its own entry", p)
    p = Passport("trust_of_the_better_parent")
    p.add(origin="system")
    p.add(principal=ORDERS, origin="llm")
    p.add(p.entries[:2], principal=BILLING, trust=100)
    take(5, p.name, "the worst parent counts", p)
    p = Passport("root_trust_above_its_origin")
    p.add(origin="llm", trust=100)
    take(5, p.name, "a root has the trust of its origin", p)


def taints(take):
    """Row 5: taints."""

    def child(name, why, **draft):
        p = Passport(name)
        p.add(origin="internal", added=["pii", "web"])
        p.add(p.entries, principal=ORDERS, **draft)
        take(5, name, why, p)

    child("taint_removed_without_sanitizer", "without a sanitizer", removed=["pii"])
    child("taint_dropped_silently", "not inherited, and not declared as removed", taints=["web"])
    child("taint_not_declared_as_added", "out of nowhere", taints=["card", "pii", "web"])
    child("taint_added_but_missing", "declared, not carried", added_taints=["card"])
    child(
        "taint_removed_and_still_there",
        "declared as removed, still carried",
        removed=["pii"],
        taints=["pii", "web"],
        sanitizer="blanked",
    )
    child(
        "sanitizer_declares_one_and_drops_two",
        "web is gone as well",
        removed=["pii"],
        taints=[],
        sanitizer="blanked",
    )
    child("taint_twice", "sets have no duplicates", taints=["pii", "pii", "web"])
    p = Passport("taint_of_the_second_parent_lost")
    p.add(origin="system", added=["pii"])
    p.add(principal=GATEWAY, origin="system", added=["web"])
    p.add(p.entries[:2], principal=BILLING, taints=["pii"])
    take(5, p.name, "the union of both", p)
    p = Passport("root_taint_not_declared")
    p.add(taints=["pii"])
    take(5, p.name, "a root has the taints that it adds", p)
