//! Checks of several columns, each on one row.

use super::{Row, rules, table};
use crate::seed::checks::understand;
use crate::seed::schema::{Type, TypeKind};

/// What becomes of a row under checks that must all be understood.
fn applied(
    columns: &str,
    checks: &[&str],
    values: &[&str],
    prepare: impl Fn(Row) -> Row,
) -> String {
    let table = table(columns, checks);
    let understood = understand(&table, &[]);
    assert_eq!(understood.opaque, [], "{checks:?}");
    let mut row = prepare(Row::new(&table, values));
    let result = understood.rules.apply(&mut row);
    match result {
        Ok(()) => {
            assert_eq!(
                understood.rules.holds(&row),
                Some(true),
                "{checks:?} {row:?}"
            );
            row.texts().join(" ")
        }
        Err(index) => format!("broken: {}", understood.rules.constraint(index)),
    }
}

fn plain(columns: &str, checks: &[&str], values: &[&str]) -> String {
    applied(columns, checks, values, |row| row)
}

#[test]
fn an_order_is_made_by_exchanging() {
    let columns = "a int4, b int4, c int4";
    let checks = ["(a <= b)", "(b <= c)"];
    assert_eq!(plain(columns, &checks, &["3", "2", "1"]), "1 2 3");
    assert_eq!(plain(columns, &checks, &["1", "2", "3"]), "1 2 3");
    // A null is no order.
    assert_eq!(plain(columns, &checks, &["3", "-", "1"]), "3 - 1");
    let days = ["(ended > started)"];
    let row = ["2020-05-01", "2020-04-01"];
    assert_eq!(
        plain("started date, ended date", &days, &row),
        "2020-04-01 2020-05-01"
    );
    // Equal ones are not below each other.
    let strict = plain("a int4, b int4", &["(a < b)"], &["5", "5"]);
    let (low, high) = strict.split_once(' ').unwrap();
    assert!(
        low.parse::<i32>().unwrap() < high.parse().unwrap(),
        "{strict}"
    );
}

#[test]
fn what_is_fixed_stays() {
    let fix = |row: Row| row.fixed(0);
    let made = applied("a int4, b int4", &["(a <= b)"], &["9", "4"], fix);
    assert_eq!(made, "9 14");
    let both = |row: Row| row.fixed(0).fixed(1);
    let made = applied("a int4, b int4", &["(a <= b)"], &["9", "4"], both);
    assert_eq!(made, "broken: c0");
}

#[test]
fn orders_of_dates_and_moments() {
    let made = plain(
        "d date, at timestamptz",
        &["(d <= at)"],
        &["2020-01-10", "2020-01-01 12:00:00+00"],
    );
    let (d, at) = made.split_once(' ').unwrap();
    assert!(d <= &at[..10], "{made}");
}

#[test]
fn a_window_is_entered() {
    let columns = "a timestamp, b timestamp";
    let checks = ["(b >= a)", "(b <= (a + '30 days'::interval))"];
    for b in ["2020-06-01", "2019-01-01", "2020-01-15"] {
        let made = plain(columns, &checks, &["2020-01-01", b]);
        assert!(!made.starts_with("broken"), "{made}");
    }
    let whole = plain(
        "a date, b date",
        &["((b - a) <= 7)", "(b > a)"],
        &["2020-01-01", "2021-01-01"],
    );
    assert!(!whole.starts_with("broken"), "{whole}");
}

#[test]
fn totals_are_computed() {
    let columns = "qty int4, price numeric:2, net numeric:2, tax numeric:2, total numeric:2";
    let checks = [
        "(total = (net + tax))",
        "(tax = round((net * 0.075), 2))",
        "(net = ((qty)::numeric * price))",
    ];
    let made = plain(columns, &checks, &["3", "1.30", "9", "9", "9"]);
    // 3.90 * 0.075 = 0.2925; half a cent and more goes up.
    assert_eq!(made, "3 1.3 3.9 0.29 4.19");
    let away = plain(
        "a numeric:2, b numeric:1",
        &["(b = round(a, 1))"],
        &["-0.25", "7"],
    );
    assert_eq!(away, "-0.25 -0.3");
    let computed = rules(&table(columns, &checks)).computed();
    assert_eq!(computed, [2, 3, 4]);
}

