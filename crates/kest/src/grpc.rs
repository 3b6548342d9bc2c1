//! The methods of a gRPC service: each is an operation of its own, and ends in one layer for the service.

use kest_core::{GrpcPathError, Operation};
use kest_tower::OperationLayer;
use kest_tower::grpc::{GrpcLayer, GrpcLayerError};

use crate::operation::{OperationBuildError, OperationBuilder};
use crate::service::Kest;

/// Says for each method of a gRPC service what is asked before it runs; made by [`Kest::grpc_service`].
///
/// ```
/// # use kest::prelude::*;
/// # fn example(kest: &Kest) -> Result<(), kest::GrpcBuildError> {
/// let stock = kest
///     .grpc_service("shop.Stock")
///     .methods(["Count", "List"], |it| it.policy_fn("known_user", |asked| asked.user().is_some()))
///     .methods(["Reserve"], |it| it.taint("basket").policy_fn("alice_only", |asked| asked.user() == Some("alice")))
///     .public(["Ping"])
///     .build()?;
/// // With tonic: Server::builder().layer(kest.inbound(FromLineage)).add_service(stock.named_layer(StockServer::new(Stock)))
/// # drop(stock);
/// # Ok(())
/// # }
/// ```
///
/// A method that is named in neither does not run: its caller is told `UNIMPLEMENTED`.
#[must_use = "a service is guarded by the layer that `build` makes"]
#[derive(Debug)]
pub struct GrpcServiceBuilder {
    kest: Kest,
    service: String,
    operations: Vec<Result<OperationLayer, GrpcBuildError>>,
    public: Vec<String>,
    public_streaming: Vec<String>,
}

impl GrpcServiceBuilder {
    pub(crate) fn new(kest: &Kest, service: String) -> Self {
        Self {
            kest: kest.clone(),
            service,
            operations: Vec::new(),
            public: Vec::new(),
            public_streaming: Vec::new(),
        }
    }

    /// Guards each of these methods by what `guard` makes of its operation, which is called `package.Service/Method`.
    pub fn methods(
        mut self,
        names: impl IntoIterator<Item = impl AsRef<str>>,
        guard: impl Fn(OperationBuilder) -> Result<OperationLayer, OperationBuildError>,
    ) -> Self {
        for name in names {
            let operation =
                Operation::from_grpc_path(&self.path(name.as_ref())).map_err(GrpcBuildError::Method);
            let guarded = operation.and_then(|it| Ok(guard(self.kest.operation(it))?));
            self.operations.push(guarded);
        }
        self
    }

    /// Lets everybody have these methods: nothing is asked and nothing signed.
    pub fn public(mut self, names: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        for name in names {
            let path = self.path(name.as_ref());
            self.public.push(path);
        }
        self
    }

    /// As [`public`](Self::public), for methods whose client streams: they are given the messages of a signed request as they
    /// come, and an error at the end of those that were not signed; see [`GrpcLayer::public_streaming`]. A method that is an operation
    /// says [`streaming_body`](OperationBuilder::streaming_body).
    pub fn public_streaming(mut self, names: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        for name in names {
            let path = self.path(name.as_ref());
            self.public_streaming.push(path);
        }
        self
    }

    /// The layer around the service. With tonic's `LayerExt` it is put on with `named_layer`; with the feature `tonic` plain
    /// `layer` keeps the service's name too.
    ///
    /// # Errors
    ///
    /// [`GrpcBuildError`] for a name that is no method's, one that stands twice, and what is wrong with an operation.
    pub fn build(self) -> Result<GrpcLayer, GrpcBuildError> {
        let operations: Vec<OperationLayer> = self.operations.into_iter().collect::<Result<_, _>>()?;
        let layer = GrpcLayer::new(operations)?;
        let layer = self.public.iter().try_fold(layer, |layer, path| layer.public(path))?;
        Ok(self.public_streaming.iter().try_fold(layer, |layer, path| layer.public_streaming(path))?)
    }

    fn path(&self, method: &str) -> String {
        format!("/{}/{method}", self.service)
    }
}

/// The layer of a gRPC service cannot be built: a fault of the program, found at start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GrpcBuildError {
    /// Service and method make no name of a method.
    #[error("a method has no usable name")]
    Method(#[source] GrpcPathError),
    /// The operation of a method cannot be guarded.
    #[error("a method cannot be guarded")]
    Operation(#[from] OperationBuildError),
    /// A method stands twice, or no method is named.
    #[error("methods make no service")]
    Layer(#[from] GrpcLayerError),
}
