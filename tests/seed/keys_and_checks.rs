//! Keys and checks in the forms that applications write them in.

use dbperf::lab::LabOptions;

use crate::command::{dbperf, finish};
use crate::support::{connect_to, database, each_version, lab, value};

const SCHEMA: &str = r"
CREATE TYPE payment AS ENUM ('card');
CREATE TYPE state AS ENUM ('draft', 'approved', 'void');
CREATE TABLE account (id bigserial PRIMARY KEY, tenant_id int NOT NULL, name text NOT NULL,
    name_lower text GENERATED ALWAYS AS (lower(name)) STORED,
    email text, verified_at timestamptz,
    UNIQUE (tenant_id, name_lower),
    -- The same as a partial unique index.
    EXCLUDE USING btree (email WITH =) WHERE (verified_at IS NOT NULL));
-- Each account can have one of each kind, and there is one kind.
CREATE TABLE rule (account_id bigint NOT NULL REFERENCES account, kind payment NOT NULL, UNIQUE (account_id, kind));
CREATE TABLE build (id bigserial PRIMARY KEY, account_id bigint NOT NULL REFERENCES account,
    commit text NOT NULL UNIQUE CHECK (commit ~ '^[a-f0-9]{40}$'),
    slug text NOT NULL CHECK (slug ~ '^[a-z](?:[a-z0-9]|-(?=[a-z0-9]))*$'),
    status state NOT NULL, approved_at timestamptz,
    CHECK ((status = 'approved') = (approved_at IS NOT NULL)));
CREATE TABLE action (id bigserial PRIMARY KEY, email text, hook text, slack text,
    CHECK ((CASE WHEN email IS NULL THEN 0 ELSE 1 END + CASE WHEN hook IS NULL THEN 0 ELSE 1 END
        + CASE WHEN slack IS NULL THEN 0 ELSE 1 END) = 1),
    kind text NOT NULL CHECK (kind IN ('flag', 'rollout')), flag bool,
    CHECK (1 = CASE WHEN kind = 'flag' AND flag IS NULL THEN 0 WHEN kind <> 'flag' AND flag IS NOT NULL THEN 0 ELSE 1 END));
CREATE TABLE permission (id bigserial PRIMARY KEY, owner_id bigint REFERENCES account, grants text[] NOT NULL,
    ips text[], paths text[],
    CHECK (owner_id IS NOT NULL OR cardinality(grants) = 0),
    CONSTRAINT alike CHECK (ips IS NULL OR (array_length(ips, 1) = array_length(paths, 1) + 7 AND NOT ('' = ANY (ips)))));
-- Without a team once, and once in each team.
CREATE TABLE member (account_id bigint NOT NULL REFERENCES account, team_id bigint REFERENCES build);
CREATE UNIQUE INDEX member_once ON member (account_id, COALESCE(team_id, 0));
CREATE FUNCTION canonical(text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT replace(lower($1), '-', '_') $$;
CREATE TABLE crate (id bigserial PRIMARY KEY, name text NOT NULL, title text);
CREATE UNIQUE INDEX crate_name ON crate (canonical(name));
CREATE UNIQUE INDEX crate_title ON crate (btrim(lower(title)));
";

/// What constraints do not demand: rows are as many as there is room for, and differ.
const OF_ROWS: &str = "SELECT concat_ws(' ',
    (SELECT count(*) = count(DISTINCT (tenant_id, name_lower)) AND count(*) = 1000 FROM account),
    (SELECT count(*) FROM rule) = (SELECT count(*) FROM account),
    (SELECT count(*) = 5000 AND count(DISTINCT left(commit, 8)) > 4900 AND count(DISTINCT right(commit, 8)) > 4900
        AND count(DISTINCT slug) > 100 AND count(DISTINCT status) > 1 FROM build),
    (SELECT count(*) = 1000 AND count(DISTINCT kind) = 2 FROM action),
    (SELECT count(*) = 5000 AND count(ips) = 0 FROM permission),
    (SELECT count(*) = 25000 AND count(DISTINCT account_id) > 900 AND count(DISTINCT team_id) > 900 FROM member),
    (SELECT count(*) = 1000 AND count(title) > 500 FROM crate))";

#[test]
fn keys_and_checks_in_all_their_forms_are_satisfied() {
    each_version(async |major| {
        let lab = lab(major, LabOptions::default()).unwrap();
        let dsn = database(lab.primary(), "app", SCHEMA).await;
        let (code, text, words) = finish(&mut dbperf(&["seed", &dsn, "--target-db", "app"]));
        assert_eq!(code, Some(0), "{major}: {words}");
        for told in [
            "permission, alike: rows satisfy those of its alternatives only that are understood",
            "rule: 1000 rows instead of 5000",
        ] {
            assert!(text.contains(told), "{major} {told}: {text}");
        }
        let own = connect_to(&dsn).await;
        assert_eq!(value(&own, OF_ROWS).await, "t t t t t t t", "{major}");
    });
}

