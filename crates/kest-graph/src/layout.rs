//! The one layout: each item in a layer below all that it follows, in an order that keeps lines short and few crossed.

use std::collections::{BTreeMap, BTreeSet};

/// Bends of all lines together. A line across many layers bends once in each; beyond this many, lines go straight.
const BENDS: usize = 8192;

/// Times that the order is improved, downwards and upwards.
const SWEEPS: usize = 4;

/// Where everything stands. It depends on its arguments alone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Layout {
    /// What stands in each layer, from the left; roots are in the first.
    pub(crate) layers: Vec<Vec<Slot>>,
    pub(crate) edges: Vec<Edge>,
    /// Of each slot, the slots of the layer above that it hangs on, by their places in it.
    pub(crate) above: Vec<Vec<Vec<usize>>>,
}

/// One place in a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Slot {
    /// An item.
    Item(usize),
    /// Where a line passes by: the edge of this number.
    Bend(usize),
}

/// A line from an item to one that follows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Edge {
    pub(crate) parent: usize,
    pub(crate) child: usize,
}

impl Layout {
    /// Lays out items by what each follows: `parents`, each with a smaller number than its child, or one of the `loose`
    /// items whose numbers come behind those of the others and which follow nothing.
    pub(crate) fn of(parents: &[Vec<usize>], loose: usize) -> Self {
        let count = parents.len() + loose;
        let edges: Vec<Edge> = parents
            .iter()
            .enumerate()
            .flat_map(|(child, parents)| parents.iter().map(move |parent| Edge { parent: *parent, child }))
            .collect();
        let layer_of = layers(parents, count, &edges);
        let at = |item: usize| layer_of.get(item).copied().unwrap_or(0);
        let followed: BTreeSet<usize> = edges.iter().map(|edge| edge.parent).collect();
        let depth = layer_of.iter().max().map_or(0, |deepest| deepest + 1);
        let mut layers = vec![Vec::new(); depth];
        for item in (0..count).filter(|item| *item < parents.len() || followed.contains(item)) {
            put(&mut layers, at(item), Slot::Item(item));
        }
        // What nothing hangs on and hangs on nothing, such as an announced tip, stands last.
        for item in (parents.len()..count).filter(|item| !followed.contains(item)) {
            let last = layers.len().saturating_sub(1);
            put(&mut layers, last, Slot::Item(item));
        }
        let mut links: Vec<(usize, Slot, Slot)> = Vec::new();
        let mut bends = 0;
        for (number, edge) in edges.iter().enumerate() {
            let (from, to) = (at(edge.parent), at(edge.child));
            let between = to.saturating_sub(from + 1);
            bends += between;
            if bends > BENDS {
                continue;
            }
            for layer in from + 1..to {
                put(&mut layers, layer, Slot::Bend(number));
            }
            for layer in from + 1..=to {
                let upper = if layer == from + 1 { Slot::Item(edge.parent) } else { Slot::Bend(number) };
                let lower = if layer == to { Slot::Item(edge.child) } else { Slot::Bend(number) };
                links.push((layer, upper, lower));
            }
        }
        let mut links_of = vec![Vec::new(); layers.len()];
        for (layer, upper, lower) in links {
            if let Some(list) = links_of.get_mut(layer) {
                list.push((upper, lower));
            }
        }
        order(&mut layers, &links_of);
        let above = hung(&layers, &links_of);
        Self { layers, edges, above }
    }

    /// Every item in the order of layers, from the left.
    pub(crate) fn order(&self) -> impl Iterator<Item = usize> {
        self.layers.iter().flatten().filter_map(|slot| match slot {
            Slot::Item(item) => Some(*item),
            Slot::Bend(_) => None,
        })
    }
}

fn put(layers: &mut Vec<Vec<Slot>>, layer: usize, slot: Slot) {
    if layers.len() <= layer {
        layers.resize(layer + 1, Vec::new());
    }
    if let Some(slots) = layers.get_mut(layer) {
        slots.push(slot);
    }
}

/// The longest way from a root; what follows nothing moves down to where it is needed first.
fn layers(parents: &[Vec<usize>], count: usize, edges: &[Edge]) -> Vec<usize> {
    let mut layer_of = vec![0; count];
    for (item, parents) in parents.iter().enumerate() {
        let below = parents.iter().filter_map(|parent| layer_of.get(*parent)).max().map_or(0, |it| it + 1);
        if let Some(layer) = layer_of.get_mut(item) {
            *layer = below;
        }
    }
    let mut first_child: BTreeMap<usize, usize> = BTreeMap::new();
    for edge in edges {
        let below = layer_of.get(edge.child).copied().unwrap_or(0);
        let first = first_child.entry(edge.parent).or_insert(below);
        *first = below.min(*first);
    }
    for (item, layer) in layer_of.iter_mut().enumerate() {
        let is_root = parents.get(item).is_none_or(Vec::is_empty);
        if let (true, Some(below)) = (is_root, first_child.get(&item)) {
            *layer = below.saturating_sub(1);
        }
    }
    layer_of
}

/// Puts slots near the middle of what they hang on, downwards and upwards in turn.
fn order(layers: &mut [Vec<Slot>], links: &[Vec<(Slot, Slot)>]) {
    for sweep in 0..SWEEPS {
        if sweep % 2 == 0 {
            for layer in 1..layers.len() {
                let pairs = links.get(layer).map(Vec::as_slice).unwrap_or_default();
                sort(layers, layer, layer - 1, pairs.iter().map(|(upper, lower)| (*lower, *upper)));
            }
        } else {
            for layer in (1..layers.len()).rev() {
                let pairs = links.get(layer).map(Vec::as_slice).unwrap_or_default();
                sort(layers, layer - 1, layer, pairs.iter().copied());
            }
        }
    }
}

