//! Tables of every kind, read from the catalogue.

use dbperf::lab::LabOptions;
use dbperf::seed::schema::{Column, Filled, Name, Schema, Table, TypeKind, read};

use super::session;
use super::support::{connect, each_version, lab};

const EVERYTHING: &str = r#"
CREATE SCHEMA "Odd schema";
CREATE EXTENSION pg_stat_statements;
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
ALTER TYPE mood ADD VALUE 'fine' BEFORE 'happy';
CREATE TYPE money_of AS (amount numeric(12, 3), currency char(3));
CREATE DOMAIN positive AS numeric(10, 2) NOT NULL CHECK (VALUE > 0);
CREATE DOMAIN prices AS positive[] CHECK (cardinality(VALUE) < 5);
CREATE TYPE span AS RANGE (subtype = timestamptz);
CREATE TABLE parent (
    dropped int,
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    code varchar(12) COLLATE "C" NOT NULL,
    region int NOT NULL DEFAULT 7,
    twice int GENERATED ALWAYS AS (region * 2) STORED,
    CONSTRAINT region_code UNIQUE (region, code) INCLUDE (twice),
    CONSTRAINT positive_region CHECK (region > 0)
);
ALTER TABLE parent DROP COLUMN dropped;
CREATE UNIQUE INDEX lower_code ON parent (lower(code), region) WHERE region < 100;
CREATE TABLE child (
    id serial PRIMARY KEY,
    code varchar(12),
    region int,
    self int REFERENCES child,
    moods mood[],
    price prices,
    cost money_of,
    during span,
    day daterange,
    many int4range[],
    parent parent,
    CONSTRAINT composite FOREIGN KEY (region, code) REFERENCES parent (region, code)
        MATCH FULL DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT no_overlap EXCLUDE USING gist (during WITH &&, day WITH =)
);
CREATE FUNCTION public.touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER a_touch BEFORE INSERT OR UPDATE ON child FOR EACH ROW EXECUTE FUNCTION touch();
CREATE TRIGGER b_update AFTER UPDATE ON child FOR EACH ROW EXECUTE FUNCTION touch();
CREATE TRIGGER c_off AFTER INSERT ON child EXECUTE FUNCTION touch();
ALTER TABLE child DISABLE TRIGGER c_off;
CREATE TABLE "Odd schema"."Part" (id int NOT NULL, at timestamptz NOT NULL, kind text, parent bigint REFERENCES parent)
    PARTITION BY RANGE (at, (id % 4));
CREATE TABLE "Odd schema".early PARTITION OF "Odd schema"."Part"
    FOR VALUES FROM (MINVALUE, MINVALUE) TO ('2026-01-01 00:00+00', 0);
CREATE TABLE "Odd schema".late (kind text, gone int, at timestamptz NOT NULL, id int NOT NULL, parent bigint)
    PARTITION BY LIST (kind);
ALTER TABLE "Odd schema".late DROP COLUMN gone;
ALTER TABLE "Odd schema"."Part" ATTACH PARTITION "Odd schema".late
    FOR VALUES FROM ('2026-01-01 00:00+00', 0) TO (MAXVALUE, MAXVALUE);
CREATE TABLE "Odd schema".late_a PARTITION OF "Odd schema".late FOR VALUES IN ('a', NULL);
CREATE TABLE "Odd schema".late_rest PARTITION OF "Odd schema".late DEFAULT;
CREATE TABLE base (a int CHECK (a > 1));
CREATE TABLE heir (b int) INHERITS (base);
CREATE TEMP TABLE temporary (a int);
CREATE VIEW a_view AS SELECT 1 AS a;
CREATE TABLE secret (a int);
ALTER TABLE secret ENABLE ROW LEVEL SECURITY;
CREATE ROLE reader LOGIN;
"#;

fn name(schema: &str, name: &str) -> Name {
    Name {
        schema: schema.to_owned(),
        name: name.to_owned(),
    }
}

fn table<'a>(schema: &'a Schema, of: &str) -> &'a Table {
    schema.table(&name("public", of)).expect(of)
}

