"""Header lines that have to be refused, with the statuses that are right (rows 7 to 10, 20 and 28 of the threat table).

A line is a string, or describes one: `prefix`, then `repeat` `times` times, then `suffix`; `copies` such header lines
if that is given.
"""

import gzip
import zlib

from . import baggage as b
from .entries import Passport
from .header import CLAIM

MIB = 1 << 20
PASSPORT = Passport("header_bad").chain(1)
TIP = b.tip(PASSPORT.tip)
INLINE = b.inline(PASSPORT.passport)
TEXT = b.array(PASSPORT.passport).encode()
STREAM = b.deflated(TEXT)
PACKED = "kest.passport_z=" + b.b64(STREAM)


def cases() -> list[dict]:
    return [*inflating(), *undecodable(), *too_much(), *ambiguous(), *claim_checks(), *unclean(), *misspelt()]


def case(row: int, name: str, lines: list, status: int | list[int], claims: dict | None = None) -> dict:
    return {"name": name, "row": row, "lines": lines, "claims": claims or {}, "status": status}


def inflating() -> list[dict]:
    def stream(name, data, status=400):
        return case(7, name, [f"kest.passport_z={b.b64(data)},{TIP}"], status)

    bomb = b.deflated(b'["' + b"A" * (4 * MIB) + b'"]')
    blanks = b.deflated(b"[" + b" " * (4 * MIB) + b"]")
    unfinished = zlib.compressobj(9)
    endless = unfinished.compress(b'["' + b"A" * MIB) + unfinished.flush(zlib.Z_SYNC_FLUSH)
    dictionary = zlib.compressobj(9, zdict=b"kest")
    known = dictionary.compress(b"[]") + dictionary.flush()
    return [
        stream("inflate_bomb", bomb, [400, 431]),
        stream("inflate_bomb_of_blanks", blanks, [400, 431]),
        stream("inflate_bomb_without_end", endless, [400, 431]),
        stream("bytes_after_the_stream", STREAM + b"\0"),
        stream("a_second_stream", STREAM + b.stored(b"[]")),
        stream("checksum_cut_off", STREAM[:-4]),
        stream("stream_cut_short", STREAM[: len(STREAM) // 2]),
        stream("wrong_checksum", STREAM[:-1] + bytes([STREAM[-1] ^ 1])),
        stream("not_zlib", TEXT),
        stream("gzip", gzip.compress(TEXT, mtime=0)),
        stream("raw_deflate", STREAM[2:-4]),
        stream("preset_dictionary", known),
        stream("wrong_block_length", b.stored(b"[]")[:5] + b"\0\0[]" + STREAM[-4:]),
    ]


def undecodable() -> list[dict]:
    def value(name, text):
        return case(7, name, [f"kest.passport_z={text},{TIP}"], 400)

    def content(name, text):
        return case(7, name, [f"kest.passport_z={b.packed(text)},{TIP}"], 400)

    def inline(name, text):
        return case(7, name, [f"kest.passport={b.encoded(text)},{TIP}"], 400)

    good = b.b64(STREAM)
    return [
        value("compressed_not_base64", "%21" + good),
        value("compressed_base64_of_impossible_length", good[: len(good) // 4 * 4] + "A"),
        value("compressed_base64_padding_in_the_middle", good[:8] + "==" + good[8:]),
        value("compressed_empty", ""),
        content("compressed_nothing", b""),
        content("compressed_not_json", b"passport"),
        content("compressed_an_object", b'{"passport":[]}'),
        content("compressed_array_of_numbers", b"[1,2]"),
        content("compressed_array_and_more", TEXT + b"]"),
        content("compressed_not_utf8", b'["\xff"]'),
        # A reader may stop at the ratio before it sees the nesting.
        case(7, "compressed_nested_deeply", [f"kest.passport_z={b.b64(b.deflated(b'[' * 1000 + b']' * 1000))},{TIP}"], [400, 431]),
        inline("inline_empty", ""),
        inline("inline_not_json", "passport"),
        inline("inline_cut_short", TEXT.decode()[:-1]),
        inline("inline_a_string", '"e30.e30.e30"'),
        inline("inline_null", "null"),
        inline("inline_array_of_arrays", '[["e30.e30.e30"]]'),
    ]


def too_much() -> list[dict]:
    many = b.packed(b'["e30.e30.e30"' + b',"e30.e30.e30"' * 4999 + b"]")
    refused = [400, 431]

    def line(prefix, repeat, times, suffix="", copies=1):
        return {"prefix": prefix, "repeat": repeat, "times": times, "suffix": suffix, "copies": copies}

    return [
        case(8, "five_thousand_entries", [f"kest.passport_z={many},{TIP}"], refused),
        case(8, "one_line_of_64_kib", [line(f"{PACKED},{TIP},a=", "x", 65536)], refused),
        case(8, "passport_of_1_mib", [line(f"{TIP},kest.passport_z=", "A", MIB)], refused),
        case(8, "ten_thousand_tiny_members", [line(f"{PACKED},{TIP}", ",a=1", 10000)], refused),
        case(8, "ten_thousand_commas", [line(f"{PACKED},{TIP}", ",", 70000)], refused),
        case(
            8, "five_thousand_lines", [f"{PACKED},{TIP}", line("", "a=12345678901234567890", 1, copies=5000)], refused
        ),
        case(8, "ten_thousand_properties", [line(f"{PACKED},{TIP}", ";propert=1", 10000)], refused),
    ]


def ambiguous() -> list[dict]:
    held = b.claims(CLAIM, TEXT.decode())
    return [
        case(9, "inline_and_compressed", [f"{INLINE},{PACKED},{TIP}"], 400),
        case(9, "inline_and_claim_check", [f"{INLINE},{b.claim(CLAIM)},{TIP}"], 400, held),
        case(9, "compressed_and_claim_check_on_two_lines", [f"{PACKED},{TIP}", b.claim(CLAIM)], 400, held),
        case(9, "compressed_and_an_empty_inline_member", [f"{PACKED},kest.passport=,{TIP}"], 400),
        case(9, "passport_twice", [f"{PACKED},{TIP},{PACKED}"], 400),
        case(9, "passport_twice_on_two_lines", [f"{PACKED},{TIP}", PACKED], 400),
        case(9, "tip_twice", [f"{PACKED},{TIP},{TIP}"], 400),
        case(9, "two_different_tips_as_two_members", [f"{PACKED},{TIP}", "kest.chain_tip=" + "0" * 64], 400),
        case(9, "claim_check_twice", [f"{b.claim(CLAIM)},{TIP},{b.claim(CLAIM)}"], 400, held),
        case(9, "tip_without_passport", [TIP], 400),
        case(9, "inline_without_tip", [INLINE], 400),
        case(9, "compressed_without_tip", [PACKED], 400),
        case(9, "claim_check_without_tip", [b.claim(CLAIM)], 400, held),
    ]


def claim_checks() -> list[dict]:
    def held(name, text, status=401):
        return case(10, name, [f"{b.claim(CLAIM)},{TIP}"], status, b.claims(CLAIM, text))

    other = Passport("header_bad_other").chain(1)
    stranger = CLAIM.replace("6", "7", 1)
    return [
        case(10, "claim_unknown", [f"{b.claim(CLAIM)},{TIP}"], 401),
        case(10, "claim_of_another_caller", [f"{b.claim(CLAIM)},{TIP}"], 401, b.claims(stranger, TEXT.decode())),
        held("claim_check_of_another_lineage", b.array(other.passport)),
        held("claim_of_an_empty_lineage", "[]"),
        held("claim_not_json", "passport"),
        held("claim_empty", ""),
        held("claim_an_object", "{}"),
        held("claim_array_of_numbers", "[1]"),
        held("claim_cut_short", TEXT.decode()[:-1]),
        held("claim_of_garbage_entries", '["a.b.c"]'),
        case(10, "claim_check_not_a_uuid", [f"{b.claim('..%2Fkeys')},{TIP}"], [400, 401]),
        case(10, "claim_check_empty", [f"{b.claim('')},{TIP}"], [400, 401]),
    ]


def unclean() -> list[dict]:
    def line(name, text):
        return case(20, name, [text], 400)

    return [
        line("raw_non_ascii_in_inline", f"kest.passport=[\u00e9],{TIP}"),
        line("raw_non_ascii_in_tip", f"{PACKED},kest.chain_tip=\u00e9"),
        line("encoded_line_feed_in_tip", f"{PACKED},{TIP}%0D%0Ainjected:%201"),
        line("encoded_nul_in_tip", f"{PACKED},{TIP}%00"),
        line("encoded_nul_in_claim_check", f"kest.claim_check=%00{CLAIM},{TIP}"),
        line("encoded_line_feed_in_claim_check", f"kest.claim_check={CLAIM}%0AGET,{TIP}"),
        line("encoded_escape_character_in_inline", f"kest.passport=%1B%5B31m,{TIP}"),
        line("encoded_control_byte_inside_json", f"kest.passport=%5B%22a.b%01.c%22%5D,{TIP}"),
        line("encoded_line_feed_in_compressed", f"{PACKED}%0D%0A,{TIP}"),
        line("percent_at_the_end", f"{PACKED},{TIP}%"),
        line("percent_with_one_digit", f"{PACKED},{TIP}%4"),
        line("percent_without_digits", f"kest.passport=%zz,{TIP}"),
        line("percent_with_sign", f"kest.passport=%+5,{TIP}"),
        line("encoded_invalid_utf8", f"kest.passport=%FF%FE,{TIP}"),
        line("encoded_surrogate", f"kest.passport=%ED%A0%80,{TIP}"),
        line("encoded_overlong_slash", f"kest.passport=%C0%AF,{TIP}"),
    ]


def misspelt() -> list[dict]:
    """Names that some reader takes for ours: beside a good passport, and alone."""

    def names(name, spelling):
        return [
            case(28, name, [f"{PACKED},{TIP},{spelling}=admin"], 400),
            case(28, f"{name}_alone", [f"{spelling}=admin"], 400),
        ]

    return [
        *names("user_with_an_escaped_dot", "kest%2Euser"),
        *names("user_with_an_escaped_letter", "%6Best.user"),
        *names("user_escaped_twice", "kest%252Euser"),
        *names("user_in_upper_case", "KEST.user"),
        *names("user_in_mixed_case", "kest.User"),
        *names("user_behind_an_escaped_blank", "%20kest.user"),
        *names("user_behind_a_plus", "+kest.user"),
        *names("user_behind_an_escaped_tab", "%09kest.user"),
        *names("user_behind_an_escaped_byte_order_mark", "%EF%BB%BFkest.user"),
        *names("user_behind_a_byte_order_mark", "\ufeffkest.user"),
        *names("user_before_an_escaped_blank", "kest.user%20"),
        *names("passport_with_an_escaped_letter", "kest.p%61ssport"),
        *names("tip_in_upper_case", "kest.CHAIN_TIP"),
    ]