/// Sorts one layer by the mean place of what each slot is linked to in the layer `fixed`; slots without links stay.
fn sort(layers: &mut [Vec<Slot>], moved: usize, fixed: usize, links: impl Iterator<Item = (Slot, Slot)>) {
    let places = places(layers.get(fixed).map(Vec::as_slice).unwrap_or_default());
    let mut sums: BTreeMap<Slot, (usize, usize)> = BTreeMap::new();
    for (own, other) in links {
        let place = places.get(&other).copied().unwrap_or(0);
        let (sum, count) = sums.entry(own).or_insert((0, 0));
        *sum += place;
        *count += 1;
    }
    if let Some(slots) = layers.get_mut(moved) {
        let mut keyed: Vec<(usize, Slot)> = slots
            .iter()
            .enumerate()
            .map(|(place, slot)| {
                let mean = sums.get(slot).map_or(place * FINE, |(sum, count)| sum * FINE / count);
                (mean, *slot)
            })
            .collect();
        keyed.sort_by_key(|(mean, _)| *mean);
        *slots = keyed.into_iter().map(|(_, slot)| slot).collect();
    }
}

/// Parts of one place in which means are told apart.
const FINE: usize = 4096;

fn places(slots: &[Slot]) -> BTreeMap<Slot, usize> {
    slots.iter().enumerate().map(|(place, slot)| (*slot, place)).collect()
}

fn hung(layers: &[Vec<Slot>], links: &[Vec<(Slot, Slot)>]) -> Vec<Vec<Vec<usize>>> {
    let mut above = Vec::with_capacity(layers.len());
    let mut upper_places = BTreeMap::new();
    for (layer, slots) in layers.iter().enumerate() {
        let own = places(slots);
        let mut hung = vec![Vec::new(); slots.len()];
        for (upper, lower) in links.get(layer).into_iter().flatten() {
            if let (Some(upper), Some(list)) =
                (upper_places.get(upper), own.get(lower).and_then(|place| hung.get_mut(*place)))
            {
                list.push(*upper);
            }
        }
        above.push(hung);
        upper_places = own;
    }
    above
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn chain_has_one_item_in_a_layer_and_a_shortcut_passes_by() {
        let layout = Layout::of(&[vec![], vec![0], vec![1], vec![2, 0]], 0);
        assert_eq!(layout.order().collect::<Vec<_>>(), [0, 1, 2, 3]);
        assert_eq!(layout.layers.iter().map(Vec::len).collect::<Vec<_>>(), [1, 2, 2, 1]);
    }

    #[test]
    fn late_root_stands_where_it_joins_and_loose_items_last() {
        // 0 - 1 - 2, and 3 joins at 4 with 2; 5 is missing and followed by 3, 6 by none.
        let layout = Layout::of(&[vec![], vec![0], vec![1], vec![5], vec![2, 3]], 2);
        let layer = |item| layout.layers.iter().position(|slots| slots.contains(&Slot::Item(item))).unwrap();
        assert_eq!([0, 1, 2, 4].map(layer), [0, 1, 2, 3]);
        assert_eq!((layer(3), layer(5), layer(6)), (1, 0, 3));
        assert_eq!(Layout::of(&[], 1).order().collect::<Vec<_>>(), [0]);
    }

    #[test]
    fn lines_of_two_branches_do_not_cross() {
        // Two roots whose children come in the opposite order.
        let layout = Layout::of(&[vec![], vec![], vec![1], vec![0], vec![2, 3]], 0);
        let places = |layer: usize| layout.layers[layer].clone();
        assert_eq!(places(0), [Slot::Item(0), Slot::Item(1)]);
        assert_eq!(places(1), [Slot::Item(3), Slot::Item(2)]);
    }

    #[test]
    fn dense_lineage_at_the_limits_is_laid_out_within_its_bounds() {
        let parents: Vec<Vec<usize>> =
            (0..1024_usize).map(|item| (item.saturating_sub(32)..item).collect()).collect();
        let layout = Layout::of(&parents, 0);
        assert_eq!(layout.layers.len(), 1024);
        assert!(layout.layers.iter().map(Vec::len).sum::<usize>() <= 1024 + BENDS);
    }

    proptest! {
        #[test]
        fn every_item_stands_once_and_below_what_it_follows(
            seeds in prop::collection::vec(prop::collection::vec(any::<prop::sample::Index>(), 0..4), 1..40),
        ) {
            let parents: Vec<Vec<usize>> = seeds.iter().enumerate().map(|(item, picks)| {
                let mut own: Vec<usize> = picks.iter().filter(|_| item > 0).map(|pick| pick.index(item)).collect();
                own.sort_unstable();
                own.dedup();
                own
            }).collect();
            let layout = Layout::of(&parents, 0);
            let mut order: Vec<usize> = layout.order().collect();
            prop_assert_eq!(&layout, &Layout::of(&parents, 0));
            let layer = |item: usize| layout.layers.iter().position(|slots| slots.contains(&Slot::Item(item)));
            for edge in &layout.edges {
                prop_assert!(layer(edge.parent) < layer(edge.child));
            }
            order.sort_unstable();
            prop_assert_eq!(order, (0..parents.len()).collect::<Vec<_>>());
        }
    }
}
