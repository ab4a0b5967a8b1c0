//! No table is read, no value is sent to the server, and the form of values does not depend on settings.

use dbperf::lab::LabOptions;
use dbperf::seed::profile::{Value, Values, read};

use super::session;
use super::support::{connect, each_version, lab, left_sessions, published, setting};

const PLANTED: &str = "
CREATE TABLE read_me (id int PRIMARY KEY, at timestamptz, day date, name text, n float8, b bytea, span interval);
INSERT INTO read_me SELECT i, '2026-03-04 05:06:07+00', '2026-03-04', 'Canary', 0.1, '\\x00ff', '-1 day -2 hours'
FROM generate_series(1, 1000) AS i;
ANALYZE read_me;
";

const SCANS: &str = "SELECT string_agg(concat_ws(' ', relname, n_tup_ins, seq_scan, seq_tup_read, idx_scan, idx_tup_fetch), ', '
    ORDER BY relname) FROM pg_stat_user_tables";

#[test]
fn no_table_is_read_and_no_value_is_sent() {
    each_version(async |major| {
        let options = LabOptions {
            settings: setting("log_statement", "all"),
            ..LabOptions::default()
        };
        let lab = lab(major, options).unwrap();
        // A session publishes its counters when it ends.
        let ask = async |sql: &str| {
            let client = connect(lab.primary()).await;
            client.batch_execute(sql).await.unwrap();
            let row = client.query_one(SCANS, &[]).await.unwrap();
            row.get::<_, Option<String>>(0)
        };
        ask(PLANTED).await;
        // Before 15 counters travel by a message of their own.
        let before = loop {
            let counted = ask("SELECT 1").await;
            if counted
                .as_ref()
                .is_some_and(|counted| counted.contains("read_me 1000 "))
            {
                break counted;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        };
        let log = || std::fs::read_to_string(lab.primary().log_file()).unwrap();
        let start = log().len();
        let session = session(lab.primary()).await;
        for values in [Values::None, Values::Hash, Values::Keep] {
            read(&session, values, &|_, _| {}).await.unwrap();
        }
        session.close().await;
        let sent = log()[start..].to_owned();
        // Whatever it counted is to be seen before it is compared.
        let watcher = connect(lab.primary()).await;
        assert_eq!(left_sessions(&watcher).await, 0, "PostgreSQL {major}");
        published(lab.primary(), watcher).await;
        assert_eq!(ask("SELECT 1").await, before, "PostgreSQL {major}");
        let statements =
            sent.matches("execute s").count() + sent.matches("execute <unnamed>").count();
        assert!(statements > 20, "PostgreSQL {major}: {sent}");
        assert_eq!(
            sent.matches("/* dbperf */").count(),
            statements,
            "PostgreSQL {major}: {sent}"
        );
        for absent in ["Canary", "FROM read_me", "public.read_me", "2026-03-04"] {
            assert!(
                !sent.contains(absent),
                "PostgreSQL {major}: {absent} in {sent}"
            );
        }
    });
}

#[test]
fn values_have_one_text_form_whatever_the_database_prefers() {
    const SETTINGS: &str = "
        ALTER ROLE ALL SET datestyle = 'German, DMY';
        ALTER ROLE ALL SET intervalstyle = 'sql_standard';
        ALTER ROLE ALL SET timezone = 'Asia/Tokyo';
        ALTER ROLE ALL SET extra_float_digits = -10;
        ALTER ROLE ALL SET bytea_output = 'escape'";
    each_version(async |major| {
        let lab = lab(major, LabOptions::default()).unwrap();
        let client = connect(lab.primary()).await;
        client.batch_execute(PLANTED).await.unwrap();
        client
            .batch_execute("CREATE STATISTICS both_ (mcv) ON at, day FROM read_me; ANALYZE read_me")
            .await
            .unwrap();
        client.batch_execute(SETTINGS).await.unwrap();
        let session = session(lab.primary()).await;
        let profile = read(&session, Values::Keep, &|_, _| {}).await.unwrap();
        let table = &profile.tables[0];
        let one = |column: &str| &table.columns[column].most_common[0].value;
        let kept = |text: &str| Value::Kept(text.to_owned());
        assert_eq!(one("at"), &kept("2026-03-04 05:06:07+00"));
        assert_eq!(one("day"), &kept("2026-03-04"));
        assert_eq!(one("span"), &kept("-1 days -02:00:00"));
        assert_eq!(one("n"), &kept("0.1"));
        assert_eq!(one("b"), &kept("\\x00ff"));
        let both = &table.extended[0].most_common[0].0;
        let expected = [kept("2026-03-04 05:06:07+00"), kept("2026-03-04")];
        assert_eq!(both[..], expected.map(Some), "PostgreSQL {major}");
        // Only of the statement: the session keeps its own.
        let shown = session
            .client()
            .query_one("SHOW datestyle", &[])
            .await
            .unwrap();
        assert_eq!(shown.get::<_, String>(0), "German, DMY");
        session.close().await;
    });
}
