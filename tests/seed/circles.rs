//! Columns that refer to themselves, if by way of other tables; and keys with a column that lists divide.

use crate::command::{dbperf, finish};
use crate::support::{connect, connect_to, each_version, lab, value};
use dbperf::lab::LabOptions;

/// A boss of the same tenant, a tenant that belongs to one of its own people, and two tables that name each other's rows.
const SHARED: &str = "
CREATE TABLE tenant (id int PRIMARY KEY, owner_id bigint);
CREATE TABLE staff (tenant_id int NOT NULL REFERENCES tenant, id bigint NOT NULL, boss_id bigint,
    PRIMARY KEY (tenant_id, id), FOREIGN KEY (tenant_id, boss_id) REFERENCES staff (tenant_id, id));
ALTER TABLE tenant ADD FOREIGN KEY (id, owner_id) REFERENCES staff (tenant_id, id);
CREATE TABLE page (site int NOT NULL, id bigint NOT NULL, draft_id bigint, PRIMARY KEY (site, id));
CREATE TABLE draft (site int NOT NULL, id bigint NOT NULL, page_id bigint, PRIMARY KEY (site, id),
    FOREIGN KEY (site, page_id) REFERENCES page (site, id));
ALTER TABLE page ADD FOREIGN KEY (site, draft_id) REFERENCES draft (site, id);
CREATE TABLE bill (id bigserial, region text NOT NULL, day date NOT NULL, PRIMARY KEY (region, day, id))
    PARTITION BY LIST (region);
CREATE TABLE bill_eu PARTITION OF bill FOR VALUES IN ('eu', 'uk');
CREATE TABLE bill_us PARTITION OF bill FOR VALUES IN ('us');
";

/// Each row of one is a row of the other.
const CLOSED: &str = "
CREATE TABLE one (id int PRIMARY KEY);
CREATE TABLE two (id int PRIMARY KEY REFERENCES one);
ALTER TABLE one ADD FOREIGN KEY (id) REFERENCES two DEFERRABLE INITIALLY DEFERRED;
";

#[test]
fn columns_that_come_back_to_themselves_are_left_null_or_named() {
    each_version(async |major| {
        let lab = lab(major, LabOptions::default()).unwrap();
        let client = connect(lab.primary()).await;
        let dsn = |name: &str| {
            let dsn = lab.primary().dsn();
            dsn.replace("dbname=postgres", &format!("dbname={name}"))
        };
        for (name, schema) in [("shared", SHARED), ("closed", CLOSED)] {
            let create = format!("CREATE DATABASE {name}");
            client.batch_execute(&create).await.unwrap();
            let own = connect_to(&dsn(name)).await;
            own.batch_execute(schema).await.unwrap();
        }
        let seed = |name: &str| finish(&mut dbperf(&["seed", &dsn(name), "--target-db", name]));
        let (code, text, words) = seed("shared");
        assert_eq!(code, Some(0), "{major}: {words}");
        let own = connect_to(&dsn("shared")).await;
        for (column, table) in [
            ("boss_id", "staff"),
            ("owner_id", "tenant"),
            ("draft_id", "page"),
            ("page_id", "draft"),
        ] {
            let told = format!("{table}, {column}: left null");
            assert!(text.contains(&told), "{major} {told}: {text}");
            let sql = format!("SELECT (count(*) > 100 AND count({column}) = 0)::text FROM {table}");
            assert_eq!(value(&own, &sql).await, "true", "{major} {table}");
        }
        let regions = "SELECT string_agg(DISTINCT region, ' ' ORDER BY region) FROM bill";
        assert_eq!(value(&own, regions).await, "eu uk us", "{major}");
        let (code, _, words) = seed("closed");
        assert_eq!(code, Some(3), "{major}: {words}");
        assert!(
            words.contains("one, one_id_fkey: a column of it refers to itself"),
            "{words}"
        );
    });
}
