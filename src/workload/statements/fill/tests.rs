use super::super::catalog::{Catalog, Column};
use super::super::{tree, uses::uses};
use super::*;
use crate::workload::TableName;

fn catalog() -> Catalog {
    let column = |(name, ty, unique): (&str, &str, bool)| Column {
        name: name.to_owned(),
        unique,
        type_name: ty.to_owned(),
    };
    let columns = [
        ("id", "int4", true),
        ("email", "text", true),
        ("area", "int4", false),
        ("street", "text", false),
        ("at", "timestamptz", false),
        ("span", "int4range", true),
    ];
    let table = Table {
        schema: "public".to_owned(),
        name: TableName::new("public", "t"),
        rows: 1000.0,
        columns: columns.into_iter().map(column).collect(),
    };
    Catalog::of(vec![("t", table)])
}

/// The parameters as lines of a file, then what was assumed.
fn lines(sql: &str, types: &[Type], counted: (i64, i64)) -> Result<Vec<String>, String> {
    let (catalog, tree) = (catalog(), tree::parse(sql).unwrap());
    let counted = Counted {
        calls: counted.0,
        rows: counted.1,
    };
    let filled = fill(&uses(&tree, &catalog), types, counted)?;
    let params = filled.params.iter();
    let mut lines: Vec<String> = params
        .map(|(names, generator)| format!("{}: {generator}", names.join(", ")))
        .collect();
    lines.extend(filled.assumed);
    Ok(lines)
}

#[test]
fn columns_of_one_table_are_drawn_together() {
    let sql = "SELECT * FROM t WHERE area = $1 AND street = $2 AND at > $3";
    assert_eq!(
        lines(sql, &[Type::INT4, Type::TEXT, Type::TIMESTAMPTZ], (10, 10)).unwrap(),
        ["area, street, at: row public.t(area, street, at)"]
    );
    let sql = "SELECT * FROM t a JOIN t b USING (id) WHERE a.area = $1 AND b.area = $2";
    assert_eq!(
        lines(sql, &[Type::INT4, Type::INT4], (10, 10)).unwrap(),
        ["area: column public.t.area", "area_2: column public.t.area"]
    );
    let sql = "SELECT * FROM t WHERE area IN ($1, $2) AND street <> $3";
    assert_eq!(
        lines(sql, &[Type::INT4, Type::INT4, Type::TEXT], (10, 10)).unwrap(),
        [
            "area_2: column public.t.area",
            "street: column public.t.street",
            "area: column public.t.area",
        ]
    );
}

#[test]
fn a_range_is_as_wide_as_the_rows_say() {
    let sql = "SELECT * FROM t WHERE at >= $1 AND at < $2";
    let types = [Type::TIMESTAMPTZ, Type::TIMESTAMPTZ];
    assert_eq!(
        lines(sql, &types, (10, 200)).unwrap(),
        ["at, at_2: range public.t.at 0.02"]
    );
    let sql = "SELECT count(*) FROM t WHERE at BETWEEN $1 AND $2";
    let found = lines(sql, &types, (10, 10)).unwrap();
    assert_eq!(found[0], "at, at_2: range public.t.at 0.05");
    assert!(found[1].contains("share of 0.05"), "{found:?}");
}

#[test]
fn an_array_is_as_long_as_the_rows_say() {
    let sql = "SELECT * FROM t WHERE id = ANY($1)";
    assert_eq!(
        lines(sql, &[Type::INT4_ARRAY], (10, 70)).unwrap(),
        ["id: array public.t.id 7"]
    );
    let sql = "SELECT * FROM t WHERE area = ANY($1)";
    assert_eq!(
        lines(sql, &[Type::INT4_ARRAY], (10, 70)).unwrap()[0],
        "area: array public.t.area 3"
    );
}

#[test]
fn stored_values_are_of_a_row_and_new_where_they_must_be() {
    let types = [Type::INT4, Type::TEXT, Type::INT4, Type::TEXT];
    let sql = "INSERT INTO t (id, email, area, street) VALUES ($1, $2, $3, $4)";
    assert_eq!(
        lines(sql, &types, (1, 1)).unwrap(),
        [
            "id: sequence after public.t.id",
            "email: text 16",
            "area, street: row public.t(area, street) with nulls",
        ]
    );
    let sql = "UPDATE t SET street = $1 WHERE id = $2";
    assert_eq!(
        lines(sql, &[Type::TEXT, Type::INT4], (1, 1)).unwrap(),
        [
            "id: column public.t.id",
            "street: column public.t.street with nulls"
        ]
    );
    let error = lines(
        "INSERT INTO t (span) VALUES ($1)",
        &[Type::INT4_RANGE],
        (1, 1),
    );
    assert!(error.unwrap_err().contains("int4range"));
}

#[test]
fn what_is_assumed_is_said_and_what_decides_about_rows_is_never_made_up() {
    let sql = "SELECT date_trunc($1, at), street || $2 FROM t WHERE area = $3 LIMIT $4";
    let types = [Type::TEXT, Type::TEXT, Type::INT4, Type::INT8];
    let found = lines(sql, &types, (10, 195)).unwrap();
    assert_eq!(
        found[..4],
        [
            "area: column public.t.area",
            "word: choice 'day'",
            "p2: choice 'x'",
            "limit: choice '20'"
        ]
    );
    assert_eq!(found.len(), 7, "{found:?}");
    let error = lines(
        "SELECT * FROM t WHERE street || $1 = email",
        &[Type::TEXT],
        (1, 1),
    );
    assert!(error.unwrap_err().contains("$1"));
    let found = lines(
        "SELECT * FROM t WHERE at > now() - $1",
        &[Type::INTERVAL],
        (1, 1),
    )
    .unwrap();
    assert_eq!(found, ["p1: choice '1 day'", "`:p1` is '1 day'"]);
}
