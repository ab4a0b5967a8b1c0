//! What the text of a SELECT asks for, by its parse tree.

use pg_query::NodeEnum;
use pg_query::protobuf::{Node, SelectStmt};

/// What a SELECT asks for; see [`shape`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Shape {
    /// It returns every column of what it reads (`*` or `t.*` in its own list, not inside `count(*)` or `EXISTS`).
    pub star: bool,
    /// Tables of its FROM with their schema where it is named; no subqueries, functions or WITH queries.
    pub tables: Vec<(Option<String>, String)>,
    /// It has a LIMIT or FETCH FIRST.
    pub limited: bool,
    /// It has an OFFSET whose number is a parameter, so that a caller can ask for any.
    pub offset: bool,
}

/// Reads a SELECT, also one that is prepared; `None` for everything else and for a text that does not parse.
#[must_use]
pub fn shape(query: &str) -> Option<Shape> {
    let parsed = pg_query::parse(query, 0).ok()?;
    let [statement] = &parsed.protobuf.stmts[..] else {
        return None;
    };
    let mut node = statement.stmt.as_ref()?.node.as_ref()?;
    if let NodeEnum::PrepareStmt(prepare) = node {
        node = prepare.query.as_ref()?.node.as_ref()?;
    }
    let NodeEnum::SelectStmt(select) = node else {
        return None;
    };
    // What is stored in a table or locked row by row is wanted whole.
    if select.into_clause.is_some() || !select.values_lists.is_empty() {
        return None;
    }
    let with: Vec<&str> = with_names(select);
    let mut tables = Vec::new();
    for item in &select.from_clause {
        collect_tables(item, &with, &mut tables);
    }
    let parameter = |node: &Option<Box<Node>>| {
        let node = node.as_ref().and_then(|n| n.node.as_ref());
        matches!(node, Some(NodeEnum::ParamRef(_)))
    };
    Some(Shape {
        star: select.target_list.iter().any(is_star),
        tables,
        limited: select.limit_count.is_some(),
        offset: parameter(&select.limit_offset),
    })
}

fn with_names(select: &SelectStmt) -> Vec<&str> {
    let queries = select.with_clause.iter().flat_map(|with| &with.ctes);
    queries
        .filter_map(|query| match query.node.as_ref()? {
            NodeEnum::CommonTableExpr(with) => Some(with.ctename.as_str()),
            _ => None,
        })
        .collect()
}

fn collect_tables(item: &Node, with: &[&str], tables: &mut Vec<(Option<String>, String)>) {
    match item.node.as_ref() {
        Some(NodeEnum::RangeVar(table)) => {
            let schema = (!table.schemaname.is_empty()).then(|| table.schemaname.clone());
            if schema.is_some() || !with.contains(&table.relname.as_str()) {
                tables.push((schema, table.relname.clone()));
            }
        }
        Some(NodeEnum::JoinExpr(join)) => {
            for side in [&join.larg, &join.rarg].into_iter().flatten() {
                collect_tables(side, with, tables);
            }
        }
        _ => {}
    }
}

fn is_star(target: &Node) -> bool {
    let Some(NodeEnum::ResTarget(target)) = target.node.as_ref() else {
        return false;
    };
    let value = target.val.as_ref().and_then(|v| v.node.as_ref());
    let Some(NodeEnum::ColumnRef(column)) = value else {
        return false;
    };
    let last = column.fields.last().and_then(|f| f.node.as_ref());
    matches!(last, Some(NodeEnum::AStar(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(query: &str) -> Shape {
        shape(query).unwrap()
    }

    #[test]
    fn a_star_counts_where_rows_are_returned() {
        for query in [
            "SELECT * FROM t WHERE id = $1",
            "select t.* from t join u on u.id = t.u",
            "PREPARE p AS SELECT * FROM t",
        ] {
            assert!(of(query).star, "{query}");
        }
        for query in [
            "SELECT count(*) FROM t",
            "SELECT a FROM t WHERE EXISTS (SELECT * FROM u)",
            "SELECT a * $1 FROM t",
        ] {
            assert!(!of(query).star, "{query}");
        }
    }

    #[test]
    fn tables_are_those_of_the_query_itself() {
        let names = |query| -> Vec<String> {
            let tables = of(query).tables.into_iter();
            tables.map(|(_, name)| name).collect()
        };
        let joined =
            "SELECT * FROM s.a JOIN b USING (id), (SELECT * FROM c) AS d, generate_series(1, 2)";
        assert_eq!(names(joined), ["a", "b"]);
        assert_eq!(names("WITH a AS (SELECT 1) SELECT * FROM a"), [""; 0]);
    }

    #[test]
    fn limits_and_offsets_are_read() {
        let page = of("SELECT a FROM t ORDER BY a LIMIT $1 OFFSET $2");
        assert!(page.limited && page.offset);
        let fixed = of("SELECT a FROM t ORDER BY a OFFSET 0 FETCH FIRST 5 ROWS ONLY");
        assert!(fixed.limited && !fixed.offset);
        let all = of("SELECT a FROM t");
        assert!(!all.limited && !all.offset);
        // An inner limit does not bound what comes back.
        assert!(!of("SELECT a FROM t WHERE b IN (SELECT c FROM u LIMIT 1)").limited);
    }

    #[test]
    fn other_statements_have_no_shape() {
        for query in [
            "INSERT INTO t SELECT * FROM u",
            "CREATE TABLE t AS SELECT * FROM u",
            "SELECT * INTO t FROM u",
            "VALUES ($1)",
            "UPDATE t SET a = $1",
            "SELECT * FROM (cut",
        ] {
            assert_eq!(shape(query), None, "{query}");
        }
    }
}
