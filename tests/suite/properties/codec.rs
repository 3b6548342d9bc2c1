//! What goes into a baggage header comes out again, ours and everybody else's.

use std::sync::Arc;

use http::{HeaderMap, HeaderValue};
use kest_baggage::{HeaderReader, InMemoryPassports, PassportStore, Tiers, pack, restore, strip};
use kest_core::{Identity, Limits, OsRandom, Passport, Verifier};
use kest_tests::keys::{chain, ring};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::{compacts, for_all, odd_text};

#[test]
fn user_agent_and_task_are_written_so_that_any_reader_finds_them() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let passport = runtime.block_on(chain(1)).passport().clone();
    let name = || option::of(odd_text(300));
    for_all(600, &[name(), name(), name()], |names| {
        let mut headers = HeaderMap::new();
        runtime.block_on(inject(&passport, &identity(&names), &mut headers));
        let line = headers["baggage"].to_str().unwrap();
        for (member, name) in ["kest.user", "kest.agent", "kest.task"].into_iter().zip(names) {
            let value = line.split(',').find_map(|it| it.strip_prefix(member)?.strip_prefix('='));
            prop_assert!(value.is_none_or(|it| it.bytes().all(is_octet)), "{:?}", value);
            // Longer ones are left out: they are never believed, and the entries hold them whole.
            let expected = name.filter(|name| (1..=256).contains(&name.len()));
            prop_assert_eq!(value.map(unescaped), expected);
        }
        prop_assert!(runtime.block_on(restored(&headers)) == compacts(&passport));
        Ok(())
    });
}

#[test]
fn members_of_others_stay_as_they_are_and_ours_are_replaced() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let passport = runtime.block_on(chain(1)).passport().clone();
    for_all(600, &vec(vec(member(), 0..6), 0..4), |lines| {
        let mut headers = HeaderMap::new();
        for line in &lines {
            headers.append("baggage", HeaderValue::from_bytes(&line.join(&b','))?);
        }
        let nothing_of_ours = lines.iter().flatten().all(|it| !is_ours(it));
        let others: Vec<Vec<u8>> = lines.into_iter().flatten().filter_map(|it| foreign(&it)).collect();
        let mut stripped = headers.clone();
        strip(&mut stripped);
        if nothing_of_ours {
            prop_assert_eq!(&stripped, &headers);
        } else {
            prop_assert_eq!(&members(&stripped), &others);
        }
        runtime.block_on(inject(&passport, &Identity::default().with_user("alice"), &mut headers));
        prop_assert_eq!(headers.get_all("baggage").iter().count(), 1);
        let mut written = members(&headers);
        let ours = written.split_off(others.len());
        prop_assert_eq!(&written, &others);
        let ours: Vec<String> = ours.into_iter().map(|it| String::from_utf8(it).unwrap()).collect();
        let names: Vec<&str> = ours.iter().filter_map(|it| it.split('=').next()).collect();
        prop_assert_eq!(names, ["kest.passport", "kest.chain_tip", "kest.user"]);
        prop_assert!(runtime.block_on(restored(&headers)) == compacts(&passport));
        // A second injection replaces the first.
        let once = headers.clone();
        runtime.block_on(inject(&passport, &Identity::default().with_user("alice"), &mut headers));
        prop_assert_eq!(headers, once);
        Ok(())
    });
}

/// What stands between two commas: foreign, ours from an earlier hop, or nothing.
fn member() -> impl Strategy<Value = Vec<u8>> {
    let byte = || prop_oneof![8 => b' '..=b'~', 1 => Just(b'\t'), 1 => 0x80..=0xff_u8];
    let bytes = || vec(byte().prop_filter("a comma ends a member", |byte| *byte != b','), 0..20);
    let known = [
        "region=eu",
        "a=b==;p=1;q",
        "k=%zz",
        "k",
        "=",
        ";",
        "kest=1",
        "Kest.user=1",
        "kest%2Euser=1",
        "%6best.user=root",
        "kest%2Fuser=1",
        " kest.user = root ;p",
        "kest.",
        "kest.passport=%5B%5D",
        "kest.chain_tip=0",
        "kest.jwt=a.b.c",
        "xkest.user=1",
        "\tspaced = 1 ",
        "",
    ];
    let known = select(known.to_vec()).prop_map(|it| it.as_bytes().to_vec());
    let ours = bytes().prop_map(|bytes| [b"kest.x=", &bytes[..]].concat());
    prop_oneof![3 => bytes(), 3 => known, 1 => ours]
        // From `[` to `]` a raw array is one member whatever stands in it: the legacy reading has its own tests.
        .prop_filter("no raw array", |it| !is_ours(it) || !it.contains(&b'['))
}

/// The member without the blanks around it, if it is there and foreign.
fn foreign(member: &[u8]) -> Option<Vec<u8>> {
    let whole = member.trim_ascii();
    (!whole.is_empty() && !is_ours(whole)).then(|| whole.to_vec())
}

/// Whether a reader who decodes names, trims them and ignores their case would take it for ours.
fn is_ours(member: &[u8]) -> bool {
    let name = member.split(|byte| b";=".contains(byte)).next().unwrap_or_default();
    let name = percent_encoding::percent_decode(name).decode_utf8_lossy().into_owned();
    name.trim().to_ascii_lowercase().starts_with("kest.")
}

fn members(headers: &HeaderMap) -> Vec<Vec<u8>> {
    let lines = headers.get_all("baggage").iter();
    let members = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
    members.map(<[u8]>::to_vec).collect()
}

fn identity(names: &[Option<String>; 3]) -> Identity {
    let [user, agent, task] = names;
    let mut identity = Identity::default();
    identity = user.iter().fold(identity, |it, user| it.with_user(user.as_str()));
    identity = agent.iter().fold(identity, |it, agent| it.with_agent(agent.as_str()));
    task.iter().fold(identity, |it, task| it.with_task(task.as_str()))
}

async fn inject(passport: &Passport, identity: &Identity, headers: &mut HeaderMap) {
    let limits = Limits::default();
    let packed = pack(passport, identity, &Tiers::auto(), &OsRandom, &limits).await.unwrap();
    packed.inject(headers, &limits).unwrap();
}

/// The entries of the passport on `headers`, after steps 1 to 3.
async fn restored(headers: &HeaderMap) -> Vec<String> {
    let limits = Limits::default();
    let store: Arc<dyn PassportStore> = Arc::new(InMemoryPassports::new(&limits));
    let packed = HeaderReader::new(limits.clone()).read_headers(headers).unwrap();
    let carried = restore(packed, Some(store.as_ref()), &limits).await.unwrap().passport().unwrap();
    let passport = Verifier::new(limits).verify(carried, &ring()).unwrap();
    compacts(&passport).into_iter().map(str::to_owned).collect()
}

/// W3C Baggage 3.3.1, spelled the way the grammar spells it.
fn is_octet(byte: u8) -> bool {
    byte.is_ascii_graphic() && !b"\",;\\".contains(&byte)
}

/// Percent-decoding by hand.
fn unescaped(value: &str) -> String {
    let mut parts = value.split('%');
    let mut bytes = parts.next().unwrap().as_bytes().to_vec();
    for part in parts {
        let (digits, rest) = part.split_at(2);
        bytes.push(u8::from_str_radix(digits, 16).unwrap());
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(bytes).unwrap()
}
