//! An index that somebody might create.

use pg_query::NodeEnum;

use crate::analyze::indexes::sql::{qualified, quote_ident};
use crate::record::indexes::IndexFacts;
use crate::record::tables::TableFacts;

/// One key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    /// The column, or the expression as SQL.
    pub(super) text: String,
    /// It is an expression and not a column.
    pub(super) is_expression: bool,
    /// The operator class, where the default one does not serve.
    pub(super) class: Option<&'static str>,
    /// Largest first.
    pub(super) descending: bool,
    /// Where NULLs go, if not where the direction puts them.
    pub(super) nulls_first: Option<bool>,
}

impl Key {
    /// A column in its natural order.
    pub(super) fn column(name: &str) -> Self {
        Self {
            text: name.to_owned(),
            is_expression: false,
            class: None,
            descending: false,
            nulls_first: None,
        }
    }

    /// An expression in its natural order.
    pub(super) fn expression(sql: &str) -> Self {
        Self {
            is_expression: true,
            ..Self::column(sql)
        }
    }

    fn sql(&self) -> String {
        let mut sql = if self.is_expression {
            format!("({})", self.text)
        } else {
            quote_ident(&self.text)
        };
        if let Some(class) = self.class {
            sql.push(' ');
            sql.push_str(class);
        }
        if self.descending {
            sql.push_str(" DESC");
        }
        match self.nulls_first {
            Some(true) => sql.push_str(" NULLS FIRST"),
            Some(false) => sql.push_str(" NULLS LAST"),
            None => {}
        }
        sql
    }
}

/// An index that somebody might create.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Candidate {
    /// The table.
    pub(super) relid: u32,
    /// Access method.
    pub(super) method: &'static str,
    /// Keys in order.
    pub(super) keys: Vec<Key>,
    /// Columns that are carried along.
    pub(super) include: Vec<String>,
    /// Condition of a partial index.
    pub(super) predicate: Option<String>,
}

impl Candidate {
    /// A btree on these keys.
    pub(super) fn btree(relid: u32, keys: Vec<Key>) -> Self {
        Self {
            relid,
            method: "btree",
            keys,
            include: Vec::new(),
            predicate: None,
        }
    }

    /// Everything behind `CREATE INDEX …`: `ON table USING method (keys) …`. Only a method other
    /// than btree is written.
    pub(super) fn on(&self, table: &TableFacts) -> String {
        let keys: Vec<String> = self.keys.iter().map(Key::sql).collect();
        let using = match self.method {
            "btree" => String::new(),
            other => format!("USING {other} "),
        };
        let mut sql = format!(
            "ON {} {using}({})",
            qualified(&table.schemaname, &table.relname),
            keys.join(", ")
        );
        if !self.include.is_empty() {
            let include: Vec<String> = self.include.iter().map(|c| quote_ident(c)).collect();
            sql.extend([" INCLUDE (", &include.join(", "), ")"]);
        }
        if let Some(predicate) = &self.predicate {
            sql.extend([" WHERE ", predicate]);
        }
        sql
    }

    /// The statement without a name, by which the candidate is known in a run.
    pub(super) fn definition(&self, table: &TableFacts) -> String {
        format!("CREATE INDEX {}", self.on(table))
    }

    /// Columns and expressions of the keys.
    pub(super) fn columns(&self) -> Vec<String> {
        self.keys.iter().map(|k| k.text.clone()).collect()
    }

    /// A plain btree of columns in their natural order, as far as its keys go.
    fn plain_columns(&self, table: &TableFacts) -> Option<Vec<i16>> {
        if self.method != "btree" {
            return None;
        }
        let number = |key: &Key| {
            let plain = !key.is_expression
                && key.class.is_none()
                && !key.descending
                && key.nulls_first.is_none();
            let column = table.columns.iter().find(|c| c.attname == key.text);
            column.filter(|_| plain).map(|c| c.attnum)
        };
        self.keys.iter().map(number).collect()
    }

    /// An index that exists does all that this one would.
    pub(super) fn is_served_by(&self, index: &IndexFacts, table: &TableFacts) -> bool {
        let Some(columns) = self.plain_columns(table) else {
            return false;
        };
        let keys = plain_keys(index);
        let carried = self.include.iter().all(|name| {
            let number = table.columns.iter().find(|c| &c.attname == name);
            number.is_some_and(|c| index.indkey.contains(&c.attnum))
        });
        index.indrelid == self.relid
            && carried
            && keys.is_some_and(|k| k.starts_with(&columns))
            && sorts_as_columns_do(index)
    }

    /// It begins with all the columns of a unique index: that one finds the same row, and this one would
    /// only save reading it from the table.
    pub(super) fn repeats_unique(&self, index: &IndexFacts, table: &TableFacts) -> bool {
        let Some(columns) = self.plain_columns(table).filter(|_| index.indisunique) else {
            return false;
        };
        index.indrelid == self.relid
            && self.predicate.is_none()
            && plain_keys(index).is_some_and(|keys| columns.starts_with(keys))
            && sorts_as_columns_do(index)
    }

