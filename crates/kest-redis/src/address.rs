//! Where a server is and who we are to it, read from a URL.

use std::fmt;

use percent_encoding::percent_decode_str;
use redis::RedisConnectionInfo;
use url::Url;

/// One server. `Debug` and `Display` show host and port, never the login.
#[derive(Clone)]
pub(crate) struct Address {
    host: String,
    port: u16,
    encryption: Encryption,
    database: i64,
    login: RedisConnectionInfo,
}

/// Whether the connection is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encryption {
    Plain,
    Tls,
}

/// A text is no address of a server; what is wrong with it, without the text, which may contain a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// It is no URL with a host.
    #[error("address is no url with a host")]
    NoUrl,
    /// Its scheme is not `redis`, `rediss`, `valkey` or `valkeys`.
    #[error("scheme of the address is not redis, rediss, valkey or valkeys")]
    Scheme,
    /// Its path is not the number of a database.
    #[error("path of the address is no number of a database")]
    Database,
    /// Its user or password is not UTF-8.
    #[error("login of the address is not utf-8")]
    Login,
    /// It has a query or a fragment, which mean nothing here.
    #[error("address has a query or a fragment")]
    Extra,
}

impl Address {
    pub(crate) fn parse(text: &str) -> Result<Self, AddressError> {
        let url = Url::parse(text).map_err(|_shows_the_text| AddressError::NoUrl)?;
        let encryption = match url.scheme() {
            "redis" | "valkey" => Encryption::Plain,
            "rediss" | "valkeys" => Encryption::Tls,
            _ => return Err(AddressError::Scheme),
        };
        if url.query().is_some() || url.fragment().is_some() {
            return Err(AddressError::Extra);
        }
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or(AddressError::NoUrl)?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let database = match url.path().trim_matches('/') {
            "" => 0,
            path => path.parse().map_err(|_shows_the_text| AddressError::Database)?,
        };
        // A name for the client would need a permission that few logins have.
        let login = RedisConnectionInfo::default().set_skip_set_lib_name();
        let port = url.port().unwrap_or(DEFAULT_PORT);
        let address = Self { host, port, encryption, database, login };
        let user = decoded(url.username())?;
        match url.password() {
            Some(password) => Ok(address.with_login(&user, &decoded(password)?)),
            None => Ok(address),
        }
    }

    /// The same server, as `user`, or as the default user when that is empty.
    pub(crate) fn with_login(mut self, user: &str, password: &str) -> Self {
        if !user.is_empty() {
            self.login = self.login.set_username(user);
        }
        self.login = self.login.set_password(password);
        self
    }

    /// Another server of the same cluster, with the same login.
    #[cfg(feature = "cluster")]
    pub(crate) fn with_place(&self, host: &str, port: u16) -> Self {
        let host = if host.is_empty() { self.host.clone() } else { host.to_owned() };
        Self { host, port, login: self.login.clone(), ..*self }
    }

    /// Whether it is the same server, as any user.
    #[cfg(feature = "cluster")]
    pub(crate) fn is_at(&self, other: &Self) -> bool {
        self.host == other.host && self.port == other.port
    }

    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn encryption(&self) -> Encryption {
        self.encryption
    }

    /// The number of the database, which is chosen by us so that a refusal keeps its code.
    pub(crate) fn database(&self) -> i64 {
        self.database
    }

    pub(crate) fn login(&self) -> &RedisConnectionInfo {
        &self.login
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.host, self.port)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Address({self})")
    }
}

fn decoded(text: &str) -> Result<String, AddressError> {
    let text = percent_decode_str(text).decode_utf8().map_err(|_shows_the_text| AddressError::Login)?;
    Ok(text.into_owned())
}

const DEFAULT_PORT: u16 = 6379;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_is_read_with_login_and_database() {
        let address = Address::parse("rediss://order:p%40ss@cache.example/3").unwrap();
        assert_eq!(address.to_string(), "cache.example:6379");
        assert_eq!(address.encryption(), Encryption::Tls);
        assert_eq!(address.login().username(), Some("order"));
        assert_eq!(address.login().password(), Some("p@ss"));
        assert_eq!(address.database(), 3);
        assert_eq!(Address::parse("valkey://[::1]:7000").unwrap().host(), "::1");
    }

    #[test]
    fn password_is_neither_in_the_address_nor_in_the_error() {
        let address = Address::parse("redis://order:hunter2@cache.example").unwrap();
        assert_eq!(format!("{address:?} {address}"), "Address(cache.example:6379) cache.example:6379");
        for (text, error) in [
            ("hunter2", AddressError::NoUrl),
            ("redis:hunter2", AddressError::NoUrl),
            ("http://u:hunter2@cache.example", AddressError::Scheme),
            ("unix:///hunter2", AddressError::Scheme),
            ("redis://u:hunter2@cache.example/hunter2", AddressError::Database),
            ("redis://u:%ff@cache.example", AddressError::Login),
            ("redis://cache.example?password=hunter2", AddressError::Extra),
            ("rediss://u:hunter2@cache.example#insecure", AddressError::Extra),
        ] {
            assert_eq!(Address::parse(text).unwrap_err(), error, "{text}");
            assert!(!format!("{error:?} {error}").contains("hunter2"));
        }
    }
}
