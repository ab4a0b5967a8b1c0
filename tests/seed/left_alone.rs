//! Tables that are left as they are: lists of migrations, and those that are excluded.

use dbperf::lab::LabOptions;
use serde_json::Value;

use crate::command::{dbperf, finish};
use crate::support::{connect_to, database, each_version, lab, value};

/// What a migration tool leaves: its list, and rows that the application needs.
const SCHEMA: &str = r#"
CREATE TABLE schema_migrations (version text PRIMARY KEY);
INSERT INTO schema_migrations VALUES ('20240101000000');
CREATE TABLE ar_internal_metadata (key text PRIMARY KEY, value text, created_at timestamp NOT NULL);
CREATE TABLE role (id int PRIMARY KEY, code text NOT NULL UNIQUE);
INSERT INTO role VALUES (3, 'reader'), (5, 'it''s \ the "owner"'), (9, 'guest');
CREATE TABLE place (country text, town text, PRIMARY KEY (country, town));
INSERT INTO place VALUES ('se', 'Lund');
CREATE TABLE person (id bigserial PRIMARY KEY, role_code text NOT NULL REFERENCES role (code), country text, town text,
    FOREIGN KEY (country, town) REFERENCES place);
CREATE TABLE grants (person_id bigint REFERENCES person, role_id int REFERENCES role, PRIMARY KEY (person_id, role_id));
CREATE TABLE notice (id int PRIMARY KEY, about bigint REFERENCES person);
INSERT INTO notice VALUES (1, NULL);
"#;

const OF_SPARED: &str = "SELECT concat_ws(' ', (SELECT string_agg(version, ',') FROM schema_migrations),
    (SELECT count(*) FROM ar_internal_metadata), (SELECT string_agg(id || code, ',' ORDER BY id) FROM role),
    (SELECT count(*) FROM place), (SELECT count(*) FROM notice))";

#[test]
fn excluded_tables_keep_their_rows_and_others_refer_to_them() {
    each_version(async |major| {
        let lab = lab(major, LabOptions::default()).unwrap();
        let dsn = database(lab.primary(), "app", SCHEMA).await;
        let own = connect_to(&dsn).await;
        let before = value(&own, OF_SPARED).await;
        let seed = |more: &[&str]| {
            let mut args = vec!["seed", &dsn, "--target-db", "app"];
            args.extend(more);
            finish(&mut dbperf(&args))
        };
        let (code, _, words) = seed(&[]);
        assert_eq!(code, Some(3), "{major}: {words}");
        for name in ["role", "place", "notice"] {
            assert!(
                words.contains(&format!("{name}: it has rows")),
                "{major} {name}: {words}"
            );
        }
        assert!(
            words.contains("--exclude-table") && !words.contains("migrations"),
            "{words}"
        );

        let excluded = [
            "--exclude-table",
            "role",
            "--exclude-table",
            "public.place",
            "--exclude-table",
            "notice",
        ];
        let (code, text, words) = seed(&excluded);
        assert_eq!(code, Some(0), "{major}: {words}");
        for told in [
            "schema_migrations: left as it is: a migration tool",
            "role: left as it is: it is excluded",
            "person, role_code: refers to rows that role has",
            "person, country, town: left null: it refers to place, which gets no rows",
        ] {
            assert!(text.contains(told), "{major} {told}: {text}");
        }
        assert_eq!(value(&own, OF_SPARED).await, before, "{major}");
        let filled = "SELECT concat_ws(' ', (SELECT count(*) > 500 AND count(DISTINCT role_code) = 3 FROM person),
            (SELECT count(*) > 500 AND count(DISTINCT role_id) = 3 FROM grants))";
        assert_eq!(value(&own, filled).await, "t t", "{major}");
    });
}

#[test]
fn what_cannot_be_excluded_is_named() {
    let newest = crate::support::servers().pop().unwrap().0;
    let lab = lab(newest, LabOptions::default()).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let only = "CREATE TABLE flyway_schema_history (id int); CREATE TABLE a (id int)";
    let dsn = runtime.block_on(database(lab.primary(), "app", only));
    for (more, code, told) in [
        (
            &["--exclude-table", "nowhere"][..],
            3,
            "nowhere: it is excluded, but there is no such table",
        ),
        (
            &["--exclude-table", "a", "--rows", "a=5"],
            3,
            "a: it is excluded, and rows of it are asked for",
        ),
        (&["--exclude-table", "a"], 3, "no table is to be filled"),
        (&["--rows", "flyway_schema_history=5"], 0, ""),
    ] {
        let mut args = vec!["seed", &dsn, "--target-db", "app"];
        args.extend(more);
        let (ended, _, words) = finish(&mut dbperf(&args));
        assert_eq!(ended, Some(code), "{more:?}: {words}");
        assert!(words.contains(told), "{more:?}: {words}");
    }
}

#[test]
fn what_is_left_as_it_is_is_not_compared_with_the_profile() {
    let newest = crate::support::servers().pop().unwrap().0;
    let lab = lab(newest, LabOptions::default()).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let more =
        "INSERT INTO person (role_code) SELECT 'guest' FROM generate_series(1, 1000); ANALYZE";
    let source = runtime.block_on(database(
        lab.primary(),
        "source",
        &format!("{SCHEMA}{more}"),
    ));
    let target = runtime.block_on(database(lab.primary(), "target", SCHEMA));
    let profile = tempfile::NamedTempFile::new().unwrap();
    let profile = profile.path().display().to_string();
    let (code, _, words) = finish(&mut dbperf(&[
        "profile", &source, "-o", &profile, "--values", "keep",
    ]));
    assert_eq!(code, Some(0), "{words}");
    let mut args = vec![
        "seed",
        &target,
        "--target-db",
        "target",
        "--profile",
        &profile,
        "--format",
        "json",
    ];
    for table in ["role", "place", "notice"] {
        args.extend(["--exclude-table", table]);
    }
    let (code, out, words) = finish(&mut dbperf(&args));
    assert_eq!(code, Some(0), "{words}");
    let document: Value = serde_json::from_str(&out).unwrap();
    let tables = document["fidelity"]["tables"].as_array().unwrap();
    let tables: Vec<&str> = tables
        .iter()
        .map(|t| t["table"].as_str().unwrap())
        .collect();
    assert_eq!(tables, ["grants", "person"], "{:#}", document["fidelity"]);
}
