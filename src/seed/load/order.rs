//! The order of tables under foreign keys that stay in place.

use std::collections::{BTreeMap, BTreeSet};

use super::foreign_keys::Edge;

/// Tables with every referenced one before those that refer to it, otherwise in the order given. A key that can be
/// deferred asks for no order, nor does one of a table to itself: those are checked at the end of a statement.
///
/// # Errors
///
/// The names of keys that go round in a circle.
pub(super) fn ordered(tables: &[u32], edges: &[Edge]) -> Result<Vec<u32>, Vec<String>> {
    let known: BTreeSet<u32> = tables.iter().copied().collect();
    let binding: Vec<&Edge> = edges
        .iter()
        .filter(|e| !e.deferrable && e.from != e.to)
        .filter(|e| known.contains(&e.from) && known.contains(&e.to))
        .collect();
    let mut waits: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
    for edge in &binding {
        waits.entry(edge.from).or_default().insert(edge.to);
    }
    let mut done = Vec::new();
    let mut left: Vec<u32> = tables.to_vec();
    while !left.is_empty() {
        let free = left
            .iter()
            .position(|table| waits.get(table).is_none_or(BTreeSet::is_empty));
        let Some(free) = free else {
            let left = binding
                .iter()
                .filter(|e| left.contains(&e.from) && left.contains(&e.to));
            return Err(circle(left.copied().collect()));
        };
        let table = left.remove(free);
        for others in waits.values_mut() {
            others.remove(&table);
        }
        done.push(table);
    }
    Ok(done)
}

/// The names of those that go round: nothing refers to a table that only waits for them.
fn circle(mut edges: Vec<&Edge>) -> Vec<String> {
    loop {
        let referenced: BTreeSet<u32> = edges.iter().map(|e| e.to).collect();
        let before = edges.len();
        edges.retain(|e| referenced.contains(&e.from));
        if edges.len() == before {
            return edges.iter().map(|e| e.name.clone()).collect();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edge(from: u32, to: u32, deferrable: bool) -> Edge {
        Edge {
            from,
            to,
            name: format!("{from}_{to}"),
            deferrable,
        }
    }

    #[test]
    fn referenced_tables_come_first_and_circles_are_named() {
        let edges = [edge(1, 2, false), edge(2, 3, false), edge(3, 3, false)];
        assert_eq!(ordered(&[1, 2, 3, 4], &edges), Ok(vec![3, 2, 1, 4]));
        let circle = [edge(1, 2, false), edge(2, 1, false), edge(4, 1, false)];
        let names = vec!["1_2".to_owned(), "2_1".to_owned()];
        assert_eq!(ordered(&[1, 2, 3, 4], &circle), Err(names));
        let deferred = [edge(1, 2, false), edge(2, 1, true)];
        assert_eq!(ordered(&[1, 2], &deferred), Ok(vec![2, 1]));
    }
}
