"""Row 27: labels that contradict the lineage or themselves. All of it well signed by those who had the keys."""

from .entries import ALICE, ISSUER, NOBODY, Passport
from .jws import jcs
from .keys import BILLING, GATEWAY, ORDERS

BOB = {**ALICE, "user": "bob"}


def collect(take):
    inherited(take)
    joined(take)
    sources(take)
    names(take)
    spellings(take)
    sanitizers(take)
    others(take)


def inherited(take):
    """What is said under `lineage` is what every parent says."""

    def child(name, why, root=None, **draft):
        p = Passport(name, signed_in=True)
        p.add(**({"labels": {"kest.tenant": "acme"}} if root is None else root))
        p.add(p.entries, principal=ORDERS, **draft)
        take(27, name, why, p)

    p = Passport("lineage_at_a_root")
    p.add(identity=(ALICE, "lineage"), labels={"kest.issuer": ISSUER})
    take(27, p.name, "a root has no one to inherit from", p)
    p = Passport("lineage_of_nobody_at_a_root")
    p.add(identity=(NOBODY, "lineage"))
    take(27, p.name, "a root has no one to inherit from", p)
    for member in ("user", "agent", "task"):
        other = (dict(ALICE, **{member: "bob"}), "lineage")
        child(f"lineage_with_another_{member}", "the parent names another", identity=other)
        missing = (dict(ALICE, **{member: None}), "lineage")
        child(f"lineage_without_the_{member}", "the parent names one", identity=missing)
    for label in ("issuer", "tenant"):
        child(f"lineage_with_another_{label}", "the parent names another", labels={f"kest.{label}": "https://evil.example"})
        child(f"lineage_without_the_{label}", "the parent names one", labels={f"kest.{label}": None})
    child("lineage_with_a_tenant_from_nowhere", "the parent has none", {}, labels={"kest.tenant": "acme"})
    child("lineage_without_an_identity", "the parent names one", labels={"kest.identity": None})
    child("lineage_over_unverified", "the caller that the parent names was not verified", {"identity": (ALICE, "unverified")})
    anonymous = {"identity": (NOBODY, "anonymous")}
    child("lineage_over_anonymous", "the parent names no one", anonymous, identity=(ALICE, "lineage"))
    child("lineage_of_nobody_over_anonymous", "anonymous is not inherited", anonymous, identity=(NOBODY, "lineage"))
    child("lineage_of_an_issuer_over_anonymous", "the parent has none", anonymous, labels={"kest.issuer": ISSUER})
    unsaid = {"labels": {"kest.identity": None, "kest.identity_source": None, "kest.issuer": None}}
    child("lineage_over_an_entry_without_identity", "the parent says nothing", unsaid)
    p = Passport("lineage_laundered_over_two_hops", signed_in=True)
    p.add(identity=(ALICE, "unverified"))
    p.add(p.entries[-1:], principal=ORDERS, identity=(ALICE, "unverified"))
    p.add(p.entries[-1:], principal=BILLING)
    take(27, p.name, "the caller that the parent names was not verified", p)
    p = Passport("lineage_of_the_grandparent", signed_in=True)
    p.add()
    p.add(p.entries[-1:], principal=ORDERS, identity=(BOB, "jwt"))
    p.add(p.entries[-1:], principal=BILLING, identity=(ALICE, "lineage"))
    take(27, p.name, "the parent counts, and it names bob", p)


def joined(take):
    """Every parent counts, in whatever order they stand."""

    def join(name, why, *roots):
        p = Passport(name, signed_in=True)
        for principal, root in zip((GATEWAY, ORDERS), roots, strict=True):
            p.add(principal=principal, **root)
        p.add(p.entries[:2], principal=BILLING, identity=(ALICE, "lineage"), labels={"kest.issuer": ISSUER})
        take(27, name, why, p)

    alice, bob, unnamed = {}, {"identity": (BOB, "jwt")}, {"identity": (NOBODY, "anonymous")}
    join("lineage_over_two_users", "the second parent names bob", alice, bob)
    join("lineage_over_two_users_the_other_way", "the first parent names bob", bob, alice)
    join("lineage_over_a_user_and_nobody", "the second parent is anonymous", alice, unnamed)
    join("lineage_over_nobody_and_a_user", "the first parent is anonymous", unnamed, alice)
    unverified = {"identity": (ALICE, "unverified"), "labels": {"kest.issuer": ISSUER}}
    join("lineage_over_a_verified_and_an_unverified_name", "the second is worth nothing", alice, unverified)
    elsewhere = {"labels": {"kest.issuer": "https://other.example.org"}}
    join("lineage_over_two_issuers", "the same name, of two issuers", alice, elsewhere)


