//! Changes to the signature, and signatures over something else.

use crate::making::{Change, Making, Stage};
use crate::random::Random;

pub(crate) const CHANGES: &[Change] = &[
    change("signature is in DER", |making, _| {
        let (r, s) = making.signature.split_at(making.signature.len() / 2);
        let numbers = [integer(r), integer(s)].concat();
        making.signature =
            [&[0x30, u8::try_from(numbers.len()).unwrap_or(0x80)], numbers.as_slice()].concat();
    }),
    change("half of the signature is zero", |making, random| {
        let half = making.signature.len() / 2;
        match random.below(3) {
            0 => making.signature[..half].fill(0),
            1 => making.signature[half..].fill(0),
            _ => making.signature.fill(0),
        }
    }),
    change("half of the signature is the order", |making, random| {
        let Some(order) = order(making) else { return making.signature.fill(0xff) };
        let half = making.signature.len() / 2;
        let at = random.pick(&[0, half]);
        making.signature[at..at + half].copy_from_slice(&order);
    }),
    change("signature has the other root", |making, _| {
        // A signature of ECDSA gives a second one, which nothing forbids: none may count on there being one.
        let Some(order) = order(making) else { return };
        let half = making.signature.len() / 2;
        let negative = difference(&order, &making.signature[half..]);
        making.signature[half..].copy_from_slice(&negative);
    }),
    change("signature is over the order", |making, _| {
        // RFC 8032 section 5.1.7: S must be below the order, or every signature has a second one.
        if !matches!(making.algorithm, "EdDSA" | "Ed25519") {
            return making.signature.insert(0, 0);
        }
        let mut carry = 0;
        for (byte, add) in making.signature[32..].iter_mut().zip(ED25519_ORDER) {
            let sum = u16::from(*byte) + u16::from(add) + carry;
            *byte = sum.to_le_bytes()[0];
            carry = sum >> 8;
        }
    }),
    change("signature is another length", |making, random| match random.below(4) {
        0 => making.signature.push(0),
        1 => making.signature.insert(0, 0),
        // Without a leading zero it is the same number, and whether that makes a difference is up to the library under
        // jose. RFC 8017 section 8.1.2 says that the length does; one signature in 256 is not enough for a row.
        3 if making.signature[0] != 0 => making.signature = making.signature.split_off(1),
        _ => making.signature.truncate(making.signature.len() - 1),
    }),
    change("signature is empty", |making, _| making.signature.clear()),
    change("signature is random", |making, random| {
        making.signature = random.bytes(making.signature.len());
    }),
    change("bit of the signature is another one", |making, random| {
        let at = random.below(making.signature.len());
        making.signature[at] ^= 1 << random.below(8);
    }),
    change("halves of the signature are swapped", |making, _| {
        let half = making.signature.len() / 2;
        making.signature.rotate_left(half);
    }),
    change("signature is over something else", |making, random| {
        let message = match random.below(5) {
            0 => making.parts[1].clone(),
            1 => making.parts[0].clone(),
            2 => making.parts.concat(),
            3 => format!("{}.", making.message()),
            _ => making.json.iter().map(|json| String::from_utf8_lossy(json)).collect(),
        };
        making.signature = making.sign(message.as_bytes());
    }),
    change("signature is with another algorithm", |making, random| {
        making.algorithm = random.pick(&["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"]);
        making.signature = making.sign(making.message().as_bytes());
    }),
];

const fn change(name: &'static str, apply: fn(&mut Making<'_>, &mut Random)) -> Change {
    Change { name, stage: Stage::Signature, apply }
}

/// X.690 section 8.3: a positive number without needless zeros.
fn integer(number: &[u8]) -> Vec<u8> {
    let mut digits: Vec<u8> = number.iter().copied().skip_while(|byte| *byte == 0).collect();
    if digits.first().is_none_or(|byte| *byte >= 0x80) {
        digits.insert(0, 0);
    }
    [&[2, u8::try_from(digits.len()).unwrap_or(0x80)], digits.as_slice()].concat()
}

/// The order of the curve that the token is signed on.
fn order(making: &Making<'_>) -> Option<Vec<u8>> {
    match (making.algorithm, making.signature.len()) {
        ("ES256", 64) => Some([&P256_ORDER_HIGH[..], &P256_ORDER_LOW].concat()),
        ("ES384", 96) => Some([&[0xff; 24][..], &P384_ORDER_LOW].concat()),
        _ => None,
    }
}

/// `left` minus `right`, which is smaller; both big-endian and of one length.
fn difference(left: &[u8], right: &[u8]) -> Vec<u8> {
    let mut borrow = 0;
    let mut digits: Vec<u8> = left
        .iter()
        .zip(right)
        .rev()
        .map(|(left, right)| {
            let digit = 0x100 + u16::from(*left) - u16::from(*right) - borrow;
            borrow = u16::from(digit < 0x100);
            digit.to_le_bytes()[0]
        })
        .collect();
    digits.reverse();
    digits
}

const P256_ORDER_HIGH: [u8; 16] = [255, 255, 255, 255, 0, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255];
const P256_ORDER_LOW: [u8; 16] = 0xbce6_faad_a717_9e84_f3b9_cac2_fc63_2551_u128.to_be_bytes();
const P384_ORDER_LOW: [u8; 24] = [
    0xc7, 0x63, 0x4d, 0x81, 0xf4, 0x37, 0x2d, 0xdf, 0x58, 0x1a, 0x0d, 0xb2, 0x48, 0xb0, 0xa7, 0x7a, 0xec,
    0xec, 0x19, 0x6a, 0xcc, 0xc5, 0x29, 0x73,
];
/// Little-endian: 2^252 + 27742317777372353535851937790883648493.
const ED25519_ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];
