//! What a file has for after the rows, and what of it may be left out.

use dbperf::lab::LabOptions;

use super::file::load;
use super::made::{Field, Row, lines, made, run, session};
use super::roles::as_role;
use super::support::{connect, connect_to, each_version, lab, value};

const FILE: &str = "CREATE TABLE t (id bigint PRIMARY KEY);
ALTER TABLE t ADD COLUMN body int NOT NULL, ENABLE ROW LEVEL SECURITY;
CREATE POLICY lost ON t TO nobody_here USING (true);
COMMENT ON POLICY lost ON t IS 'of nobody';
ALTER POLICY lost ON t RENAME TO found;
CREATE POLICY kept ON t USING (true);
CREATE FUNCTION happen() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
CREATE EVENT TRIGGER happened ON ddl_command_end EXECUTE FUNCTION happen();
CREATE PUBLICATION everything FOR ALL TABLES;
CREATE MATERIALIZED VIEW bodies AS SELECT body FROM t;
CREATE UNIQUE INDEX one_body ON bodies (body);
CREATE MATERIALIZED VIEW single AS SELECT (SELECT id FROM t) AS id WITH NO DATA;
CREATE MATERIALIZED VIEW upon AS SELECT id FROM single WITH NO DATA;
CREATE MATERIALIZED VIEW counted AS SELECT count(*) AS n FROM t;
";

#[test]
fn what_no_row_needs_is_left_out_after_the_rows_too() {
    each_version(async |major| {
        let lab = lab(major, LabOptions::default()).unwrap();
        let client = connect(lab.primary()).await;
        let own = [
            "CREATE ROLE owner LOGIN",
            "CREATE DATABASE mine OWNER owner",
        ];
        run(&client, &own).await;
        let dsn = lab
            .primary()
            .dsn()
            .replace("dbname=postgres", "dbname=mine");
        let admin = connect_to(&dsn).await;
        run(&admin, &["GRANT CREATE ON SCHEMA public TO owner"]).await;
        let session = session(&as_role(&dsn, "owner")).await;
        let row: Row = |row| vec![Field::Int8(i64::try_from(row).unwrap()), Field::Int4(7)];
        let rows = [made("t", &["id", "body"], 10, row)];
        let (_, loaded) = load(&session, FILE, &rows)
            .await
            .unwrap_or_else(|e| panic!("PostgreSQL {major}: {e}"));
        session.close().await;
        let notes = loaded.notes.join("\n");
        for (line, kind, sqlstate) in [
            (3, "CREATE POLICY", "42704"),
            (4, "COMMENT ON POLICY", "42704"),
            (5, "ALTER POLICY", "42704"),
            (8, "CREATE EVENT TRIGGER", "42501"),
            (9, "CREATE PUBLICATION", "42501"),
            (10, "CREATE MATERIALIZED VIEW", "23505"),
            (12, "CREATE MATERIALIZED VIEW", "21000"),
            (13, "CREATE MATERIALIZED VIEW", "55000"),
        ] {
            let note = notes
                .lines()
                .find(|n| n.starts_with(&format!("f.sql, line {line}: {kind}")));
            let note = note.unwrap_or_else(|| panic!("PostgreSQL {major}: line {line}: {notes}"));
            assert!(
                note.contains("is left out: ") && note.ends_with(&format!("(SQLSTATE {sqlstate})")),
                "PostgreSQL {major}: {note}"
            );
        }
        assert_eq!(
            notes.matches("is left out").count(),
            8,
            "PostgreSQL {major}: {notes}"
        );
        let made = "SELECT concat_ws(' ', (SELECT count(*) FROM t), (SELECT n FROM counted), \
                    (SELECT relrowsecurity FROM pg_class WHERE oid = 't'::regclass))";
        assert_eq!(value(&admin, made).await, "10 10 t");
        let policies = "SELECT polname::text FROM pg_policy";
        assert_eq!(lines(&admin, policies).await, "kept");
    });
}
