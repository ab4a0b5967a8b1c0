//! Values that must not be found in a profile, in any spelling.

use std::collections::HashSet;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use dbperf::lab::LabOptions;
use dbperf::seed::profile::{Profile, Values, read};
use serde_json::Value;
use tokio_postgres::Client;

use super::session;
use super::support::{connect, each_version, lab};

/// Types with an expression of `i` that makes a different canary of each number.
const CANARIES: &[(&str, &str, &str)] = &[
    ("word", "text", "'Zanzibar' || (i * 7919)"),
    ("short", "varchar(40)", "'Quagga' || (i * 7907)"),
    ("padded", "char(30)", "'Okapi' || (i * 7901)"),
    ("status", "text", "'wombat_' || (i % 3)"),
    ("whole", "int", "73519264 + i * 1013"),
    ("long", "bigint", "735192640123 + i * 100103"),
    ("exact", "numeric(20,4)", "58291734.1537 + i * 1.0009"),
    ("floating", "float8", "91823.640173 + i * 3.7001"),
    ("cash", "money", "(48271.53 + i * 1.01)::numeric::money"),
    (
        "at",
        "timestamptz",
        "'2019-03-17 11:22:33.123457+00'::timestamptz + i * interval '61.000013 s'",
    ),
    (
        "local",
        "timestamp",
        "'2018-07-09 01:02:03.654321'::timestamp + i * interval '67.000011 s'",
    ),
    ("day", "date", "'1987-06-05'::date + i"),
    (
        "clock",
        "time",
        "'03:14:15.926535'::time + i * interval '1.0003 s'",
    ),
    ("span", "interval", "interval '17 days 03:04:05.678901' * i"),
    ("id", "uuid", "md5('canary' || i)::uuid"),
    (
        "address",
        "inet",
        "('203.0.113.' || (i % 250) || '/29')::inet",
    ),
    ("net", "cidr", "('198.51.' || (i % 250) || '.0/24')::cidr"),
    (
        "card",
        "macaddr",
        "('08:00:2b:a1:' || lpad(to_hex(i % 250), 2, '0') || ':77')::macaddr",
    ),
    ("bytes", "bytea", "decode(md5('bytes' || i), 'hex')"),
    (
        "bits",
        "bit(40)",
        "(918273645546 + i * 97)::bigint::bit(40)",
    ),
    (
        "doc",
        "jsonb",
        "jsonb_build_object('quokkaKey', 'Numbat' || (i * 7), 'k' || (i % 5) || 'Dugong', i * 918273)",
    ),
    ("old", "json", "json_build_object('oldKey', 'Bilby' || i)"),
    (
        "tags",
        "text[]",
        "ARRAY['Cassowary' || (i % 9), 'Echidna' || (i * 31)]",
    ),
    (
        "numbers",
        "int[]",
        "ARRAY[81726354 + i % 4, 27182818 + i * 3]",
    ),
    (
        "words",
        "tsvector",
        "to_tsvector('simple', 'Platypus' || (i % 6) || ' Taipan' || (i * 11))",
    ),
    (
        "range",
        "int4range",
        "int4range(64738291 + i * 7, 64738291 + i * 8)",
    ),
    ("pair", "pair", "ROW(55443322 + i, 'Potoroo' || i)::pair"),
    ("named", "named", "'Kookaburra' || (i * 13)"),
    ("secret_id", "oid", "(2918273645 + i * 11)::bigint::oid"),
];

const ROWS: u32 = 2000;

/// The file is searched for spellings whose first so many bytes it has; shorter ones may stand anywhere by chance.
const WINDOW: usize = 6;

/// A table whose columns have a common canary in half of the rows, and others in the rest.
async fn plant(client: &Client) {
    let columns = CANARIES
        .iter()
        .map(|(name, type_, _)| format!("{name} {type_}"));
    let values = CANARIES
        .iter()
        .map(|(name, _, value)| format!("({value}) AS {name}"));
    let sql = format!(
        "CREATE TYPE pair AS (a int, b text); CREATE DOMAIN named AS text;
         CREATE TABLE canaries ({});
         INSERT INTO canaries SELECT {} FROM (
             SELECT CASE WHEN n % 2 = 0 THEN 1 ELSE n END AS i FROM generate_series(1, {ROWS}) AS n) AS numbers;
         CREATE STATISTICS several (ndistinct, dependencies, mcv) ON word, whole, at, id FROM canaries;
         ALTER TABLE canaries ALTER word SET STATISTICS 1000;
         ANALYZE canaries;",
        columns.collect::<Vec<_>>().join(", "),
        values.collect::<Vec<_>>().join(", ")
    );
    client.batch_execute(&sql).await.unwrap();
}

