//! What a reader takes for one statement: the ids of one parse tree, by user, database and level.

use std::collections::BTreeMap;

use crate::record::statements::{StatementCounters, StatementDelta, StatementWindow};
use crate::record::{Millis, QueryId};

/// Entries of one statement. PostgreSQL gives one statement several ids where it was sent with values and with
/// parameters, with parameters of several types, with IN lists of several lengths (before 18), or finds other tables of
/// the same name by `search_path`.
#[derive(Debug, Clone, PartialEq)]
pub struct Group<'a> {
    /// The entries, most execution time first; at least one. All of one user, one database and one level.
    pub members: Vec<&'a StatementDelta>,
    /// What they did together.
    pub counters: StatementCounters,
    /// Population standard deviation of all their executions; `None` where that of a member is not known.
    pub stddev_exec_time: Option<Millis>,
}

impl<'a> Group<'a> {
    fn new(mut members: Vec<&'a StatementDelta>) -> Option<Self> {
        let time = |d: &StatementDelta| d.counters.total_exec_time.0;
        members.sort_by(|a, b| time(b).total_cmp(&time(a)));
        let counters = members.iter().map(|d| d.counters);
        let counters = counters.reduce(|sum, counters| sum.plus(&counters))?;
        Some(Self {
            stddev_exec_time: stddev(&members, &counters),
            counters,
            members,
        })
    }

    /// The entry with the most execution time, whose text and id stand for all.
    #[must_use]
    pub fn leading(&self) -> &'a StatementDelta {
        self.members[0]
    }

    /// Ids of the entries, that of the leading one first.
    pub fn ids(&self) -> impl Iterator<Item = QueryId> {
        self.members.iter().map(|d| d.key.queryid)
    }
}

/// Standard deviation over the executions of several entries: the squared deviations within each, and those of their
/// means from the mean of all.
fn stddev(members: &[&StatementDelta], all: &StatementCounters) -> Option<Millis> {
    let mean = all.total_exec_time.0 / all.calls as f64;
    let mut squares = 0.0;
    for member in members.iter().filter(|d| d.counters.calls > 0) {
        let calls = member.counters.calls as f64;
        let shift = member.counters.total_exec_time.0 / calls - mean;
        squares += calls * (member.stddev_exec_time?.0.powi(2) + shift * shift);
    }
    (all.calls > 0).then(|| Millis((squares / all.calls as f64).max(0.0).sqrt()))
}

/// The statements of a window, most execution time first. Entries without a fingerprint (their text was not read or
/// does not parse) stay alone.
#[must_use]
pub fn groups(window: &StatementWindow) -> Vec<Group<'_>> {
    type Same<'a> = (u32, u32, Option<bool>, Result<&'a str, i64>);
    let mut same: BTreeMap<Same<'_>, Vec<&StatementDelta>> = BTreeMap::new();
    for delta in &window.deltas {
        let key = &delta.key;
        let text = window.texts.get(&key.queryid.0);
        let tree = text.and_then(|t| t.fingerprint.as_deref());
        let what = tree.ok_or(key.queryid.0);
        let key = (key.userid, key.dbid, key.toplevel, what);
        same.entry(key).or_default().push(delta);
    }
    let mut groups: Vec<Group<'_>> = same.into_values().filter_map(Group::new).collect();
    let time = |g: &Group<'_>| g.counters.total_exec_time.0;
    groups.sort_by(|a, b| {
        let by_time = time(b).total_cmp(&time(a));
        by_time.then_with(|| a.leading().key.cmp(&b.leading().key))
    });
    groups
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::fixture::{delta, statement_window};

    /// Entries with the same number after the id have the same parse tree.
    fn window(deltas: Vec<(StatementDelta, Option<u8>)>) -> StatementWindow {
        let trees: Vec<_> = deltas
            .iter()
            .map(|(d, tree)| (d.key.queryid.0, *tree))
            .collect();
        let mut window = statement_window(deltas.into_iter().map(|(d, _)| d).collect());
        for (id, tree) in trees {
            let text = window.texts.get_mut(&id).unwrap();
            text.fingerprint = tree.map(|n| format!("tree {n}"));
        }
        window
    }

    fn ids(window: &StatementWindow) -> Vec<Vec<i64>> {
        let groups = groups(window).into_iter();
        groups.map(|g| g.ids().map(|id| id.0).collect()).collect()
    }

    #[test]
    fn ids_of_one_tree_are_one_statement() {
        let window = window(vec![
            (delta(1, 10, 20.0), Some(7)),
            (delta(2, 5, 90.0), Some(8)),
            (delta(3, 30, 80.0), Some(7)),
        ]);
        assert_eq!(ids(&window), [vec![3, 1], vec![2]]);
        let counters = groups(&window)[0].counters;
        assert_eq!((counters.calls, counters.total_exec_time.0), (40, 100.0));
    }

    #[test]
    fn users_databases_levels_and_unknown_texts_stay_apart() {
        let with = |id, change: fn(&mut StatementDelta)| {
            let mut delta = delta(id, 1, 1.0);
            change(&mut delta);
            (delta, Some(7))
        };
        let apart = window(vec![
            with(1, |_| {}),
            with(2, |d| d.key.userid = 11),
            with(3, |d| d.key.dbid = 6),
            with(4, |d| d.key.toplevel = Some(false)),
            (delta(5, 1, 1.0), None),
            (delta(6, 1, 1.0), None),
        ]);
        assert_eq!(groups(&apart).len(), 6);
    }

    #[test]
    fn the_deviation_is_that_of_all_executions() {
        // 2, 4 and 6, 8, 10: population deviation of all five is √8.
        let mut low = delta(1, 2, 6.0);
        low.stddev_exec_time = Some(Millis(1.0));
        let mut high = delta(2, 3, 24.0);
        high.stddev_exec_time = Some(Millis((8.0_f64 / 3.0).sqrt()));
        let both = window(vec![(low.clone(), Some(7)), (high.clone(), Some(7))]);
        let found = groups(&both)[0].stddev_exec_time.unwrap().0;
        assert!((found - 8.0_f64.sqrt()).abs() < 1e-12, "{found}");
        high.stddev_exec_time = None;
        let unknown = window(vec![(low, Some(7)), (high, Some(7))]);
        assert_eq!(groups(&unknown)[0].stddev_exec_time, None);
    }
}
