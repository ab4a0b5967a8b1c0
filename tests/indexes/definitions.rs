//! The definitions of indexes, most of which are put together from the catalogue, are those that PostgreSQL writes.

use std::collections::BTreeMap;

use dbperf::collect;
use dbperf::lab::LabOptions;
use dbperf::pg::{Conninfo, Session, SessionOptions};

use crate::support::{connect, each_version, lab};

/// Everything that a definition may say, and names and types that are easily mistaken for ordinary ones.
const PLANTED: &str = r#"
CREATE SCHEMA "Two Words";
CREATE TYPE mood AS ENUM ('ok', 'bad');
CREATE DOMAIN short AS varchar(10);
CREATE TYPE pair AS (x int, y int);
CREATE TABLE kinds (
  id bigint PRIMARY KEY, small int2 UNIQUE, number numeric(8, 2), words text, named varchar(20), fixed char(4),
  raw bytea, flag bool, day date, moment timestamptz, span interval, address inet, net cidr, key uuid, doc jsonb,
  list int[], feeling mood, tiny short, both_of pair, object oid, label name, "select" int, "Mixed ""Case" int,
  range int4range, collated text COLLATE "C", mac macaddr, bits bit(3));
CREATE INDEX "Odd Name" ON kinds ("select", "Mixed ""Case");
CREATE INDEX "table" ON kinds (words);
CREATE INDEX each_kind ON kinds
  (small, number, words, named, fixed, raw, flag, day, moment, span, address, net, key, list, feeling, tiny, object,
   label, range, collated, mac, bits);
CREATE INDEX ordinary_kinds ON kinds
  (small, number, words, named, fixed, raw, flag, day, moment, span, address, net, key, object, label, collated);
CREATE INDEX by_pair ON kinds (both_of);
CREATE INDEX of_doc ON kinds (doc);
CREATE INDEX other_operators ON kinds (words text_pattern_ops, fixed bpchar_pattern_ops, named varchar_ops);
CREATE INDEX other_collation ON kinds (words COLLATE "C", collated COLLATE "POSIX");
CREATE INDEX same_collation ON kinds (words, collated COLLATE "C");
CREATE INDEX downwards ON kinds (small DESC, number NULLS FIRST, day DESC NULLS LAST);
CREATE UNIQUE INDEX only_one ON kinds (number, day);
CREATE INDEX carries ON kinds (small) INCLUDE (number);
CREATE UNIQUE INDEX few ON kinds (small) WHERE number > 3;
CREATE INDEX computed ON kinds (lower(words), small);
CREATE INDEX fill ON kinds (small) WITH (fillfactor = 70);
CREATE INDEX hashed ON kinds USING hash (words);
CREATE INDEX ranges ON kinds USING brin (id) WITH (pages_per_range = 4);
CREATE INDEX gin ON kinds USING gin (doc jsonb_path_ops);
CREATE INDEX gist ON kinds USING gist (range);
CREATE INDEX spgist ON kinds USING spgist (range);
ALTER TABLE kinds ADD CONSTRAINT apart EXCLUDE USING gist (range WITH &&);
ALTER TABLE kinds ADD CONSTRAINT differ EXCLUDE USING btree (small WITH =);
CREATE TABLE "Two Words"."user" ("end" int);
CREATE INDEX "order" ON "Two Words"."user" ("end");
ALTER TABLE "Two Words"."user" RENAME "end" TO "Renamed";
CREATE TABLE parts (id int, at date) PARTITION BY RANGE (at);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
CREATE INDEX of_parts ON parts (id);
CREATE TABLE dropped (a int, b int, c int);
ALTER TABLE dropped DROP COLUMN a;
CREATE INDEX after_dropped ON dropped (b, c);
CREATE MATERIALIZED VIEW seen AS SELECT 1 AS one;
CREATE INDEX of_seen ON seen (one);
"#;

/// Since 15.
const NULLS: &str = "CREATE UNIQUE INDEX one_null ON kinds (day, moment) NULLS NOT DISTINCT";

#[test]
fn a_definition_is_what_the_server_writes() {
    each_version(async |major| {
        let lab = lab(major, LabOptions::default()).unwrap();
        let client = connect(lab.primary()).await;
        client.batch_execute(PLANTED).await.unwrap();
        if major >= 15 {
            client.batch_execute(NULLS).await.unwrap();
        }
        let conninfo = Conninfo::parse(&lab.primary().dsn(), &|_| None).unwrap();
        let session = Session::connect(&conninfo, &SessionOptions::new("definitions")).await;
        let facts = collect::pg_index::read(&session.unwrap(), &BTreeMap::new()).await;
        client
            .batch_execute("SET search_path = pg_catalog")
            .await
            .unwrap();
        let facts = facts.unwrap();
        assert!(facts.len() >= 29, "{}", facts.len());
        for index in facts {
            let sql = "SELECT pg_get_indexdef($1)";
            let row = client.query_one(sql, &[&index.indexrelid]).await.unwrap();
            let written: String = row.get(0);
            assert_eq!(index.definition, written, "PostgreSQL {major}");
        }
    });
}
