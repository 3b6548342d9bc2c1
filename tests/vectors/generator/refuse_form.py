"""Row 6: JSON and base64 that readers could disagree about. Signed over exactly the bytes shown."""

import string

from .entries import Passport
from .jws import as_bytes, b64, compact_encoded, hash_of, header
from .keys import BY_KID, ORDERS

KEY = BY_KID["orders-1"]
ALPHABET = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"


def collect(take):
    payloads(take)
    numbers(take)
    strings(take)
    encodings(take)


def replaced(take, name, why, old, new, **draft):
    """Signs a payload in whose bytes `old` was replaced."""
    p = Passport(name)
    payload = p.draft(**draft)
    raw = as_bytes(payload)
    assert raw.count(old) >= 1, (name, old)
    p.sign(payload, raw=raw.replace(old, new, 1))
    take(6, name, why, p)


def whole(take, name, why, change):
    p = Passport(name)
    payload = p.draft()
    p.sign(payload, raw=change(as_bytes(payload)))
    take(6, name, why, p)


def payloads(take):
    replaced(take, "duplicate_member", "two trust scores", b'"trust_score":40', b'"trust_score":40,"trust_score":40')
    replaced(
        take,
        "duplicate_member_spelled_differently",
        "the same name, once with an escape",
        b'"trust_score":40',
        b'"trust_score":40,"trust_scor\\u0065":100',
    )
    replaced(
        take,
        "duplicate_label",
        "two principals",
        b'"principal":',
        b'"principal":"spiffe://example.org/orders","principal":',
    )
    replaced(take, "duplicate_member_in_environment", "two values", b'"a":1', b'"a":1,"a":1', environment={"a": 1})
    whole(take, "payload_with_blanks", "not canonical", lambda raw: raw.replace(b",", b", ", 1))
    whole(take, "payload_with_trailing_newline", "not canonical", lambda raw: raw + b"\n")
    whole(take, "payload_with_trailing_bytes", "JSON, and something more", lambda raw: raw + b"{}")
    whole(
        take, "payload_with_byte_order_mark", "JSON has none (RFC 8259 section 8.1)", lambda raw: b"\xef\xbb\xbf" + raw
    )
    whole(take, "payload_in_utf16", "JSON is UTF-8", utf16)
    whole(take, "payload_members_out_of_order", "not canonical", last_first)
    whole(take, "payload_an_array", "not an object", lambda raw: b"[" + raw + b"]")
    whole(take, "payload_cut_short", "half an object", lambda raw: raw[:-1])
    replaced(take, "metadata_missing", "all members are there, always", b'"metadata":null,', b"")
    replaced(take, "schema_version_unknown", "it is unknown what its members mean", b'"0.3.0"', b'"0.4.0"')
    for depth, shown in [(400, "deep_nesting"), (1500, "very_deep_nesting")]:
        replaced(
            take,
            shown,
            f"{depth} arrays in each other",
            b'"a":1',
            b'"a":' + b"[" * depth + b"]" * depth,
            environment={"a": 1},
        )


def utf16(raw: bytes) -> bytes:
    return b"\xff\xfe" + raw.decode().encode("utf-16-le")


def last_first(raw: bytes) -> bytes:
    assert raw.endswith(b',"trust_score":40}')
    return b'{"trust_score":40,' + raw[1 : -len(b',"trust_score":40}')] + b"}"


