//! Draws lines beside rows of text: each item in a lane, with lanes for those before it that are still followed.

use std::collections::BTreeMap;

/// What stands beside the rows of one item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Beside {
    /// Beside its first row: the lane of the item has [`MARK`] in it.
    pub(crate) first: String,
    /// Beside all further rows of it.
    pub(crate) more: String,
}

/// Where the item's own sign belongs.
pub(crate) const MARK: char = '\u{0}';

/// Lanes that are drawn; items in later ones name what they follow, and show no line.
const LANES: usize = 24;

/// Draws items that come in `order`; `parents` says what each follows.
pub(crate) fn draw<'it>(order: &[usize], parents: impl Fn(usize) -> &'it [usize]) -> Vec<Beside> {
    let mut children: BTreeMap<usize, usize> = BTreeMap::new();
    for item in order {
        for parent in parents(*item) {
            *children.entry(*parent).or_insert(0) += 1;
        }
    }
    let mut lanes: Vec<Option<usize>> = Vec::new();
    let mut drawn = Vec::with_capacity(order.len());
    for item in order {
        let followed = parents(*item);
        let mut ends = Vec::new();
        for parent in followed {
            if let Some(left) = children.get_mut(parent) {
                *left = left.saturating_sub(1);
                if *left == 0 {
                    ends.push(*parent);
                }
            }
        }
        let from: Vec<usize> = lane_of(&lanes, followed);
        let freed = lane_of(&lanes, &ends).first().copied();
        let before = lanes.clone();
        for lane in &mut lanes {
            if lane.is_some_and(|parent| ends.contains(&parent)) {
                *lane = None;
            }
        }
        let own = freed.or_else(|| lanes.iter().position(Option::is_none)).unwrap_or(lanes.len());
        if own == lanes.len() {
            lanes.push(None);
        }
        let goes_on = children.get(item).is_some_and(|left| *left > 0);
        if let Some(lane) = lanes.get_mut(own) {
            *lane = goes_on.then_some(*item);
        }
        drawn.push(Beside { first: first(&before, &lanes, own, &from), more: more(&lanes) });
        while lanes.last().is_some_and(Option::is_none) {
            lanes.pop();
        }
    }
    drawn
}

fn lane_of(lanes: &[Option<usize>], items: &[usize]) -> Vec<usize> {
    let held = |lane: &Option<usize>| lane.is_some_and(|item| items.contains(&item));
    lanes.iter().enumerate().filter(|(_, lane)| held(lane)).map(|(place, _)| place).collect()
}

/// The row in which lanes meet: two columns a lane.
fn first(before: &[Option<usize>], after: &[Option<usize>], own: usize, from: &[usize]) -> String {
    let reach = from.iter().copied().chain([own]);
    let (left, right) = (reach.clone().min().unwrap_or(own), reach.max().unwrap_or(own));
    let mut row = String::new();
    for lane in 0..before.len().max(after.len()).min(LANES) {
        let down = after.get(lane).copied().flatten().is_some();
        let sign = match (lane == own, from.contains(&lane)) {
            (true, _) => MARK,
            (false, true) => joint(down, lane > left, lane < right),
            // Another's line is not touched: ours passes below it.
            (false, false) if down => '│',
            (false, false) if lane > left && lane < right => '─',
            (false, false) => ' ',
        };
        row.push(sign);
        row.push(if lane >= left && lane < right { '─' } else { ' ' });
    }
    if own >= LANES {
        row.push(MARK);
    }
    row
}

/// Every joint comes from above.
fn joint(down: bool, left: bool, right: bool) -> char {
    match (down, left, right) {
        (true, true, true) => '┼',
        (true, true, false) => '┤',
        (true, false, true) => '├',
        (false, true, true) => '┴',
        (false, true, false) => '╯',
        (false, false, true) => '╰',
        (_, false, false) => '│',
    }
}

fn more(lanes: &[Option<usize>]) -> String {
    let shown = lanes.iter().take(LANES);
    shown.flat_map(|lane| [if lane.is_some() { '│' } else { ' ' }, ' ']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(parents: &[Vec<usize>]) -> Vec<String> {
        let order: Vec<usize> = (0..parents.len()).collect();
        let drawn = draw(&order, |item| parents.get(item).map(Vec::as_slice).unwrap_or_default());
        drawn.iter().map(|it| it.first.trim_end().replace(MARK, "o")).collect()
    }

    #[test]
    fn chain_is_one_lane() {
        assert_eq!(lines(&[vec![], vec![0], vec![1]]), ["o", "o", "o"]);
    }

    #[test]
    fn branches_get_lanes_and_a_join_takes_them_together() {
        let parents = [vec![], vec![0], vec![0], vec![0], vec![1, 2, 3]];
        assert_eq!(lines(&parents), ["o", "├─o", "├─│─o", "o │ │", "o─┴─╯"]);
    }

    #[test]
    fn two_roots_stand_beside_each_other() {
        assert_eq!(lines(&[vec![], vec![], vec![0], vec![1, 2]]), ["o", "│ o", "o │", "o─╯"]);
    }

    #[test]
    fn many_branches_stay_within_the_lanes_that_are_drawn() {
        let mut parents = vec![vec![]];
        parents.extend((0..100).map(|_| vec![0]));
        parents.push((1..101).collect());
        let lines = lines(&parents);
        assert!(lines.iter().all(|line| line.chars().count() <= 2 * LANES + 1));
        assert!(lines.iter().all(|line| line.contains('o')));
    }
}
