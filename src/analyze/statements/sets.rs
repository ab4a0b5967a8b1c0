//! Which columns of which table a statement sets, by its parse tree.

use std::collections::BTreeSet;

use pg_query::NodeEnum;
use pg_query::protobuf::{Node, RangeVar, WithClause};

/// Columns that a statement sets in rows that exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sets {
    /// Schema of the table; empty where the text does not name it.
    pub schema: String,
    /// The table.
    pub table: String,
    /// The columns.
    pub columns: BTreeSet<String>,
}

/// Every UPDATE of a text: the statement itself, that of an `ON CONFLICT`, those of a MERGE, and those
/// in its WITH queries; also of a statement that is prepared.
#[must_use]
pub fn sets(query: &str) -> Vec<Sets> {
    let mut found = Vec::new();
    if let Ok(parsed) = pg_query::parse(query, pg_query::ParserOptions::DEFAULT) {
        for statement in &parsed.protobuf.stmts {
            collect(statement.stmt.as_deref(), &mut found);
        }
    }
    found
}

fn collect(node: Option<&Node>, found: &mut Vec<Sets>) {
    let with = match node.and_then(|n| n.node.as_ref()) {
        Some(NodeEnum::PrepareStmt(prepare)) => return collect(prepare.query.as_deref(), found),
        Some(NodeEnum::UpdateStmt(update)) => {
            found.extend(of(update.relation.as_ref(), &update.target_list));
            update.with_clause.as_ref()
        }
        Some(NodeEnum::InsertStmt(insert)) => {
            let conflict = insert.on_conflict_clause.iter();
            found.extend(conflict.filter_map(|c| of(insert.relation.as_ref(), &c.target_list)));
            insert.with_clause.as_ref()
        }
        Some(NodeEnum::MergeStmt(merge)) => {
            for when in &merge.merge_when_clauses {
                if let Some(NodeEnum::MergeWhenClause(when)) = &when.node
                    && when.command_type() == pg_query::protobuf::CmdType::CmdUpdate
                {
                    found.extend(of(merge.relation.as_ref(), &when.target_list));
                }
            }
            merge.with_clause.as_ref()
        }
        Some(NodeEnum::SelectStmt(select)) => select.with_clause.as_ref(),
        Some(NodeEnum::DeleteStmt(delete)) => delete.with_clause.as_ref(),
        _ => None,
    };
    collect_with(with, found);
}

fn collect_with(with: Option<&WithClause>, found: &mut Vec<Sets>) {
    for query in with.iter().flat_map(|w| &w.ctes) {
        if let Some(NodeEnum::CommonTableExpr(query)) = &query.node {
            collect(query.ctequery.as_deref(), found);
        }
    }
}

fn of(relation: Option<&RangeVar>, targets: &[Node]) -> Option<Sets> {
    let relation = relation?;
    let columns: BTreeSet<String> = targets
        .iter()
        .filter_map(|target| match &target.node {
            Some(NodeEnum::ResTarget(target)) => Some(target.name.clone()),
            _ => None,
        })
        .collect();
    (!columns.is_empty()).then(|| Sets {
        schema: relation.schemaname.clone(),
        table: relation.relname.clone(),
        columns,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(query: &str) -> Vec<String> {
        let all = sets(query).into_iter();
        all.map(|s| {
            let columns: Vec<_> = s.columns.into_iter().collect();
            format!("{}.{} {}", s.schema, s.table, columns.join(","))
        })
        .collect()
    }

    #[test]
    fn columns_are_those_of_updates() {
        assert_eq!(
            of("update s.t set b = $1, a = a + 1 where id = $2"),
            ["s.t a,b"]
        );
        assert_eq!(of("UPDATE t SET (a, b) = (SELECT 1, 2)"), [".t a,b"]);
        assert_eq!(of("PREPARE p AS UPDATE t SET doc['k'] = $1"), [".t doc"]);
        assert_eq!(
            of("INSERT INTO t (a) VALUES ($1) ON CONFLICT (a) DO UPDATE SET n = t.n + 1"),
            [".t n"]
        );
        assert_eq!(
            of("WITH u AS (UPDATE a SET x = 1 RETURNING id) UPDATE b SET y = 2 FROM u"),
            [".b y", ".a x"]
        );
        assert_eq!(
            of(
                "MERGE INTO t USING s ON t.id = s.id WHEN MATCHED THEN UPDATE SET a = s.a \
                WHEN NOT MATCHED THEN INSERT (b) VALUES (s.b)"
            ),
            [".t a"]
        );
    }

    #[test]
    fn other_statements_set_nothing() {
        for query in [
            "INSERT INTO t (a) VALUES ($1) ON CONFLICT DO NOTHING",
            "DELETE FROM t",
            "SELECT a FROM t FOR UPDATE",
            "UPDATE t SET (cut",
        ] {
            assert!(sets(query).is_empty(), "{query}");
        }
    }
}