/// Every value of the table as text, and every number of the times.
async fn planted(client: &Client) -> (Vec<String>, Vec<f64>) {
    let (mut texts, mut numbers) = (Vec::new(), Vec::new());
    for (name, type_, _) in CANARIES {
        let sql = format!("SELECT DISTINCT {name}::text FROM canaries");
        for row in client.query(&sql, &[]).await.unwrap() {
            texts.push(row.get::<_, String>(0));
        }
        let number = match *type_ {
            "int" | "bigint" | "numeric(20,4)" | "float8" | "oid" | "int4" => {
                format!("{name}::text::float8")
            }
            "money" => format!("{name}::numeric::float8"),
            "timestamptz" | "timestamp" | "date" | "time" | "interval" => {
                format!("extract(epoch FROM {name})::float8")
            }
            _ => continue,
        };
        let sql = format!("SELECT DISTINCT {number} FROM canaries");
        for row in client.query(&sql, &[]).await.unwrap() {
            numbers.push(row.get::<_, f64>(0));
        }
    }
    (texts, numbers)
}

/// The canary itself, and what somebody might make of it.
fn spellings(text: &str) -> Vec<String> {
    let hex = text.bytes().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let mut all = vec![
        text.to_owned(),
        text.to_lowercase(),
        text.chars().rev().collect(),
        STANDARD_NO_PAD.encode(text),
        URL_SAFE_NO_PAD.encode(text),
        hex,
    ];
    if digits.len() >= 8 {
        all.push(digits);
    }
    if let Some(hex) = text.strip_prefix("\\x") {
        all.push(hex.to_owned());
    }
    // Words that stand in a longer value: keys, elements, lexemes.
    let words = text.split(|c: char| !c.is_alphanumeric());
    all.extend(words.filter(|word| word.len() >= 8).map(str::to_owned));
    all
}

/// All numbers of a document.
fn numbers_of(value: &Value, numbers: &mut Vec<f64>) {
    match value {
        Value::Number(number) => numbers.extend(number.as_f64()),
        Value::Array(all) => all.iter().for_each(|one| numbers_of(one, numbers)),
        Value::Object(all) => all.values().for_each(|one| numbers_of(one, numbers)),
        _ => {}
    }
}

#[test]
fn no_value_is_found_in_a_profile_without_values_in_any_spelling() {
    each_version(async |major| {
        let lab = lab(major, LabOptions::default()).unwrap();
        let client = connect(lab.primary()).await;
        client
            .batch_execute("SET timezone = 'UTC'; SET extra_float_digits = 1")
            .await
            .unwrap();
        plant(&client).await;
        let (texts, planted_numbers) = planted(&client).await;
        assert!(texts.len() > 20_000, "{}", texts.len());
        let session = session(lab.primary()).await;
        for values in [Values::None, Values::Hash] {
            let profile = read(&session, values, &|_, _| {}).await.unwrap();
            assert_eq!(profile.tables[0].columns.len(), CANARIES.len());
            let mut bytes = Vec::new();
            profile.write(&mut bytes).unwrap();
            let file = String::from_utf8(bytes).unwrap();
            let windows: HashSet<&[u8]> = file.as_bytes().windows(WINDOW).collect();
            let begins = |spelling: &str| {
                let start = spelling.as_bytes().get(..WINDOW);
                start.is_some_and(|start| windows.contains(start))
            };
            let found = texts
                .iter()
                .flat_map(|text| spellings(text))
                .find(|spelling| begins(spelling) && file.contains(spelling.as_str()));
            assert_eq!(found, None, "PostgreSQL {major}, {values:?}");
            for part in [
                "Zanzibar",
                "Quagga",
                "Okapi",
                "wombat",
                "quokka",
                "Dugong",
                "cassowary",
                "platypus",
                "Potoroo",
            ] {
                let found = file.to_lowercase().contains(&part.to_lowercase());
                assert!(!found, "PostgreSQL {major}, {values:?}: {part}");
            }
            let document: Value = serde_json::from_str(&file).unwrap();
            let mut told = Vec::new();
            numbers_of(&document["tables"], &mut told);
            let large = told.iter().filter(|number| number.abs() > 10_000.0);
            let mut close = large.filter(|n| planted_numbers.iter().any(|p| (*n - p).abs() < 1.0));
            assert_eq!(close.next(), None, "PostgreSQL {major}, {values:?}");
        }
        // The search finds what is there.
        let kept = read(&session, Values::Keep, &|_, _| {}).await.unwrap();
        finds(&kept, &texts);
        session.close().await;
    });
}

fn finds(profile: &Profile, texts: &[String]) {
    let file = serde_json::to_string(profile).unwrap();
    let some = texts.iter().step_by(20);
    let found = some.filter(|text| file.contains(text.as_str())).count();
    assert!(found > 50, "{found}");
}
