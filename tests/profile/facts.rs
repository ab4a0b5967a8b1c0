//! Tables whose shape is known by construction, and what a profile says of them.

use dbperf::lab::LabOptions;
use dbperf::seed::profile::{
    ColumnStats, Elements, Histogram, JsonShape, Profile, TableProfile, Value, Values, read,
};

use super::session;
use super::support::{connect, each_version, lab, published};

/// A thousand rows: the planner's sample is all of them, so its statistics are exact.
const SHAPES: &str = "
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE TABLE parent (id bigint PRIMARY KEY, code text, region int, UNIQUE (region, code));
INSERT INTO parent SELECT i, 'code-' || i, i % 5 FROM generate_series(1, 100) AS i;
CREATE TABLE shapes (
    id int PRIMARY KEY,
    status text,
    word varchar(20) COLLATE \"C\",
    parent numeric,
    parent_code varchar(30),
    mood mood,
    flag bool,
    at timestamptz,
    price numeric(10, 2),
    tags text[],
    words tsvector,
    doc jsonb,
    place point,
    city int,
    country int
);
INSERT INTO shapes SELECT
    i,
    CASE WHEN i % 10 < 6 THEN 'z' WHEN i % 10 < 9 THEN 'a' END,
    CASE WHEN i % 2 = 0 THEN 'b' ELSE 'B' || i END,
    CASE WHEN i % 2 = 0 THEN 7 ELSE i % 100 + 1 END,
    CASE WHEN i % 2 = 0 THEN 'code-7' ELSE 'code-' || (i % 100 + 1) END,
    (ARRAY['sad', 'happy', 'happy'])[i % 3 + 1]::mood,
    i % 4 = 0,
    '2026-01-01 00:00+00'::timestamptz + i * interval '1 minute',
    i / 100.0,
    CASE WHEN i % 2 = 0 THEN ARRAY['red', 'blue'] ELSE ARRAY['red', NULL] END,
    to_tsvector('simple', 'alpha ' || CASE WHEN i % 4 = 0 THEN 'beta' ELSE '' END),
    jsonb_build_object('n', i % 3, 'text', 'abcdefgh'),
    point(i, i),
    i % 20,
    i % 20 / 5
FROM generate_series(1, 1000) AS i;
CREATE STATISTICS where_ (ndistinct, dependencies, mcv) ON country, city FROM shapes;
CREATE TABLE states (country char(3), state text, city text, PRIMARY KEY (country, state, city));
INSERT INTO states SELECT 'c' || i % 2, 'state ' || i % 4, 'city ' || i FROM generate_series(1, 100) AS i;
CREATE TABLE shops (country varchar(3), state varchar(20), city text,
    FOREIGN KEY (country, state, city) REFERENCES states);
INSERT INTO shops SELECT country, state, city FROM states, generate_series(1, 3);
CREATE TABLE empty (a int);
CREATE TABLE parts (k int, at date) PARTITION BY RANGE (k);
CREATE TABLE low PARTITION OF parts FOR VALUES FROM (0) TO (100);
CREATE TABLE high PARTITION OF parts FOR VALUES FROM (100) TO (1000);
INSERT INTO parts SELECT i, '2026-01-01' FROM generate_series(0, 399) AS i;
ANALYZE;
CREATE TABLE never (a int);
ALTER TABLE never SET (autovacuum_enabled = off);
INSERT INTO never VALUES (1);
";

fn table<'a>(profile: &'a Profile, name: &str) -> &'a TableProfile {
    let mut tables = profile.tables.iter();
    tables.find(|t| t.name.name == name).expect(name)
}

fn near(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-6
}

fn kept(column: &ColumnStats) -> Vec<(String, f64, Option<u32>)> {
    let all = column.most_common.iter();
    all.map(|common| match &common.value {
        Value::Kept(text) => (text.clone(), common.frequency, common.order),
        other => panic!("{other:?}"),
    })
    .collect()
}

