//! Where a server is, and whether what is said to it may be heard by others.

use std::net::IpAddr;

use sqlx::postgres::{PgConnectOptions, PgSslMode};

/// The address cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PostgresBuildError {
    /// It is no address of PostgreSQL. It may have a password in it, and is not repeated.
    #[error("address is not one of the form postgres://user@host:port/database")]
    Malformed,
    /// It has a parameter that is not known.
    #[error("address has a parameter that is not known")]
    UnknownParameter,
    /// The server is on another machine, and its name would not be verified.
    #[error("server is on another machine: its address must say nothing of sslmode, or verify-full")]
    Unverified,
    /// No statement could end in so little time.
    #[error("timeout is zero")]
    NoTime,
    /// PostgreSQL cannot count so far.
    #[error("timeout is over 24 days")]
    TooLong,
}

/// How much is asked of TLS to another machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Proof {
    /// The server has a certificate for its name.
    Verified,
    /// What the address says.
    AsSaid,
}

/// Reads an address. What it does not say is taken from where other PostgreSQL programs take it: `PGPASSWORD`, `PGPASSFILE` ..
pub(super) fn read(address: &str, proof: Proof) -> Result<PgConnectOptions, PostgresBuildError> {
    let url = url::Url::parse(address).map_err(|_cause| PostgresBuildError::Malformed)?;
    if !matches!(url.scheme(), "postgres" | "postgresql") {
        return Err(PostgresBuildError::Malformed);
    }
    if !url.query_pairs().all(|(name, _value)| KNOWN.contains(&name.as_ref())) {
        return Err(PostgresBuildError::UnknownParameter);
    }
    let options: PgConnectOptions = address.parse().map_err(|_cause| PostgresBuildError::Malformed)?;
    let said = url.query_pairs().any(|(name, _value)| name == "sslmode");
    if is_here(&options) {
        // Nothing is between.
        return Ok(if said { options } else { options.ssl_mode(PgSslMode::Disable) });
    }
    let mode = match (options.get_ssl_mode(), proof) {
        (PgSslMode::Prefer, Proof::Verified) if !said => PgSslMode::VerifyFull,
        (PgSslMode::VerifyFull, _) => PgSslMode::VerifyFull,
        (_weaker, Proof::Verified) => return Err(PostgresBuildError::Unverified),
        (weaker, Proof::AsSaid) => weaker,
    };
    Ok(options.ssl_mode(mode))
}

fn is_here(options: &PgConnectOptions) -> bool {
    let host = options.get_host();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    options.get_socket().is_some()
        || host.starts_with('/')
        || host == "localhost"
        || address.is_ok_and(|address| address.is_loopback())
}

/// Parameters that sqlx knows. It would log others, with their values.
const KNOWN: &[&str] = &[
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
    "options",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(address: &str, mode: Result<PgSslMode, &str>) {
        let read = read(address, Proof::Verified);
        match (read, mode) {
            (Ok(options), Ok(mode)) => {
                assert_eq!(format!("{:?}", options.get_ssl_mode()), format!("{mode:?}"), "{address}");
            }
            (Err(error), Err(text)) => assert!(error.to_string().contains(text), "{address}: {error}"),
            (read, _) => panic!("{address}: {:?}", read.map(|options| options.get_ssl_mode())),
        }
    }

    /// Attack: one between the service and its database reads who asks for what, and answers in its place.
    #[test]
    fn server_on_another_machine_is_verified_or_refused() {
        check("postgres://audit@db.example.org/audit", Ok(PgSslMode::VerifyFull));
        for mode in ["disable", "allow", "prefer", "require", "verify-ca"] {
            check(&format!("postgres://audit@db.example.org/audit?sslmode={mode}"), Err("verify-full"));
            check(
                &format!("postgres://audit@localhost/audit?host=10.0.0.7&sslmode={mode}"),
                Err("verify-full"),
            );
        }
        for here in ["localhost", "127.0.0.1:5433", "[::1]", "%2Frun%2Fpostgresql"] {
            check(&format!("postgres://audit@{here}/audit"), Ok(PgSslMode::Disable));
        }
        check("postgres://audit@localhost/audit?sslmode=require", Ok(PgSslMode::Require));
    }

    #[test]
    fn address_that_is_not_understood_is_refused_and_not_repeated() {
        for address in ["postgres://u:secret@localhost:x/", "redis://u:secret@localhost/", "audit.db", ""] {
            check(address, Err("not one of the form"));
        }
        check("postgres://localhost/audit?passwrod=secret", Err("not known"));
        let error = read("postgres://u:secret@localhost:x/", Proof::Verified).unwrap_err();
        assert!(!format!("{error:?}{error}").contains("secret"));
    }
}