fn column<'a>(table: &'a Table, name: &str) -> &'a Column {
    &table.columns[table.column(name).expect(name)]
}

#[test]
fn tables_of_every_kind_are_read_on_every_version() {
    each_version(async |major| {
        let lab = lab(major, LabOptions::default()).unwrap();
        let client = connect(lab.primary()).await;
        client.batch_execute(EVERYTHING).await.unwrap();
        if major >= 15 {
            let sql = "CREATE UNIQUE INDEX one_null ON base (a) NULLS NOT DISTINCT";
            client.batch_execute(sql).await.unwrap();
        }
        if major >= 18 {
            let sql = "ALTER TABLE base ADD v int GENERATED ALWAYS AS (a + 1) VIRTUAL;
                       ALTER TABLE base ADD CONSTRAINT lax CHECK (a < 9) NOT ENFORCED";
            client.batch_execute(sql).await.unwrap();
        }
        let session = session(lab.primary()).await;
        let schema = read(&session).await.unwrap();
        let names: Vec<String> = schema.tables.iter().map(|t| t.name.to_string()).collect();
        let expected = [
            "Odd schema.Part",
            "base",
            "child",
            "heir",
            "parent",
            "secret",
        ];
        assert_eq!(names, expected, "PostgreSQL {major}");
        parents(table(&schema, "parent"));
        children(table(&schema, "child"));
        partitions(schema.table(&name("Odd schema", "Part")).unwrap());
        inherited(&schema, major);
        session.close().await;
    });
}

fn parents(parent: &Table) {
    let columns: Vec<&str> = parent.columns.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(columns, ["id", "code", "region", "twice"]);
    let id = column(parent, "id");
    assert!(id.not_null && id.filled == Filled::Identity);
    assert_eq!(id.sequence, Some(name("public", "parent_id_seq")));
    let code = column(parent, "code");
    assert_eq!(code.type_.typmod, 16);
    assert_eq!(code.collation, Some(name("pg_catalog", "C")));
    assert_eq!(column(parent, "region").collation, None);
    let default = Filled::Default("7".to_owned());
    assert_eq!(column(parent, "region").filled, default);
    let generated = Filled::Generated("(region * 2)".to_owned());
    assert_eq!(column(parent, "twice").filled, generated);
    let keys: Vec<_> = parent.keys.iter().map(|k| k.name.as_str()).collect();
    assert_eq!(keys, ["parent_pkey", "lower_code", "region_code"]);
    assert!(parent.keys[0].primary && !parent.keys[1].primary);
    let region = Some("region".to_owned());
    assert_eq!(parent.keys[1].columns, [None, region.clone()]);
    assert_eq!(parent.keys[1].predicate.as_deref(), Some("(region < 100)"));
    // What is only included is no part of the key.
    assert_eq!(parent.keys[2].columns, [region, Some("code".to_owned())]);
    assert_eq!(parent.checks.len(), 1);
    assert_eq!(parent.checks[0].expression, "(region > 0)");
}

