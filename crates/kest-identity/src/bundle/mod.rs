//! Trust bundles that keep themselves up to date: out of a file, or from a server.

mod fault;
mod fetcher;
mod file;
mod followed;
mod health;
mod settings;
mod source;
pub(crate) mod telemetry;
mod url;

pub use fault::{BundleFault, BundleStartError, BundleUnavailable};
pub use fetcher::{FetchBundle, FetchedBundle, FollowedBundle, FollowedBundleBuilder};
pub use file::{BundleFile, BundleFileBuilder};
pub use health::BundleHealth;
pub use url::{BundleUrl, BundleUrlBuilder};

#[cfg(test)]
mod tests;