def sources(take):
    """The set of sources is closed, and each decides what may be said."""

    def root(name, why, who=ALICE, source="jwt", **labels):
        p = Passport(name)
        p.add(identity=(who, source), labels={f"kest.{label}": text for label, text in labels.items()})
        take(27, name, why, p)

    for name, source in {"unknown": "saml", "empty": "", "upper_case": "JWT", "blank": "jwt "}.items():
        root(f"identity_source_{name}", "no such source", source=source, issuer=ISSUER)
    root("identity_without_a_source", "names need one", identity_source=None, issuer=None)
    root("issuer_without_a_source", "an issuer of what?", NOBODY, identity_source=None, issuer=ISSUER)
    root("tenant_without_a_source", "a tenant of whom?", NOBODY, identity_source=None, issuer=None, tenant="acme")
    root("token_without_an_issuer", "a user name means nothing without it", issuer=None)
    for member in ("user", "agent", "task"):
        root(f"anonymous_with_a_{member}", "anonymous names no one", {**NOBODY, member: "x"}, "anonymous")
    root("anonymous_with_an_issuer", "anonymous names no one", NOBODY, "anonymous", issuer=ISSUER)
    root("anonymous_with_a_tenant", "anonymous names no one", NOBODY, "anonymous", tenant="acme")


def names(take):
    """An empty name names no one, and is not signed."""

    def root(name, who=ALICE, source="jwt", **labels):
        p = Passport(name)
        p.add(identity=(who, source), labels={f"kest.{label}": text for label, text in labels.items()})
        take(27, name, "null says that no one is known", p)

    for member in ("user", "agent", "task"):
        root(f"empty_{member}", {**ALICE, member: ""})
        root(f"empty_{member}_unverified", {**ALICE, member: ""}, "unverified")
    root("empty_issuer", issuer="")
    root("empty_issuer_of_an_unverified_name", ALICE, "unverified", issuer="")
    root("empty_tenant", tenant="")
    root("empty_resource_id", resource_id="")


def spellings(take):
    """The label is the canonical object with its three members."""

    def root(name, why, label):
        p = Passport(name, signed_in=True)
        p.add(labels={"kest.identity": label})
        take(27, name, why, p)

    root("identity_with_blanks", "not canonical", '{"agent": null, "task": null, "user": "alice"}')
    root("identity_out_of_order", "not canonical", '{"user":"alice","agent":null,"task":null}')
    root("identity_with_an_escape", "not canonical", '{"agent":null,"task":null,"user":"\\u0061lice"}')
    root("identity_without_a_task", "a member is missing", jcs({"agent": None, "user": "alice"}))
    root("identity_with_another_member", "admin is no member", jcs({**ALICE, "admin": True}))
    root("identity_as_an_array", "no object", jcs(["assistant", None, "alice"]))
    root("identity_not_json", "no object", "alice")
    root("identity_of_a_number", "a name is a text", jcs({**ALICE, "user": 7}))


def sanitizers(take):
    """A sanitizer speaks for the workload that signed."""

    def child(name, why, label):
        p = Passport(name)
        p.add(origin="internet", added=["web"])
        p.add(p.entries, principal=ORDERS, trust=90, removed=["web"], labels={"kest.sanitizer": label})
        take(27, name, why, p)

    reason = "markup removed"
    child("sanitizer_by_another_workload", "the gateway did not sign this", jcs({"by": GATEWAY, "reason": reason}))
    child("sanitizer_by_a_stranger", "the cleaner did not sign this", jcs({"by": "cleaner", "reason": reason}))
    child("sanitizer_by_nobody", "an empty name", jcs({"by": "", "reason": reason}))
    child("sanitizer_with_an_empty_reason", "it has to say why", jcs({"by": ORDERS, "reason": ""}))
    child("sanitizer_with_a_blank_reason", "it has to say why", jcs({"by": ORDERS, "reason": " \t"}))
    child("sanitizer_with_another_member", "closed set", jcs({"by": ORDERS, "reason": reason, "trust": 100}))
    child("sanitizer_not_canonical", "blanks", f'{{"by": "{ORDERS}", "reason": "{reason}"}}')
    child("sanitizer_as_an_array", "no object", jcs([ORDERS, reason]))


def others(take):
    """The other labels that have one form."""

    def root(name, why, **labels):
        p = Passport(name)
        p.add(labels={f"kest.{label}": text for label, text in labels.items()})
        take(27, name, why, p)

    root("origin_empty", "an origin has a name", origin="")
    p = Passport("origin_too_long")
    p.add(origin="x" * 65)
    take(27, p.name, "64 bytes at most", p)
    root("resource_attributes_not_an_object", "an object", resource_attr="[1]")
    root("resource_attributes_not_json", "an object", resource_attr="{owner}")
    root("resource_attributes_not_canonical", "blanks", resource_attr='{"owner": "alice"}')
    root("resource_attributes_with_a_member_twice", "once", resource_attr='{"owner":"alice","owner":"bob"}')
