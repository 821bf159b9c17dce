//! Which part of a source's limits each live node has.
//!
//! Owns the dividing. Promises: what nodes have written down never overlaps, whatever the order in which they beat, join,
//! fall silent and come back, so the parts never add up to more than the limit; nodes that see the same live nodes end
//! with equal parts that fill the whole. A node uses no more than it has written down: it gives up first and writes then,
//! it writes first and takes then. Leaves the writing to `store` and the beat to `engine`.

use crate::{
    mail::{Share, route::WHOLE},
    port::pace::{Beat, NodeId},
};

/// The part that falls to the node of that rank among so many.
pub fn wish(rank: usize, live: usize) -> Share {
    let live = live.max(1);
    let point = |rank: usize| {
        let point = u64::from(WHOLE) * rank as u64 / live as u64;
        u32::try_from(point).unwrap_or(WHOLE)
    };
    Share {
        from: point(rank),
        to: point(rank + 1),
    }
}

/// What a beat comes to: what to write down, and what may be used once it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Written for the others to see.
    pub written: Share,
    /// Used by the node itself.
    pub used: Share,
}

/// The next step of a node that uses `used`, wishes for `wish`, and reads what the others have written.
pub fn step(used: Share, wish: Share, others: &[Share]) -> Step {
    if !used.is_within(wish) {
        // Given up here and now; written at the next beat, because until the answer is there the node still uses it.
        return Step {
            written: used,
            used: used.and(wish),
        };
    }
    let free = free_part(used, wish, others);
    Step {
        written: free,
        used: free,
    }
}

/// What is written of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Which node.
    pub node: NodeId,
    /// Its last beat.
    pub number: u64,
    /// By source, the part it has written down.
    pub shares: Vec<(String, Share)>,
}

/// By source, the next step of the node that beats, among what all others have written; `known` is what it has written
/// itself. A node of which nothing is written was given up, or is new: it begins with nothing.
pub fn divide(beat: &Beat, known: Option<&Written>, others: &[Written]) -> Vec<(String, Step)> {
    let steps = beat.using.iter().map(|(source, used)| {
        let of = |node: &Written| {
            node.shares
                .iter()
                .find(|(name, _)| name == source)
                .map(|(_, share)| *share)
        };
        let used = known
            .and_then(of)
            .map_or(Share::NONE, |written| written.and(*used));
        let peers: Vec<(NodeId, Share)> = others
            .iter()
            .filter_map(|other| Some((other.node, of(other)?)))
            .collect();
        let rank = peers.iter().filter(|(node, _)| *node < beat.node).count();
        let shares: Vec<Share> = peers.iter().map(|(_, share)| *share).collect();
        (
            source.clone(),
            step(used, wish(rank, peers.len() + 1), &shares),
        )
    });
    steps.collect()
}

/// The longest part of the wish that nobody else has and that holds what is used already.
fn free_part(used: Share, wish: Share, others: &[Share]) -> Share {
    let mut free = vec![wish];
    for other in others.iter().filter(|other| !other.is_none()) {
        free = free
            .iter()
            .flat_map(|part| {
                let before = Share {
                    from: part.from,
                    to: part.to.min(other.from),
                };
                let after = Share {
                    from: part.from.max(other.to),
                    to: part.to,
                };
                [before, after]
                    .into_iter()
                    .filter(|part| part.from < part.to)
            })
            .collect();
    }
    let fits = free.into_iter().filter(|part| used.is_within(*part));
    fits.max_by_key(|part| part.width()).unwrap_or(used)
}

#[cfg(test)]
mod laws {
    use proptest::prelude::*;

    use super::*;

    /// A node of the little world below.
    #[derive(Clone, Copy, Debug)]
    struct Node {
        is_alive: bool,
        used: Share,
        written: Share,
        /// An answer that has not arrived yet.
        coming: Option<Share>,
    }

    fn beat(nodes: &mut [Node], at: usize, seen: usize) {
        let live: Vec<usize> = (0..nodes.len())
            .filter(|n| nodes[*n].is_alive)
            .take(seen.max(1))
            .collect();
        let Some(rank) = live.iter().position(|n| *n == at) else {
            return;
        };
        let others: Vec<Share> = (0..nodes.len())
            .filter(|n| *n != at)
            .map(|n| nodes[n].written)
            .collect();
        let node = &mut nodes[at];
        // What an answer still brings is not used yet, and what is written covers it.
        if node.coming.is_some() {
            return;
        }
        let step = step(node.used, wish(rank, live.len()), &others);
        node.written = step.written;
        node.coming = Some(step.used);
    }

    fn arrive(node: &mut Node) {
        if let Some(used) = node.coming.take() {
            node.used = used;
        }
    }

    fn no_overlap(nodes: &[Node]) -> bool {
        let all: Vec<Share> = nodes.iter().map(|node| node.written).collect();
        (0..all.len()).all(|i| (i + 1..all.len()).all(|j| all[i].and(all[j]).is_none()))
    }

    proptest! {
        #[test]
        fn parts_never_overlap_and_end_equal(
            count in 1..6_usize,
            happenings in prop::collection::vec((0..6_usize, 0..4_u8, 1..6_usize), 0..120),
        ) {
            let silent = Node { is_alive: false, used: Share::NONE, written: Share::NONE, coming: None };
            let mut nodes = vec![silent; count];
            for (at, what, seen) in happenings {
                let at = at % count;
                match what {
                    // Its row goes only once it surely uses nothing any more.
                    0 => nodes[at] = silent,
                    1 => nodes[at].is_alive = true,
                    2 => arrive(&mut nodes[at]),
                    _ if nodes[at].is_alive => beat(&mut nodes, at, seen),
                    _ => {}
                }
                prop_assert!(no_overlap(&nodes), "{nodes:?}");
                for node in &nodes {
                    prop_assert!(node.used.is_within(node.written), "{nodes:?}");
                }
            }
            let live: Vec<usize> = (0..count).filter(|n| nodes[*n].is_alive).collect();
            for _ in 0..4 {
                for at in &live {
                    arrive(&mut nodes[*at]);
                    beat(&mut nodes, *at, count);
                    arrive(&mut nodes[*at]);
                }
            }
            for (rank, at) in live.iter().enumerate() {
                prop_assert_eq!(nodes[*at].used, wish(rank, live.len()));
            }
        }
    }
}