#[test]
fn an_equation_is_turned_where_its_total_is_fixed() {
    let fix = |row: Row| row.fixed(2);
    let made = applied(
        "a int4, b int4, c int4",
        &["(c = (a + b))"],
        &["1", "2", "10"],
        fix,
    );
    let parts: Vec<i32> = made.split(' ').map(|part| part.parse().unwrap()).collect();
    assert_eq!(parts[0] + parts[1], 10);
    let shares = plain(
        "a int4, b int4, c int4",
        &["(((a + b) + c) = 100)"],
        &["20", "30", "40"],
    );
    let sum: i32 = shares
        .split(' ')
        .map(|part| part.parse::<i32>().unwrap())
        .sum();
    assert_eq!(sum, 100);
    assert_eq!(plain("x int4", &["((x % 5) = 0)"], &["13"]), "10");
    assert_eq!(
        plain("a int4, b int4", &["(b = (a / 3))"], &["10", "9"]),
        "10 3"
    );
}

#[test]
fn a_span_is_what_lies_between() {
    let made = plain(
        "s timestamptz, e timestamptz, took interval",
        &["(e = (s + took))"],
        &[
            "2020-01-01 10:00:00+00",
            "2020-01-01 00:00:00+00",
            "01:30:00",
        ],
    );
    assert!(made.contains("2020-01-01 11:30:00+00"), "{made}");
}

#[test]
fn nulls_go_together() {
    let checks = ["((a IS NULL) = (b IS NULL))"];
    let pool = |row: Row| row.pool(0, &["7"]).pool(1, &["8"]);
    for values in [["1", "-"], ["-", "2"]] {
        let made = applied("a int4, b int4", &checks, &values, pool);
        assert!(matches!(made.as_str(), "- -" | "1 8" | "7 2"), "{made}");
    }
    let either = ["((a IS NULL) <> (b IS NULL))"];
    for values in [["1", "2"], ["-", "-"]] {
        let made = applied("a int4, b int4", &either, &values, pool);
        assert_eq!(made.matches('-').count(), 1, "{made}");
    }
}

#[test]
fn so_many_have_a_value() {
    let columns = "a int4, b int4, c int4";
    let pool = |row: Row| row.pool(0, &["7"]).pool(1, &["8"]).pool(2, &["9"]);
    let one = [
        "(num_nonnulls(a, b, c) = 1)",
        "(num_nulls(a, b, c) = 2)",
        "((((a IS NOT NULL))::integer + ((b IS NOT NULL))::integer) + ((c IS NOT NULL))::integer) = 1",
    ];
    for check in one {
        for values in [["1", "2", "3"], ["-", "-", "-"], ["-", "2", "3"]] {
            let made = applied(columns, &[check], &values, pool);
            assert_eq!(made.matches('-').count(), 2, "{check}: {made}");
        }
    }
    let made = applied(
        columns,
        &["(num_nonnulls(a, b, c) >= 2)"],
        &["-", "-", "3"],
        pool,
    );
    assert_eq!(made.matches('-').count(), 1, "{made}");
}

#[test]
fn an_implication_changes_what_follows_from_it() {
    let columns = "status text, shipped_at date";
    let pool = |row: Row| {
        row.pool(0, &["open", "shipped"])
            .pool(1, &["2021-01-01", "2021-01-02"])
    };
    let forms = [
        "((status <> 'shipped'::text) OR (shipped_at IS NOT NULL))",
        "(NOT ((status = 'shipped'::text) AND (shipped_at IS NULL)))",
        "CASE WHEN (status = 'shipped'::text) THEN (shipped_at IS NOT NULL) ELSE true END",
        "CASE status WHEN 'shipped'::text THEN (shipped_at IS NOT NULL) ELSE (shipped_at IS NULL) END",
    ];
    for check in forms {
        let made = applied(columns, &[check], &["shipped", "-"], pool);
        assert_eq!(made, "shipped 2021-01-01", "{check}");
    }
    let both = "((status = 'shipped'::text) = (shipped_at IS NOT NULL))";
    assert_eq!(
        applied(columns, &[both], &["open", "2021-01-02"], pool),
        "open -"
    );
}

