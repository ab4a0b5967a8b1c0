use super::*;

fn parse(text: &str) -> SchemaFile {
    SchemaFile::parse("f.sql", text).unwrap_or_else(|e| panic!("{e}"))
}

fn wrong(text: &str) -> String {
    SchemaFile::parse("f.sql", text).unwrap_err().to_string()
}

/// Lines and kinds.
fn kept(file: &SchemaFile, when: When) -> Vec<(usize, &str)> {
    file.of(when).map(|s| (s.line, s.kind.as_str())).collect()
}

#[test]
fn a_dump_is_split_into_what_makes_something() {
    let file = parse(
        "--\n-- PostgreSQL database dump\n--\n\n\\restrict abc\n\nSET statement_timeout = 0;\n\
         SET client_encoding = 'UTF8';\nSET standard_conforming_strings = on;\n\
         SELECT pg_catalog.set_config('search_path', '', false);\nSET xmloption = content;\n\n\
         --\n-- Name: t; Type: TABLE\n--\n\nCREATE TABLE public.t (\n    id bigint, -- one; two\n    body text DEFAULT ';'\n);\n\n\
         COPY public.t (id, body) FROM stdin;\n1\tit's; \\N\n\\.\n\n\
         CREATE FUNCTION public.f() RETURNS trigger LANGUAGE plpgsql AS $_$BEGIN RETURN NEW; END;$_$;\n\
         CREATE TRIGGER tr BEFORE INSERT ON public.t FOR EACH ROW EXECUTE FUNCTION public.f();\n\
         ALTER TABLE ONLY public.t ADD CONSTRAINT t_pkey PRIMARY KEY (id);\n\
         ALTER TABLE public.t ENABLE ROW LEVEL SECURITY;\n\
         GRANT SELECT ON TABLE public.t TO somebody;\n\\unrestrict abc\n",
    );
    assert_eq!(
        kept(&file, When::First),
        [
            (10, "SELECT"),
            (11, "SET"),
            (17, "CREATE TABLE"),
            (26, "CREATE FUNCTION"),
            (28, "ALTER TABLE"),
            (30, "GRANT SELECT ON"),
        ]
    );
    assert_eq!(
        kept(&file, When::Last),
        [(27, "CREATE TRIGGER"), (29, "ALTER TABLE")]
    );
    assert!(
        file.left_out
            .iter()
            .any(|l| l == "line 22: COPY: rows are made, not read"),
        "{file:?}"
    );
    let table = &file.statements[2];
    assert!(
        table
            .sql
            .starts_with("CREATE /* dbperf */ TABLE public.t ("),
        "{table:?}"
    );
    assert!(
        table
            .path
            .as_deref()
            .is_some_and(|p| p.contains("set_config"))
    );
    let grant = file.of(When::First).last().unwrap();
    assert_eq!(grant.lenient, Lenient::Wanting);
}

#[test]
fn what_is_left_out_is_said_with_its_line_and_the_reason() {
    let file = parse(
        "BEGIN;\nDROP TABLE IF EXISTS t;\nCREATE TABLE t (id int);\nINSERT INTO t VALUES (1);\nCREATE ROLE r;\n\
         VACUUM t;\nSET session_replication_role = replica;\nCREATE INDEX CONCURRENTLY i ON t (id);\n\
         CREATE EXTENSION IF NOT EXISTS hstore;\nCREATE TABLE u AS SELECT 1 AS a;\nCOMMIT;",
    );
    let lines: Vec<&str> = file.left_out.iter().map(String::as_str).collect();
    for expected in [
        "line 1: BEGIN: everything is one transaction",
        "line 2: DROP TABLE: a load drops nothing",
        "line 4: INSERT INTO: rows are made, not read",
        "line 5: CREATE ROLE: it concerns the whole server",
        "line 6: VACUUM: it makes no table and nothing that a table needs",
        "line 8: CREATE INDEX CONCURRENTLY: without CONCURRENTLY, which goes with no transaction",
        "line 9: CREATE EXTENSION: it is run",
    ] {
        assert!(lines.contains(&expected), "{expected}: {lines:#?}");
    }
    assert!(
        lines.iter().any(|l| l.starts_with("line 7: SET")),
        "{lines:#?}"
    );
    assert!(
        lines.iter().any(|l| l.starts_with("line 10: CREATE TABLE")),
        "{lines:#?}"
    );
    let index = file.statements.iter().find(|s| s.line == 8).unwrap();
    assert_eq!(index.sql, "CREATE /* dbperf */ INDEX i ON t (id)");
    assert_eq!(file.statements.len(), 3, "{file:#?}");
}

#[test]
fn bodies_strings_and_comments_are_no_ends_of_statements() {
    let file = parse(
        "/* a; /* nested; */ \\x */ CREATE TABLE \"odd;\"\"\\name\" (a text DEFAULT E'\\';');\n\
         CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END;\n\
         CREATE FUNCTION g() RETURNS int LANGUAGE sql AS $a$ SELECT '$b$;\\'; SELECT 1; $a$;\n\
         CREATE TABLE a$b$c (x int);\n\
         CREATE RULE r AS ON INSERT TO a$b$c DO ALSO (SELECT 1; SELECT 2);\n",
    );
    let kinds: Vec<&str> = file.statements.iter().map(|s| s.kind.as_str()).collect();
    assert_eq!(
        kinds,
        [
            "CREATE TABLE",
            "CREATE FUNCTION",
            "CREATE FUNCTION",
            "CREATE TABLE",
            "CREATE RULE"
        ]
    );
    assert_eq!(kept(&file, When::Last), [(5, "CREATE RULE")]);
}

