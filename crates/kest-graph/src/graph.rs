//! The lineage as it is drawn: entries, what they follow, what is missing, and how far all of it was proved.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use kest_core::entry::EntryHash;
use kest_core::passport::{Tips, VerifyError};
use kest_core::signature::{Bundle, KeyRing};
use kest_core::{Dialect, Limits, Passport, UnverifiedPassport, Verifier};

use crate::claims::Claims;
use crate::forms;
use crate::html;
use crate::layout::Layout;

/// A lineage to be drawn, in one layout for every form.
///
/// ```
/// use kest_core::{Limits, UnverifiedPassport};
/// use kest_graph::{Graph, Standing};
///
/// let passport = UnverifiedPassport::dangerous_from_json(br#"["a.b.c"]"#, None, &Limits::default())?;
/// let graph = Graph::unchecked(&passport);
/// assert_eq!(graph.standing(), &Standing::NotChecked);
/// assert!(graph.to_text().contains("not checked"));
/// # Ok::<(), kest_core::passport::PassportFormError>(())
/// ```
#[derive(Clone)]
pub struct Graph {
    pub(crate) standing: Standing,
    pub(crate) nodes: Vec<Node>,
    pub(crate) missing: Vec<Missing>,
    /// Entries behind the fault, which the verifier did not look at.
    pub(crate) unseen: usize,
    pub(crate) evidence: Evidence,
    pub(crate) layout: Layout,
}

impl std::fmt::Debug for Graph {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // What a stranger sent, and a credential besides: neither belongs into a log.
        formatter.debug_struct("Graph").field("standing", &self.standing).finish_non_exhaustive()
    }
}

/// How far a lineage was proved.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Standing {
    /// Every entry, link, score and taint holds under the keys.
    Verified,
    /// It does not hold.
    Refused(Fault),
    /// There were no keys to check it with: anybody can have written it.
    NotChecked,
}

impl Standing {
    /// The word for it: `verified`, `REFUSED` or `not checked`.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Refused(_) => "REFUSED",
            Self::NotChecked => "not checked",
        }
    }
}

/// Why a lineage was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fault {
    /// The stable name, such as `bad_signature`.
    pub kind: &'static str,
    /// The same in words.
    pub why: String,
    /// Which entry, counted from 0; `None` when it is the passport as a whole.
    pub index: Option<usize>,
}

impl From<VerifyError> for Fault {
    fn from(error: VerifyError) -> Self {
        Self { kind: error.kind().as_str(), why: error.kind().to_string(), index: error.index() }
    }
}

/// One entry.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) hash: EntryHash,
    pub(crate) state: State,
    /// `None` for an entry that cannot be read.
    pub(crate) claims: Option<Claims>,
    /// Places of what it follows: entries before it, or what is missing, counted on from the entries.
    pub(crate) parents: Vec<usize>,
    /// The passport ends here.
    pub(crate) tip: Tip,
    /// The SHA-256 of what the operation gave, as a log has it.
    pub(crate) recorded: Option<EntryHash>,
}

/// How far one entry was proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Proved,
    AtFault,
    Claimed,
}

/// Whether a lineage ends at an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tip {
    No,
    Yes,
    /// It does, and the carrier did not say so.
    NotAnnounced,
}

/// What is named and not there.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Missing {
    /// A parent: the id as it stands in the entry, and the later place where it is found, if it is.
    Parent(String, Option<usize>),
    /// A tip that was announced.
    Tip(EntryHash),
}

/// What the HTML page needs to verify all of it once more.
#[derive(Debug, Clone)]
pub(crate) struct Evidence {
    pub(crate) compacts: Vec<Arc<str>>,
    pub(crate) announced: Option<Tips>,
    /// A JWK Set.
    pub(crate) keys: Option<String>,
    pub(crate) dialect: Dialect,
    pub(crate) limits: Limits,
}

impl Graph {
    /// Verifies `passport` and draws the outcome: all of it, or as far as the fault.
    #[must_use]
    pub fn verify(passport: UnverifiedPassport, verifier: &Verifier, ring: &KeyRing) -> Self {
        let settings = verifier.settings();
        let evidence = Evidence {
            keys: Bundle::to_json(ring).ok().map(|keys| keys + "\n"),
            dialect: settings.dialect,
            limits: settings.limits.clone(),
            ..Evidence::of(&passport)
        };
        match verifier.verify(passport, ring) {
            Ok(_) => Self::draw(Standing::Verified, evidence),
            Err(error) => Self::draw(Standing::Refused(error.into()), evidence),
        }
    }