    /// It begins with all the columns of an index that exists and is of no other use.
    pub(super) fn extends(&self, index: &IndexFacts, table: &TableFacts) -> bool {
        let free = !index.indisunique
            && !index.indisexclusion
            && !index.indisreplident
            && index.constraint_name.is_none()
            && index.parent.is_none();
        let Some(columns) = self.plain_columns(table).filter(|_| free) else {
            return false;
        };
        let carries = |number: &i16| {
            let name = table.column_name(*number);
            columns.contains(number) || name.is_some_and(|n| self.include.iter().any(|c| c == n))
        };
        index.indrelid == self.relid
            && self.predicate.is_none()
            && plain_keys(index).is_some_and(|keys| columns.starts_with(keys))
            && index.indkey.iter().all(carries)
            && sorts_as_columns_do(index)
    }
}

/// Key columns of a valid, full btree in their natural order.
fn plain_keys(index: &IndexFacts) -> Option<&[i16]> {
    let count = usize::try_from(index.indnkeyatts).ok()?;
    let keys = index.indkey.get(..count)?;
    let plain = index.indisvalid
        && index.amname == "btree"
        && index.predicate.is_none()
        && keys.iter().all(|k| *k > 0)
        && index.indoption.iter().all(|o| *o == 0);
    plain.then_some(keys)
}

/// Every key has the operator class and the collation that its column has anyway. A definition names
/// them where they are others: those serve other searches and another order. It is read last, as
/// parsing costs more than comparing.
fn sorts_as_columns_do(index: &IndexFacts) -> bool {
    let parsed = pg_query::parse(&index.definition, pg_query::ParserOptions::DEFAULT);
    let mut statements = parsed.into_iter().flat_map(|p| p.protobuf.stmts);
    let node = statements.next().and_then(|s| s.stmt?.node);
    let Some(NodeEnum::IndexStmt(statement)) = node else {
        return false;
    };
    statement.index_params.iter().all(|key| match &key.node {
        Some(NodeEnum::IndexElem(key)) => key.opclass.is_empty() && key.collation.is_empty(),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::fixture::{index, table};

    fn candidate(columns: &[&str]) -> Candidate {
        Candidate::btree(1, columns.iter().map(|c| Key::column(c)).collect())
    }

    #[test]
    fn definitions_say_all_of_it() {
        let table = table(1, "tasks");
        let mut all = candidate(&["a"]);
        assert_eq!(all.definition(&table), "CREATE INDEX ON public.tasks (a)");
        all.keys.push(Key {
            descending: true,
            nulls_first: Some(false),
            ..Key::column("b")
        });
        all.keys.push(Key::expression("lower(name)"));
        all.include = vec!["id".to_owned()];
        all.predicate = Some("b IS NULL".to_owned());
        assert_eq!(
            all.on(&table),
            "ON public.tasks (a, b DESC NULLS LAST, (lower(name))) INCLUDE (id) WHERE b IS NULL"
        );
    }

    #[test]
    fn what_exists_serves_its_prefixes_and_can_be_extended() {
        let table = table(1, "tasks");
        let exists = index(9, 1, "i", &[2, 3]);
        assert!(candidate(&["a"]).is_served_by(&exists, &table));
        assert!(candidate(&["a", "b"]).is_served_by(&exists, &table));
        assert!(!candidate(&["b"]).is_served_by(&exists, &table));
        assert!(!candidate(&["a", "b", "name"]).is_served_by(&exists, &table));
        assert!(candidate(&["a", "b", "name"]).extends(&exists, &table));
        assert!(!candidate(&["b", "a"]).extends(&exists, &table));
        let mut unique = exists.clone();
        unique.indisunique = true;
        assert!(!candidate(&["a", "b", "name"]).extends(&unique, &table));
        assert!(candidate(&["a", "b", "name"]).repeats_unique(&unique, &table));
        assert!(!candidate(&["a", "b", "name"]).repeats_unique(&exists, &table));
        assert!(!candidate(&["a", "name"]).repeats_unique(&unique, &table));
        let mut covering = candidate(&["a"]);
        covering.include = vec!["name".to_owned()];
        assert!(!covering.is_served_by(&exists, &table));
    }

    #[test]
    fn another_operator_class_or_collation_serves_other_searches() {
        let table = table(1, "tasks");
        let mut exists = index(9, 1, "i", &[4]);
        let mut unique = index(9, 1, "u", &[4]);
        unique.indisunique = true;
        let defined = |index: &mut IndexFacts, key: &str| {
            index.definition = format!("CREATE INDEX i ON public.tasks USING btree ({key})");
        };
        let all = |exists: &IndexFacts, unique: &IndexFacts| {
            [
                candidate(&["name"]).is_served_by(exists, &table),
                candidate(&["name", "a"]).extends(exists, &table),
                candidate(&["name", "a"]).repeats_unique(unique, &table),
            ]
        };
        for (key, serves) in [
            ("name", true),
            ("name text_pattern_ops", false),
            ("name COLLATE \"C\"", false),
        ] {
            defined(&mut exists, key);
            defined(&mut unique, key);
            assert_eq!(all(&exists, &unique), [serves; 3], "{key}");
        }
        // It was dropped while it was read.
        exists.definition.clear();
        assert!(!candidate(&["name"]).is_served_by(&exists, &table));
    }
}
