"""RFC 8785: texts with their canonical bytes, and texts that have none."""

import base64

import rfc8785

from .verify import Refused, strict_json

# Texts, and what they have to become where a standard or a hand calculation says so.
GOOD: dict[str, tuple[bytes, bytes]] = {
    "keys_by_utf16": (
        # The example of RFC 8785 section 3.2.3.
        rb'{"\u20ac":"Euro Sign","\r":"Carriage Return","\ufb33":"Hebrew Letter Dalet With Dagesh","1":"One",'
        rb'"\ud83d\ude00":"Emoji: Grinning Face","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis"}',
        '{"\\r":"Carriage Return","1":"One","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis",'
        '"\u20ac":"Euro Sign","\U0001f600":"Emoji: Grinning Face",'
        '"\ufb33":"Hebrew Letter Dalet With Dagesh"}'.encode(),
    ),
    "keys_emoji_before_private_use": (
        b'{"\xee\x80\x80":1,"\xf0\x9f\x98\x80":2,"\xed\x9f\xbf":3}',
        b'{"\xed\x9f\xbf":3,"\xf0\x9f\x98\x80":2,"\xee\x80\x80":1}',
    ),
    "keys_prefix_first": (b'{"aa":1,"a":2,"":3,"B":4,"A":5}', b'{"":3,"A":5,"B":4,"a":2,"aa":1}'),
    "keys_sorted_at_every_level": (
        b'[{"b":{"d":1,"c":2},"a":[{"f":3,"e":4}]}]',
        b'[{"a":[{"e":4,"f":3}],"b":{"c":2,"d":1}}]',
    ),
    "blanks_go": (b' {\t"a" :\r\n[ 1 , true , null , { } , [ ] ] } \n', b'{"a":[1,true,null,{},[]]}'),
    "escapes": (
        # The example of RFC 8785 section 3.2.2.
        rb'"\u20ac$\u000F\u000aA\u0027\u0042\u0022\u005c\\\"\/"',
        '"\u20ac$\\u000f\\nA\'B\\"\\\\\\\\\\"/"'.encode(),
    ),
    "escapes_of_all_controls": (
        b'"' + b"".join(b"\\u%04X" % code for code in range(0x20)) + b'"',
        b'"\\u0000\\u0001\\u0002\\u0003\\u0004\\u0005\\u0006\\u0007\\b\\t\\n\\u000b\\f\\r\\u000e\\u000f\\u0010\\u0011'
        b'\\u0012\\u0013\\u0014\\u0015\\u0016\\u0017\\u0018\\u0019\\u001a\\u001b\\u001c\\u001d\\u001e\\u001f"',
    ),
    "delete_and_line_separators_stay": (
        rb'"\u007f\u2028\u2029\ufeff\u00a0"',
        b'"\x7f\xe2\x80\xa8\xe2\x80\xa9\xef\xbb\xbf\xc2\xa0"',
    ),
    "no_unicode_normalization": (b'["A\xcc\x8a","\xc3\x85"]', b'["A\xcc\x8a","\xc3\x85"]'),
    "surrogate_pair_becomes_one_character": (rb'"\ud83d\ude00\uD834\uDD1E"', '"\U0001f600\U0001d11e"'.encode()),
    "numbers_zero": (b"[0,-0,0.0,-0.0,0e7,-0E-7]", b"[0,0,0,0,0,0]"),
    "numbers_of_the_standard": (
        # RFC 8785 section 3.2.2.
        b"[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001]",
        b"[333333333.3333333,1e+30,4.5,0.002,1e-27]",
    ),
    "numbers_at_the_edges_of_exponents": (
        b"[1e21,1e20,999999999999999900000e0,1e-6,1e-7,123456e-11,0.000001234]",
        b"[1e+21,100000000000000000000,999999999999999900000,0.000001,1e-7,0.00000123456,0.000001234]",
    ),
    "numbers_smallest_and_largest": (
        b"[5e-324,-5e-324,2.2250738585072014e-308,1.7976931348623157e308,-1.7976931348623157e+308]",
        b"[5e-324,-5e-324,2.2250738585072014e-308,1.7976931348623157e+308,-1.7976931348623157e+308]",
    ),
    "numbers_that_need_exact_parsing": (
        b"[9007199254740993.0,1e23,2.2250738585072011e-308,8.41e21,9.5367431640625e-7,295147905179352830000.0]",
        b"[9007199254740992,1e+23,2.225073858507201e-308,8.41e+21,9.5367431640625e-7,295147905179352830000]",
    ),
    "numbers_of_appendix_b": (
        # RFC 8785 appendix B.
        b"[1e23,9.999999999999997e22,1.0000000000000001e23,999999999999999700000.0,0.000001,333333333.33333325,"
        b"333333333.3333334,-0.0000033333333333333333,1424953923781206.25]",
        b"[1e+23,9.999999999999997e+22,1.0000000000000001e+23,999999999999999700000,0.000001,333333333.33333325,"
        b"333333333.3333334,-0.0000033333333333333333,1424953923781206.2]",
    ),
    "integers_to_the_edge": (b"[9007199254740991,-9007199254740991]", b"[9007199254740991,-9007199254740991]"),
    "two_to_the_53_as_a_float": (
        b"[9007199254740992.0,-9.007199254740992e15]",
        b"[9007199254740992,-9007199254740992]",
    ),
    "literals_at_the_top": (b" true ", b"true"),
    "string_at_the_top": (b'"a"', b'"a"'),
}

BAD: dict[str, bytes] = {
    "integer_2_53": b"[9007199254740992]",
    "integer_minus_2_53": b"[-9007199254740992]",
    "integer_above_i64": b"[9223372036854775808]",
    "integer_above_u64": b"[18446744073709551616]",
    "number_infinite": b"[1e400]",
    "number_nan": b"[NaN]",
    "number_with_leading_zero": b"[01]",
    "number_without_digits_after_point": b"[1.]",
    "lone_high_surrogate": rb'["\ud83d"]',
    "lone_low_surrogate": rb'["\ude00"]',
    "lone_surrogate_in_a_key": rb'{"\ud83dx":1}',
    "surrogates_in_wrong_order": rb'["\ude00\ud83d"]',
    "surrogate_in_utf8": b'["\xed\xa0\xbd"]',
    "invalid_utf8": b'["\xc3"]',
    "duplicate_members": b'{"a":1,"a":1}',
    "duplicate_members_by_escape": rb'{"a":1,"\u0061":2}',
    "duplicate_members_deep_inside": b'[{"x":{"b":1,"c":2,"b":3}}]',
    "byte_order_mark": b'\xef\xbb\xbf{"a":1}',
    "control_character_in_a_string": b'["\n"]',
    "trailing_comma": b"[1,]",
    "trailing_bytes": b"{} {}",
    "single_quotes": b"['a']",
    "comment": b"[1/*one*/]",
    "cut_short": b'{"a":',
    "empty": b"",
}


def cases() -> list[dict]:
    good = [canonical(name, text, expected) for name, (text, expected) in GOOD.items()]
    return good + [impossible(name, text) for name, text in BAD.items()]


def canonical(name: str, text: bytes, expected: bytes) -> dict:
    found = rfc8785.dumps(strict_json(text))
    assert found == expected, (name, found, expected)
    return {"name": name, "json_b64": b64(text), "canonical_b64": b64(expected)}


def impossible(name: str, text: bytes) -> dict:
    try:
        rfc8785.dumps(strict_json(text))
    except (Refused, ValueError):
        return {"name": name, "json_b64": b64(text), "error": True}
    raise AssertionError(f"{name} has a canonical form")


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()
