//! Changes of the key that signs.

use crate::issuer::SigningKey;
use crate::making::{Change, Hand, Making, Stage};
use crate::random::Random;

pub(crate) const CHANGES: &[Change] = &[
    change("key is published poorly", poor),
    change("key is spelled poorly", |making, random| {
        let odd = random.pick(&["rsa-leading", "rsa-exp", "ec-long", "ed-padded", "ed-member", "ed-neutral"]);
        of(making, random, odd);
    }),
    change("key for encryption signs", |making, random| of(making, random, "-enc")),
    change("key for other operations signs", |making, random| of(making, random, "ec-")),
    change("one of two keys of one id signs", |making, random| of(making, random, "of-")),
    change("key signs with another algorithm than its own", |making, random| {
        let key = making.issuer.poor.iter().find(|key| key.id == "rsa-ps256").unwrap();
        let algorithm = random.pick(key.pair.algorithms());
        making.signed_with(key.id, &key.pair, algorithm);
    }),
    change("another key of the issuer signs", |making, random| {
        let other = making.issuer.any(random);
        making.hand = Hand::Pair(other.pair.clone());
    }),
    change("key of another signs", |making, random| {
        let pair = crate::keys::Pair::ed25519(random.pick(&[7, 8, 9]));
        making.hand = Hand::Pair(pair);
        making.header.set("kid", r#""ed-1""#);
        making.header.set("alg", r#""EdDSA""#);
    }),
];

const fn change(name: &'static str, apply: fn(&mut Making<'_>, &mut Random)) -> Change {
    Change { name, stage: Stage::Members, apply }
}

fn poor(making: &mut Making<'_>, random: &mut Random) {
    of(making, random, "");
}

/// Signs with a poorly published key whose id has `name` in it.
fn of(making: &mut Making<'_>, random: &mut Random, name: &str) {
    let keys: Vec<&SigningKey> = making.issuer.poor.iter().filter(|key| key.id.contains(name)).collect();
    let key = random.pick(&keys);
    let algorithm = random.pick(key.pair.algorithms());
    making.signed_with(key.id, &key.pair, algorithm);
}
