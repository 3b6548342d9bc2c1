//! Gives every slot of a layout its place from the left: near what it hangs on, and clear of its neighbours.

use crate::layout::{Layout, Slot};

/// Rounds of putting slots below what they hang on, and above what hangs on them.
const ROUNDS: usize = 3;

/// The middle of each slot of each layer; the leftmost edge of all is at 0. `width` is what a slot takes with its margin.
pub(crate) fn middles(layout: &Layout, width: impl Fn(Slot) -> i64) -> Vec<Vec<i64>> {
    let widths: Vec<Vec<i64>> =
        layout.layers.iter().map(|slots| slots.iter().map(|slot| width(*slot)).collect()).collect();
    let mut middles: Vec<Vec<i64>> =
        widths.iter().map(|widths| settle(&vec![0; widths.len()], widths)).collect();
    let below = below(layout);
    for _ in 0..ROUNDS {
        for layer in 1..middles.len() {
            adjust(&mut middles, layer, layer - 1, layout.above.get(layer), &widths);
        }
        for layer in (0..middles.len().saturating_sub(1)).rev() {
            adjust(&mut middles, layer, layer + 1, below.get(layer), &widths);
        }
    }
    let edges =
        middles.iter().flatten().zip(widths.iter().flatten()).map(|(middle, width)| middle - width / 2);
    let left = edges.min().unwrap_or(0);
    middles.iter_mut().flatten().for_each(|middle| *middle -= left);
    middles
}

fn below(layout: &Layout) -> Vec<Vec<Vec<usize>>> {
    let mut below: Vec<Vec<Vec<usize>>> =
        layout.layers.iter().map(|slots| vec![Vec::new(); slots.len()]).collect();
    for (layer, slots) in layout.above.iter().enumerate() {
        for (place, uppers) in slots.iter().enumerate() {
            for upper in uppers {
                let list = layer.checked_sub(1).and_then(|above| below.get_mut(above)?.get_mut(*upper));
                if let Some(list) = list {
                    list.push(place);
                }
            }
        }
    }
    below
}

/// Moves the slots of `layer` towards the mean of what they are linked to in the layer `fixed`.
fn adjust(
    middles: &mut [Vec<i64>],
    layer: usize,
    fixed: usize,
    links: Option<&Vec<Vec<usize>>>,
    widths: &[Vec<i64>],
) {
    let (Some(own), Some(other), Some(widths)) = (middles.get(layer), middles.get(fixed), widths.get(layer))
    else {
        return;
    };
    let links = links.map(Vec::as_slice).unwrap_or_default();
    let wishes: Vec<i64> = own
        .iter()
        .enumerate()
        .map(|(place, middle)| {
            let linked: Vec<i64> =
                links.get(place).into_iter().flatten().filter_map(|it| other.get(*it).copied()).collect();
            mean(&linked).unwrap_or(*middle)
        })
        .collect();
    let settled = settle(&wishes, widths);
    if let Some(own) = middles.get_mut(layer) {
        *own = settled;
    }
}

fn mean(numbers: &[i64]) -> Option<i64> {
    numbers.iter().sum::<i64>().checked_div(i64::try_from(numbers.len()).ok()?)
}

/// The places nearest to `wishes` at which no slot overlaps the next: blocks of slots that push each other move as one
/// (isotonic regression, by pooling).
fn settle(wishes: &[i64], widths: &[i64]) -> Vec<i64> {
    let mut offset = 0;
    let mut before = 0;
    let mut offsets = Vec::with_capacity(wishes.len());
    for width in widths {
        offset += (before + width) / 2;
        before = *width;
        offsets.push(offset);
    }
    // Each block: the sum of what its slots wish for, and how many they are.
    let mut blocks: Vec<(i64, i64)> = Vec::new();
    for (wish, offset) in wishes.iter().zip(&offsets) {
        let mut block = (wish - offset, 1);
        while let Some(last) = blocks.pop_if(|last| last.0 * block.1 >= block.0 * last.1) {
            block = (block.0 + last.0, block.1 + last.1);
        }
        blocks.push(block);
    }
    let starts = blocks.into_iter().flat_map(|(sum, count)| (0..count).map(move |_| sum.div_euclid(count)));
    starts.zip(&offsets).map(|(start, offset)| start + offset).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_stay_where_they_wish_unless_they_would_overlap() {
        assert_eq!(settle(&[0, 100], &[10, 10]), [0, 100]);
        assert_eq!(settle(&[50, 50], &[10, 10]), [45, 55]);
        assert_eq!(settle(&[50, 50, 200], &[20, 20, 20]), [40, 60, 200]);
        assert_eq!(settle(&[], &[]), [0_i64; 0]);
    }

    #[test]
    fn chain_stands_straight_and_branches_around_it() {
        let chain = Layout::of(&[vec![], vec![0], vec![1]], 0);
        assert_eq!(middles(&chain, |_| 10), [[5], [5], [5]]);
        let fork = Layout::of(&[vec![], vec![0], vec![0], vec![1, 2]], 0);
        assert_eq!(middles(&fork, |_| 10), [vec![10], vec![5, 15], vec![10]]);
    }
}
