//! Mistakes in the layers of gRPC and of clients, found at start.

use kest::tower::carry::RulesError;
use kest::tower::grpc::GrpcLayerError;
use kest::{GrpcBuildError, Operation, OperationBuildError, Origin, dangerous_allow_all, deployment_only};

use crate::rig;

#[test]
fn carrying_layer_that_could_carry_nothing_is_not_built() {
    let kest = rig::kest("gateway");
    assert!(matches!(kest.carry_layer().build(), Err(RulesError::NoDestination)));
    for wrong in ["http://stock.internal", "https://a.example/path", "ftp://a.example", "a.example", "/"] {
        assert!(
            kest.carry_layer().destination(wrong).is_err() && kest.carry_layer().to(wrong).is_err(),
            "{wrong}"
        );
    }
    let uri = http::Uri::from_static("https://stock.internal");
    assert!(kest.carry_layer().to(&uri).unwrap().build().is_ok());
}

#[test]
fn client_is_either_bound_or_goes_where_it_is_told() {
    let both = rig::kest("gateway").carry_layer().to("https://a.example").unwrap();
    let both = both.destination("https://b.example").unwrap().build();
    assert!(matches!(both, Err(RulesError::ListedAndBound)));
}

#[test]
fn lineage_that_can_never_start_and_members_that_are_ours_are_refused() {
    let kest = rig::kest("gateway");
    let layer = || kest.carry_layer().to("https://a.example").unwrap();
    let job = || Operation::from_static("nightly");
    assert!(layer().originate(Origin::system(), job(), deployment_only()).is_err());
    assert!(layer().originate(Origin::system(), job().taint(""), dangerous_allow_all()).is_err());
    let ours = layer().foreign_members("kest.user=mallory").build();
    assert!(matches!(ours, Err(RulesError::ForeignMembers(_))));
}

#[test]
fn grpc_service_whose_methods_have_no_name_or_two_is_not_built() {
    let kest = rig::kest("ledger");
    let built = |service: &str, methods: &[&str]| {
        kest.grpc_service(service).methods(methods, |it| it.dangerous_allow_all()).build()
    };
    assert!(built("shop.Stock", &["Count", "Reserve"]).is_ok());
    for (service, method) in
        [("", "Count"), ("shop.Stock", ""), ("shop.Stock", "Count/More"), ("/shop", "Count")]
    {
        assert!(matches!(built(service, &[method]), Err(GrpcBuildError::Method(_))), "{service} {method}");
    }
    let twice = built("shop.Stock", &["Count", "Count"]);
    assert!(matches!(twice, Err(GrpcBuildError::Layer(GrpcLayerError::Repeated))));
    assert!(matches!(built("shop.Stock", &[]), Err(GrpcBuildError::Layer(GrpcLayerError::NoMethod))));
    let unasked = kest.grpc_service("shop.Stock").methods(["Count"], |it| it.deployment_only()).build();
    assert!(matches!(unasked, Err(GrpcBuildError::Operation(OperationBuildError::Operation(_)))));
    let both =
        kest.grpc_service("shop.Stock").methods(["Count"], |it| it.dangerous_allow_all()).public(["Count"]);
    assert!(matches!(both.build(), Err(GrpcBuildError::Layer(GrpcLayerError::Repeated))));
}
