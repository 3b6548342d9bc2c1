//! Every bound of the project, each with its reason.

use std::time::Duration;

/// The bounds that keep memory, time and work finite whatever a stranger sends.
///
/// One value is shared by all the steps of a service. Change single fields of the default:
///
/// ```
/// let mut limits = kest_core::Limits::default();
/// limits.entries = 64;
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of all incoming `baggage` lines together. W3C Baggage 3.3.2 asks for at least 8192 to be carried; four
    /// times that takes what writers without a passport store send, and other people's members.
    pub header_bytes: usize,
    /// List members of the incoming header, ours and foreign ones. Bytes bound them before: this is what `header_bytes`
    /// hold of the shortest member that says something (`a=1,`), so that only a flood of empty ones comes here.
    pub members: usize,
    /// Members `kest.*` of the incoming header. The protocol has eight names; unknown ones are ignored.
    pub own_members: usize,
    /// Bytes of the `baggage` line that we write, with its name, its line end and foreign members. nginx and Apache count all
    /// of these against 8 KiB (`large_client_header_buffers`, `LimitRequestFieldSize` 8190) and refuse what is longer.
    pub outgoing_header_bytes: usize,
    /// List members of the header that we write: the floor that W3C Baggage 3.3.2 sets, and where some readers stop.
    pub outgoing_members: usize,
    /// Bytes that a compressed passport may inflate to: as many as `passport_bytes`. What fits a header and is still a
    /// passport is far smaller.
    pub inflated_bytes: usize,
    /// Inflated bytes per compressed byte. Passports, being base64 of hashes and names, stay under 20.
    pub inflate_ratio: usize,
    /// Bytes of a passport's JSON text, whichever way it came: 330 entries of ordinary size. A request holds the text,
    /// once and a half as much of what is read from it where names are long, and while it calls on, what a passport store
    /// is given, sealed: with all this it costs less than 2 MiB.
    pub passport_bytes: usize,
    /// Entries of one passport. Verification is linear; at this length it costs tens of milliseconds. One that travels
    /// comes to the end of `passport_bytes` before.
    pub entries: usize,
    /// Bytes of one compact entry.
    pub entry_bytes: usize,
    /// Parents of one entry: how many branches one operation may join.
    pub parents: usize,
    /// Taints of one entry, in each of its three lists.
    pub taints: usize,
    /// Bytes of one taint.
    pub taint_bytes: usize,
    /// Labels of one entry.
    pub labels: usize,
    /// Bytes of a label that a service gives its own operations: a name or a sentence, not a document.
    pub label_bytes: usize,
    /// Bytes of the environment that a service declares for an operation: it is signed into the entry, which travels with
    /// every call behind it.
    pub environment_bytes: usize,
    /// Bytes of a resource's id, which is signed, compared and remembered: longer than the paths that people link to, and
    /// short enough that a stranger's path cannot fill an entry.
    pub resource_id_bytes: usize,
    /// Policies and deviations recorded in one entry. An operation asks some ten of them.
    pub policies: usize,
    /// Nesting of JSON values: deeper input would cost stack.
    pub json_depth: usize,
    /// Bytes of a bearer token. Real access tokens stay under 4 KiB.
    pub token_bytes: usize,
    /// Actors of one token, nested in its `act` claim: each one is a service that handed the task on.
    pub token_actors: usize,
    /// Bytes of a name that a token gives a user, agent or tenant, and of its task: each is signed into entries.
    pub token_name_bytes: usize,
    /// Scopes of one token, and roles: issuers that list groups stop at 200.
    pub token_grants: usize,
    /// Bytes of one scope or role: the longest are URLs, or names out of a directory.
    pub token_grant_bytes: usize,
    /// Claims of one token that a service may ask to be kept for its handlers and policies.
    pub token_claims: usize,
    /// Bytes of the JSON of one such claim: a plan, a list of groups, not a document.
    pub token_claim_bytes: usize,
    /// Tokens remembered as verified, so that the next request with one costs a hash and no signature. This many serve
    /// as many callers between two of their tokens.
    pub tokens_remembered: u64,
    /// Bytes that they take up: half a kilobyte for each of `tokens_remembered` is what ordinary ones need. Callers with
    /// large ones push others out, whose next request then costs a signature.
    pub tokens_remembered_bytes: u64,
    /// Bytes of a key set fetched from an issuer.
    pub key_set_bytes: usize,
    /// Usable keys of one key set that are kept. Real issuers publish under ten.
    pub key_set_keys: usize,
    /// Bytes of the document by which an issuer says where its keys are. Real ones stay under 10 KiB.
    pub key_metadata_bytes: usize,
    /// Bytes of a trust bundle: some thousands of keys.
    pub bundle_bytes: usize,
    /// Time one fetch of a key set or of a trust bundle may take, from connecting to the last byte.
    pub key_fetch_wait: Duration,
    /// Least time between two fetches that unknown key ids may cause: with one fetch it is how long a key that was
    /// published a moment ago can be taken for unknown.
    pub key_fetch_cool_down: Duration,
    /// Time a request may wait for its keys to be found: longer than the cool-down, so that one fetch fits in.
    pub key_wait: Duration,
    /// Requests that may wait for the keys of one issuer at the same time: twice what comes within a fetch of 50 ms at
    /// 5000 requests a second, since one peer gets half of them at most. The rest are answered at once, so that a flood
    /// of unknown key ids holds nothing else.
    pub key_waiters: usize,
    /// Key ids remembered as unknown to one issuer until the next fetch: 32 bytes each and the cache's own cost.
    /// Several times those who may wait, since only who waited is remembered.
    pub key_ids_unknown: u64,
    /// Age of the oldest tip of a passport that a request comes with. Long enough for the slowest chain of calls and a
    /// person in between, short enough that a copied passport is of little use.
    pub max_tip_age: Duration,
    /// Difference between the clocks of two machines that is taken for an accident.
    pub clock_skew: Duration,
    /// Time that steps 1 to 4 of one request may take together, stores and issuers included.
    pub arrival_wait: Duration,
    /// Time that policy and signer may take together for one operation.
    pub admission_wait: Duration,
    /// Entries up to which a passport is verified on the request's own task; longer ones move to a blocking thread
    /// so that other requests of that worker do not wait.
    pub inline_verify_entries: usize,
    /// Time one question to a passport store may take.
    pub passport_store_wait: Duration,
    /// How long a claim check can be redeemed: longer than the slowest chain of calls.
    pub claim_check_ttl: Duration,
    /// Bytes that the in-memory passport store keeps before it refuses to take more. One caller gets a quarter at most, which
    /// is two long lineages a second for as long as they live.
    pub passport_store_bytes: u64,
    /// Bytes of the document that policy engines are given; over it nothing is asked and nothing allowed. A lineage
    /// of `entries` hops with names of ordinary length stays within half of it.
    pub policy_input_bytes: usize,
    /// Bytes of one policy, schema or configuration file.
    pub policy_file_bytes: u64,
    /// Files that one set of policies may be read from.
    pub policy_files: usize,
    /// Bytes of these files together: they are all in memory while a set is made, and at each check of them.
    pub policy_bytes: u64,
    /// Time that one check of the files of policies may take. Then it counts as failed, and no other begins until it
    /// ends: a file system that hangs holds one thread.
    pub policy_check_wait: Duration,
    /// Time one policy may compute in this process.
    pub policy_evaluation: Duration,
    /// Time of that which it may compute on the request's own task; then it moves to a blocking thread so that other
    /// requests of that worker do not wait.
    pub policy_at_once: Duration,
    /// Time a sidecar policy engine may take to answer: the specification's default (section 11.1).
    pub policy_wait: Duration,
    /// Bytes of an answer of a sidecar policy engine; `true` has four.
    pub policy_answer_bytes: usize,
    /// Decisions remembered by one set of policies: 32 bytes each and the cache's own cost.
    pub policy_decisions: u64,
    /// Bytes of the entries that are remembered as verified: 3 to 6 KB each, and so some 6000 ordinary ones. 0 remembers none.
    pub seen_bytes: u64,
    /// Time that a streamed body may take to end before the request is signed: a stream that goes on for as long as
    /// its call does is not to hang in silence.
    pub signed_body_wait: Duration,
    /// Identifiers that the in-memory replay store keeps before it refuses to take more: some 130 bytes each, and
    /// 16 000 new ones a second where each is kept for the 65 s of a proof of possession. One caller gets a quarter at most.
    pub replay_ids: usize,
    /// Bytes of all `Signature-Input` lines of a request, and of all `Signature` lines: a signature takes 500 of them.
    pub signature_bytes: usize,
    /// Signatures of one request, ours and those of others: a client, and proxies that vouch for what they passed on.
    pub signatures: usize,
    /// Bytes of the nonce of a signature, which is hashed and remembered as 32. Random ones of 16 to 64 bytes are spelled
    /// in less.
    pub signature_nonce_bytes: usize,
    /// Time for which the signature of a request counts: long enough for a slow connection, short enough that few nonces
    /// have to be remembered.
    pub signature_max_age: Duration,
    /// Time that the clock of a signer may be ahead of ours. Machines whose clocks are kept differ by less than 100 ms.
    pub signature_skew: Duration,
    /// Bytes of a signed body that are read before the handler runs, to compare its digest; each request may hold as many.
    pub signed_body_bytes: usize,
    /// Time that such a body may take to arrive: at the slowest this is 70 kB a second.
    pub checked_body_wait: Duration,
    /// Time that the record of an operation may take to be durable: many syncs of a slow disk, and within `admission_wait`.
    pub audit_wait: Duration,
    /// Operations that may wait for the audit log, and refusals as many: one sync answers all of them, so that this is what
    /// comes in a second or two. Each holds its passport.
    pub audit_waiting: usize,
    /// Refusals that one writer of an audit log records in a second; the others are counted. Strangers cause them: 300 bytes
    /// each, they fill a gigabyte in an hour at most.
    pub audit_refusals_a_second: usize,
}