fn children(child: &Table) {
    let id = column(child, "id");
    assert_eq!(id.sequence, Some(name("public", "child_id_seq")));
    assert!(matches!(&id.filled, Filled::Default(text) if text.contains("nextval")));
    let kind = |name| &column(child, name).type_.kind;
    let TypeKind::Array(mood) = kind("moods") else {
        panic!("{:?}", kind("moods"))
    };
    let TypeKind::Enum(labels) = &mood.kind else {
        panic!("{mood:?}")
    };
    assert_eq!(labels, &["sad", "ok", "fine", "happy"]);
    let TypeKind::Domain { base, checks, .. } = kind("price") else {
        panic!("{:?}", kind("price"))
    };
    assert_eq!(checks[0].expression, "(cardinality(VALUE) < 5)");
    let TypeKind::Array(positive) = &base.kind else {
        panic!("{base:?}")
    };
    let TypeKind::Domain {
        base,
        not_null: true,
        checks,
    } = &positive.kind
    else {
        panic!("{positive:?}")
    };
    assert_eq!(base.typmod, ((10 << 16) | 2) + 4);
    assert_eq!(checks[0].expression, "(VALUE > (0)::numeric)");
    let TypeKind::Composite(attributes) = kind("cost") else {
        panic!("{:?}", kind("cost"))
    };
    assert_eq!(attributes[0].0, "amount");
    assert_eq!(attributes[0].1.typmod, ((12 << 16) | 3) + 4);
    assert!(matches!(kind("during"), TypeKind::Range(of) if of.name.name == "timestamptz"));
    assert!(matches!(kind("day"), TypeKind::Range(of) if of.name.name == "date"));
    assert!(matches!(kind("many"), TypeKind::Array(of) if matches!(of.kind, TypeKind::Range(_))));
    assert!(matches!(kind("parent"), TypeKind::Composite(all) if all.len() == 4));
    let composite = &child.foreign_keys[1];
    let own = child.foreign_keys.iter().map(|k| k.name.as_str());
    assert_eq!(own.collect::<Vec<_>>(), ["child_self_fkey", "composite"]);
    assert_eq!(composite.columns, ["region", "code"]);
    assert_eq!(composite.referenced_columns, ["region", "code"]);
    assert!(composite.match_full && composite.deferrable);
    let exclusion = &child.exclusions[0];
    let element = |column: &str, operator: &str| (Some(column.to_owned()), operator.to_owned());
    assert_eq!(
        exclusion.elements,
        [element("during", "&&"), element("day", "=")]
    );
    assert!(exclusion.definition.starts_with("EXCLUDE USING gist"));
    assert_eq!(child.triggers.len(), 1, "{:?}", child.triggers);
    let touch = &child.triggers[0];
    assert!(touch.before && touch.for_each_row && touch.name == "a_touch");
    assert_eq!(touch.function, name("public", "touch"));
}

fn partitions(part: &Table) {
    let top = part.partitioning.as_ref().unwrap();
    assert_eq!(top.strategy, "r");
    assert_eq!(top.columns, [Some("at".to_owned()), None]);
    let names: Vec<&str> = top.partitions.iter().map(|p| &*p.name.name).collect();
    assert_eq!(names, ["early", "late"]);
    assert!(
        top.partitions[0]
            .bound
            .starts_with("FOR VALUES FROM (MINVALUE")
    );
    // Its columns are in another order than those of its root.
    let late = top.partitions[1].partitioning.as_ref().unwrap();
    assert_eq!(
        (&*late.strategy, &late.columns[..]),
        ("l", &[Some("kind".to_owned())][..])
    );
    let bounds: Vec<&str> = late.partitions.iter().map(|p| &*p.bound).collect();
    assert_eq!(bounds, ["FOR VALUES IN ('a', NULL)", "DEFAULT"]);
    assert_eq!(part.foreign_keys.len(), 1);
    assert_eq!(part.foreign_keys[0].references, name("public", "parent"));
}

/// What only partitions have.
const OF_PARTITIONS: &str = r"
CREATE TABLE customer (id int PRIMARY KEY);
CREATE TABLE place (a int, b int, PRIMARY KEY (a, b));
CREATE TABLE sale (id int NOT NULL, at date NOT NULL, customer int, a int, b int, amount int,
    CONSTRAINT of_all CHECK (amount < 1000)) PARTITION BY RANGE (at);
CREATE TABLE first PARTITION OF sale FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
ALTER TABLE first ADD CONSTRAINT first_customer FOREIGN KEY (customer) REFERENCES customer DEFERRABLE,
    ADD CONSTRAINT first_place FOREIGN KEY (a, b) REFERENCES place,
    ADD CONSTRAINT first_amount CHECK (amount > 0),
    ADD CONSTRAINT first_id CHECK (id > 7),
    ADD CONSTRAINT first_days CHECK (at >= '2026-01-01' AND at < '2026-02-01'),
    ADD CONSTRAINT first_year CHECK (at < '2027-01-01');
