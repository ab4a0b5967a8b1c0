//! Where each node ran: in its parent, or in the node that asked for its rows or its value.

use super::{Visit, end_of};
use crate::analyze::plans::tree::Node;

/// The nodes in which a node ran.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Host {
    /// Position and share of the node's time (0 to 1).
    pub(super) parts: Vec<(usize, f64)>,
    /// Share of the node's time after the top node had ended.
    pub(super) after: f64,
}

impl Host {
    /// All of it in one node; the top node has none.
    pub(super) fn whole(at: Option<usize>) -> Self {
        Self {
            parts: at.map(|at| (at, 1.0)).into_iter().collect(),
            after: 0.0,
        }
    }
}

/// The hosts of every node, by what each node claims to have taken.
pub(super) fn hosts(visits: &[Visit<'_>], claimed: &[f64]) -> Vec<Host> {
    let mut free: Vec<f64> = claimed.to_vec();
    for visit in visits.iter().filter(|v| !v.node.is_init_plan()) {
        if let Some(parent) = visit.parent {
            free[parent] -= claimed[visit.position];
        }
    }
    let mut all = Vec::with_capacity(visits.len());
    for visit in visits {
        let host = match (visit.parent, visit.node.cte()) {
            (Some(parent), _) if !visit.node.is_init_plan() => Host::whole(Some(parent)),
            (Some(parent), Some(cte)) => of_cte(visits, claimed, visit, parent, cte),
            (Some(parent), None) => {
                let reader = reader(visits, &free, claimed, visit, parent);
                free[reader] -= claimed[visit.position];
                Host::whole(Some(reader))
            }
            (None, _) => Host::default(),
        };
        all.push(host);
    }
    all
}

/// A CTE runs in its scans, in proportion to their times. What a data-modifying one has left when
/// nobody reads on runs after the tree.
fn of_cte(
    visits: &[Visit<'_>],
    claimed: &[f64],
    visit: &Visit<'_>,
    parent: usize,
    cte: &str,
) -> Host {
    let time = claimed[visit.position];
    let scans = scans(visits, visit.position, parent, cte);
    let read: f64 = scans.iter().map(|at| claimed[*at]).sum();
    let modifies = visit.node.node_type == "ModifyTable";
    if modifies && read < time {
        let part = |at: usize| (at, claimed[at] / time);
        return Host {
            parts: scans
                .into_iter()
                .filter(|at| claimed[*at] > 0.0)
                .map(part)
                .collect(),
            after: 1.0 - read / time,
        };
    }
    if read <= 0.0 {
        return Host::whole(Some(parent));
    }
    let part = |at: usize| (at, claimed[at] / read);
    Host {
        parts: scans
            .into_iter()
            .filter(|at| claimed[*at] > 0.0)
            .map(part)
            .collect(),
        after: 0.0,
    }
}

/// The scans of a CTE: below the node that it hangs on, outside of itself and of query levels that
/// have a CTE of the same name.
fn scans(visits: &[Visit<'_>], cte_at: usize, parent: usize, cte: &str) -> Vec<usize> {
    let own = cte_at..end_of(visits, cte_at);
    let hides = |at: usize| {
        let mut children = visits[at].node.children.iter();
        at != parent && children.any(|c| c.cte() == Some(cte))
    };
    let mut found = Vec::new();
    let mut at = parent;
    while at < end_of(visits, parent) {
        if hides(at) {
            at = end_of(visits, at);
            continue;
        }
        if !own.contains(&at) && visits[at].node.text("CTE Name") == Some(cte) {
            found.push(at);
        }
        at += 1;
    }
    found
}

/// The node that ran an `InitPlan`: the deepest one whose expressions read its value (`$0` up to
/// PostgreSQL 16, `(InitPlan 1).col1` from 17 on) and that has the time for it; a Gather above it,
/// which computes such values before it starts workers; or else the node above that has the time,
/// since a rescan or the pruning of partitions computes it there.
fn reader(
    visits: &[Visit<'_>],
    free: &[f64],
    claimed: &[f64],
    visit: &Visit<'_>,
    parent: usize,
) -> usize {
    let name = visit.node.subplan_name.as_deref().unwrap_or_default();
    let marks = marks_of(name);
    let own = visit.position..end_of(visits, visit.position);
    let mut readers: Vec<usize> = (parent..end_of(visits, parent))
        .filter(|at| !own.contains(at) && reads(visits[*at].node, &marks))
        .collect();
    readers.sort_by_key(|at| std::cmp::Reverse(visits[*at].depth));
    let time = claimed[visit.position];
    let mut most: Option<usize> = None;
    for reader in readers {
        for at in path(visits, reader, parent) {
            // Twice the rounding of what EXPLAIN prints.
            if free[at] + 0.002 >= time {
                return at;
            }
            if most.is_none_or(|most| free[at] > free[most]) {
                most = Some(at);
            }
        }
    }
    most.unwrap_or(parent)
}

/// From a reader, or the Gather above it, up to the node that the `InitPlan` hangs on.
fn path(visits: &[Visit<'_>], reader: usize, top: usize) -> Vec<usize> {
    let mut way = vec![reader];
    let mut at = reader;
    while at != top {
        let Some(parent) = visits[at].parent else {
            break;
        };
        at = parent;
        if visits[at].node.is_gather() {
            way.clear();
        }
        way.push(at);
    }
    way
}

fn marks_of(name: &str) -> Vec<String> {
    match name.split_once(" (returns ") {
        Some((_, values)) => values
            .trim_end_matches(')')
            .split(',')
            .map(str::to_owned)
            .collect(),
        None => vec![format!("({name})")],
    }
}

fn reads(node: &Node, marks: &[String]) -> bool {
    let mentions = |text: &str| marks.iter().any(|mark| mentions_mark(text, mark));
    node.fields.iter().any(|(key, value)| match value {
        serde_json::Value::String(text) => key != "Subplan Name" && mentions(text),
        serde_json::Value::Array(all) => all.iter().filter_map(|v| v.as_str()).any(mentions),
        _ => false,
    })
}

/// `$1` is not mentioned by `$10`.
fn mentions_mark(text: &str, mark: &str) -> bool {
    text.match_indices(mark).any(|(at, _)| {
        let next = text[at + mark.len()..].chars().next();
        !next.is_some_and(|c| c.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::mentions_mark;

    #[test]
    fn a_mark_ends_where_its_number_ends() {
        assert!(mentions_mark("(a > $1)", "$1"));
        assert!(!mentions_mark("(a > $10)", "$1"));
    }
}