impl Limits {
    /// For how long the use of a signed request has to be remembered, beginning with the moment in which it comes: it may have been
    /// made ahead of our time by the skew, counts for its age, and is remembered for replicas whose clocks differ by it either way.
    #[must_use]
    pub fn longest_signature_life(&self) -> Duration {
        let skews = self.signature_skew.saturating_mul(3);
        self.signature_max_age.saturating_add(skews).saturating_add(Duration::from_secs(1))
    }
}

impl Default for Limits {
    #[expect(clippy::too_many_lines, reason = "a line for each bound")]
    fn default() -> Self {
        Self {
            header_bytes: 32 * 1024,
            members: 8 * 1024,
            own_members: 64,
            outgoing_header_bytes: 8150,
            outgoing_members: 64,
            inflated_bytes: 448 * 1024,
            inflate_ratio: 64,
            passport_bytes: 448 * 1024,
            entries: 1024,
            entry_bytes: 16 * 1024,
            parents: 32,
            taints: 64,
            taint_bytes: 128,
            labels: 32,
            label_bytes: 1024,
            environment_bytes: 2 * 1024,
            policies: 256,
            resource_id_bytes: 1024,
            json_depth: 16,
            token_bytes: 16 * 1024,
            token_actors: 8,
            token_name_bytes: 2 * 1024,
            token_grants: 256,
            token_grant_bytes: 512,
            token_claims: 16,
            token_claim_bytes: 2 * 1024,
            tokens_remembered: 8 * 1024,
            tokens_remembered_bytes: 8 * 1024 * 1024,
            key_set_bytes: 512 * 1024,
            key_set_keys: 100,
            key_metadata_bytes: 64 * 1024,
            bundle_bytes: 1024 * 1024,
            key_fetch_wait: Duration::from_secs(5),
            key_fetch_cool_down: Duration::from_secs(1),
            key_wait: Duration::from_secs(2),
            key_waiters: 512,
            key_ids_unknown: 1024,
            max_tip_age: Duration::from_secs(15 * 60),
            clock_skew: Duration::from_secs(60),
            arrival_wait: Duration::from_secs(5),
            admission_wait: Duration::from_secs(5),
            inline_verify_entries: 64,
            passport_store_wait: Duration::from_millis(500),
            claim_check_ttl: Duration::from_secs(300),
            passport_store_bytes: 256 * 1024 * 1024,
            policy_input_bytes: 256 * 1024,
            policy_file_bytes: 1024 * 1024,
            policy_files: 256,
            policy_bytes: 16 * 1024 * 1024,
            policy_check_wait: Duration::from_secs(10),
            policy_evaluation: Duration::from_millis(100),
            policy_at_once: Duration::from_millis(2),
            policy_wait: Duration::from_secs(1),
            policy_answer_bytes: 64 * 1024,
            policy_decisions: 16 * 1024,
            seen_bytes: 32 * 1024 * 1024,
            signed_body_wait: Duration::from_secs(10),
            replay_ids: 1024 * 1024,
            signature_bytes: 8 * 1024,
            signatures: 8,
            signature_nonce_bytes: 128,
            signature_max_age: Duration::from_secs(10),
            signature_skew: Duration::from_secs(2),
            signed_body_bytes: 2 * 1024 * 1024,
            checked_body_wait: Duration::from_secs(30),
            audit_wait: Duration::from_secs(2),
            audit_waiting: 8 * 1024,
            audit_refusals_a_second: 1000,
        }
    }
}
