//! Decides what the `baggage` lines of a request carry: step 1 of a request's life.

use std::borrow::Cow;

use http::HeaderMap;
use http::header::HeaderName;
use kest_core::passport::{Tips, TipsError};
use kest_core::{Dialect, Limits};

use crate::member::{self, Arrays, EscapeError, Members, is_baggage_octet};
use crate::name::Whose;
use crate::packed::{Candidate, PackedPassport};
use crate::store::{ClaimCheck, ClaimCheckError};

pub(crate) const BAGGAGE: HeaderName = HeaderName::from_static("baggage");

/// What a line has beside its value, as proxies count it.
pub(crate) const AROUND_VALUE: usize = "baggage: \r\n".len();

/// Reads all `baggage` lines of a request as one list (RFC 9110 section 5.3).
///
/// Only `kest.passport`, `kest.passport_z`, `kest.claim_check` and `kest.chain_tip` are looked at. What the header says
/// about user, agent and task is never believed, and other people's members are opaque: they may be anything that a
/// header line can hold. Another spelling of one of ours, such as `kest%2Euser`, is refused.
///
/// ```
/// use kest_baggage::{HeaderReader, Tier};
///
/// let reader = HeaderReader::default();
/// let packed = reader.read([&b"region=eu"[..], b"kest.passport=[], kest.chain_tip=0"])?;
/// assert_eq!(packed.tier(), Some(Tier::Inline));
/// assert!(reader.read([&b"kest.chain_tip=0"[..]]).is_err());
/// # Ok::<(), kest_baggage::ReadError>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct HeaderReader {
    limits: Limits,
    dialect: Dialect,
    missing_tip: MissingTip,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum MissingTip {
    #[default]
    Refused,
    Accepted,
}

impl HeaderReader {
    /// A strict reader with these bounds.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Reads this dialect.
    #[must_use]
    pub fn dialect(mut self, dialect: Dialect) -> Self {
        self.dialect = dialect;
        self
    }

    /// Accepts a passport whose tip was not announced.
    ///
    /// The carrier of such a passport can cut entries off its end unnoticed.
    #[must_use]
    pub fn dangerous_accept_missing_tip(mut self) -> Self {
        self.missing_tip = MissingTip::Accepted;
        self
    }

    /// Reads the lines of one header, in order.
    ///
    /// # Errors
    ///
    /// [`ReadError`]; a request that carries something else than it should is never taken for one that carries
    /// nothing.
    pub fn read<'line, Lines>(&self, lines: Lines) -> Result<PackedPassport, ReadError>
    where
        Lines: IntoIterator<Item = &'line [u8]>,
    {
        let header = self.join(lines)?;
        let found = self.find(&header)?;
        self.pick(&found)
    }

    /// Reads every `baggage` line of `headers`.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub fn read_headers(&self, headers: &HeaderMap) -> Result<PackedPassport, ReadError> {
        self.read(headers.get_all(BAGGAGE).iter().map(http::HeaderValue::as_bytes))
    }

    /// All lines as one list, within the bounds and free of bytes that no header has.
    fn join<'line, Lines>(&self, lines: Lines) -> Result<Cow<'line, [u8]>, ReadError>
    where
        Lines: IntoIterator<Item = &'line [u8]>,
    {
        // Nearly every request has one line, which need not be copied.
        let mut header = Cow::Borrowed(&b""[..]);
        for (index, line) in lines.into_iter().enumerate() {
            let separator: &[u8] = if index > 0 { b"," } else { b"" };
            let length = header.len() + separator.len() + line.len();
            if length > self.limits.header_bytes {
                return Err(ReadError::TooLong(length));
            }
            if index == 0 {
                header = Cow::Borrowed(line);
            } else {
                header.to_mut().extend_from_slice(separator);
                header.to_mut().extend_from_slice(line);
            }
        }
        // Here and below without leaving early, so that the compiler looks at many bytes at a time.
        if !header.iter().fold(true, |all, byte| all & !matches!(byte, 0..=8 | 10..=31 | 127)) {
            return Err(ReadError::Character);
        }
        let members = memchr::memchr_iter(b',', &header).count() + 1;
        if members > self.limits.members {
            return Err(ReadError::TooManyMembers(members));
        }
        Ok(header)
    }

    fn find<'header>(&self, header: &'header [u8]) -> Result<Found<'header>, ReadError> {
        let arrays = if self.is_legacy() { Arrays::Raw } else { Arrays::Encoded };
        let mut found = Found::default();
        for member in Members::of(header, arrays) {
            match member.whose() {
                Whose::Others => continue,
                Whose::Misspelt => return Err(ReadError::Misspelt),
                Whose::Ours if !member.whole.is_ascii() => return Err(ReadError::Character),
                Whose::Ours if found.keys.len() >= self.limits.own_members => {
                    return Err(ReadError::TooManyMembers(found.keys.len() + 1));
                }
                Whose::Ours => {}
            }
            match member.value.filter(|_| member.has_token_key()) {
                Some(value) => found.keep(member.key, value)?,
                None if self.is_legacy() => {}
                None => return Err(ReadError::Malformed),
            }
        }
        Ok(found)
    }

    fn pick(&self, found: &Found<'_>) -> Result<PackedPassport, ReadError> {
        let tiers = [found.passport, found.passport_z, found.claim_check];
        let came = tiers.iter().flatten().count();
        match (came, found.chain_tip) {
            (0, None) => return Ok(PackedPassport::absent()),
            (0, Some(_)) => return Err(ReadError::TipWithoutPassport),
            // Which of several counts can only be told by a tip.
            (2.., tip) if !self.is_legacy() || tip.is_none() => return Err(ReadError::SeveralTiers),
            (_, None) if self.missing_tip == MissingTip::Refused => {
                return Err(ReadError::PassportWithoutTip);
            }
            _ => {}
        }
        let tips = found
            .chain_tip
            .map(|value| Tips::parse(&self.decode(value)?, &self.limits).map_err(ReadError::Tip))
            .transpose()?;
        let mut candidates = Vec::with_capacity(came);
        if let Some(value) = found.passport {
            candidates.push(Candidate::Inline(self.decode_array(value)?));
        }
        if let Some(value) = found.passport_z {
            candidates.push(Candidate::Compressed(self.decode(value)?));
        }
        if let Some(value) = found.claim_check {
            let claim = ClaimCheck::parse(&self.decode(value)?).map_err(ReadError::ClaimCheck)?;
            candidates.push(Candidate::ClaimCheck(claim));
        }
        Ok(PackedPassport::new(candidates, tips))
    }

    fn is_legacy(&self) -> bool {
        self.dialect == Dialect::LegacyPython
    }

    fn decode(&self, value: &[u8]) -> Result<String, ReadError> {
        if !self.is_legacy() && !value.iter().fold(true, |all, byte| all & is_baggage_octet(*byte)) {
            return Err(ReadError::Malformed);
        }
        member::decode(value).map_err(|EscapeError| ReadError::Escape)
    }

    /// Python's `quote_plus` writes a blank as `+`, which no compact entry contains.
    fn decode_array(&self, value: &[u8]) -> Result<String, ReadError> {
        if !self.is_legacy() || !value.contains(&b'+') {
            return self.decode(value);
        }
        let blanks: Vec<u8> = value.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
        self.decode(&blanks)
    }
}