    /// Draws a passport that was verified already.
    #[must_use]
    pub fn of(passport: &Passport) -> Self {
        let compacts = passport.entries().iter().map(|entry| entry.compact().into()).collect();
        let evidence = Evidence { announced: Some(passport.tips()), compacts, ..Evidence::none() };
        Self::draw(Standing::Verified, evidence)
    }

    /// Draws what `passport` claims, without checking anything.
    #[must_use]
    pub fn unchecked(passport: &UnverifiedPassport) -> Self {
        Self::draw(Standing::NotChecked, Evidence::of(passport))
    }

    /// The picture of input that is no passport at all: nothing but the name of what is wrong.
    #[must_use]
    pub fn unreadable(kind: &'static str) -> Self {
        let fault = Fault { kind, why: "input is no passport".to_owned(), index: None };
        Self::draw(Standing::Refused(fault), Evidence::none())
    }

    /// Adds what a log recorded with the ends of operations: for each entry's hash the SHA-256 of what it gave. No entry signs that,
    /// and it is told apart from what one signs.
    #[must_use]
    pub fn with_recorded(mut self, contents: &HashMap<EntryHash, EntryHash>) -> Self {
        for node in &mut self.nodes {
            node.recorded = contents.get(&node.hash).copied();
        }
        self
    }

    /// How far it was proved.
    #[must_use]
    pub fn standing(&self) -> &Standing {
        &self.standing
    }

    /// How many entries are drawn.
    #[must_use]
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether no entry is drawn.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Lines for a terminal, in Unicode.
    #[must_use]
    pub fn to_text(&self) -> String {
        forms::text(self, forms::Letters::Unicode)
    }

    /// Lines for a terminal, in ASCII alone.
    #[must_use]
    pub fn to_ascii(&self) -> String {
        forms::text(self, forms::Letters::Ascii)
    }

    /// A flowchart of Mermaid. It reads a limited length only, so that a long lineage is folded by workload.
    #[must_use]
    pub fn to_mermaid(&self) -> String {
        forms::mermaid(self)
    }

    /// A digraph of Graphviz. A long lineage is folded by workload.
    #[must_use]
    pub fn to_dot(&self) -> String {
        forms::dot(self)
    }

    /// A picture of its own, without scripts and fonts from elsewhere. A long lineage is folded by workload.
    #[must_use]
    pub fn to_svg(&self) -> String {
        forms::svg(self)
    }

    /// One page that reaches for nothing, and verifies the passport once more in its reader's browser.
    #[must_use]
    pub fn to_html(&self) -> String {
        html::page(self, &[])
    }

    /// The page of [`to_html`](Self::to_html) with links above it, each an address and its name, for a program that serves it
    /// among others.
    #[must_use]
    pub fn to_html_among(&self, links: &[(&str, &str)]) -> String {
        html::page(self, links)
    }

    /// The content security policy that the page names for itself, for a program that serves it: the same of every page.
    #[must_use]
    pub fn html_policy() -> String {
        html::policy()
    }

    /// The SHA-256 of the keys on the page of [`to_html`](Self::to_html), as `kest bundle` writes them; `None` without keys.
    #[must_use]
    pub fn keys_digest(&self) -> Option<String> {
        self.evidence.keys.as_ref().map(|keys| EntryHash::of_bytes(keys.as_bytes()).to_hex())
    }