#[test]
fn values_of_a_case_are_compared() {
    let pool = |row: Row| row.pool(0, &["a"]).pool(1, &["b"]).pool(2, &["c"]);
    let one = "(((CASE WHEN (email IS NULL) THEN 0 ELSE 1 END + CASE WHEN (hook IS NULL) THEN 0 ELSE 1 END) \
        + CASE WHEN (slack IS NULL) THEN 0 ELSE 1 END) = 1)";
    let columns = "email text, hook text, slack text";
    for values in [["-", "-", "-"], ["x", "y", "z"], ["-", "y", "z"]] {
        let made = applied(columns, &[one], &values, pool);
        let filled = made.split(' ').filter(|value| *value != "-");
        assert_eq!(filled.count(), 1, "{made}");
    }
    assert_eq!(applied(columns, &[one], &["-", "y", "-"], pool), "- y -");
    let kept = "(1 = CASE WHEN ((kind = 'flag'::text) AND (flag IS NULL)) THEN 0 \
        WHEN ((kind <> 'flag'::text) AND (flag IS NOT NULL)) THEN 0 ELSE 1 END)";
    let pool = |row: Row| row.pool(1, &["true", "false"]);
    let made = |values: &[&str]| applied("kind text, flag bool", &[kept], values, pool);
    assert_eq!(made(&["flag", "-"]), "flag true");
    assert_eq!(made(&["rollout", "true"]), "rollout -");
    assert_eq!(made(&["rollout", "-"]), "rollout -");
    // Computed from a column, and without ELSE null, which no check refuses.
    let limit =
        "(amount <= CASE size WHEN 'small'::text THEN 10 WHEN 'large'::text THEN (base * 2) END)";
    let made = |values: &[&str]| plain("size text, base int4, amount int4", &[limit], values);
    assert_eq!(made(&["other", "1", "99"]), "other 1 99");
    for size in ["small", "large"] {
        let made = made(&[size, "4", "99"]);
        assert!(!made.starts_with("broken"), "{made}");
    }
}

#[test]
fn alternatives_that_are_not_understood_are_left_out() {
    let table = table("ips _text, paths _text, kind text, doc jsonb", &[]);
    let cases = [
        (
            "((ips IS NULL) OR ((array_length(ips, 1) = array_length(paths, 1)) AND (NOT (''::text = ANY (ips)))))",
            Some("ips IS NULL"),
        ),
        (
            "((kind = 'a'::text) OR (doc ? 'b'::text) OR (kind = 'c'::text))",
            Some("kind = 'a'::text OR kind = 'c'::text"),
        ),
        // Nothing is left of one, and the other is understood.
        ("((doc ? 'b'::text) OR (NOT (doc ? 'c'::text)))", None),
        ("((kind = 'a'::text) OR (kind IS NULL))", None),
        // What is denied must not be less.
        ("(NOT ((kind = 'a'::text) OR (doc ? 'b'::text)))", None),
        ("((kind = 'a'::text) AND (doc ? 'b'::text))", None),
    ];
    for (check, left) in cases {
        let found = crate::seed::checks::narrowed(check, &table);
        assert_eq!(found.as_deref(), left, "{check}");
    }
}

#[test]
fn a_pattern_that_looks_ahead_is_no_pattern_that_finds_nothing() {
    let looking = "'^[a-z](?:[a-z]|-(?=[a-z]))*$'::text";
    let understood = |check: &str| understand(&table("x text, y int4", &[check]), &[]);
    assert_eq!(understood(&format!("(x ~ {looking})")).opaque, []);
    assert_eq!(
        understood(&format!("((y = 1) OR (x ~ {looking}))")).opaque,
        []
    );
    for check in [
        format!("(x !~ {looking})"),
        format!("((y = 1) OR (NOT (x ~ {looking})))"),
        format!("CASE WHEN (x ~ {looking}) THEN (y = 1) ELSE (y = 2) END"),
    ] {
        assert_eq!(understood(&check).opaque.len(), 1, "{check}");
    }
}

