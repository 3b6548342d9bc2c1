//! The signature algorithms that a token may name, and the library that checks them.

use std::fmt;
use std::sync::Once;

use jsonwebtoken::Algorithm as Backend;
use jsonwebtoken::crypto::aws_lc;

/// A signature algorithm of RFC 7518, RFC 8037 or RFC 9864.
///
/// Asymmetric ones only: with HMAC, all who can check a token can make one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    Rs512,
    /// RSASSA-PSS with SHA-256.
    Ps256,
    /// RSASSA-PSS with SHA-384.
    Ps384,
    /// RSASSA-PSS with SHA-512.
    Ps512,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
    /// Ed25519, by the name of RFC 8037.
    EdDsa,
    /// Ed25519, by the name of RFC 9864, which leaves no curve open. A token and its key must use the same name.
    Ed25519,
}

impl Algorithm {
    /// All algorithms that can be checked, which is also the default of a configuration.
    pub const ALL: [Self; 10] = [
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Es256,
        Self::Es384,
        Self::EdDsa,
        Self::Ed25519,
    ];

    /// Those of an Ed25519 key.
    pub(crate) const EDWARDS: &'static [Self] = &[Self::EdDsa, Self::Ed25519];

    pub(crate) const RSA: &'static [Self] =
        &[Self::Rs256, Self::Rs384, Self::Rs512, Self::Ps256, Self::Ps384, Self::Ps512];

    /// The wire spelling, as in the `alg` member of a header.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::EdDsa => "EdDSA",
            Self::Ed25519 => "Ed25519",
        }
    }

    /// Reads the wire spelling. RFC 7515 section 4.1.1: it is case-sensitive.
    pub(crate) fn from_wire(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.as_str() == name)
    }

    pub(crate) fn backend(self) -> Backend {
        match self {
            Self::Rs256 => Backend::RS256,
            Self::Rs384 => Backend::RS384,
            Self::Rs512 => Backend::RS512,
            Self::Ps256 => Backend::PS256,
            Self::Ps384 => Backend::PS384,
            Self::Ps512 => Backend::PS512,
            Self::Es256 => Backend::ES256,
            Self::Es384 => Backend::ES384,
            Self::EdDsa | Self::Ed25519 => Backend::EdDSA,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Chooses the cryptographic library for token signatures, once in a process.
///
/// The choice is explicit because the default panics as soon as any other crate enables a second library.
pub(crate) fn install_backend() {
    static INSTALL: Once = Once::new();
    INSTALL.call_once(|| {
        if aws_lc::DEFAULT_PROVIDER.install_default().is_err() {
            tracing::info!("token signatures are checked by a library that was installed before");
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_exact_spellings_are_algorithms() {
        for algorithm in Algorithm::ALL {
            assert_eq!(Algorithm::from_wire(algorithm.as_str()), Some(algorithm));
        }
        for name in
            ["none", "None", "HS256", "HS512", "rs256", "eddsa", "ES256K", "ES512", "Ed448", "ed25519", ""]
        {
            assert_eq!(Algorithm::from_wire(name), None, "{name}");
        }
    }
}
