//! The statements of the window, found by id, by parse tree, or by table.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::record::fingerprint;
use crate::record::statements::StatementWindow;

/// What one id did in the window, over all users and levels of this database.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Totals {
    pub(super) calls: i64,
    pub(super) exec_ms: f64,
    /// A part of it is missing: it was reset or evicted.
    pub(super) partial: bool,
}

impl Totals {
    pub(super) fn mean_ms(&self) -> Option<f64> {
        (self.calls > 0).then(|| self.exec_ms / self.calls as f64)
    }
}

/// The statements of one database.
#[derive(Debug)]
pub(super) struct Catalogue<'a> {
    pub(super) window: &'a StatementWindow,
    pub(super) by_id: BTreeMap<i64, Totals>,
    by_fingerprint: HashMap<String, Vec<i64>>,
}

impl<'a> Catalogue<'a> {
    /// Statements of one database, or of all where it is not known. Statements inside functions
    /// are left out: their time is part of the statement that called the function.
    pub(super) fn new(window: &'a StatementWindow, database: Option<u32>) -> Self {
        let mut by_id: BTreeMap<i64, Totals> = BTreeMap::new();
        for delta in &window.deltas {
            let elsewhere = database.is_some_and(|oid| oid != delta.key.dbid);
            if elsewhere || delta.key.toplevel == Some(false) {
                continue;
            }
            let totals = by_id.entry(delta.key.queryid.0).or_default();
            totals.calls += delta.counters.calls;
            totals.exec_ms += delta.counters.total_exec_time.0;
            totals.partial |= delta.partial;
        }
        let mut by_fingerprint: HashMap<String, Vec<i64>> = HashMap::new();
        for id in by_id.keys() {
            if let Some(key) = window.texts.get(id).and_then(|t| fingerprint(&t.query)) {
                by_fingerprint.entry(key).or_default().push(*id);
            }
        }
        Self {
            window,
            by_id,
            by_fingerprint,
        }
    }

    /// The ids of a statement with the same parse tree, whatever its constants.
    pub(super) fn ids_of(&self, sql: &str) -> &[i64] {
        fingerprint(sql).map_or(&[], |key| self.ids_of_fingerprint(&key))
    }

    /// The ids of a statement by the fingerprint of its parse tree.
    pub(super) fn ids_of_fingerprint(&self, fingerprint: &str) -> &[i64] {
        self.by_fingerprint
            .get(fingerprint)
            .map_or(&[], Vec::as_slice)
    }

    /// Calls of all statements of the database.
    pub(super) fn calls(&self) -> f64 {
        self.by_id.values().map(|t| t.calls as f64).sum()
    }

    /// What several ids did together.
    pub(super) fn totals_of(&self, ids: &[i64]) -> Totals {
        ids.iter()
            .filter_map(|id| self.by_id.get(id))
            .fold(Totals::default(), |sum, t| Totals {
                calls: sum.calls + t.calls,
                exec_ms: sum.exec_ms + t.exec_ms,
                partial: sum.partial || t.partial,
            })
    }

    /// The ids of statements that name a table, with or without its schema.
    pub(super) fn ids_naming(&self, table: &str) -> Vec<i64> {
        let wanted = unqualified(table);
        let names = |id: &i64| -> Option<BTreeSet<String>> {
            let text = self.window.texts.get(id)?;
            let parsed = pg_query::parse(&text.query, 0).ok()?;
            Some(parsed.tables().into_iter().collect())
        };
        let matches = |name: &String| {
            // A name without its schema in either place is taken for the same table.
            let qualified = name.contains('.') && table.contains('.');
            if qualified {
                name == table
            } else {
                unqualified(name) == wanted
            }
        };
        self.by_id
            .keys()
            .filter(|id| names(id).is_some_and(|n| n.iter().any(matches)))
            .copied()
            .collect()
    }

    /// Execution time of all statements of the database.
    pub(super) fn exec_ms(&self) -> f64 {
        self.by_id.values().map(|t| t.exec_ms).sum()
    }
}

pub(super) fn unqualified(table: &str) -> &str {
    table.rsplit('.').next().unwrap_or(table)
}