#[test]
fn a_key_in_which_values_repeat_is_named_before_anything_is_written() {
    let schema = "CREATE FUNCTION initial(text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT left($1, 1) $$;
        CREATE FUNCTION refused(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RAISE 'no'; END $$;
        CREATE TABLE person (id bigserial PRIMARY KEY, name text NOT NULL, code text NOT NULL);
        CREATE UNIQUE INDEX person_initial ON person (initial(name));
        CREATE UNIQUE INDEX person_code ON person (refused(code))";
    each_version(async |major| {
        let lab = lab(major, LabOptions::default()).unwrap();
        let dsn = database(lab.primary(), "app", schema).await;
        let (code, _, words) = finish(&mut dbperf(&["seed", &dsn, "--target-db", "app"]));
        assert_eq!(code, Some(3), "{major}: {words}");
        for told in [
            "person, person_initial: it is over an expression that is not understood, in which 9",
            "of 1000 values that are made of name repeat",
            "person, person_code: it is over an expression that is not understood, and the server did not compute it",
        ] {
            assert!(words.contains(told), "{major} {told}: {words}");
        }
        let own = connect_to(&dsn).await;
        assert_eq!(
            value(&own, "SELECT count(*)::text FROM person").await,
            "0",
            "{major}"
        );
    });
}

/// Each person has three addresses, one of which is the first, and is in groups that one may leave and enter again.
const SOFT: &str = "
CREATE TABLE person (id int PRIMARY KEY, name text NOT NULL);
CREATE TABLE address (id int PRIMARY KEY, person_id int NOT NULL REFERENCES person, is_first bool NOT NULL);
CREATE UNIQUE INDEX one_first ON address (person_id) WHERE is_first;
CREATE TABLE membership (id int PRIMARY KEY, person_id int NOT NULL REFERENCES person, team_id int NOT NULL,
    deleted_at timestamptz);
CREATE UNIQUE INDEX once_at_a_time ON membership (person_id, team_id) WHERE deleted_at IS NULL;
CREATE TABLE job (id int PRIMARY KEY, person_id int NOT NULL REFERENCES person, state text NOT NULL);
CREATE UNIQUE INDEX one_waiting ON job (person_id) WHERE state IN ('queued', 'running');
";

const SOFT_ROWS: &str = "
INSERT INTO person SELECT n, 'person ' || n FROM generate_series(1, 1000) n;
INSERT INTO address SELECT n, 1 + n % 1000, n <= 1000 FROM generate_series(1, 3000) n;
INSERT INTO membership SELECT n, 1 + n % 1000, n % 37, CASE WHEN n % 10 = 0 THEN now() END FROM generate_series(1, 8000) n
    ON CONFLICT DO NOTHING;
INSERT INTO job SELECT n, 1 + n % 1000, CASE WHEN n <= 300 THEN 'queued' ELSE 'done' END FROM generate_series(1, 5000) n;
ANALYZE;
";

/// In the partial indexes are 1,000 rows of the source, nine in ten, and 300. Of three rows of which each would be in one
/// with a chance of a third, none would with a chance of 8/27.
const OF_SOFT: &str = "SELECT concat_ws(' ',
    (SELECT count(*) = 3000 AND count(*) FILTER (WHERE is_first) BETWEEN 600 AND 1000 FROM address),
    (SELECT count(*) > 7500 AND avg((deleted_at IS NULL)::int) BETWEEN 0.85 AND 0.95 FROM membership),
    (SELECT count(*) = 5000 AND count(*) FILTER (WHERE state = 'queued') BETWEEN 200 AND 350 FROM job))";

#[test]
fn rows_are_in_partial_indexes_as_far_as_their_keys_allow() {
    each_version(async |major| {
        let lab = lab(major, LabOptions::default()).unwrap();
        let source = database(lab.primary(), "source", &format!("{SOFT}{SOFT_ROWS}")).await;
        let folder = tempfile::tempdir().unwrap();
        let profile = folder.path().join("p.json");
        let profile = profile.to_str().unwrap();
        let (code, _, words) = finish(&mut dbperf(&[
            "profile", &source, "--values", "keep", "-o", profile,
        ]));
        assert_eq!(code, Some(0), "{major}: {words}");
        let dsn = database(lab.primary(), "app", SOFT).await;
        let args = ["seed", &dsn, "--target-db", "app", "--profile", profile];
        let (code, text, words) = finish(&mut dbperf(&args));
        assert_eq!(code, Some(0), "{major}: {words}");
        for told in ["one_first", "one_waiting"] {
            let told =
                format!("{told}: at most one row of each person_id is in this partial index");
            assert!(text.contains(&told), "{major} {told}: {text}");
        }
        let own = connect_to(&dsn).await;
        assert_eq!(value(&own, OF_SOFT).await, "t t t", "{major}");
    });
}