CREATE TABLE second (amount int, gone int, b int, a int, at date NOT NULL, customer int, id int NOT NULL,
    CONSTRAINT of_all CHECK (amount < 1000),
    CONSTRAINT second_days CHECK (at >= '2026-02-01' AND at < '2026-03-01'),
    CONSTRAINT second_year CHECK (at < '2027-01-01')) PARTITION BY LIST (customer);
ALTER TABLE second DROP COLUMN gone,
    ADD CONSTRAINT second_customer FOREIGN KEY (customer) REFERENCES customer,
    ADD CONSTRAINT second_place FOREIGN KEY (b, a) REFERENCES place (b, a);
ALTER TABLE sale ATTACH PARTITION second FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');
CREATE TABLE second_one PARTITION OF second FOR VALUES IN (1);
CREATE TABLE second_rest PARTITION OF second DEFAULT;
ALTER TABLE second_one ADD CONSTRAINT one CHECK (customer = 1), ADD CONSTRAINT one_amount CHECK (amount > 0);
ALTER TABLE second_rest ADD CONSTRAINT deep FOREIGN KEY (id) REFERENCES customer;
";

#[test]
fn what_only_partitions_have_is_taken_for_the_whole() {
    each_version(async |major| {
        let lab = lab(major, LabOptions::default()).unwrap();
        let client = connect(lab.primary()).await;
        client.batch_execute(OF_PARTITIONS).await.unwrap();
        let session = session(lab.primary()).await;
        let schema = read(&session).await.unwrap();
        session.close().await;
        let sale = table(&schema, "sale");
        let keys = sale.foreign_keys.iter();
        let keys: Vec<_> = keys
            .map(|k| {
                (
                    k.name.as_str(),
                    k.columns.join(","),
                    k.references.name.as_str(),
                    k.deferrable,
                )
            })
            .collect();
        let expected = [
            // What holds for all: one of the two cannot be deferred.
            ("first_customer", "customer".to_owned(), "customer", false),
            ("first_place", "a,b".to_owned(), "place", false),
            ("deep", "id".to_owned(), "customer", false),
        ];
        assert_eq!(keys, expected, "PostgreSQL {major}");
        let checks: Vec<&str> = sale.checks.iter().map(|c| c.name.as_str()).collect();
        // Those that repeat the bound of one partition would leave nothing for the others; that of the year all have.
        let expected = ["of_all", "first_amount", "first_id", "first_year"];
        assert_eq!(checks, expected, "PostgreSQL {major}");
    });
}

fn inherited(schema: &Schema, major: u32) {
    let (base, heir) = (table(schema, "base"), table(schema, "heir"));
    assert_eq!(heir.checks, [base.checks[0].clone()]);
    assert_eq!(
        heir.columns[..2]
            .iter()
            .map(|c| &*c.name)
            .collect::<Vec<_>>(),
        ["a", "b"]
    );
    // One that is not enforced asks for nothing.
    assert_eq!(base.checks.len(), 1);
    if major >= 15 {
        assert!(base.keys[0].nulls_not_distinct);
    }
    if major >= 18 {
        let generated = Filled::Generated("(a + 1)".to_owned());
        assert_eq!(column(base, "v").filled, generated);
    }
    // A superuser is above row security.
    assert!(schema.tables.iter().all(|t| !t.row_security));
}

#[test]
fn row_security_is_told_for_the_role_that_reads() {
    each_version(async |major| {
        let lab = lab(major, LabOptions::default()).unwrap();
        let client = connect(lab.primary()).await;
        client.batch_execute(EVERYTHING).await.unwrap();
        let dsn = format!("{} user=reader", lab.primary().dsn());
        let session = super::support::guarded(&dsn).await;
        let schema = read(&session).await.unwrap();
        assert_eq!(schema.tables.len(), 6, "the catalogue is open to everybody");
        assert!(table(&schema, "secret").row_security);
        assert!(!table(&schema, "base").row_security);
        session.close().await;
    });
}
