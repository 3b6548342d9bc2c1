"""Rows 1 to 3: signatures, keys and protected headers."""

import hashlib
import hmac

from .entries import Passport
from .jws import b64, compact, compact_encoded, hash_of, header, jcs, unb64
from .keys import BY_KID, GATEWAY, MALLORY, ORDERS

GROUP_ORDER = 2**252 + 27742317777372353535851937790883648493


def collect(take):
    signatures(take)
    keys(take)
    headers(take)


def signatures(take):
    """Row 1."""

    def forged(name, why, change):
        p = Passport(name).chain(1)
        head, payload, signature = p.entries[0].jws.split(".")
        jws = f"{head}.{payload}.{b64(change(unb64(signature)))}"
        take(1, name, why, [jws], hash_of(jws))

    p = Passport("forged_passport")
    p.sign(p.draft(origin="system", operation="admin.delete"), kid="mallory", head=header("gateway-1"))
    take(1, p.name, "signed by a stranger under the kid of a known key", p)
    p = Passport("self_made_signature")
    p.sign(p.draft(origin="system"), kid="mallory", head=header())
    take(1, p.name, "signed by a stranger, no kid, the principal is known", p)
    p = Passport("second_entry_forged").chain(1)
    p.sign(p.draft(p.entries, principal=ORDERS), kid="mallory", head=header("orders-1"))
    take(1, p.name, "the first entry is good, the second is a stranger's", p)
    forged("garbage_signature", "64 bytes that are no signature", lambda s: hashlib.sha512(s).digest())
    forged("empty_signature", "no signature at all", lambda s: b"")
    forged("short_signature", "63 bytes", lambda s: s[:-1])
    forged("one_bit_flipped_in_the_signature", "not what was signed", lambda s: bytes([s[0] ^ 1]) + s[1:])
    forged("signature_made_malleable", "S is not below the group order (RFC 8032 section 5.1.7)", malleable)
    donor = Passport("signature_of_another_entry").chain(2)
    first, second = (jws.split(".") for jws in donor.passport)
    jws = ".".join([first[0], first[1], second[2]])
    take(1, donor.name, "the signature belongs to another payload", [jws], hash_of(jws))


def malleable(signature: bytes) -> bytes:
    s = int.from_bytes(signature[32:], "little") + GROUP_ORDER
    return signature[:32] + s.to_bytes(32, "little")


def keys(take):
    """Row 2."""

    def signed(name, why, principal, kid, head):
        p = Passport(name)
        p.sign(p.draft(principal=principal), kid=kid, head=head)
        take(2, name, why, p)

    signed("unknown_principal", "no workload by that name in the bundle", MALLORY, "mallory", header("mallory"))
    signed("unknown_kid", "the right key under a kid that no key has", GATEWAY, "gateway-1", header("gateway-9"))
    signed("empty_kid", "the right key under an empty kid", GATEWAY, "gateway-1", header(""))
    signed("kid_of_another_principal", "signed by its own key, kid of orders", GATEWAY, "gateway-1", header("orders-1"))
    signed(
        "key_of_another_principal",
        "signed by orders under the kid of gateway",
        GATEWAY,
        "orders-1",
        header("gateway-1"),
    )
    signed("key_and_kid_of_another_principal", "orders signs as gateway", GATEWAY, "orders-1", header("orders-1"))
    signed("key_of_another_principal_without_kid", "orders signs as gateway", GATEWAY, "orders-1", header())
    signed("removed_key", "the key is no longer in the bundle", ORDERS, "orders-0", header("orders-0"))


def headers(take):
    """Row 3."""
    key = BY_KID["gateway-1"]

    def signed(name, why, head, sign=key.sign, row=3):
        p = Passport(name)
        jws = compact(head, p.draft(), sign)
        take(row, name, why, [jws], hash_of(jws))

    def other(name, **members):
        signed(name, "the set of header members is closed", header("gateway-1", **members))

    signed("alg_none", "no signature, and none announced", header("gateway-1", alg="none"), lambda message: b"")
    signed(
        "alg_hs256_with_the_public_key",
        "HMAC with the public key as secret",
        header("gateway-1", alg="HS256"),
        lambda message: hmac.digest(key.public, message, "sha256"),
    )
    signed("alg_es256", "ES256 over an EdDSA key", header("gateway-1", alg="ES256"))
    signed("alg_eddsa_in_lower_case", "names are compared exactly", header("gateway-1", alg="eddsa"))
    signed("alg_ed25519", "another name for it, not the one agreed on", header("gateway-1", alg="Ed25519"))
    signed("alg_missing", "RFC 7515 section 4.1.1", {"typ": "JWS", "kid": "gateway-1"})
    signed("typ_missing", "typ is JWS, always", {"alg": "EdDSA", "kid": "gateway-1"})
    signed("typ_jwt", "a token is no entry", header("gateway-1", typ="JWT"))
    signed("kid_null", "null is not the same as absent", {**header(), "kid": None})
    attacker = BY_KID["mallory"]
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": attacker.jwk()["x"]}
    signed("header_jwk", "the attacker brings the key along", header(jwk=jwk), attacker.sign)
    other("header_jku", jku="https://attacker.example/jwks.json")
    other("header_x5u", x5u="https://attacker.example/cert.pem")
    other("header_x5c", x5c=["MIIB"])
    other("header_crit", crit=["exp"], exp=1)
    other("header_b64_false", b64=False, crit=["b64"])
    other("header_unknown_member", nonce="1")
    twice = jcs(header("gateway-1")).replace('{"alg"', '{"alg":"none","alg"').encode()
    signed("header_with_alg_twice", "readers differ in which of the two counts", twice, row=6)
    signed("header_not_json", "not JSON", b"EdDSA")
    encoded = compact_encoded("", b64(b"{}"), key.sign)
    take(3, "header_empty", "no header", [encoded], hash_of(encoded))