/// The values of the members that count, still escaped.
#[derive(Default)]
struct Found<'header> {
    keys: Vec<&'header [u8]>,
    passport: Option<&'header [u8]>,
    passport_z: Option<&'header [u8]>,
    claim_check: Option<&'header [u8]>,
    chain_tip: Option<&'header [u8]>,
}

impl<'header> Found<'header> {
    fn keep(&mut self, key: &'header [u8], value: &'header [u8]) -> Result<(), ReadError> {
        if self.keys.contains(&key) {
            return Err(ReadError::Repeated);
        }
        self.keys.push(key);
        if key == member::PASSPORT.as_bytes() {
            self.passport = Some(value);
        } else if key == member::PASSPORT_Z.as_bytes() {
            self.passport_z = Some(value);
        } else if key == member::CLAIM_CHECK.as_bytes() {
            self.claim_check = Some(value);
        } else if key == member::CHAIN_TIP.as_bytes() {
            self.chain_tip = Some(value);
        }
        Ok(())
    }
}

/// A baggage header cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// Longer than `Limits::header_bytes`; reading stopped there.
    #[error("baggage is at least {0} bytes, over the limit")]
    TooLong(usize),
    /// More list members than `Limits::members`, or more of ours than `Limits::own_members`.
    #[error("baggage members are over the limit: {0}")]
    TooManyMembers(usize),
    /// A control character, or in a `kest.*` member what is no ASCII.
    #[error("baggage has a byte that no header may have")]
    Character,
    /// A name that others may read as `kest.*` and that is not spelled so.
    #[error("baggage member is another spelling of one of ours")]
    Misspelt,
    /// A `kest.*` member without a value, or with characters that must be escaped.
    #[error("baggage member is malformed")]
    Malformed,
    /// An escape that is not whole, no UTF-8, or a control character.
    #[error("baggage member has a broken escape")]
    Escape,
    /// A `kest.*` member stands twice: which of them counts would be a guess.
    #[error("baggage member is repeated")]
    Repeated,
    /// More than one of the three tiers: which of them counts would be a guess.
    #[error("passport came in several tiers")]
    SeveralTiers,
    /// A tip without the passport that it is the tip of.
    #[error("chain tip came without a passport")]
    TipWithoutPassport,
    /// A passport whose end was not announced.
    #[error("passport came without a chain tip")]
    PassportWithoutTip,
    /// The tip is no list of hashes.
    #[error("chain tip is malformed")]
    Tip(#[source] TipsError),
    /// The claim check is no claim id.
    #[error("claim check is malformed")]
    ClaimCheck(#[source] ClaimCheckError),
}

impl ReadError {
    /// Whether a limit was exceeded rather than the form missed.
    #[must_use]
    pub fn is_over_limit(&self) -> bool {
        matches!(self, Self::TooLong(_) | Self::TooManyMembers(_))
    }

    /// The kind, for logs and metrics.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::TooLong(_) => "baggage_too_long",
            Self::TooManyMembers(_) => "baggage_too_many_members",
            Self::Character => "baggage_character",
            Self::Misspelt => "baggage_misspelt_member",
            Self::Malformed => "baggage_malformed",
            Self::Escape => "baggage_escape",
            Self::Repeated => "baggage_repeated_member",
            Self::SeveralTiers => "passport_several_tiers",
            Self::TipWithoutPassport => "chain_tip_without_passport",
            Self::PassportWithoutTip => "passport_without_chain_tip",
            Self::Tip(_) => "chain_tip_malformed",
            Self::ClaimCheck(_) => "claim_check_malformed",
        }
    }
}

#[cfg(test)]
#[path = "tests/header.rs"]
mod tests;
