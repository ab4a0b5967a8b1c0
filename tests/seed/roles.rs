//! What owners do and others do not.

use dbperf::lab::LabOptions;
use dbperf::seed::load::LoadError;

use super::catalogue::{plant, rows, same_lines, snapshot};
use super::made::{Field, Row, load, made, numbered, run};
use super::support::{connect, each_version, lab, value};

pub(crate) fn as_role(dsn: &str, role: &str) -> String {
    let words = dsn.split(' ').map(|word| {
        if word.starts_with("user=") {
            format!("user={role}")
        } else {
            word.to_owned()
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

#[test]
fn an_owner_who_is_no_superuser_leaves_everything_as_it_was() {
    each_version(async |major| {
        let lab = lab(major, LabOptions::default()).unwrap();
        let client = connect(lab.primary()).await;
        plant(&client, major).await;
        run(
            &client,
            &[
                "CREATE ROLE owner LOGIN",
                "GRANT CREATE ON SCHEMA public TO owner",
                "ALTER SCHEMA \"Odd one\" OWNER TO owner",
                "DO $$ DECLARE t regclass; BEGIN FOR t IN SELECT oid FROM pg_class WHERE relkind IN ('r', 'p', 'v', 'S') \
                 AND relnamespace IN ('public'::regnamespace, '\"Odd one\"'::regnamespace) \
                 AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_class.oid AND deptype IN ('a', 'i') \
                 AND refclassid = 'pg_class'::regclass AND relkind = 'S') \
                 LOOP EXECUTE format('ALTER TABLE %s OWNER TO owner', t); END LOOP; END $$",
            ],
        )
        .await;
        if major >= 15 {
            run(&client, &["GRANT CREATE ON TABLESPACE elsewhere TO owner"]).await;
        }
        let before = snapshot(&client).await;
        let dsn = as_role(&lab.primary().dsn(), "owner");
        let loaded = load(&dsn, &rows(major), None).await;
        let loaded = loaded.unwrap_or_else(|e| panic!("PostgreSQL {major}: {e}"));
        same_lines(major, &before, &snapshot(&client).await);
        assert!(loaded.tables.iter().all(|t| t.analyzed), "{loaded:?}");
        assert!(loaded.tables.iter().any(|t| t.frozen), "{loaded:?}");
    });
}

const OTHERS: &[&str] = &[
    "CREATE SCHEMA \"Odd one\"",
    "CREATE ROLE guest LOGIN",
    "CREATE TABLE one (id bigserial PRIMARY KEY, body text, above bigint REFERENCES one)",
    "CREATE TABLE two (id bigint PRIMARY KEY REFERENCES one, body text)",
    "CREATE INDEX ON two (body)",
    "CREATE TABLE late (id bigint PRIMARY KEY, later bigint)",
    "CREATE TABLE later (id bigint PRIMARY KEY REFERENCES late)",
    "ALTER TABLE late ADD FOREIGN KEY (later) REFERENCES later DEFERRABLE",
    "CREATE TABLE hen (id bigint PRIMARY KEY, egg bigint)",
    "CREATE TABLE egg (id bigint PRIMARY KEY, hen bigint CONSTRAINT laid_by REFERENCES hen)",
    "ALTER TABLE hen ADD CONSTRAINT out_of FOREIGN KEY (egg) REFERENCES egg",
    "CREATE TABLE hidden (id bigint, body text)",
    "CREATE TABLE unreadable (id bigint, body text)",
    "CREATE TABLE policed (id bigint, body text)",
    "ALTER TABLE policed ENABLE ROW LEVEL SECURITY",
    "CREATE POLICY all_of_it ON policed USING (true)",
    "GRANT SELECT, INSERT ON one, two, late, later, hen, egg, policed TO guest",
    "GRANT USAGE, UPDATE ON SEQUENCE one_id_seq TO guest",
    "GRANT INSERT ON unreadable TO guest",
];

#[test]
fn a_guest_changes_nothing_but_rows() {
    each_version(async |major| {
        let lab = lab(major, LabOptions::default()).unwrap();
        let client = connect(lab.primary()).await;
        run(&client, OTHERS).await;
        let files = "SELECT string_agg(relname || ' ' || relfilenode, ', ' ORDER BY relname) FROM pg_class \
                     WHERE relnamespace = 'public'::regnamespace AND relkind <> 'S'";
        let before = (snapshot(&client).await, value(&client, files).await);
        let dsn = as_role(&lab.primary().dsn(), "guest");
        let two: Row = |row| vec![Field::Int8(i64::try_from(row).unwrap() + 1)];
        let pair: Row = |row| {
            let id = i64::try_from(row).unwrap() + 1;
            vec![Field::Int8(id), Field::Int8(id)]
        };
        // Children first: the order is found.
        let rows = [
            made("two", &["id", "body"], 100, numbered),
            made("later", &["id"], 100, two),
            made("late", &["id", "later"], 100, pair),
            made("one", &["id", "above"], 100, |row| {
                let id = i64::try_from(row).unwrap() + 1;
                vec![Field::Int8(id), Field::Int8(101 - id)]
            }),
        ];
        let loaded = load(&dsn, &rows, None).await;
        let loaded = loaded.unwrap_or_else(|e| panic!("PostgreSQL {major}: {e}"));
        assert_eq!(
            (snapshot(&client).await, value(&client, files).await),
            before
        );
        assert!(
            loaded
                .tables
                .iter()
                .all(|t| t.rows == 100 && !t.frozen && !t.analyzed)
        );
        assert!(
            loaded
                .notes
                .iter()
                .filter(|n| n.contains("ANALYZE"))
                .count()
                == 4,
            "{loaded:?}"
        );
        let next = value(&client, "SELECT nextval('one_id_seq')::text").await;
        assert_eq!(next, "101");
    });
}

#[test]
fn what_a_guest_may_not_do_is_named_with_its_cure() {
    each_version(async |major| {
        let lab = lab(major, LabOptions::default()).unwrap();
        let client = connect(lab.primary()).await;
        run(&client, OTHERS).await;
        let dsn = as_role(&lab.primary().dsn(), "guest");
        let tables = ["hen", "egg", "hidden", "unreadable", "policed"];
        let rows: Vec<_> = tables
            .iter()
            .map(|table| made(table, &["id", "body"], 10, numbered))
            .collect();
        let error = load(&dsn, &rows, None).await.unwrap_err();
        let LoadError::Refused(refused) = &error else {
            panic!("PostgreSQL {major}: {error}");
        };
        let text: Vec<String> = refused.iter().map(ToString::to_string).collect();
        for words in [
            "the foreign keys laid_by, out_of: ",
            "hidden: the role may not INSERT it: GRANT INSERT ON \"public\".\"hidden\"",
            "unreadable: it cannot be seen whether it is empty",
            "policed: row security",
        ] {
            assert!(
                text.iter().any(|line| line.contains(words)),
                "PostgreSQL {major}: {words}: {text:#?}"
            );
        }
        assert_eq!(value(&client, "SELECT count(*)::text FROM hen").await, "0");
        // Row security that applies to the owner too.
        let owner = [
            "CREATE ROLE owner LOGIN",
            "GRANT CREATE ON SCHEMA public TO owner",
            "ALTER TABLE policed OWNER TO owner",
        ];
        run(&client, &owner).await;
        let dsn = as_role(&lab.primary().dsn(), "owner");
        let rows = [made("policed", &["id", "body"], 10, numbered)];
        let loaded = load(&dsn, &rows, None).await;
        assert_eq!(loaded.unwrap().tables[0].rows, 10);
        run(
            &client,
            &[
                "DELETE FROM policed",
                "ALTER TABLE policed FORCE ROW LEVEL SECURITY",
            ],
        )
        .await;
        let error = load(&dsn, &rows, None).await.unwrap_err();
        assert!(error.to_string().contains("row security"), "{error}");
    });
}