def numbers(take):
    stamp = b'"timestamp_ms":1767225600000'
    for name, why, number in [
        ("number_above_i64", "2^63, as JCS writes it", b"9223372036854776000"),
        ("number_above_i64_spelled_out", "2^63", b"9223372036854775808"),
        ("number_with_large_exponent", "canonical, no integer", b"1e+30"),
        ("number_too_large_for_a_double", "infinity", b"1e400"),
        ("number_with_fraction", "1.5 ms", b"1.5"),
        ("number_as_string", "a string", b'"1767225600000"'),
    ]:
        replaced(take, name, f"timestamp_ms: {why}", stamp, b'"timestamp_ms":' + number)
    for name, why, number in [
        ("float_spelled_as_float", "40.0 is written 40", b"40.0"),
        ("number_with_leading_zero", "not JSON", b"040"),
    ]:
        replaced(take, name, f"trust_score: {why}", b'"trust_score":40', b'"trust_score":' + number)
    for name, why, number in [
        ("negative_zero", "-0 is written 0", b"-0"),
        ("integer_beyond_2_53_in_environment", "no double holds it (RFC 8785 section 3.2.2.3)", b"9007199254740993"),
        ("not_a_number", "not JSON", b"NaN"),
    ]:
        replaced(take, name, f"environment: {why}", b'"a":1', b'"a":' + number, environment={"a": 1})


def strings(take):
    for name, why, text in [
        ("lone_high_surrogate", "half a character", rb"\ud83d"),
        ("lone_low_surrogate", "half a character", rb"\ude00"),
        ("surrogate_in_utf8", "CESU-8 is not UTF-8", b"\xed\xa0\x80"),
        ("invalid_utf8", "not UTF-8", b"\xff\xfe"),
        ("escape_that_need_not_be", "x is written x", rb"\u0078"),
        ("escaped_slash", "/ is written /", rb"\/"),
        ("control_character_unescaped", "not JSON", b"\x1f"),
    ]:
        replaced(take, name, f"environment: {why}", b'"a":"x"', b'"a":"' + text + b'"', environment={"a": "x"})


def encodings(take):
    head = b64(as_bytes(header(KEY.kid)))

    def built(name):
        # One of three lengths fills its last base64 group, and has neither padding nor spare bits.
        drafts = (Passport(name).draft(principal=ORDERS, operation="orders.read" + "." * n) for n in range(3))
        return next(text for text in map(b64, map(as_bytes, drafts)) if len(text) % 4)

    def signed(name, why, change_head=lambda h: h, change_payload=lambda b: b):
        jws = compact_encoded(change_head(head), change_payload(built(name)), KEY.sign)
        take(6, name, why, [jws], hash_of(jws))

    def after(name, why, change):
        jws = change(compact_encoded(head, built(name), KEY.sign))
        take(6, name, why, [jws], hash_of(jws))

    signed("header_base64_padded", "no padding (RFC 7515 section 2)", change_head=padded)
    signed("payload_base64_padded", "no padding (RFC 7515 section 2)", change_payload=padded)
    after("signature_base64_padded", "no padding (RFC 7515 section 2)", lambda jws: jws + "==")
    signed("payload_base64_trailing_bits", "bits that no byte has", change_payload=trailing_bits)
    after("signature_base64_trailing_bits", "bits that no byte has", trailing_bits)
    after("signature_in_plain_base64", "another alphabet", plain_alphabet)
    signed("payload_base64_with_newline", "a line break inside", change_payload=lambda b: b[:40] + "\n" + b[40:])
    after("jws_with_four_parts", "compact form has three", lambda jws: jws + ".AA")
    after("jws_with_two_parts", "compact form has three", lambda jws: jws.rsplit(".", 1)[0])
    after("jws_with_trailing_newline", "one byte too many", lambda jws: jws + "\n")
    after("jws_with_trailing_garbage", "more than a signature", lambda jws: jws + "AAAA")
    after("jws_empty", "nothing", lambda jws: "")


def padded(text: str) -> str:
    assert len(text) % 4, "has no padding"
    return text + "=" * (-len(text) % 4)


def trailing_bits(text: str) -> str:
    part = text.rsplit(".", 1)[-1]
    assert len(part) % 4, "has no spare bits"
    return text[:-1] + ALPHABET[ALPHABET.index(text[-1]) + 1]


def plain_alphabet(jws: str) -> str:
    head, payload, signature = jws.split(".")
    assert "-" in signature or "_" in signature, "the same in both alphabets"
    return ".".join([head, payload, signature.replace("-", "+").replace("_", "/")])
