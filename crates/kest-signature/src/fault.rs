//! Says what is wrong with a signature, or with the request under it, in one constant word each.

macro_rules! faults {
    ($($(#[$doc:meta])+ $name:ident $text:literal $message:literal;)+) => {
        /// What is wrong with a signature, or with the request under it. It holds nothing that the request contained.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
        #[non_exhaustive]
        pub enum Fault {
            $($(#[$doc])+ #[error($message)] $name,)+
        }

        impl Fault {
            /// Every fault.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// A stable name for logs, metrics and programs.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }
        }
    };
}

faults! {
    /// `Signature-Input` or `Signature` is no dictionary of structured fields (RFC 9651 section 3.2), or a label stands
    /// in it twice.
    Malformed "malformed" "signature headers are malformed";
    /// More bytes than `Limits::signature_bytes`.
    TooLong "too_long" "signature headers are over the limit";
    /// More signatures than `Limits::signatures`.
    TooManySignatures "too_many_signatures" "request has too many signatures";
    /// Two signatures have the tag.
    SeveralSignatures "several_signatures" "request has two signatures with the tag";
    /// `Signature` has no member of the label that `Signature-Input` has, or one that is no signature.
    SignatureAbsent "signature_absent" "signature is missing, or of another length";
    /// A component that must be signed is not.
    ComponentMissing "component_missing" "a component that must be signed is not";
    /// A component is signed that is not one of those, or is not in the request.
    ComponentExtra "component_extra" "a component is signed that must not be";
    /// A component has parameters, such as `;sf` or `;req`.
    ComponentParameter "component_parameter" "a signed component has parameters";
    /// A parameter that must be there is not, or has another type.
    ParameterMissing "parameter_missing" "a parameter of the signature is missing";
    /// A parameter is there that is not one of those.
    ParameterExtra "parameter_extra" "a parameter of the signature is unknown";
    /// `alg` is not the one algorithm.
    Algorithm "algorithm" "signature has another algorithm";
    /// `nonce` is shorter than 128 bits can be spelled, or longer than `Limits::signature_nonce_bytes`.
    Nonce "nonce" "nonce is too short or too long";
    /// `keyid` cannot be the name of a key.
    KeyId "key_id" "key id is malformed";
    /// A header that is signed is not in the request.
    HeaderMissing "header_missing" "a signed header is missing";
    /// A header that is signed, or `Host`, stands in the request twice.
    HeaderTwice "header_twice" "a header that must be there once is there twice";
    /// A header that is signed has bytes that are not printable ASCII.
    Header "header" "a signed header is not printable text";
    /// The request names no authority, or one that is malformed.
    Authority "authority" "authority is missing or malformed";
    /// `Host` is not the authority of the request's target.
    AuthorityDiffers "authority_differs" "host is not the authority of the target";
    /// The authority is not one of this service's.
    AuthorityNotOurs "authority_not_ours" "authority is not one of this service";
    /// `Content-Digest` is malformed, or has no digest of a kept algorithm.
    Digest "digest" "content digest is malformed or of no kept algorithm";
    /// `kest-tip` is no announcement of tips.
    TipMalformed "tip_malformed" "announced tips are malformed";
    /// The tips that were signed are not those of the passport.
    TipsDiffer "tips_differ" "signed tips are not those of the passport";
    /// The passport has no entry, so that its tip has no signer.
    NoTip "no_tip" "passport has no tip";
    /// The tips were signed by several workloads.
    TipsOfSeveral "tips_of_several" "tips were signed by several workloads";
    /// No key of this id is trusted.
    KeyUnknown "key_unknown" "key is unknown";
    /// The key belongs to another workload than the one that signed the tip.
    KeyOfAnother "key_of_another" "key belongs to another workload";
    /// The key had ended when the signature was made.
    KeyEnded "key_ended" "key had ended";
    /// It was made too long ago, or says that it has expired.
    TooOld "too_old" "signature is too old";
    /// It was made later than now.
    FromTheFuture "from_the_future" "signature is from the future";
    /// `expires` is not after `created`, or years later.
    Expires "expires" "signature expires before it was made, or never";
    /// The signature is not the key's over this request: a signed part was changed on the way, by a proxy or an attacker,
    /// or another key made it.
    RequestDiffers "request_differs" "signature does not hold for this request";
    /// The body is not the one whose digest was signed.
    BodyDiffers "body_differs" "body is not the one that was signed";
    /// There is a body, and no digest of it was signed.
    BodyUnsigned "body_unsigned" "body is not signed";
    /// The body is longer than can be judged before the handler runs.
    BodyTooLarge "body_too_large" "body is over the limit";
    /// The body ended before its end, or could not be read.
    BodyBroken "body_broken" "body could not be read";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain_and_no_two_are_the_same() {
        let names: std::collections::BTreeSet<&str> = Fault::ALL.iter().map(|it| it.as_str()).collect();
        assert_eq!(names.len(), Fault::ALL.len());
        assert!(names.iter().all(|name| name.bytes().all(|it| it.is_ascii_lowercase() || it == b'_')));
    }
}
