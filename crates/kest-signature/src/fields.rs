//! The headers `Signature-Input` and `Signature`: members with a tag are found, written and taken out; others stay.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue};
use kest_core::Limits;
use sfv::{FieldType as _, InnerList, KeyRef, ListEntry, Parser};

use crate::base::text;
use crate::unique::Members;
use crate::{Fault, SignatureInput, plain};

pub(crate) const SIGNATURE_INPUT: HeaderName = HeaderName::from_static("signature-input");
pub(crate) const SIGNATURE: HeaderName = HeaderName::from_static("signature");

/// The one signature with `tag`, and its bytes; `None` where no member has it.
///
/// Signatures with other tags are counted against the limit and not looked at. Where no line holds the tag's text
/// nothing is parsed, so that what others sign costs nothing.
pub(crate) fn find(
    headers: &HeaderMap,
    tag: &str,
    limits: &Limits,
) -> Result<Option<(SignatureInput, Vec<u8>)>, Fault> {
    match plain::find(headers, tag, limits) {
        Some(found) => Ok(Some(found)),
        None => find_in_fields(headers, tag, limits),
    }
}

/// The same of headers that are spelled in any way.
pub(crate) fn find_in_fields(
    headers: &HeaderMap,
    tag: &str,
    limits: &Limits,
) -> Result<Option<(SignatureInput, Vec<u8>)>, Fault> {
    if !mentions(headers, tag) {
        return Ok(None);
    }
    let inputs = dictionary(headers, &SIGNATURE_INPUT, limits)?;
    let mut tagged = inputs.found().iter().filter_map(|(label, member)| Some((label, of_tag(member, tag)?)));
    let Some((label, wire)) = tagged.next() else { return Ok(None) };
    if tagged.next().is_some() {
        return Err(Fault::SeveralSignatures);
    }
    let signatures = dictionary(headers, &SIGNATURE, limits)?;
    if inputs.repeats(label.as_str()) {
        return Err(Fault::Malformed);
    }
    let bytes = match signatures.found().get(label.as_str()) {
        Some(ListEntry::Item(item)) if item.params.is_empty() => item.bare_item.as_byte_sequence(),
        Some(ListEntry::Item(_) | ListEntry::InnerList(_)) | None => None,
    };
    let bytes = bytes.ok_or(Fault::SignatureAbsent)?.to_vec();
    Ok(Some((SignatureInput::of_wire(wire.clone())?, bytes)))
}

/// Adds a signature under `label`, as lines of their own: those of others are not touched.
pub(crate) fn add(
    headers: &mut HeaderMap,
    label: &KeyRef,
    input: &SignatureInput,
    signature: &[u8],
) -> Result<(), Fault> {
    let mut text = String::with_capacity(USUAL_SIGNATURE_BYTES);
    // RFC 9651 section 4.1.8.
    text.push_str(label.as_str());
    text.push_str("=:");
    STANDARD.encode_string(signature, &mut text);
    text.push(':');
    let value = |text: String| HeaderValue::try_from(text).map_err(|_cause| Fault::Malformed);
    let (input, signature) = (value(input.to_member(label))?, value(text)?);
    headers.append(SIGNATURE_INPUT, input);
    headers.append(SIGNATURE, signature);
    Ok(())
}

/// Takes out what has `tag` or stands under `label`: signatures of an earlier attempt. Where there are none, no line is
/// written anew.
pub(crate) fn remove(
    headers: &mut HeaderMap,
    label: &KeyRef,
    tag: &str,
    limits: &Limits,
) -> Result<(), Fault> {
    if !mentions(headers, tag) && !mentions(headers, label.as_str()) {
        return Ok(());
    }
    let mut inputs = dictionary(headers, &SIGNATURE_INPUT, limits)?.into_found();
    let mut signatures = dictionary(headers, &SIGNATURE, limits)?.into_found();
    let before = (inputs.len(), signatures.len());
    inputs.retain(|name, member| {
        let ours = name.as_str() == label.as_str() || of_tag(member, tag).is_some();
        if ours {
            signatures.shift_remove(name.as_str());
        }
        !ours
    });
    signatures.shift_remove(label.as_str());
    if before == (inputs.len(), signatures.len()) {
        return Ok(());
    }
    for (name, members) in [(SIGNATURE_INPUT, inputs), (SIGNATURE, signatures)] {
        headers.remove(&name);
        if let Some(text) = members.serialize() {
            headers.insert(name, HeaderValue::from_str(&text).map_err(|_cause| Fault::Malformed)?);
        }
    }
    Ok(())
}

fn of_tag<'it>(member: &'it ListEntry, tag: &str) -> Option<&'it InnerList> {
    match member {
        ListEntry::InnerList(wire) if text(wire, "tag") == Some(tag) => Some(wire),
        ListEntry::InnerList(_) | ListEntry::Item(_) => None,
    }
}

/// Whether a line of either header holds `word`. A structured field has one spelling for a text without quotes.
fn mentions(headers: &HeaderMap, word: &str) -> bool {
    let lines = headers.get_all(SIGNATURE_INPUT).iter().chain(headers.get_all(SIGNATURE));
    lines.into_iter().any(|line| line.as_bytes().windows(word.len()).any(|part| part == word.as_bytes()))
}

/// All lines of one header as one dictionary: RFC 9651 section 4.2.
fn dictionary(headers: &HeaderMap, name: &HeaderName, limits: &Limits) -> Result<Members, Fault> {
    let mut members = Members::at_most(limits.signatures);
    let mut bytes = 0_usize;
    for line in headers.get_all(name) {
        bytes = bytes.saturating_add(line.len());
        if bytes > limits.signature_bytes {
            return Err(Fault::TooLong);
        }
        let parsed = Parser::new(line.as_bytes()).parse_dictionary_with_visitor(&mut members);
        if parsed.is_err() {
            return Err(if members.is_full() { Fault::TooManySignatures } else { Fault::Malformed });
        }
    }
    Ok(members)
}

/// Room for an Ed25519 signature under a label.
const USUAL_SIGNATURE_BYTES: usize = 128;
