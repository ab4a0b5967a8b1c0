//! What somebody who has the file makes of its tokens, with the help of what the schema tells.

use std::collections::BTreeMap;

use dbperf::lab::LabOptions;
use dbperf::seed::profile::{Profile, Value, Values, read};

use super::session;
use super::support::{connect, each_version, lab};

/// `scales`, `states` and `parts` have constants in their schema; nobody else's values are to be read with them.
const PLANTED: &str = "
CREATE TABLE scales (level int CHECK (level IN (1, 2, 3)));
INSERT INTO scales SELECT i % 3 + 1 FROM generate_series(1, 300) AS i;
CREATE TABLE states (state text CHECK (state IN ('ill', 'well')));
INSERT INTO states SELECT CASE WHEN i % 3 = 0 THEN 'ill' ELSE 'well' END FROM generate_series(1, 300) AS i;
CREATE TABLE parts (kind text) PARTITION BY LIST (kind);
CREATE TABLE parts_a PARTITION OF parts FOR VALUES IN ('alpha');
CREATE TABLE parts_b PARTITION OF parts FOR VALUES IN ('beta');
INSERT INTO parts SELECT CASE WHEN i % 3 = 0 THEN 'alpha' ELSE 'beta' END FROM generate_series(1, 300) AS i;
CREATE TABLE patients (diagnosis smallint, score numeric, condition text, kind varchar(9), marks int[], words text[]);
INSERT INTO patients SELECT i % 3 + 1, i % 3 + 1, CASE WHEN i % 2 = 0 THEN 'ill' ELSE 'well' END,
    CASE WHEN i % 2 = 0 THEN 'alpha' ELSE 'beta' END, ARRAY[1, 2, 3], ARRAY['ill', 'alpha']
FROM generate_series(1, 300) AS i;
CREATE STATISTICS several (mcv) ON diagnosis, condition FROM patients;
CREATE TABLE codes (code numeric(9, 2) PRIMARY KEY CHECK (code IN (1, 2, 3)));
INSERT INTO codes VALUES (1), (2), (3);
CREATE TABLE claims (code int REFERENCES codes);
CREATE TABLE appeals (code bigint REFERENCES codes);
INSERT INTO claims SELECT i % 3 + 1 FROM generate_series(1, 300) AS i;
INSERT INTO appeals SELECT i % 3 + 1 FROM generate_series(1, 300) AS i;
ANALYZE;
";

/// Columns of which the schema names all values, in their order.
const NAMED: &[(&str, &str, &[&str])] = &[
    ("scales", "level", &["1", "2", "3"]),
    ("states", "state", &["ill", "well"]),
    ("parts", "kind", &["alpha", "beta"]),
];

/// Tokens of the common values of a column with their order.
fn tokens(profile: &Profile, table: &str, column: &str) -> Vec<(String, u32)> {
    let mut tables = profile.tables.iter();
    let of = tables.find(|t| t.name.name == table).expect(table);
    let common = of.columns[column].most_common.iter();
    let token = common.map(|common| match (&common.value, common.order) {
        (Value::Token(token), Some(order)) => (token.clone(), order),
        other => panic!("{other:?}"),
    });
    token.collect()
}

/// Each token that the schema and the order give away, with its value.
fn dictionary(profile: &Profile) -> BTreeMap<String, &'static str> {
    let mut known = BTreeMap::new();
    for (table, column, values) in NAMED {
        let mut tokens = tokens(profile, table, column);
        tokens.sort_by_key(|(_, order)| *order);
        assert_eq!(tokens.len(), values.len(), "{table}");
        let tokens = tokens.into_iter().map(|(token, _)| token);
        known.extend(tokens.zip(values.iter().copied()));
    }
    known
}

/// Every token of a table, as it stands in the file.
fn all(profile: &Profile, table: &str) -> Vec<String> {
    let mut tables = profile.tables.iter();
    let of = tables.find(|t| t.name.name == table).expect(table);
    let columns = of.columns.values();
    let common = columns.clone().flat_map(|c| &c.most_common);
    let elements = columns.flat_map(|c| &c.elements);
    let elements = elements.flat_map(|all| &all.most_common);
    let combined = of.extended.iter().flat_map(|all| &all.most_common);
    let values = common.map(|common| &common.value);
    let values = values.chain(elements.map(|(value, _)| value));
    let values = values.chain(combined.flat_map(|(values, _)| values.iter().flatten()));
    let token = values.map(|value| match value {
        Value::Token(token) => token.clone(),
        other => panic!("{other:?}"),
    });
    token.collect()
}

#[test]
fn values_that_the_schema_names_are_not_found_in_other_columns() {
    each_version(async |major| {
        let lab = lab(major, LabOptions::default()).unwrap();
        let client = connect(lab.primary()).await;
        client.batch_execute(PLANTED).await.unwrap();
        let session = session(lab.primary()).await;
        let profile = read(&session, Values::Hash, &|_, _| {}).await.unwrap();
        let known = dictionary(&profile);
        assert_eq!(known.len(), 7, "PostgreSQL {major}");
        let patients = all(&profile, "patients");
        // Two columns of three common values and two of two, five elements, six combinations of two.
        assert!(patients.len() >= 3 + 3 + 2 + 2 + 5 + 12, "{patients:?}");
        let read: Vec<_> = patients.iter().filter_map(|t| known.get(t)).collect();
        assert_eq!(read, [&""; 0], "PostgreSQL {major}");
        // Neither are the columns of one table compared with each other, but for combinations of their own.
        let (diagnosis, score) = (
            tokens(&profile, "patients", "diagnosis"),
            tokens(&profile, "patients", "score"),
        );
        assert!(score.iter().all(|pair| !diagnosis.contains(pair)));
        let extended = profile.tables.iter().flat_map(|t| &t.extended);
        let combined: Vec<&Value> = extended
            .flat_map(|e| {
                e.most_common
                    .iter()
                    .flat_map(|(all, _)| all.iter().flatten())
            })
            .collect();
        for (token, _) in &diagnosis {
            assert!(combined.contains(&&Value::Token(token.clone())), "{token}");
        }
        // What foreign keys join stays joined, from one type to another.
        let sorted = |table| {
            let mut tokens = tokens(&profile, table, "code");
            tokens.sort_by_key(|(_, order)| *order);
            tokens
        };
        assert_eq!(sorted("claims").len(), 3);
        assert_eq!(sorted("claims"), sorted("appeals"), "PostgreSQL {major}");
        session.close().await;
    });
}