    fn draw(standing: Standing, evidence: Evidence) -> Self {
        let seen = match &standing {
            Standing::Refused(Fault { index: Some(index), .. }) => index + 1,
            // Nothing was looked at where the whole is over a limit.
            Standing::Refused(Fault { kind: "too_many_entries", .. }) => 0,
            Standing::Refused(_) | Standing::Verified | Standing::NotChecked => evidence.compacts.len(),
        };
        let unseen = evidence.compacts.len().saturating_sub(seen);
        let hashes: Vec<EntryHash> = evidence.compacts.iter().map(|compact| EntryHash::of(compact)).collect();
        let mut places: HashMap<String, usize> = HashMap::new();
        for (place, hash) in hashes.iter().enumerate() {
            places.entry(hash.to_hex()).or_insert(place);
        }
        let mut missing = Gaps {
            first: seen.min(hashes.len()),
            found: Vec::new(),
            places: HashMap::new(),
            parents: evidence.limits.parents,
        };
        let mut nodes = Vec::new();
        for (place, (compact, hash)) in evidence.compacts.iter().zip(&hashes).enumerate().take(seen) {
            let claims = Claims::read(compact);
            let parents = missing.parents(claims.as_ref(), place, &places);
            let state = state(&standing, place);
            nodes.push(Node { hash: *hash, state, claims, parents, tip: Tip::No, recorded: None });
        }
        // Behind a fault the end of the passport was not looked at.
        if unseen == 0 {
            mark_tips(&mut nodes, evidence.announced.as_ref());
            missing.tips(&nodes, evidence.announced.as_ref(), &standing);
        }
        let parents: Vec<Vec<usize>> = nodes.iter().map(|node| node.parents.clone()).collect();
        let layout = Layout::of(&parents, missing.found.len());
        Self { standing, nodes, missing: missing.found, unseen, evidence, layout }
    }
}

impl Evidence {
    fn none() -> Self {
        Self {
            compacts: Vec::new(),
            announced: None,
            keys: None,
            dialect: Dialect::Strict,
            limits: Limits::default(),
        }
    }

    fn of(passport: &UnverifiedPassport) -> Self {
        Self {
            compacts: passport.dangerous_entries().map(Arc::from).collect(),
            announced: passport.announced_tips().cloned(),
            ..Self::none()
        }
    }
}

fn state(standing: &Standing, place: usize) -> State {
    match standing {
        Standing::NotChecked => State::Claimed,
        Standing::Refused(fault) if fault.index == Some(place) => State::AtFault,
        Standing::Verified | Standing::Refused(_) => State::Proved,
    }
}

fn mark_tips(nodes: &mut [Node], announced: Option<&Tips>) {
    let followed: HashSet<usize> = nodes.iter().flat_map(|node| node.parents.iter().copied()).collect();
    for (_, node) in nodes.iter_mut().enumerate().filter(|(place, _)| !followed.contains(place)) {
        let said = announced.is_none_or(|tips| tips.as_slice().contains(&node.hash));
        node.tip = if said { Tip::Yes } else { Tip::NotAnnounced };
    }
}

/// What is found missing; its places are counted on from those of the entries.
struct Gaps {
    first: usize,
    found: Vec<Missing>,
    places: HashMap<Missing, usize>,
    /// `Limits::parents`: what an entry names beyond that is not looked at.
    parents: usize,
}

impl Gaps {
    fn parents(
        &mut self,
        claims: Option<&Claims>,
        place: usize,
        places: &HashMap<String, usize>,
    ) -> Vec<usize> {
        let ids = claims.map(|claims| claims.parents.as_slice()).unwrap_or_default();
        let root = matches!(ids, [id] if id == "0");
        let mut parents = Vec::new();
        for id in ids.iter().filter(|_| !root).take(self.parents) {
            let at = match places.get(id) {
                Some(before) if *before < place => *before,
                later => self.place(Missing::Parent(id.clone(), later.copied())),
            };
            if !parents.contains(&at) {
                parents.push(at);
            }
        }
        parents
    }

    fn place(&mut self, missing: Missing) -> usize {
        let next = self.first + self.found.len();
        let place = *self.places.entry(missing.clone()).or_insert(next);
        if place == next {
            self.found.push(missing);
        }
        place
    }

    /// Announced tips that are no end of the passport.
    fn tips(&mut self, nodes: &[Node], announced: Option<&Tips>, standing: &Standing) {
        if *standing == Standing::Verified {
            return;
        }
        let ends: HashSet<EntryHash> =
            nodes.iter().filter(|it| it.tip != Tip::No).map(|it| it.hash).collect();
        for hash in announced.map(Tips::as_slice).unwrap_or_default().iter().filter(|it| !ends.contains(it)) {
            self.place(Missing::Tip(*hash));
        }
    }
}
