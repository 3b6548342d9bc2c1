"""Passports that every verifier has to accept."""

from .entries import ALICE, ISSUER, NOBODY, Passport
from .keys import BILLING, GATEWAY, ORDERS

SERVICES = [GATEWAY, ORDERS, BILLING]


def cases() -> list[dict]:
    return [case(build) for build in BUILDERS]


def case(build) -> dict:
    passport = Passport(build.__name__, signed_in=True)
    build(passport)
    tips = passport.tips()
    return {
        "name": passport.name,
        "entries": len(passport.entries),
        "chain_tip": passport.tip,
        "tips": sorted(tip.hash for tip in tips),
        "trust_score": min(tip.payload["trust_score"] for tip in tips),
        "taints": sorted({taint for tip in tips for taint in tip.payload["taints"]}),
        "passport": passport.passport,
    }


def one_entry(p: Passport):
    p.add()


def chain_of_two(p: Passport):
    p.add(origin="internal", added=["pii"])
    p.add(p.entries, principal=ORDERS)


def chain_of_three(p: Passport):
    for index, principal in enumerate(SERVICES):
        p.add(
            p.entries[-1:],
            principal=principal,
            operation=f"step.{index}",
            origin=["verified_rag", "third_party_api", None][index],
        )


def chain_of_five(p: Passport):
    policies = {
        "enterprise_policies": ["no-export"],
        "platform_policies": ["mesh-only"],
        "app_policies": [],
        "function_policies": ["orders.read"],
        "deviations": [
            {"policy": "eu-only", "tier": "enterprise", "reason": "migration", "approver": "bob@example.org"}
        ],
    }
    for index in range(5):
        extra = {
            1: {"policy_context": policies},
            2: {"content_hash": "11" * 32, "input_hash": "ee" * 32},
            3: {"labels": {"kest.resource_id": "order/17", "kest.resource_attr": '{"owner":"alice","rows":3}'}},
        }.get(index, {})
        p.add(p.entries[-1:], principal=SERVICES[index % 3], added=[f"t{index}"], **extra)


def chain_of_twelve(p: Passport):
    for index in range(12):
        p.add(p.entries[-1:], principal=SERVICES[index % 3], origin="verified_rag" if index % 4 == 0 else None)


def diamond(p: Passport):
    root = p.add(origin="system", added=["web"])
    left = p.add([root], principal=ORDERS, origin="verified_rag", added=["pii"])
    right = p.add([root], principal=BILLING, origin="third_party_api")
    p.add([left, right], principal=GATEWAY, operation="orders.join")


def fan_in_of_two_roots(p: Passport):
    trusted = p.add(origin="internal", added=["ledger"], identity=(NOBODY, "anonymous"))
    untrusted = p.add(principal=ORDERS, origin="internet", added=["web"])
    p.add([trusted, untrusted], principal=BILLING, origin="verified_rag", identity=(NOBODY, "anonymous"))


def open_diamond_with_two_tips(p: Passport):
    root = p.add(origin="system", added=["web"])
    p.add([root], principal=ORDERS, origin="verified_rag", added=["pii"])
    p.add([root], principal=BILLING, origin="user_input", added=["card"])


def two_roots_as_two_tips(p: Passport):
    p.add(origin="system")
    p.add(principal=ORDERS, origin="llm", added=["generated"])


def sanitizer_raises_trust(p: Passport):
    p.add(origin="internet", added=["web"])
    p.add(p.entries[-1:], principal=ORDERS, trust=80, sanitizer="markup removed")
    p.add(p.entries[-1:], principal=BILLING, origin="verified_rag")


def sanitizer_removes_a_taint(p: Passport):
    p.add(origin="internal", added=["pii", "web"])
    p.add(p.entries[-1:], principal=ORDERS, removed=["pii"], sanitizer="names and addresses blanked")
    p.add(p.entries[-1:], principal=BILLING)


def sanitized_on_one_side_only(p: Passport):
    root = p.add(origin="system", added=["pii"])
    clean = p.add([root], principal=ORDERS, removed=["pii"], sanitizer="blanked")
    p.add([root, clean], principal=BILLING)


def headers_without_kid(p: Passport):
    p.add(kid=None)
    p.add(p.entries[-1:], kid=None, principal=BILLING)


def rotated_key(p: Passport):
    p.add(principal=BILLING, kid="billing-1")
    p.add(p.entries[-1:], principal=BILLING, kid="billing-2")


def every_origin_at_a_root(p: Passport):
    names = ["system", "internal", "verified_rag", "third_party_api", "user_input", "internet", "llm"]
    roots = [p.add(origin=name) for name in names]
    p.add(roots, principal=ORDERS)


def unknown_origins_count_ten(p: Passport):
    p.add(origin="carrier_pigeon")
    p.add(p.entries[-1:], principal=ORDERS, origin="sealed_letter")


def shares_are_rounded_down(p: Passport):
    p.add(origin="verified_rag")
    for _ in range(3):
        p.add(p.entries[-1:], principal=ORDERS, origin="verified_rag")


