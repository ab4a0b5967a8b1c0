//! Any row, under many checks at once: what comes out satisfies them all.

use std::sync::LazyLock;

use proptest::prelude::*;

use super::{Row, table};
use crate::seed::checks::{Understanding, understand};
use crate::seed::schema::Table;

const ORDERS: [&str; 11] = [
    "(total = (net + tax))",
    "(net = ((qty)::numeric * price))",
    "(tax = round((net * 0.2), 2))",
    "((shipped_at > ordered_at) AND (shipped_at <= (ordered_at + '10 days'::interval)))",
    "(paid_at >= ordered_at)",
    "((status <> 'shipped'::text) OR (shipped_at IS NOT NULL))",
    "((status = 'open'::text) OR (paid_at IS NOT NULL))",
    "(num_nonnulls(person, company) = 1)",
    "(cancelled = (reason IS NOT NULL))",
    "(btrim(reason) <> ''::text)",
    "((code)::text ~ '^[A-Z]{3}-[0-9]{4}$'::text)",
];

const COLUMNS: &str = "qty int4, price numeric:2, net numeric:2, tax numeric:2, total numeric:2, \
    ordered_at timestamptz, paid_at timestamptz, shipped_at timestamptz, status text, person int4, \
    company int4, cancelled bool, reason text, code varchar";

static MADE: LazyLock<(Table, Understanding)> = LazyLock::new(|| {
    let table = table(COLUMNS, &ORDERS);
    let understood = understand(&table, &[]);
    assert_eq!(understood.opaque, []);
    (table, understood)
});

fn nullable(values: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    prop_oneof![1 => Just("-".to_owned()), 2 => values]
}

fn moment() -> impl Strategy<Value = String> {
    (0..28, 0..24).prop_map(|(day, hour)| format!("2024-02-{:02} {hour:02}:00:00+00", day + 1))
}

fn order() -> impl Strategy<Value = Vec<String>> {
    let cents = || (0..100_000).prop_map(|cents| format!("{}.{:02}", cents / 100, cents % 100));
    let status = prop_oneof!["open", "paid", "shipped"];
    let amounts = (
        cents(),
        nullable(cents()),
        nullable(cents()),
        nullable(cents()),
    );
    let rest = (
        prop_oneof!["true", "false"],
        nullable("[a-z]{1,5}"),
        nullable("[A-Z]{3}-[0-9]{4}"),
    );
    let numbers = || nullable((0..50).prop_map(|n: i32| n.to_string()));
    let times = (moment(), nullable(moment()), nullable(moment()));
    let qty = (1..20).prop_map(|n: i32| n.to_string());
    let who = (nullable(status), numbers(), numbers());
    (qty, amounts, times, who, rest).prop_map(
        |(qty, (price, net, tax, total), (ordered, paid, shipped), who, rest)| {
            let (status, person, company) = who;
            let (cancelled, reason, code) = rest;
            vec![
                qty, price, net, tax, total, ordered, paid, shipped, status, person, company,
                cancelled, reason, code,
            ]
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn orders_satisfy_all_their_checks(values in order()) {
        let (table, understood) = &*MADE;
        let texts: Vec<&str> = values.iter().map(String::as_str).collect();
        let moments = ["2024-02-03 10:00:00+00", "2024-02-20 00:00:00+00"];
        let mut row = Row::new(table, &texts)
            .pool(6, &moments)
            .pool(7, &moments)
            .pool(8, &["open", "paid", "shipped"])
            .pool(9, &["1", "2"])
            .pool(10, &["1", "2"])
            .pool(12, &["too late"]);
        prop_assert_eq!(understood.rules.apply(&mut row), Ok(()));
        prop_assert_eq!(understood.rules.holds(&row), Some(true));
        prop_assert_eq!(understood.rules.broken(&row), None);
        // A second time nothing is left to do.
        let before = row.clone();
        prop_assert_eq!(understood.rules.apply(&mut row), Ok(()));
        prop_assert_eq!(before.cells, row.cells);
    }

    #[test]
    fn chains_of_any_length_settle(values in prop::collection::vec(-1000..1000_i32, 2..9)) {
        let names: Vec<String> = (0..values.len()).map(|i| format!("c{i}")).collect();
        let columns: Vec<String> = names.iter().map(|name| format!("{name} int4")).collect();
        // The last link first, which is the worst order.
        let checks: Vec<String> = names
            .windows(2)
            .rev()
            .map(|pair| format!("({} <= {})", pair[0], pair[1]))
            .collect();
        let checks: Vec<&str> = checks.iter().map(String::as_str).collect();
        let table = table(&columns.join(", "), &checks);
        let texts: Vec<String> = values.iter().map(ToString::to_string).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let mut row = Row::new(&table, &texts);
        prop_assert_eq!(understand(&table, &[]).rules.apply(&mut row), Ok(()));
        let mut sorted = values.clone();
        sorted.sort_unstable();
        let made: Vec<i32> = row.texts().iter().map(|text| text.parse().unwrap()).collect();
        prop_assert_eq!(made, sorted);
    }
}