#[test]
fn a_materialized_view_is_filled_when_the_rows_are_there() {
    let file = parse(
        "CREATE MATERIALIZED VIEW s.\"V\" AS SELECT 1 AS a;\nCREATE MATERIALIZED VIEW w AS SELECT 1 AS a WITH NO DATA;",
    );
    let last: Vec<&str> = file.of(When::Last).map(|s| s.sql.as_str()).collect();
    assert_eq!(
        last,
        [
            "REFRESH /* dbperf */ MATERIALIZED VIEW \"s\".\"V\"",
            "REFRESH /* dbperf */ MATERIALIZED VIEW \"w\"",
        ]
    );
    assert_eq!(file.of(When::First).count(), 2);
}

#[test]
fn what_cannot_be_read_is_named_with_its_line_and_without_its_text() {
    for (text, line, words) in [
        (
            "CREATE TABLE t (id int);\nCREATE TABEL secret (id int);",
            2,
            "cannot be read as SQL",
        ),
        (
            "\n\\connect shop\nCREATE TABLE t (id int);",
            2,
            "\\connect is a command of psql",
        ),
        (
            "CREATE TABLE t (id int);\n\\i other.sql",
            2,
            "\\i is a command of psql",
        ),
        ("COPY t FROM stdin;\nsecret\n", 1, "no end"),
        ("ROLLBACK;", 1, "ROLLBACK: everything is one transaction"),
        ("SET ROLE other;", 1, "made by the role that connects"),
        ("SET client_encoding = 'LATIN1';", 1, "has to be UTF-8"),
        ("SET standard_conforming_strings = off;", 1, "backslash"),
        ("SET standard_conforming_strings = false;", 1, "backslash"),
        (
            "SET standard_conforming_strings TO DEFAULT;",
            1,
            "backslash",
        ),
        ("SET client_encoding = 'LATIN1'; -- not utf8", 1, "UTF-8"),
    ] {
        let told = wrong(text);
        assert!(told.starts_with(&format!("f.sql, line {line}: ")), "{told}");
        assert!(told.contains(words) && !told.contains("secret"), "{told}");
    }
    assert_eq!(parse("").statements, []);
    assert_eq!(parse("-- nothing\n;;").statements, []);
}

#[test]
fn published_schemas_are_read_as_a_whole() {
    for (name, text) in [
        (
            "pagila",
            include_str!("../../../../fixtures/seed/pagila.sql"),
        ),
        (
            "chinook",
            include_str!("../../../../fixtures/seed/chinook.sql"),
        ),
        (
            "pgbench",
            include_str!("../../../../fixtures/seed/pgbench.sql"),
        ),
        (
            "every-type",
            include_str!("../../../../fixtures/seed/every-type.sql"),
        ),
        (
            "multiranges",
            include_str!("../../../../fixtures/seed/multiranges.sql"),
        ),
        (
            "extensions",
            include_str!("../../../../fixtures/seed/extensions.sql"),
        ),
    ] {
        let file = parse(text);
        let tables = file.statements.iter().filter(|s| s.kind == "CREATE TABLE");
        assert!(tables.count() > 0, "{name}");
        let unexpected: Vec<&String> = file
            .left_out
            .iter()
            .filter(|line| !line.contains("CREATE EXTENSION: it is run"))
            .collect();
        assert!(unexpected.is_empty(), "{name}: {unexpected:?}");
    }
}

#[test]
fn what_comes_with_row_security_is_made_before_the_rows() {
    let file = parse(
        "ALTER TABLE ONLY t ADD COLUMN \"X y\" int NOT NULL DEFAULT 3, ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;\n\
         ALTER TABLE t DISABLE TRIGGER a, ENABLE ALWAYS TRIGGER b;\nALTER TABLE t OWNER TO o, ADD CHECK (id > 0);",
    );
    let all = file.statements.iter();
    let all: Vec<(usize, When, &str)> = all.map(|s| (s.line, s.when, s.sql.as_str())).collect();
    assert_eq!(
        all,
        [
            (
                1,
                When::First,
                "ALTER /* dbperf */ TABLE ONLY t ADD COLUMN \"X y\" int NOT NULL DEFAULT 3"
            ),
            (
                1,
                When::Last,
                "ALTER /* dbperf */ TABLE ONLY t ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY"
            ),
            (
                2,
                When::Last,
                "ALTER /* dbperf */ TABLE t DISABLE TRIGGER a, ENABLE ALWAYS TRIGGER b"
            ),
            (
                3,
                When::First,
                "ALTER /* dbperf */ TABLE t OWNER TO o, ADD CHECK (id > 0)"
            ),
        ]
    );
    assert!(file.statements.iter().all(|s| s.lenient == Lenient::Not));
}

#[test]
fn what_may_be_left_out_after_the_rows_is_known_by_what_it_is() {
    let file = parse(
        "CREATE POLICY p ON t TO r;\nALTER POLICY p ON t RENAME TO q;\nCREATE PUBLICATION a FOR ALL TABLES;\n\
         ALTER PUBLICATION a OWNER TO r;\nCREATE EVENT TRIGGER e ON sql_drop EXECUTE FUNCTION f();\n\
         REFRESH MATERIALIZED VIEW v;\nCREATE TRIGGER g BEFORE INSERT ON t EXECUTE FUNCTION f();\n\
         CREATE RULE u AS ON INSERT TO t DO ALSO SELECT 1;",
    );
    let lenient: Vec<Lenient> = file.of(When::Last).map(|s| s.lenient).collect();
    let mut expected = vec![Lenient::Wanting; 5];
    expected.extend([Lenient::Derived, Lenient::Not, Lenient::Not]);
    assert_eq!(lenient, expected);
}