#[test]
fn an_array_that_must_have_no_element_is_emptied() {
    let element = super::type_of("text");
    let mut table = table(
        "owner int4, x _text",
        &["((owner IS NOT NULL) OR (cardinality(x) = 0))"],
    );
    table.columns[1].type_.kind = TypeKind::Array(Box::new(Type { oid: 25, ..element }));
    let understood = understand(&table, &[]);
    assert_eq!(understood.opaque, []);
    let mut row = Row::new(&table, &["-", "-"]).fixed(0);
    let mut one = vec![0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 25, 0, 0, 0, 1, 0, 0, 0, 1];
    one.extend([0, 0, 0, 1, b'a']);
    row.cells[1] = Some(one);
    assert_eq!(understood.rules.apply(&mut row), Ok(()));
    assert_eq!(
        row.cells[1].as_deref(),
        Some(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 25][..])
    );
}

#[test]
fn others_are_drawn_until_they_differ() {
    let pool = |row: Row| row.pool(1, &["1", "2"]);
    assert_eq!(
        applied("a int4, b int4", &["(a <> b)"], &["1", "1"], pool),
        "1 2"
    );
    let pool = |row: Row| row.pool(0, &["a@b", "ab"]);
    assert_eq!(
        applied("x text", &["(x !~~ '%@%'::text)"], &["c@d"], pool),
        "ab"
    );
}

#[test]
fn a_generated_column_is_what_it_is_made_of() {
    let mut table = table("a int4, b int4, twice int4", &["(twice <= b)"]);
    table.columns[2].filled = crate::seed::schema::Filled::Generated("(a * 2)".into());
    let understood = understand(&table, &[]);
    assert_eq!(understood.opaque, []);
    assert_eq!(understood.rules.touched(), [0, 1]);
    let mut row = Row::new(&table, &["10", "5", "-"]);
    assert_eq!(understood.rules.apply(&mut row), Ok(()));
    assert_eq!(understood.rules.broken(&row), None);
}

#[test]
fn domains_are_kept_while_rules_are_applied() {
    let checks = ["(b = (a * 2))", "(b <= 10)", "(a >= 1)"];
    let pool = |row: Row| row.pool(0, &["50", "3"]);
    assert_eq!(
        applied("a int4, b int4", &checks, &["40", "2"], pool),
        "1 2"
    );
}

#[test]
fn a_constraint_that_cannot_be_satisfied_is_named() {
    let checks = ["(a < b)", "(b < a)"];
    let made = plain("a int4, b int4", &checks, &["1", "2"]);
    assert!(made.starts_with("broken: c"), "{made}");
}

#[test]
fn pairs_in_order_are_told() {
    let table = table(
        "a date, b date, c int4",
        &["(a <= b) AND (c > 0)", "(b > a)"],
    );
    assert_eq!(rules(&table).ordered(), [(0, 1), (0, 1)]);
}

#[test]
fn arrays_ranges_and_documents_are_drawn_until_they_fit() {
    let check = |type_: &str, check: &str, bad: &[u8], good: &[u8]| {
        let table = table(&format!("x {type_}"), &[check]);
        let understood = understand(&table, &[]);
        assert_eq!(understood.opaque, [], "{check}");
        let mut row = Row::new(&table, &["-"]);
        row.pools[0] = vec![good.to_vec()];
        row.cells[0] = Some(bad.to_vec());
        assert_eq!(understood.rules.broken(&row), Some(0), "{check}");
        assert_eq!(understood.rules.apply(&mut row), Ok(()), "{check}");
        assert_eq!(row.cells[0].as_deref(), Some(good), "{check}");
    };
    let empty = [0; 12];
    let mut three = vec![0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 23, 0, 0, 0, 3, 0, 0, 0, 1];
    three.extend([0, 0, 0, 4, 0, 0, 0, 7].repeat(3));
    check("_int4", "(cardinality(x) > 0)", &empty, &three);
    check(
        "_int4",
        "((x IS NULL) OR (cardinality(x) = 3))",
        &empty,
        &three,
    );
    check("int4range", "(NOT upper_inf(x))", &[0x18], &[0x01]);
    check(
        "jsonb",
        "(jsonb_typeof(x) <> 'array'::text)",
        b"\x01[]",
        b"\x01 {}",
    );
    check("json", "(json_typeof(x) <> 'object'::text)", b"{}", b"[1]");
}
