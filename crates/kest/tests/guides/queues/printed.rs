use std::collections::HashMap;
use std::time::Duration;

use kest::core::BoxError;
use kest::{Operation, carry, policy_fn, prelude::*, run_admitted};

/// In the operation that sends the message: its headers, in Kafka, NATS, SQS or a column of a job table.
async fn send(admission: &Admission) -> Result<HashMap<String, String>, BoxError> {
    let mut headers = HashMap::new();
    carry(admission, &mut headers).await?;
    Ok(headers)
}
// ---
/// Verifies the lineage, asks policy, signs an entry that follows the one that sent the message.
async fn work(kest: &Kest, headers: &HashMap<String, String>) -> Result<Admission, BoxError> {
    let message = kest.continue_from(headers).max_age(Duration::from_secs(24 * 3600)).queue("pictures").await?;
    let scanned = policy_fn("scanned", |asked| !asked.taints().contains("unscanned"))?;
    let job = message.admit(&Operation::from_static("resize"), &scanned).await?;
    // Calls that the work makes carry its lineage.
    Ok(run_admitted(job, async |job| job).await)
}
// ---
/// Works for the user whose request sent the message: for a queue that only services may write to which may act for all users.
async fn work_for_its_user(kest: &Kest, headers: &HashMap<String, String>) -> Result<Admission, BoxError> {
    let message = kest.continue_from(headers).max_age(Duration::from_secs(3600)).queue("invoices");
    let message = message.dangerous_bearer_passports().await?;
    let known = policy_fn("known_user", |asked| asked.user().is_some())?;
    Ok(message.admit(&Operation::from_static("send_invoice"), &known).await?)
}
// ---
/// The headers of a message, where a client has a type of its own for them.
struct Headers(Vec<(String, Vec<u8>)>);

impl kest::Carrier for Headers {
    fn get(&self, name: &str) -> Option<&str> {
        let mut found = self.0.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
        let (_, value) = found.next()?;
        // One that stands there twice, or is no text, has no lineage that could be trusted.
        if found.next().is_some() { None } else { std::str::from_utf8(value).ok() }
    }

    fn set(&mut self, name: &'static str, value: String) {
        self.0.retain(|(key, _)| !key.eq_ignore_ascii_case(name));
        self.0.push((name.to_owned(), value.into_bytes()));
    }
}
