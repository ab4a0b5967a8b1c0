//! What autovacuum itself goes by: a table's options first, then the server's settings.

use std::collections::HashMap;

use crate::record::tables::{StatUserTable, TableFacts};

use super::Facts;

/// A table with its counters at the end of the window.
pub(super) struct Table<'a> {
    pub(super) stats: &'a StatUserTable,
    pub(super) facts: &'a TableFacts,
}

impl Table<'_> {
    /// `schema.table`.
    pub(super) fn name(&self) -> String {
        format!("{}.{}", self.facts.schemaname, self.facts.relname)
    }

    /// `reltuples`; a table that was never vacuumed nor analysed (-1) counts as empty.
    pub(super) fn rows(&self) -> f64 {
        f64::from(self.facts.reltuples).max(0.0)
    }

    /// An option of the table as it was set.
    pub(super) fn option(&self, name: &str) -> Option<&str> {
        let options = self.facts.reloptions.iter();
        options
            .filter_map(|option| option.split_once('='))
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value)
    }

    /// `autovacuum_enabled` was turned off for the table.
    pub(super) fn autovacuum_is_off(&self) -> bool {
        let value = self.option("autovacuum_enabled");
        value.is_some_and(|v| matches!(v, "false" | "off" | "0" | "no"))
    }

    /// The table's own option, or else the setting of the same name.
    pub(super) fn number(&self, facts: &Facts<'_>, name: &str) -> Result<f64, String> {
        match self.option(name).and_then(|value| value.parse().ok()) {
            Some(own) => Ok(own),
            None => facts.number_setting(name),
        }
    }
}

/// Every table of which both the counters and the facts were read.
pub(super) fn tables<'a>(facts: &Facts<'a>) -> Result<Vec<Table<'a>>, String> {
    let stats = &facts.tables()?.last;
    let run = facts.run;
    let known = run.tables.facts.as_ref();
    let known = known.ok_or_else(|| facts.missing("pg_class"))?;
    // Ten thousand tables are joined twice in an analysis.
    let by_relid: HashMap<u32, &'a TableFacts> = known.iter().map(|f| (f.relid, f)).collect();
    let join = |row: &'a StatUserTable| {
        let facts = by_relid.get(&row.relid)?;
        Some(Table { stats: row, facts })
    };
    Ok(stats.iter().filter_map(join).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::fixture::{set, table, table_stats};
    use crate::analyze::rules::testing::Case;

    #[test]
    fn an_option_of_the_table_comes_before_the_setting() {
        let mut case = Case::new();
        let stats = table_stats(1, "tasks");
        let mut facts = table(1, "tasks");
        facts.reloptions = vec![
            "autovacuum_vacuum_scale_factor=0.05".to_owned(),
            "autovacuum_enabled=off".to_owned(),
        ];
        let table = Table {
            stats: &stats,
            facts: &facts,
        };
        set(&mut case.run, "autovacuum_vacuum_scale_factor", "0.2");
        set(&mut case.run, "autovacuum_vacuum_threshold", "50");
        let number = |name| table.number(&case.facts(), name).unwrap();
        assert!((number("autovacuum_vacuum_scale_factor") - 0.05).abs() < 1e-9);
        assert!((number("autovacuum_vacuum_threshold") - 50.0).abs() < 1e-9);
        assert!(table.autovacuum_is_off());
    }
}
