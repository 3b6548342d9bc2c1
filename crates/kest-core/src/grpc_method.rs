//! Names an operation by its gRPC method, and refuses what is no path of one.

use crate::entry::{NameError, OperationName};
use crate::operation::Operation;

impl Operation {
    /// The operation of a gRPC method, by the path that requests of it have: `/package.Service/Method`.
    ///
    /// Its name is `package.Service/Method`, which OpenTelemetry calls `rpc.method`. Give it paths of methods that exist, such
    /// as those of generated code, and never the path of a request, which is a stranger's text.
    ///
    /// # Errors
    ///
    /// [`GrpcPathError`] for any other path.
    ///
    /// ```
    /// let check = kest_core::Operation::from_grpc_path("/grpc.health.v1.Health/Check")?;
    /// assert_eq!(check.name().as_str(), "grpc.health.v1.Health/Check");
    /// # Ok::<(), kest_core::GrpcPathError>(())
    /// ```
    pub fn from_grpc_path(path: &str) -> Result<Self, GrpcPathError> {
        let name = path.strip_prefix('/').ok_or(GrpcPathError::Form)?;
        if !is_grpc_method(name) {
            return Err(GrpcPathError::Form);
        }
        Ok(Self::new(OperationName::new(name).map_err(GrpcPathError::Name)?))
    }
}

/// Whether `name` is the full name of a gRPC method: `package.Service/Method`.
#[must_use]
pub fn is_grpc_method(name: &str) -> bool {
    // The gRPC protocol over HTTP/2, "Requests": "/" Service-Name "/" {method name}; the names are those of a proto file.
    let Some((service, method)) = name.split_once('/') else { return false };
    service.split('.').all(is_identifier) && is_identifier(method)
}

/// A name in a proto file: letters, digits and underscores, and no digit first.
fn is_identifier(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// A text is not the path of a gRPC method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GrpcPathError {
    /// It is not of the form `/package.Service/Method`.
    #[error("path is not /package.Service/Method")]
    Form,
    /// It is too long for the name of an operation.
    #[error("method has no usable name")]
    Name(#[source] NameError),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operation_is_named_as_telemetry_names_its_method() {
        for (path, name) in [
            ("/grpc.health.v1.Health/Check", "grpc.health.v1.Health/Check"),
            ("/Echo/Echo", "Echo/Echo"),
            ("/shop_2.v1._Stock/reserve_2", "shop_2.v1._Stock/reserve_2"),
        ] {
            assert_eq!(Operation::from_grpc_path(path).unwrap().name().as_str(), name);
        }
    }

    #[test]
    fn what_is_not_the_path_of_a_method_names_no_operation() {
        for path in [
            "",
            "/",
            "shop.Stock/Reserve",
            "//Reserve",
            "/shop.Stock",
            "/shop.Stock/",
            "/shop.Stock/Reserve/",
            "/v1/shop.Stock/Reserve",
            "/shop..Stock/Reserve",
            "/.Stock/Reserve",
            "/shop.Stock./Reserve",
            "/shop.Stock/Re.serve",
            "/shop.Stock/%52eserve",
            "/shop.Stock/Reserve?x=1",
            "/shop.Stock/Reserve#x",
            "/shop.Stock/Reserve ",
            "/shop.Stock/Réserve",
            "/shop.Stock/2Reserve",
            "/shop.Stock/*",
            "http://a.example/shop.Stock/Reserve",
        ] {
            assert_eq!(Operation::from_grpc_path(path).err(), Some(GrpcPathError::Form), "{path}");
        }
        let long = format!("/shop.Stock/{}", "x".repeat(256));
        assert_eq!(Operation::from_grpc_path(&long).err(), Some(GrpcPathError::Name(NameError)));
    }
}
