//! Prints the demonstration for people.

use std::io::{self, Write};

use kest::Passport;

use crate::answer::Answer;
use crate::attacks::Attack;

const COLUMNS: [&str; 12] = [
    "service",
    "operation",
    "user",
    "agent",
    "task",
    "trust",
    "taints",
    "entries",
    "tier in",
    "tier out",
    "bytes",
    "source",
];

/// What the request had with it at every service, and what the last one's passport proves.
pub(crate) fn lineage(out: &mut impl Write, answer: &Answer, proved: &Passport) -> io::Result<()> {
    writeln!(
        out,
        "One request, {} services: what each of them proved before its handler ran\n",
        answer.chain().count()
    )?;
    table(out, answer)?;
    writeln!(out, "\nThe lineage, as the last service's passport proves it\n")?;
    tree(out, proved)
}

/// How each attack was answered, and whether all of it held.
pub(crate) fn attacks(out: &mut impl Write, proved: &Passport, attacks: &[Attack]) -> io::Result<()> {
    writeln!(out, "\nAttacks\n")?;
    for attack in attacks {
        let verdict = if attack.was_refused() { "refused" } else { "NOT REFUSED" };
        writeln!(out, "  {:<18} {} {verdict}  {}", attack.name, attack.status, tried(attack.name))?;
    }
    let held = attacks.iter().all(Attack::was_refused);
    writeln!(
        out,
        "\n{} entries verified, {} attacks played: {}",
        proved.len(),
        attacks.len(),
        if held { "everything held" } else { "NOT everything held" }
    )
}

/// What an attack does, in a line.
fn tried(name: &str) -> &'static str {
    match name {
        "forged entry" => "an entry with another payload under the old signature",
        "spoofed kest.user" => "a caller that names a user in the baggage",
        "entry cut out" => "a lineage without its first entry",
        "expired token" => "a token of an hour ago",
        "other route" => "a signed request, sent on to another path",
        "swapped body" => "a signed request with another body",
        "passport alone" => "a copied passport without a proof",
        "stolen passport" => "a copied passport under the key of another workload",
        "cut tail" => "a lineage as it was before its last services, presented by one of them",
        "replayed call" => "a signed request that was served a moment ago, once more",
        _ => "",
    }
}

fn table(out: &mut impl Write, answer: &Answer) -> io::Result<()> {
    let rows: Vec<[String; 12]> = answer.chain().map(row).collect();
    let width = |column: usize, title: &str| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or(0)
            .max(title.len())
    };
    let widths: Vec<usize> = COLUMNS.iter().enumerate().map(|(column, title)| width(column, title)).collect();
    let mut line = |cells: &mut dyn Iterator<Item = &str>| -> io::Result<()> {
        let padded: Vec<String> =
            cells.zip(&widths).map(|(cell, width)| format!("{cell:<width$}", width = *width)).collect();
        writeln!(out, "  {}", padded.join("  ").trim_end())
    };
    line(&mut COLUMNS.into_iter())?;
    for row in &rows {
        line(&mut row.iter().map(String::as_str))?;
    }
    Ok(())
}

fn row(answer: &Answer) -> [String; 12] {
    let known = |name: &Option<String>| name.clone().unwrap_or_else(|| "-".to_owned());
    let taints = if answer.taints.is_empty() { "-".to_owned() } else { answer.taints.join("+") };
    [
        answer.service.clone(),
        answer.operation.clone(),
        known(&answer.identity.user),
        known(&answer.identity.agent),
        known(&answer.identity.task),
        answer.trust_score.to_string(),
        taints,
        answer.passport.len().to_string(),
        answer.received.tier.clone(),
        answer.sent.as_ref().map_or_else(|| "-".to_owned(), |sent| sent.tier.clone()),
        answer.sent.as_ref().map_or_else(|| "-".to_owned(), |sent| sent.bytes.to_string()),
        answer.identity.source.clone(),
    ]
}

/// A chain has one child for each entry, so depth grows by one a line; a long chain is indented once only.
fn tree(out: &mut impl Write, proved: &Passport) -> io::Result<()> {
    for (depth, entry) in proved.entries().iter().enumerate() {
        let indent =
            if depth == 0 { String::new() } else { format!("{}└─ ", "   ".repeat(depth.min(8) - 1)) };
        let hash: String = entry.hash().to_hex().chars().take(12).collect();
        let reason = entry.labels().sanitizer().map_or_else(String::new, |it| format!("  sanitizer {it}"));
        writeln!(out, "  {indent}{} by {}  [{hash}]{reason}", entry.operation(), entry.workload())?;
    }
    Ok(())
}
