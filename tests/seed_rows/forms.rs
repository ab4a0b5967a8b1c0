//! Columns that end near what their type can hold, and what is made of their histograms.

use dbperf::lab::LabOptions;
use dbperf::seed::profile::{Values, read};
use dbperf::seed::verify::verify;

use super::filled_from;
use super::support::{connect_to, database, each_version, guarded, lab, oldest_and_newest};

const SCHEMA: &str = "CREATE TABLE forms (cash money, single real, small smallint, clock time, wide numeric(60, 40), \
     address inet, net cidr)";

/// $100 to $5,000; to a million with a fraction; the upper end of smallint; from 10 to 23 o'clock; half of the addresses
/// of each family, some of them link-local.
const ROWS: &str = "INSERT INTO forms SELECT (100 + i * 0.245)::numeric::money, (i * 50)::real + 0.25, 20000 + i * 3 / 5, \
     time '10:00' + i * interval '2.34 s', i / 7.0, \
     CASE WHEN i % 2 = 0 THEN inet '10.0.0.0' + i WHEN i % 4 = 1 THEN inet '2001:db8::' + i ELSE inet 'fe80::' + i END, \
     network(set_masklen(inet '172.16.0.0' + i * 16, CASE WHEN i % 10 = 0 THEN 24 ELSE 28 END)) \
     FROM generate_series(1, 20000) AS i; ANALYZE forms";

/// Each with the least and the greatest that is right; with tokens orders of magnitude are told.
const EXTENT: &str = "SELECT min(cash)::numeric::float8, max(cash)::numeric::float8, \
     max(single)::float8, percentile_disc(0.5) WITHIN GROUP (ORDER BY single)::float8, \
     min(small)::float8, count(DISTINCT small)::float8, \
     extract(epoch FROM max(clock) - min(clock))::float8, count(DISTINCT clock)::float8, \
     max(wide)::float8, count(DISTINCT wide)::float8 FROM forms";

const TOLD: [(f64, f64); 10] = [
    (50.0, 200.0),
    (2_500.0, 10_000.0),
    (500_000.0, 2_000_000.0),
    (250_000.0, 1_000_000.0),
    (16_000.0, 24_000.0),
    (11_000.0, 12_001.0),
    (32_768.0, 65_536.0),
    (19_000.0, 20_000.0),
    (1_429.0, 5_714.0),
    (19_000.0, 20_000.0),
];

#[test]
fn columns_that_end_near_their_type_keep_their_form() {
    each_version(async |major| {
        // The oldest and the newest; what lies between has the same types.
        if !oldest_and_newest().contains(&major) {
            return;
        }
        let lab = lab(major, LabOptions::default()).unwrap();
        let source = database(lab.primary(), "source", SCHEMA).await;
        connect_to(&source).await.batch_execute(ROWS).await.unwrap();
        for (name, values) in [("kept", Values::Keep), ("hashed", Values::Hash)] {
            let profile = read(&guarded(&source).await, values, &|_, _| {}).await;
            let profile = profile.unwrap();
            let target = database(lab.primary(), name, SCHEMA).await;
            filled_from(&target, Some(&profile), 1.0).await.unwrap();
            let session = guarded(&target).await;
            let found = verify(&session, &profile, Vec::new()).await.unwrap();
            let far = found.columns.iter().filter(|column| {
                let distance = column.histogram_distance;
                distance.is_some_and(|distance| distance > 0.02)
            });
            let far: Vec<_> = far.collect();
            assert!(far.is_empty(), "PostgreSQL {major}, {name}: {far:#?}");
            let measured = found
                .columns
                .iter()
                .filter(|c| c.histogram_distance.is_some());
            let expected = if values == Values::Keep { 7 } else { 5 };
            assert_eq!(measured.count(), expected, "PostgreSQL {major}, {name}");
            let client = connect_to(&target).await;
            let row = client.query_one(EXTENT, &[]).await.unwrap();
            for (place, (least, greatest)) in TOLD.into_iter().enumerate() {
                let found: f64 = row.get(place);
                let right = (least..=greatest).contains(&found);
                assert!(right, "PostgreSQL {major}, {name}, {place}: {found}");
            }
            if values == Values::Keep {
                let sql = "SELECT count(*) FILTER (WHERE family(address) = 4), \
                     count(*) FILTER (WHERE address >= 'fe80::'), \
                     count(*) FILTER (WHERE net << '172.16.0.0/12') FROM forms";
                let row = client.query_one(sql, &[]).await.unwrap();
                let [v4, local, net]: [i64; 3] = [row.get(0), row.get(1), row.get(2)];
                // An interval of the histogram has 200 rows; one lies between the families.
                assert!((9_600..=10_400).contains(&v4), "PostgreSQL {major}: {v4}");
                assert!(
                    (4_600..=5_400).contains(&local),
                    "PostgreSQL {major}: {local}"
                );
                assert!(net >= 19_800, "PostgreSQL {major}: {net}");
            }
        }
    });
}
