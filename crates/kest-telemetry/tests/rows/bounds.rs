//! What strangers write into names and attributes.

use crate::rig::Export;

/// Attack: a path of a megabyte in an attribute of each span fills the disk.
#[tokio::test]
async fn attributes_that_are_long_are_left_out_and_counted() {
    let export = Export::start();
    let (path, long) = ("/".repeat(1_000_000), "\u{1}".repeat(11_000));
    // In JSON a control character takes six bytes.
    tracing::info_span!("asked", path, long, short = "kept").in_scope(|| ());
    let row = export.row("asked").await;
    assert!(row.attributes.len() <= 64 * 1024, "{}", row.attributes.len());
    assert_eq!((row.attribute("short").as_str(), row.dropped_attributes), (Some("kept"), 2));

    let name = "ü".repeat(1_000_000);
    tracing::info_span!("named", otel.name = name).in_scope(|| ());
    let names: Vec<_> = export.rows().await.into_iter().map(|it| it.name).collect();
    assert_eq!(names, ["asked".to_owned(), "ü".repeat(512)]);
}

/// Attack: a name that ends the statement, a text for C, or what a terminal shows.
#[tokio::test]
async fn hostile_name_is_a_text_and_nothing_else() {
    let export = Export::start();
    let names = ["x'); DROP TABLE kest_spans; --", "a\0b", "\u{1b}[2J\u{9b}31m", "\"?1", "\u{202e}"];
    for name in names {
        tracing::info_span!("named", otel.name = name, said = name).in_scope(|| ());
    }
    let rows = export.rows().await;
    let shown = [names[0], "a\u{fffd}b", "\u{fffd}[2J\u{fffd}31m", names[3], names[4]];
    assert_eq!(rows.iter().map(|it| it.name.as_str()).collect::<Vec<_>>(), shown);
    let said: Vec<_> = rows.iter().map(|it| it.attribute("said").as_str().unwrap().to_owned()).collect();
    assert_eq!(said, names);
}