def taints_in_any_order(p: Passport):
    p.add(origin="system", added=["b", "a", "c"], added_taints=["c", "a", "b"], taints=["b", "c", "a"])
    p.add(p.entries[-1:], principal=ORDERS, taints=["c", "b", "a"])


def keys_in_utf16_order(p: Passport):
    # U+1F600 is D83D DE00 in UTF-16 and sorts before U+E000, though its code point is higher.
    labels = {
        "\U0001f600": "emoji",
        "\ue000": "private use",
        "\u00e9": "caf\u00e9",
        "\u20ac": "\u0440\u0443\u0431\u043b\u044c",
    }
    p.add(labels=labels, operation="\u8ba2\u5355.\u8bfb\u53d6", added=["\U0001f600", "\ue000"])


def strings_with_escapes(p: Passport):
    environment = {'quote " and \\': "\b\f\n\r\t\u0001\u001f/\u007f\u2028\u2029", "": "empty key"}
    p.add(environment=environment, operation='GET /orders/{id} "quoted"')


def environment_with_floats(p: Passport):
    numbers = [0.1, -0.5, 1e-7, 1e-6, 0.000123, 333333333.3333333, 1e21, 1.7976931348623157e308, 5e-324, 4.35, 1e23]
    integers = [0, -1, 9007199254740991, -9007199254740991]
    p.add(environment={"floats": numbers, "integers": integers, "nested": {"a": [True, False, None, {}]}})


def words_of_the_service_and_its_span(p: Passport):
    root = p.add(
        environment={"region": "eu-west-1", "\U0001f600": {"canary": True}, "\ue000": None},
        labels={"cost_center": "4711", "order": "Stra\u00dfe/\u8ba2\u5355"},
        otel_context={"span_id": "00f067aa0ba902b7", "trace_flags": "01", "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736"},
    )
    p.add([root], principal=ORDERS, environment={"attempt": 2})


def names_that_a_parser_keeps_for_itself(p: Passport):
    # A Rust library passes itself numbers and written JSON under these names; in an entry they are names like others.
    raw, number = "$serde_json::private::RawValue", "$serde_json::private::Number"
    free = {"list": [{raw: "[1]"}], "number": {number: "1"}, "object": {raw: "true"}, "whole": {raw: '{"a":1}', "z": 2}}
    p.add(environment=free)
    p.add(p.entries[-1:], principal=ORDERS, otel_context={raw: "null", number: "7", "nested": {raw: "not json"}})


def mixed_identity_sources(p: Passport):
    p.add(identity=(NOBODY, "anonymous"), origin="internet")
    p.add(p.entries[-1:], principal=ORDERS, identity=({**ALICE, "agent": None}, "jwt"))
    p.add(p.entries[-1:], principal=BILLING, identity=(ALICE, "unverified"), labels={"kest.issuer": ISSUER})


def callers_issuer_and_tenant_are_handed_on(p: Passport):
    p.add(labels={"kest.tenant": "acme"})
    for principal in (ORDERS, BILLING):
        p.add(p.entries[-1:], principal=principal)


def join_of_a_token_and_what_was_inherited_from_it(p: Passport):
    root = p.add()
    other = p.add([root], principal=ORDERS)
    token = p.add([root], principal=BILLING, identity=(ALICE, "jwt"))
    p.add([other, token], principal=GATEWAY)


def caller_who_is_not_handed_on(p: Passport):
    p.add()
    p.add(p.entries[-1:], principal=ORDERS, identity=(NOBODY, "anonymous"))


def unverified_name_that_stays_unverified(p: Passport):
    p.add(identity=(ALICE, "unverified"))
    p.add(p.entries[-1:], principal=ORDERS, identity=(ALICE, "unverified"))


def labels_about_the_caller_left_out(p: Passport):
    nothing = {"kest.identity": None, "kest.identity_source": None, "kest.issuer": None}
    p.add(labels=nothing)
    p.add(p.entries[-1:], principal=ORDERS, labels=nothing)


BUILDERS = [
    one_entry,
    chain_of_two,
    chain_of_three,
    chain_of_five,
    chain_of_twelve,
    diamond,
    fan_in_of_two_roots,
    open_diamond_with_two_tips,
    two_roots_as_two_tips,
    sanitizer_raises_trust,
    sanitizer_removes_a_taint,
    sanitized_on_one_side_only,
    headers_without_kid,
    rotated_key,
    every_origin_at_a_root,
    unknown_origins_count_ten,
    shares_are_rounded_down,
    taints_in_any_order,
    keys_in_utf16_order,
    strings_with_escapes,
    environment_with_floats,
    words_of_the_service_and_its_span,
    names_that_a_parser_keeps_for_itself,
    mixed_identity_sources,
    callers_issuer_and_tenant_are_handed_on,
    join_of_a_token_and_what_was_inherited_from_it,
    caller_who_is_not_handed_on,
    unverified_name_that_stays_unverified,
    labels_about_the_caller_left_out,
]
