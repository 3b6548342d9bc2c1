//! `kest policy input`: an input document to try policies with, and what each of its members means.

use kest_core::Limits;
use kest_policy::Input;

use super::failure::PolicyError;
use crate::arguments::PolicyInput;
use crate::failure::{Answer, Failure};
use crate::output::{self, Output};

/// Writes the document to standard output and, for people, the explanations to standard error.
pub(crate) fn run(arguments: &PolicyInput) -> Result<Answer, Failure> {
    let mut output = Output::open();
    if arguments.json {
        let input = Input::from_json(EXAMPLE.as_bytes(), &Limits::default()).map_err(PolicyError::Input)?;
        output.line(input.canonical())?;
    } else {
        explain();
        output.bytes(EXAMPLE.as_bytes())?;
    }
    output.flush()?;
    Ok(Answer::Yes)
}

fn explain() {
    let width = |column: fn(&Member) -> &str| MEMBERS.iter().map(|it| column(it).len()).max().unwrap_or(0);
    let (path, form) = (width(|it| it.path), width(|it| it.form));
    for member in MEMBERS {
        output::note(&format!("{:path$}  {:form$}  {}", member.path, member.form, member.meaning));
    }
}

/// One member of the document.
struct Member {
    path: &'static str,
    form: &'static str,
    meaning: &'static str,
}

const fn member(path: &'static str, form: &'static str, meaning: &'static str) -> Member {
    Member { path, form, meaning }
}

/// An operation in the middle of a lineage, with something in every member, that every policy of the library allows.
const EXAMPLE: &str = include_str!("example.json");

/// Every member that a document can have, in the order in which the document has them.
const MEMBERS: &[Member] = &[
    member("chain", "object", "the verified lineage: lists with one element for each entry, parents first"),
    member("chain.operations", "strings", "what was done"),
    member("chain.principals", "strings", "the workload that did it and signed the entry"),
    member("chain.resources", "strings or nulls", "what it was done to; null where the entry does not say"),
    member("chain.users", "strings or nulls", "on whose behalf; null where the entry does not say"),
    member("environment", "object", "what surrounds the operation"),
    member(
        "environment.active_deviations",
        "strings",
        "policies of higher tiers that the deployment leaves out for this operation",
    ),
    member("environment.is_root", "boolean", "whether the operation starts a lineage"),
    member("environment.operation", "string", "the operation that asks"),
    member(
        "environment.parent_hash",
        "string, or absent",
        "hash of the entry that the lineage ends in, 0 at a root; absent, as here, unless the deployment asks for it, \
         since it is unique to each request and makes remembered decisions useless",
    ),
    member("environment.policy_names", "strings", "the policies of the tier that is evaluated"),
    member("environment.policy_tier", "string", "that tier: enterprise, platform, application or function"),
    member(
        "environment.source_type",
        "string or null",
        "where the operation's own data comes from, such as user_input; null when it does not say",
    ),
    member(
        "environment.tip_age_seconds",
        "integer, or absent",
        "about how many seconds ago the operation before this one was signed, the oldest of several, rounded up in \
         steps that grow, so that decisions can be remembered; absent at a root",
    ),
    member("identity", "string", "the same as subject.workload"),
    member("object", "object", "what the operation acts on"),
    member(
        "object.attributes",
        "object",
        "what the service says about it, empty when it says nothing; here, what the policy library reads",
    ),
    member(
        "object.history",
        "object",
        "what the lineage has done with this very object; empty where it has no id",
    ),
    member("object.history.operations", "strings", "what was done to it"),
    member("object.history.principals", "strings", "the workloads that did it and signed"),
    member("object.history.users", "strings", "on whose behalf, where the entries say"),
    member("object.id", "string or null", "what it is called; null when it is not"),
    member("subject", "object", "who asks, on whose behalf, with which data"),
    member("subject.agent", "string or null", "the program that acts for the user"),
    member(
        "subject.identity_source",
        "string",
        "how user, agent and task are known: jwt, lineage, anonymous or unverified",
    ),
    member("subject.issuer", "string or null", "who vouches for them"),
    member("subject.roles", "strings", "the caller's roles, sorted"),
    member("subject.scopes", "strings", "the scopes that the caller was granted, sorted"),
    member("subject.taints", "strings", "the taints of the data, sorted, before any sanitizer"),
    member("subject.task", "string or null", "the task or scope as it is signed into entries"),
    member(
        "subject.tenant",
        "string or null",
        "the tenant that the issuer speaks for; null when it is not known",
    ),
    member(
        "subject.trust_score",
        "integer",
        "how far the data can be trusted, 0 to 100, before any sanitizer",
    ),
    member("subject.user", "string or null", "the user on whose behalf"),
    member("subject.workload", "string", "the service that would do it and sign the entry"),
    member("trust_score", "integer", "the same as subject.trust_score"),
];
