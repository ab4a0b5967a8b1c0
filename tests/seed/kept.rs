//! Indexes that could not be made again stay while rows are copied.

use dbperf::lab::LabOptions;

use super::catalogue::snapshot;
use super::made::{Field, Row, load, made, numbered, run};
use super::roles::as_role;
use super::support::{connect, each_version, lab, value};

const OWNED: &[&str] = &[
    "CREATE SCHEMA \"Odd one\"",
    "CREATE ROLE owner LOGIN",
    "REVOKE CREATE ON SCHEMA public FROM public",
    "CREATE TABLE one (id bigint PRIMARY KEY, body text, UNIQUE (body))",
    "CREATE INDEX one_body ON one (body) WHERE id > 3",
    "CREATE TABLE two (id bigint PRIMARY KEY REFERENCES one, body text)",
    "CREATE TABLE \"Odd one\".three (id bigint PRIMARY KEY, body text)",
    "ALTER TABLE one OWNER TO owner",
    "ALTER TABLE two OWNER TO owner",
    "ALTER TABLE \"Odd one\".three OWNER TO owner",
    "GRANT USAGE, CREATE ON SCHEMA \"Odd one\" TO owner",
];

#[test]
fn an_owner_who_may_not_create_in_the_schema_leaves_its_indexes() {
    each_version(async |major| {
        let lab = lab(major, LabOptions::default()).unwrap();
        let client = connect(lab.primary()).await;
        run(&client, OWNED).await;
        let tablespace = major >= 15;
        if tablespace {
            run(
                &client,
                &[
                    "SET allow_in_place_tablespaces = on",
                    "CREATE TABLESPACE far LOCATION ''",
                    "CREATE INDEX three_far ON \"Odd one\".three (body) TABLESPACE far",
                ],
            )
            .await;
        }
        let before = snapshot(&client).await;
        let dsn = as_role(&lab.primary().dsn(), "owner");
        let rows = [
            made("one", &["id", "body"], 100, numbered),
            made("two", &["id", "body"], 100, numbered),
            made("Odd one.three", &["id", "body"], 100, numbered),
        ];
        let loaded = load(&dsn, &rows, None).await;
        let loaded = loaded.unwrap_or_else(|e| panic!("PostgreSQL {major}: {e}"));
        assert_eq!(snapshot(&client).await, before, "PostgreSQL {major}");
        assert!(loaded.tables.iter().all(|t| t.frozen), "{loaded:?}");
        let notes = loaded.notes.join("\n");
        for index in [
            "one_pkey of one",
            "one_body_key of one",
            "one_body of one",
            "two_pkey of two",
        ] {
            let note = format!(
                "index {index} stays while rows are copied: the role may not make it again \
                 (GRANT CREATE ON SCHEMA \"public\" TO it)"
            );
            assert!(notes.contains(&note), "PostgreSQL {major}: {note}: {notes}");
        }
        let far = "index three_far of Odd one.three stays while rows are copied: the role may not make it again \
                   (GRANT CREATE ON TABLESPACE \"far\" TO it)";
        assert_eq!(notes.contains(far), tablespace, "{notes}");
        assert!(!notes.contains("three_pkey"), "{notes}");
    });
}

const FUNCTIONS: &[&str] = &[
    "CREATE SCHEMA \"Odd one\"",
    "CREATE TABLE one (id bigint PRIMARY KEY, body text)",
    "CREATE FUNCTION plain(text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN lower($1); END'",
    // What it calls is found by the search path of whoever inserts.
    "CREATE FUNCTION fold(text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN plain($1); END'",
    "CREATE FUNCTION fixed(text) RETURNS text IMMUTABLE LANGUAGE plpgsql SET search_path = public \
     AS 'BEGIN RETURN plain($1); END'",
    "CREATE FUNCTION same(text, text) RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN plain($1) = plain($2); END'",
    "CREATE OPERATOR === (LEFTARG = text, RIGHTARG = text, FUNCTION = same)",
    "CREATE FUNCTION compare(bigint, bigint) RETURNS int IMMUTABLE LANGUAGE plpgsql AS \
     'BEGIN RETURN btint8cmp($1, $2) + length(plain('''')); END'",
    "CREATE OPERATOR CLASS compared FOR TYPE bigint USING btree AS OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, \
     OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 compare(bigint, bigint)",
    "CREATE INDEX by_fold ON one (fold(body))",
    "CREATE INDEX by_operator ON one (id) WHERE body === 'row 7'",
    "CREATE INDEX by_class ON one (id compared)",
    "CREATE UNIQUE INDEX by_fixed ON one (fixed(body))",
];

#[test]
fn an_index_whose_functions_need_the_roles_path_stays() {
    each_version(async |major| {
        let lab = lab(major, LabOptions::default()).unwrap();
        let client = connect(lab.primary()).await;
        run(&client, FUNCTIONS).await;
        let before = snapshot(&client).await;
        let rows = [made("one", &["id", "body"], 100, numbered)];
        let dsn = lab.primary().dsn();
        let loaded = load(&dsn, &rows, None).await;
        let loaded = loaded.unwrap_or_else(|e| panic!("PostgreSQL {major}: {e}"));
        assert_eq!(snapshot(&client).await, before, "PostgreSQL {major}");
        let notes = loaded.notes.join("\n");
        for (index, function) in [
            ("by_fold", "public.fold(text)"),
            ("by_operator", "public.same(text,text)"),
            ("by_class", "public.compare(bigint,bigint)"),
        ] {
            let note =
                format!("index {index} of one stays while rows are copied: it calls {function}");
            assert!(notes.contains(&note), "PostgreSQL {major}: {note}: {notes}");
        }
        assert!(
            !notes.contains("by_fixed") && !notes.contains("one_pkey"),
            "{notes}"
        );
        let found = "SELECT count(*)::text FROM one WHERE fold(body) = 'row 7'";
        assert_eq!(value(&client, found).await, "1");
        // From 17 on ANALYZE takes the path away from them, whoever runs it.
        assert_eq!(loaded.tables[0].analyzed, major < 17, "{notes}");
        assert_eq!(
            notes.contains("plain(text) does not exist"),
            major >= 17,
            "{notes}"
        );
        // What was made again is made: no value comes twice.
        run(&client, &["DELETE FROM one"]).await;
        let twice: Row = |row| {
            vec![
                Field::Int8(i64::try_from(row).unwrap()),
                Field::Text("secret".to_owned()),
            ]
        };
        let error = load(&dsn, &[made("one", &["id", "body"], 10, twice)], None).await;
        assert!(error.unwrap_err().to_string().contains("23505"));
    });
}
