//! Columns that refer to themselves, if by way of other tables; and keys with a column that lists divide.

use crate::command::{dbperf, finish};
use crate::support::{connect_to, database, each_version, lab, value};
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
CREATE TABLE project (tenant_id int NOT NULL REFERENCES tenant, id bigint NOT NULL, before_id bigint,
    PRIMARY KEY (tenant_id, id), UNIQUE (tenant_id, before_id),
    FOREIGN KEY (tenant_id, before_id) REFERENCES project (tenant_id, id));
CREATE TABLE task (id bigserial PRIMARY KEY, tenant_id int NOT NULL, staff_id bigint, project_id bigint, part_id bigint,
    FOREIGN KEY (tenant_id, staff_id) REFERENCES staff (tenant_id, id),
    FOREIGN KEY (tenant_id, project_id) REFERENCES project (tenant_id, id));
CREATE TABLE person (id bigserial PRIMARY KEY, name text NOT NULL);
CREATE TABLE member (tenant_id int NOT NULL REFERENCES tenant, person_id bigint NOT NULL REFERENCES person,
    PRIMARY KEY (tenant_id, person_id));
CREATE TABLE errand (id bigserial PRIMARY KEY, tenant_id int NOT NULL, staff_id bigint NOT NULL,
    member_id bigint NOT NULL, day date NOT NULL, UNIQUE (tenant_id, staff_id, member_id, day),
    CONSTRAINT errand_a FOREIGN KEY (tenant_id, staff_id) REFERENCES staff (tenant_id, id),
    CONSTRAINT errand_b FOREIGN KEY (tenant_id, member_id) REFERENCES member (tenant_id, person_id));
CREATE TABLE visit (id bigserial PRIMARY KEY, tenant_id int NOT NULL, staff_id bigint NOT NULL, member_id bigint NOT NULL,
    CONSTRAINT visit_a FOREIGN KEY (tenant_id, member_id) REFERENCES member (tenant_id, person_id),
    CONSTRAINT visit_b FOREIGN KEY (tenant_id, staff_id) REFERENCES staff (tenant_id, id));
CREATE TABLE event (made timestamptz NOT NULL, created_at timestamptz NOT NULL, updated_at timestamptz NOT NULL,
    source text NOT NULL, target text NOT NULL, CHECK (source <> target)) PARTITION BY RANGE (created_at);
CREATE TABLE event_25 PARTITION OF event FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE event_26 PARTITION OF event FOR VALUES FROM ('2026-01-01') TO ('2026-03-01');
CREATE TABLE lane (source text NOT NULL, target text NOT NULL, CHECK (source <> target)) PARTITION BY LIST (source);
CREATE TABLE lane_ab PARTITION OF lane FOR VALUES IN ('a', 'b');
CREATE TABLE lane_c PARTITION OF lane FOR VALUES IN ('c');
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
        let shared = database(lab.primary(), "shared", SHARED).await;
        let closed = database(lab.primary(), "closed", CLOSED).await;
        let seed = |dsn: &str, name: &str| finish(&mut dbperf(&["seed", dsn, "--target-db", name]));
        let (code, text, words) = seed(&shared, "shared");
        assert_eq!(code, Some(0), "{major}: {words}");
        let own = connect_to(&shared).await;
        for (column, table) in [
            ("boss_id", "staff"),
            ("owner_id", "tenant"),
            ("page_id", "draft"),
            ("before_id", "project"),
        ] {
            let told = format!("{table}, {column}: left null");
            assert!(text.contains(&told), "{major} {told}: {text}");
            let sql = format!("SELECT (count(*) > 100 AND count({column}) = 0)::text FROM {table}");
            assert_eq!(value(&own, &sql).await, "true", "{major} {table}");
        }
        // One key of a circle is enough.
        for filled in [
            "SELECT (count(draft_id) > 100)::text FROM page",
            "SELECT (count(staff_id) > 100 AND count(project_id) > 100)::text FROM task",
            "SELECT (count(DISTINCT member_id) > 100)::text FROM errand",
            "SELECT (count(DISTINCT member_id) > 100)::text FROM visit",
        ] {
            assert_eq!(value(&own, filled).await, "true", "{major}: {filled}");
        }
        let regions = "SELECT string_agg(DISTINCT region, ' ' ORDER BY region) FROM bill";
        assert_eq!(value(&own, regions).await, "eu uk us", "{major}");
        let (code, _, words) = seed(&closed, "closed");
        assert_eq!(code, Some(3), "{major}: {words}");
        assert!(
            words.contains("one, one_id_fkey: a column of it refers to itself"),
            "{words}"
        );
    });
}
