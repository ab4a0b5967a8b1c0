//! Names of indexes that nobody has created: free ones, and different ones for different indexes.

use std::collections::BTreeSet;

use crate::analyze::conclusions::MissingIndex;
use crate::analyze::indexes::sql::quote_ident;
use crate::record::Run;
use crate::record::tables::TableFacts;

/// Schemas and names of other proposals.
pub(super) type Taken = BTreeSet<(String, String)>;

/// Bytes of an identifier (`NAMEDATALEN` − 1).
const MAX_NAME_BYTES: usize = 63;

/// A name on these columns that no index of the schema has, and none of the others.
pub(super) fn free(run: &Run, table: &TableFacts, columns: &[String], others: &Taken) -> String {
    // An expression is named after its words, as PostgreSQL names it after its function.
    let word = |c: char| c.is_alphanumeric() || c == '_';
    let words = columns.iter().map(|column| {
        let words: Vec<&str> = column
            .split(|c| !word(c))
            .filter(|w| !w.is_empty())
            .collect();
        words.join("_")
    });
    let stem = format!("{}_{}", table.relname, words.collect::<Vec<_>>().join("_"));
    let taken = |name: &str| {
        let mut all = run.indexes.facts.iter().flatten();
        others.contains(&(table.schemaname.clone(), name.to_owned()))
            || all.any(|i| i.schemaname == table.schemaname && i.indexrelname == name)
    };
    let mut number = 0;
    loop {
        let end = if number == 0 {
            "_idx".to_owned()
        } else {
            format!("_idx{number}")
        };
        let mut name = stem.clone();
        while name.len() + end.len() > MAX_NAME_BYTES {
            name.pop();
        }
        name.push_str(&end);
        if !taken(&name) {
            return name;
        }
        number += 1;
    }
}

/// Each was named as if it were the only one. Two on the same columns, one of them partial, would
/// get one name: the second could not be created, and its undo would drop the first. The later one is
/// renamed.
pub(super) fn part(run: &Run, missing: &mut [MissingIndex]) {
    let mut taken = Taken::new();
    for index in missing {
        let Some(table) = super::find_by_name(run, &index.schema, &index.table) else {
            continue;
        };
        let usual = free(run, table, &index.columns, &Taken::new());
        let name = free(run, table, &index.columns, &taken);
        if name != usual {
            // The name stands before anything that could be like it.
            let renamed = index
                .create_sql
                .replacen(&quote_ident(&usual), &quote_ident(&name), 1);
            index.create_sql = renamed;
        }
        taken.insert((index.schema.clone(), name));
    }
}

#[cfg(test)]
mod tests {
    use super::super::{create_sql, undo_sql};
    use super::*;
    use crate::analyze::fixture::{index, run_with_indexes, table};

    fn columns(names: &[&str]) -> Vec<String> {
        names.iter().map(|n| (*n).to_owned()).collect()
    }

    #[test]
    fn a_name_fits() {
        let run = run_with_indexes(vec![]);
        let long = "ü".repeat(60);
        let name = free(&run, &table(1, "tasks"), &columns(&[&long]), &Taken::new());
        assert!(name.len() <= MAX_NAME_BYTES && name.ends_with("_idx"));
    }

    #[test]
    fn different_proposals_have_different_names() {
        let run = run_with_indexes(vec![(index(1, 1, "tasks_a_idx", &[2]), 0)]);
        let table = table(1, "tasks");
        let proposal = |names: &[&str]| {
            let mut missing = MissingIndex::none();
            missing.schema = "public".to_owned();
            missing.table = "tasks".to_owned();
            missing.columns = columns(names);
            missing.create_sql = create_sql(&run, &table, &missing.columns);
            missing
        };
        let mut all = [proposal(&["a"]), proposal(&["a"]), proposal(&["b"])];
        part(&run, &mut all);
        let named = all.each_ref().map(|m| m.create_sql.as_str());
        assert_eq!(
            named,
            [
                "CREATE INDEX CONCURRENTLY tasks_a_idx1 ON public.tasks (a);",
                "CREATE INDEX CONCURRENTLY tasks_a_idx2 ON public.tasks (a);",
                "CREATE INDEX CONCURRENTLY tasks_b_idx ON public.tasks (b);",
            ]
        );
        let undo = undo_sql(&all[1]).unwrap();
        assert_eq!(undo, "DROP INDEX CONCURRENTLY public.tasks_a_idx2;");
    }
}
