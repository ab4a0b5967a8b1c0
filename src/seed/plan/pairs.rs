//! Times of one row that come one after the other, by what they are called.

use crate::seed::names::words;
use crate::seed::schema::{Check, Table};

/// What the first of two is called, and what the second: words of a column's name.
const PAIRS: [(&[&str], &[&str]); 7] = [
    (
        &["created", "inserted", "registered", "added", "opened"],
        &[
            "updated",
            "modified",
            "changed",
            "deleted",
            "closed",
            "completed",
            "finished",
            "archived",
            "resolved",
            "published",
            "expires",
            "expired",
            "shipped",
            "paid",
            "last",
        ],
    ),
    (
        &["start", "starts", "started", "begin", "begins", "began"],
        &["end", "ends", "ended", "finished", "stopped"],
    ),
    (&["from"], &["to", "until", "thru"]),
    (
        &["ordered", "order"],
        &["shipped", "delivered", "required", "paid"],
    ),
    (&["shipped"], &["delivered"]),
    (&["rental", "rented"], &["return", "returned"]),
    (&["hired", "hire"], &["left", "terminated", "termination"]),
];

/// Columns of times, the first of which is not after the second.
pub(super) fn pairs(table: &Table) -> Vec<(usize, usize)> {
    let times: Vec<(usize, Vec<String>)> = table
        .columns
        .iter()
        .enumerate()
        .filter(|(_, c)| is_time(c.type_.base().name.name.as_str()))
        .map(|(place, column)| (place, words(&column.name)))
        .collect();
    let mut found = Vec::new();
    for (earlier, first) in &times {
        for (later, second) in &times {
            let type_of = |place: usize| &table.columns[place].type_.base().name;
            let fits = earlier != later
                && type_of(*earlier) == type_of(*later)
                && PAIRS.iter().any(|(a, b)| {
                    first.iter().any(|word| a.contains(&word.as_str()))
                        && second.iter().any(|word| b.contains(&word.as_str()))
                });
            if fits && !found.contains(&(*later, *earlier)) {
                found.push((*earlier, *later));
            }
        }
    }
    found
}

/// The pairs as checks that rows can be held to.
pub(super) fn checks(table: &Table, pairs: &[(usize, usize)]) -> Vec<Check> {
    let quoted = |place: usize| format!("\"{}\"", table.columns[place].name.replace('"', "\"\""));
    pairs
        .iter()
        .map(|(earlier, later)| Check {
            name: format!(
                "{} before {}",
                table.columns[*earlier].name, table.columns[*later].name
            ),
            expression: format!("{} <= {}", quoted(*earlier), quoted(*later)),
        })
        .collect()
}

fn is_time(type_name: &str) -> bool {
    ["date", "timestamp", "timestamptz"].contains(&type_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_stands_in_the_documents() {
        let page = include_str!("../../../docs/names.md");
        for word in PAIRS.iter().flat_map(|(a, b)| a.iter().chain(*b)) {
            assert!(page.contains(&format!("`{word}`")), "{word}");
        }
    }
}
