//! What is drawn where boxes are drawn: each entry, or a long lineage folded by workload.

use std::collections::BTreeMap;

use crate::facts::{TITLE, known};
use crate::forms;
use crate::graph::{Graph, State};
use crate::layout::Layout;
use crate::shown::{cut, shown};

/// Boxes and lines, and where they stand.
#[derive(Debug, Clone)]
pub(crate) struct Drawn {
    /// What holds for the whole.
    pub(crate) header: String,
    pub(crate) items: Vec<Item>,
    /// Parent, child, and how many lines are one here.
    pub(crate) edges: Vec<(usize, usize, usize)>,
    pub(crate) layout: Layout,
}

/// One box.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    pub(crate) number: usize,
    pub(crate) title: String,
    /// `verified`, `refused`, `unchecked` or `missing`.
    pub(crate) look: &'static str,
    pub(crate) word: String,
    pub(crate) facts: Vec<String>,
}

impl Item {
    /// Its lines: what it is called, how far it was proved, and its facts.
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("{}  [{}]", cut(&self.title, TITLE), self.word)];
        lines.extend(self.facts.iter().cloned());
        lines
    }
}

/// How entries are gathered into boxes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Folding {
    /// The box of each item: entries, then what is missing.
    pub(crate) box_of: Vec<usize>,
    /// The entries and missing things of each box.
    pub(crate) members: Vec<Vec<usize>>,
    /// Parent, child, and how many lines are one here; a line may go back.
    pub(crate) edges: Vec<(usize, usize, usize)>,
    pub(crate) layout: Layout,
}

impl Folding {
    /// By workload, in the order in which they come in. What is at fault or missing keeps a box of its own.
    pub(crate) fn of(graph: &Graph) -> Self {
        let mut folding = Self::default();
        let mut boxes: BTreeMap<String, usize> = BTreeMap::new();
        for item in 0..graph.nodes.len() + graph.missing.len() {
            let name = match graph.nodes.get(item) {
                Some(node) if node.state != State::AtFault => node.claims.as_ref().map_or_else(
                    || "unreadable".to_owned(),
                    |claims| format!("w{}", known(claims.workload.as_ref())),
                ),
                Some(_) | None => format!("#{item}"),
            };
            let next = folding.members.len();
            let at = *boxes.entry(name).or_insert(next);
            if at == next {
                folding.members.push(Vec::new());
            }
            folding.box_of.push(at);
            if let Some(members) = folding.members.get_mut(at) {
                members.push(item);
            }
        }
        let mut counts: BTreeMap<(usize, usize), usize> = BTreeMap::new();
        let place = |item: usize| folding.box_of.get(item).copied().unwrap_or(0);
        for edge in &graph.layout.edges {
            let ends = (place(edge.parent), place(edge.child));
            if ends.0 != ends.1 {
                *counts.entry(ends).or_insert(0) += 1;
            }
        }
        // Workloads call each other back and forth: who came in first stands above.
        let mut parents = vec![Vec::new(); folding.members.len()];
        for (one, other) in counts.keys() {
            let (above, below) = (*one.min(other), *one.max(other));
            if let Some(list) = parents.get_mut(below).filter(|list| !list.contains(&above)) {
                list.push(above);
            }
        }
        folding.layout = Layout::of(&parents, 0);
        folding.edges = counts.into_iter().map(|((parent, child), count)| (parent, child, count)).collect();
        folding
    }
}

impl Drawn {
    /// Every entry, unless there are more than `most`.
    pub(crate) fn of(graph: &Graph, most: usize) -> Self {
        if graph.nodes.len() > most {
            return Self::folded(graph);
        }
        let items = (0..graph.nodes.len() + graph.missing.len()).map(|item| Item {
            number: item,
            title: graph.title(item),
            look: look(graph.nodes.get(item).map(|node| node.state)),
            word: graph.word(item),
            facts: graph.facts(item).iter().map(|fact| format!("{}: {}", fact.about, fact.said)).collect(),
        });
        Self {
            header: header(graph),
            items: items.collect(),
            edges: graph.layout.edges.iter().map(|edge| (edge.parent, edge.child, 1)).collect(),
            layout: graph.layout.clone(),
        }
    }

    /// Folded by workload.
    pub(crate) fn folded(graph: &Graph) -> Self {
        let folding = Folding::of(graph);
        let items =
            folding.members.iter().enumerate().map(|(number, members)| gathered(graph, number, members));
        Self {
            header: format!("{}, folded by workload", header(graph)),
            items: items.collect(),
            edges: folding.edges,
            layout: folding.layout,
        }
    }
}

fn header(graph: &Graph) -> String {
    forms::header(graph).first().cloned().unwrap_or_default()
}

fn look(state: Option<State>) -> &'static str {
    match state {
        Some(State::Proved) => "verified",
        Some(State::AtFault) => "refused",
        Some(State::Claimed) => "unchecked",
        None => "missing",
    }
}

/// A box of several entries: how many, between which scores, with which taints.
fn gathered(graph: &Graph, number: usize, members: &[usize]) -> Item {
    let first = members.first().copied().unwrap_or(0);
    let node = graph.nodes.get(first);
    let state = node.map(|node| node.state);
    let title = match node {
        Some(node) if node.state != State::AtFault => {
            node.claims.as_ref().map_or_else(|| "unreadable".to_owned(), |it| known(it.workload.as_ref()))
        }
        Some(_) | None => graph.title(first),
    };
    let claims: Vec<_> = members.iter().filter_map(|item| graph.nodes.get(*item)?.claims.as_ref()).collect();
    let scores: Vec<i64> = claims.iter().filter_map(|claims| claims.trust).collect();
    let mut facts = Vec::new();
    if node.is_some() {
        facts.push(format!("entries: {}", members.len()));
    }
    if let (Some(low), Some(high)) = (scores.iter().min(), scores.iter().max()) {
        facts.push(if low == high { format!("trust: {low}") } else { format!("trust: {low} to {high}") });
    }
    let mut taints: Vec<&String> = claims.iter().flat_map(|claims| &claims.taints).collect();
    taints.sort_unstable();
    taints.dedup();
    if !taints.is_empty() {
        facts.push(format!(
            "taints: {}",
            taints.into_iter().map(|it| shown(it)).collect::<Vec<_>>().join(", ")
        ));
    }
    Item { number, title, look: look(state), word: graph.word(first), facts }
}
