//! Keeps the name of a tonic service through the layers, so that tonic's router still finds it.

use tonic::server::NamedService;

use crate::grpc::Grpc;
use crate::guard::Guard;
use crate::public::Public;
use crate::service::{Inbound, Operate};

macro_rules! named_as_what_is_inside {
    ($($service:ident)*) => {
        $(
            /// The name of the service inside.
            impl<S: NamedService> NamedService for $service<S> {
                const NAME: &'static str = S::NAME;
            }
        )*
    };
}

named_as_what_is_inside!(Inbound Operate Guard Public Grpc);
