//! Lines stay lines.

use crate::rig::Export;

/// Attack: a user is named in a line inside of a request, and a collector of spans keeps it.
#[test]
fn line_inside_of_a_span_is_not_exported() {
    let export = Export::start();
    tracing::info_span!("payment").in_scope(|| {
        tracing::info!(user = "alice", "paid");
        tracing::error!(error = "alice has no money");
    });
    let payment = export.span("payment");
    assert_eq!((payment.events(), payment.status()), (0, (0, "")), "{payment:#?}");
    assert!(!format!("{payment:?}").contains("alice"), "{payment:#?}");
}

#[test]
fn span_below_the_level_info_is_not_exported() {
    let export = Export::start();
    tracing::info_span!("wanted").in_scope(|| tracing::debug_span!("detail").in_scope(|| ()));
    let names: Vec<_> = export.spans().iter().map(|it| it.name().to_owned()).collect();
    assert_eq!(names, ["wanted"]);
}
