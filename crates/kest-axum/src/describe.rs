//! Completes an operation by what axum's extractors find in the request.

use std::pin::Pin;

use axum::extract::FromRequestParts;
use http::request::Parts;
use kest_core::Operation;
use kest_tower::DescribeError;

/// A closure of an operation and up to six extractors, for [`describe`].
///
/// Written by the macro below for `async` closures; there is no need to implement it.
pub trait Describer<Extracted>: Clone + Send + Sync + 'static {
    /// The operation of the request, or why it has no such description.
    fn describe(
        self,
        operation: Operation,
        parts: Parts,
    ) -> Pin<Box<dyn Future<Output = Result<Operation, DescribeError>> + Send>>;
}

/// Describes an operation with extractors, for [`OperationLayer::describe`](kest_tower::OperationLayer::describe).
///
/// What an extractor refuses is refused as `request_undescribed`, with an empty body and without the extractor's own words.
/// State is what the closure captures.
///
/// ```
/// use axum::extract::Path;
/// use kest_axum::describe;
/// use kest_core::entry::Resource;
/// use kest_tower::OperationLayer;
///
/// # fn example(layer: OperationLayer) -> OperationLayer {
/// layer.describe(describe(async |operation: kest_core::Operation, Path(invoice): Path<String>| {
///     Ok(operation.resource(Resource::from_segments(["invoices", &invoice])?))
/// }))
/// # }
/// ```
pub fn describe<Extracted: 'static>(
    describer: impl Describer<Extracted>,
) -> impl Fn(Operation, Parts) -> Pin<Box<dyn Future<Output = Result<Operation, DescribeError>> + Send>>
+ Send
+ Sync
+ 'static {
    move |operation, parts| describer.clone().describe(operation, parts)
}

macro_rules! describer {
    ($($extractor:ident),+) => {
        impl<Described, Found, $($extractor),+> Describer<($($extractor,)+)> for Described
        where
            Described: Fn(Operation, $($extractor),+) -> Found + Clone + Send + Sync + 'static,
            Found: Future<Output = Result<Operation, DescribeError>> + Send + 'static,
            $($extractor: FromRequestParts<()> + Send + 'static,)+
        {
            fn describe(
                self,
                operation: Operation,
                mut parts: Parts,
            ) -> Pin<Box<dyn Future<Output = Result<Operation, DescribeError>> + Send>> {
                Box::pin(async move {
                    $(
                        #[expect(non_snake_case, reason = "a variable for each type of the macro")]
                        let $extractor = $extractor::from_request_parts(&mut parts, &())
                            .await
                            .map_err(|_refusal| DescribeError::malformed("an extractor refused the request"))?;
                    )+
                    self(operation, $($extractor),+).await
                })
            }
        }
    };
}

describer!(A);
describer!(A, B);
describer!(A, B, C);
describer!(A, B, C, D);
describer!(A, B, C, D, E);
describer!(A, B, C, D, E, F);