#[test]
fn what_was_planted_is_told_on_every_version() {
    each_version(async |major| {
        let lab = lab(major, LabOptions::default()).unwrap();
        let client = connect(lab.primary()).await;
        client.batch_execute(SHAPES).await.unwrap();
        // Before 14 only the counters tell a table that was analysed empty from one that never was.
        published(lab.primary(), client).await;
        let session = session(lab.primary()).await;
        let profile = read(&session, Values::Keep, &|_, _| {}).await.unwrap();
        let written = |profile: &Profile| {
            let mut bytes = Vec::new();
            profile.write(&mut bytes).unwrap();
            bytes
        };
        let again = Profile::read(&written(&profile)).unwrap();
        assert_eq!(written(&again), written(&profile), "PostgreSQL {major}");
        let shapes = table(&profile, "shapes");
        assert!(near(shapes.rows, 1000.0) && shapes.pages > 0);
        columns(shapes);
        compound(shapes);
        extended(shapes);
        let parts = table(&profile, "parts");
        assert!(near(parts.rows, 400.0), "{}", parts.rows);
        let rows: Vec<_> = parts.partitions.iter().map(|p| (&*p.0.name, p.1)).collect();
        assert_eq!(rows, [("high", 300.0), ("low", 100.0)]);
        assert!(near(parts.columns["k"].n_distinct, -1.0));
        assert!(near(table(&profile, "empty").rows, 0.0));
        assert_eq!(profile.missing, ["never: never analysed; ANALYZE it"]);
        assert!(profile.tables.iter().all(|t| t.name.name != "never"));
        hashed(&read(&session, Values::Hash, &|_, _| {}).await.unwrap());
        nothing(&read(&session, Values::None, &|_, _| {}).await.unwrap());
        session.close().await;
    });
}

fn columns(shapes: &TableProfile) {
    let status = &shapes.columns["status"];
    assert!(near(status.null_frac, 0.1));
    // `z` is the more common one, and the last of both.
    let both = [
        ("z".to_owned(), 0.6, Some(1)),
        ("a".to_owned(), 0.3, Some(0)),
    ];
    assert_eq!(kept(status), both);
    assert!(status.correlation.is_some());
    // In the order of bytes capitals come first.
    let word = &shapes.columns["word"];
    let Histogram::Kept(bounds) = &word.histogram else {
        panic!("{:?}", word.histogram)
    };
    let last = u32::try_from(bounds.len()).unwrap();
    assert_eq!(kept(word), [("b".to_owned(), 0.5, Some(last))]);
    // Labels in the order of the enum.
    let moods = kept(&shapes.columns["mood"]);
    assert_eq!(moods[0].0, "happy");
    assert_eq!((moods[0].2, moods[1].2), (Some(1), Some(0)));
    let id = &shapes.columns["id"];
    assert!(near(id.n_distinct, -1.0) && near(id.correlation.unwrap(), 1.0));
    let Histogram::Kept(bounds) = &id.histogram else {
        panic!("{:?}", id.histogram)
    };
    assert_eq!(
        (&*bounds[0], &*bounds[100], bounds.len()),
        ("1", "1000", 101)
    );
    assert!(shapes.columns["place"].most_common.is_empty());
}

fn compound(shapes: &TableProfile) {
    let Some(Elements {
        most_common,
        null_frac: Some(null_frac),
        counts,
        mean_count: Some(mean),
    }) = &shapes.columns["tags"].elements
    else {
        panic!("{:?}", shapes.columns["tags"])
    };
    let of = |text: &str| Value::Kept(text.to_owned());
    assert!(near(*null_frac, 0.5), "{null_frac}");
    assert_eq!(most_common[..], [(of("blue"), 0.5), (of("red"), 1.0)]);
    assert!(
        (*mean - 1.5).abs() < 0.01 && counts.first() == Some(&1.0),
        "{counts:?} {mean}"
    );
    let lexemes = shapes.columns["words"].elements.as_ref().unwrap();
    assert_eq!(
        lexemes.most_common,
        [(of("beta"), 0.25), (of("alpha"), 1.0)]
    );
    let Some(JsonShape::Object(keys)) = &shapes.columns["doc"].json else {
        panic!("{:?}", shapes.columns["doc"])
    };
    let number = ("n".to_owned(), 1.0, JsonShape::Number);
    assert_eq!(
        keys[..],
        [number, ("text".to_owned(), 1.0, JsonShape::Text(8))]
    );
}

