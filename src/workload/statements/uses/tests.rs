use super::super::catalog::{self, Table};
use super::*;
use crate::workload::TableName;

fn table(name: &str, columns: &[&str]) -> Table {
    Table {
        schema: "public".to_owned(),
        name: TableName::new("public", name),
        rows: 100.0,
        columns: columns
            .iter()
            .map(|c| catalog::Column {
                name: (*c).to_owned(),
                unique: *c == "id",
                type_name: "int4".to_owned(),
            })
            .collect(),
    }
}

fn tables() -> Catalog {
    Catalog::of(vec![
        (
            "orders",
            table("orders", &["id", "customer", "status", "placed"]),
        ),
        ("lines", table("lines", &["order_id", "product", "price"])),
    ])
}

/// The uses in words, by number.
fn found(sql: &str) -> Vec<String> {
    let catalog = tables();
    let tree = tree::parse(sql).unwrap();
    let words = uses(&tree, &catalog)
        .by_number
        .into_values()
        .map(|used| match used {
            Use::Compared {
                relation,
                column,
                by,
                wrapped,
                ..
            } => {
                let wrapped = if wrapped { " wrapped" } else { "" };
                format!("{relation} {column} {by:?}{wrapped}")
            }
            Use::Inserted { row, column, .. } => format!("insert {row} {column}"),
            Use::Assigned { column, .. } => format!("set {column}"),
            other => format!("{other:?}"),
        });
    words.collect()
}

#[test]
fn what_a_parameter_is_compared_with() {
    for (sql, expected) in [
        (
            "SELECT * FROM orders WHERE customer = $1",
            vec!["1 customer Equal"],
        ),
        (
            "SELECT * FROM orders WHERE $1 <= placed AND placed < $2",
            vec!["1 placed Lower", "1 placed Upper"],
        ),
        (
            "SELECT * FROM orders WHERE placed BETWEEN $1 AND $2 LIMIT $3 OFFSET $4",
            vec!["1 placed Lower", "1 placed Upper", "Limit", "Offset"],
        ),
        (
            "SELECT * FROM orders o WHERE o.status IN ($1, $2) AND id = ANY($3)",
            vec!["1 status Equal", "1 status Equal", "1 id AnyOf"],
        ),
        (
            "SELECT * FROM orders WHERE status LIKE $1 AND lower(status) = $2 AND status = lower($3)",
            vec![
                "1 status Like",
                "1 status Equal wrapped",
                "1 status Equal wrapped",
            ],
        ),
        (
            "SELECT * FROM orders WHERE (placed, id) < ($1, $2)",
            vec!["1 placed Upper", "1 id Upper"],
        ),
        (
            "SELECT * FROM orders o JOIN lines l ON l.order_id = o.id AND l.product = $1 WHERE o.customer = $2::int",
            vec!["2 product Equal", "1 customer Equal"],
        ),
        (
            "SELECT * FROM orders a, orders b WHERE a.id = $1 AND b.id = $2",
            vec!["1 id Equal", "2 id Equal"],
        ),
        (
            "SELECT * FROM orders WHERE id IN (SELECT order_id FROM lines WHERE price > $1 AND customer = $2)",
            vec!["2 price Lower", "1 customer Equal"],
        ),
        (
            "WITH x AS (SELECT * FROM lines WHERE product = $1) SELECT * FROM x WHERE order_id = $2",
            vec!["1 product Equal", "Unknown"],
        ),
        (
            "SELECT id FROM orders WHERE id = $1 UNION ALL SELECT order_id FROM lines WHERE product <> $2",
            vec!["1 id Equal", "2 product NotEqual"],
        ),
    ] {
        assert_eq!(found(sql), expected, "{sql}");
    }
}

#[test]
fn what_a_parameter_is_stored_in() {
    for (sql, expected) in [
        (
            "INSERT INTO orders (id, status) VALUES ($1, $2), ($3, $4 || $5)",
            vec![
                "insert 0 id",
                "insert 0 status",
                "insert 1 id",
                "Output",
                "Output",
            ],
        ),
        (
            "INSERT INTO lines VALUES ($1, $2)",
            vec!["insert 0 order_id", "insert 0 product"],
        ),
        (
            "INSERT INTO lines (product) SELECT $1 FROM orders WHERE id = $2",
            vec!["insert 0 product", "2 id Equal"],
        ),
        (
            "INSERT INTO orders (id) VALUES ($1) ON CONFLICT (id) DO UPDATE SET status = $2",
            vec!["insert 0 id", "set status"],
        ),
        (
            "UPDATE orders SET status = $1, customer = customer + $2 WHERE id = $3",
            vec!["set status", "Output", "1 id Equal"],
        ),
        (
            "DELETE FROM lines USING orders o WHERE o.id = order_id AND o.placed < $1",
            vec!["2 placed Upper"],
        ),
    ] {
        assert_eq!(found(sql), expected, "{sql}");
    }
}

#[test]
fn what_only_shapes_the_output_is_told_from_what_decides_about_rows() {
    for (sql, expected) in [
        ("SELECT coalesce(status, $1) FROM orders", vec!["Output"]),
        (
            "SELECT date_trunc($1, placed), count(*) FROM orders GROUP BY 1",
            vec!["Word(\"day\")"],
        ),
        (
            "SELECT * FROM orders WHERE placed > now() - $1",
            vec!["Unknown"],
        ),
        (
            "SELECT * FROM orders WHERE status || $1 = $2",
            vec!["Unknown", "Unknown"],
        ),
        (
            "SELECT CASE WHEN status = $1 THEN $2 END FROM orders",
            vec!["1 status Equal", "Output"],
        ),
        ("SELECT count(*) FROM missing WHERE a = $1", vec!["Unknown"]),
    ] {
        assert_eq!(found(sql), expected, "{sql}");
    }
}

#[test]
fn numbers_of_rows_say_something_only_of_plain_queries() {
    let catalog = tables();
    for (sql, rows) in [
        ("SELECT id FROM orders WHERE placed > $1", Rows::Matching),
        ("SELECT count(*) FROM orders", Rows::Condensed),
        ("SELECT id FROM orders LIMIT 3", Rows::Condensed),
        ("DELETE FROM orders WHERE id = $1", Rows::Matching),
    ] {
        assert_eq!(
            uses(&tree::parse(sql).unwrap(), &catalog).rows,
            rows,
            "{sql}"
        );
    }
}
