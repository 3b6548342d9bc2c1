"""Header lines that have to give exactly the passport named beside them."""

import uuid
import zlib

from . import baggage as b
from .entries import Passport
from .keys import BILLING, ORDERS

CLAIM = str(uuid.UUID("6f1c2a9e-54d7-4b0e-9a53-2f1d8c7b6e40"))


def cases() -> list[dict]:
    one = Passport("header_one").chain(1)
    two = Passport("header_two").chain(2)
    fork = Passport("header_fork").chain(1)
    fork.add(fork.entries[:1], principal=ORDERS)
    fork.add(fork.entries[:1], principal=BILLING)
    return [*tiers(one, two), *forms(one), *tips(fork), *company(one)]


def case(name: str, lines: list[str], passport: Passport | None, claims: dict | None = None) -> dict:
    expected = passport and passport.passport
    return {"name": name, "lines": lines, "claims": claims or {}, "passport": expected}


def tiers(one: Passport, two: Passport) -> list[dict]:
    text = b.array(one.passport)
    stream = next(s for level in (9, 6, 1) if len(s := b.deflated(text.encode() + b" " * level, level)) % 3)
    unpadded = b.b64(stream)
    padding = "=" * (-len(unpadded) % 4)
    tip = b.tip(one.tip)
    raw = zlib.compressobj(9, zlib.DEFLATED, 9)
    small_window = b.b64(raw.compress(text.encode()) + raw.flush())
    whole = b.encoded_whole(text)
    return [
        case("inline", [f"{b.inline(two.passport)},{b.tip(two.tip)}"], two),
        case("inline_every_octet_encoded", [f"kest.passport={whole},{tip}"], one),
        case("compressed", [f"{b.compressed(one.passport)},{tip}"], one),
        case("compressed_with_padding", [f"kest.passport_z={unpadded}{padding},{tip}"], one),
        case("compressed_with_padding_encoded", [f"kest.passport_z={unpadded}{'%3D' * len(padding)},{tip}"], one),
        case("compressed_in_a_stored_block", [f"kest.passport_z={b.b64(b.stored(text.encode()))},{tip}"], one),
        case("compressed_with_a_small_window", [f"kest.passport_z={small_window},{tip}"], one),
        case("claim_check", [f"{b.claim(CLAIM)},{tip}"], one, b.claims(CLAIM, text)),
    ]


def forms(one: Passport) -> list[dict]:
    z, tip = b.compressed(one.passport), b.tip(one.tip)
    return [
        case("tip_first", [f"{tip},{z}"], one),
        case("two_lines", [z, tip], one),
        case("four_lines_with_others_between", ["region=eu", z, "tenant=a,shard=7", tip], one),
        case("properties_are_allowed", [f"{z};ttl=30;hop,{tip} ; p = 1"], one),
        case("blanks_and_tabs_around_everything", [f" \t{z}\t , \t kest.chain_tip = {one.tip} "], one),
    ]


def tips(fork: Passport) -> list[dict]:
    backwards = ",".join(reversed(fork.tip.split(",")))
    return [
        case("two_tips", [f"{b.compressed(fork.passport)},{b.tip(fork.tip)}"], fork),
        case("two_tips_in_the_other_order", [f"{b.compressed(fork.passport)},{b.tip(backwards)}"], fork),
    ]


def company(one: Passport) -> list[dict]:
    z, tip = b.compressed(one.passport), b.tip(one.tip)
    identity = "kest.user=admin,kest.agent=root,kest.task=everything"
    return [
        case("foreign_members", [f"userId=alice,{z},query=a=b&c=d;p=1,empty=,{tip},name=%C3%A9t%C3%A9%2C"], one),
        case("foreign_member_that_only_looks_like_ours", [f"kest=1,xkest.passport=1,{z},{tip},kest%2Fpassport=1,kest-passport=1"], one),
        case("foreign_members_in_utf8", [f"user=J\u00f6rg,caf\u00e9=\u2603,{z},\u8ba2\u5355=1,{tip}"], one),
        case("foreign_members_with_broken_escapes", [f"a=%,%zz=1,b=%ff,{z},%=%00,{tip},=,;p"], one),
        case("foreign_members_181_of_them", [",".join(f"v{n}=1" for n in range(181)), f"{z},{tip}"], one),
        case("identity_members_are_not_believed", [f"{identity},{z},{tip}"], one),
        case("unknown_and_dropped_members", [f"kest.jwt=a.b.c,{z},kest.future=1,{tip}"], one),
        case("nothing_of_ours", ["userId=alice,region=eu"], None),
        case("no_header", [], None),
        case("spoofed_identity_without_passport", [identity], None),
    ]