fn extended(shapes: &TableProfile) {
    let [stats] = &shapes.extended[..] else {
        panic!("{:?}", shapes.extended)
    };
    assert_eq!(stats.columns, ["city", "country"]);
    assert_eq!(stats.n_distinct, [(vec![0, 1], 20.0)]);
    assert!(stats.dependencies.contains(&(vec![0], 1, 1.0)), "{stats:?}");
    assert_eq!(stats.most_common.len(), 20);
    for (values, frequency) in &stats.most_common {
        let [Some(Value::Kept(city)), Some(Value::Kept(country))] = &values[..] else {
            panic!("{values:?}")
        };
        let (city, country): (i32, i32) = (city.parse().unwrap(), country.parse().unwrap());
        assert!(city / 5 == country && near(*frequency, 0.05), "{values:?}");
    }
}

fn hashed(profile: &Profile) {
    let (shapes, parent) = (table(profile, "shapes"), table(profile, "parent"));
    let value = |column: &str| &shapes.columns[column].most_common[0].value;
    assert!(matches!(value("status"), Value::Token(_)));
    assert_eq!(value("mood"), &Value::Kept("happy".to_owned()));
    assert_eq!(shapes.columns["status"].most_common[0].order, Some(1));
    // No foreign key joins them: 0 to 4 are cities, too, and nobody can tell that.
    let regions = &parent.columns["region"].most_common;
    assert_eq!(regions.len(), 5);
    let cities = &shapes.columns["city"].most_common;
    let shared = regions
        .iter()
        .filter(|r| cities.iter().any(|c| c.value == r.value));
    assert_eq!(shared.count(), 0);
    composite(profile);
    assert!(matches!(
        shapes.columns["id"].histogram,
        Histogram::Shape(_)
    ));
    assert!(matches!(shapes.columns["word"].histogram, Histogram::Untold(n) if n > 50));
    let Histogram::Shape(at) = &shapes.columns["at"].histogram else {
        panic!("{:?}", shapes.columns["at"].histogram)
    };
    assert!((at.positions[50] - 0.5).abs() < 0.01);
    // 999 minutes are 59,940 seconds.
    assert_eq!(at.span.log2, Some(16));
    let Histogram::Shape(price) = &shapes.columns["price"].histogram else {
        panic!("{:?}", shapes.columns["price"].histogram)
    };
    assert_eq!(price.decimals, Some(2));
}

/// A reference by three texts, one of them padded and one of another type.
fn composite(profile: &Profile) {
    let tokens = |of: &str, column: &str| {
        let column = &table(profile, of).columns[column];
        let tokens = column.most_common.iter().map(|c| c.value.clone());
        tokens.collect::<std::collections::BTreeSet<_>>()
    };
    for (column, count) in [("country", 2), ("state", 4)] {
        assert_eq!(tokens("states", column).len(), count);
        assert_eq!(tokens("states", column), tokens("shops", column));
    }
    assert!(tokens("states", "country").is_disjoint(&tokens("states", "state")));
}

fn nothing(profile: &Profile) {
    for table in &profile.tables {
        for column in table.columns.values() {
            let untold =
                |c: &dbperf::seed::profile::Common| c.value == Value::Untold && c.order.is_none();
            assert!(column.most_common.iter().all(untold));
            assert!(column.histogram == Histogram::None && column.json.is_none());
        }
    }
    let status = &table(profile, "shapes").columns["status"].most_common;
    assert!(near(status[0].frequency, 0.6));
}
