//! A passport as it was carried, in the two forms of input, and the way from there to what can be verified.

use kest_baggage::{HeaderReader, PassportStore, RestoreError, restore};
use kest_core::passport::PassportFormError;
use kest_core::{Dialect, Limits, UnverifiedPassport};

use crate::input::{InputError, Source};

/// The bounds of a service, but for the length of a passport: here one is held at a time, and logs may be those of services
/// that take longer ones.
pub(crate) fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.passport_bytes = 4 * 1024 * 1024;
    limits
}

/// What input holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// A JSON array of compact entries.
    Array,
    /// Lines of a baggage header.
    Header,
}

impl Form {
    /// The form that the flag `--baggage` stands for.
    pub(crate) fn flagged(baggage: bool) -> Self {
        if baggage { Self::Header } else { Self::Array }
    }

    /// As much of the input as is needed to see whether it keeps the limits.
    ///
    /// # Errors
    ///
    /// [`InputError`] when it cannot be read; input over the limits is for the library to refuse.
    pub(crate) fn read(self, source: &Source, limits: &Limits) -> Result<Vec<u8>, InputError> {
        source.read_at_most(match self {
            Self::Array => limits.passport_bytes + 1,
            Self::Header => header_input_bytes(limits) + 1,
        })
    }

    /// The passport in the input that was read.
    pub(crate) fn carried<'input>(self, input: &'input [u8], limits: &Limits) -> Carried<'input> {
        match self {
            Self::Array => Carried::Array(input),
            // One line that long is refused for its length, however empty its parts may be.
            Self::Header if input.len() > header_input_bytes(limits) => Carried::Header(vec![input], None),
            Self::Header => Carried::Header(header_lines(input), None),
        }
    }
}

/// A passport as it was carried.
#[derive(Clone)]
pub(crate) enum Carried<'input> {
    /// A JSON array of compact entries.
    Array(&'input [u8]),
    /// Lines of a baggage header, and where claim checks can be redeemed.
    Header(Vec<&'input [u8]>, Option<&'input dyn PassportStore>),
}

/// Whether a header must announce its chain tip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Announcement {
    /// As the protocol has it.
    Required,
    /// For looking only.
    Optional,
}

impl Carried<'_> {
    /// The passport, well formed and nothing more; `None` where a header has none.
    ///
    /// # Errors
    ///
    /// The kind of what is wrong.
    pub(crate) async fn restore(
        self,
        dialect: Dialect,
        announcement: Announcement,
        limits: &Limits,
    ) -> Result<Option<UnverifiedPassport>, &'static str> {
        let (lines, store) = match self {
            Self::Array(json) => {
                let read = UnverifiedPassport::dangerous_from_json(json, None, limits);
                return read.map(Some).map_err(|error| form_kind(&error));
            }
            Self::Header(lines, store) => (lines, store),
        };
        let mut reader = HeaderReader::new(limits.clone()).dialect(dialect);
        if announcement == Announcement::Optional {
            reader = reader.dangerous_accept_missing_tip();
        }
        let packed = reader.read(lines).map_err(|error| error.kind())?;
        match restore(packed, store, limits).await {
            Ok(restored) => Ok(restored.passport()),
            // As of any passport that ends elsewhere, however it was carried.
            Err(RestoreError::ClaimCheckOfAnotherLineage) => Err("chain_tip_mismatch"),
            Err(error) => Err(error.kind()),
        }
    }
}

/// The lines of a text; blank ones carry nothing.
fn header_lines(input: &[u8]) -> Vec<&[u8]> {
    input.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty()).collect()
}

/// Room for a header at its limit, cut into lines in any way.
fn header_input_bytes(limits: &Limits) -> usize {
    limits.header_bytes.saturating_mul(4)
}

/// The same names as for a passport in a header.
fn form_kind(error: &PassportFormError) -> &'static str {
    if error.is_over_limit() { "passport_over_limit" } else { "passport_malformed" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_over_the_bound_stays_one_line_even_if_it_is_blank() {
        let limits = Limits::default();
        let blank = vec![b'\n'; header_input_bytes(&limits) + 1];
        let Carried::Header(lines, None) = Form::Header.carried(&blank, &limits) else {
            panic!("a header");
        };
        assert_eq!(lines.len(), 1);
        assert_eq!(header_lines(b"a=b\r\n\n c=d"), [b"a=b", b"c=d"]);
    }
}
