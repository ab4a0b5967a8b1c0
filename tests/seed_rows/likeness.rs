//! A database that was filled from a profile, beside the source: columns by their statistics, statements by their plans.

use dbperf::lab::LabOptions;
use dbperf::pg::{Conninfo, SearchPath, Session, SessionOptions};
use dbperf::record::fidelity::Fidelity;
use dbperf::seed::plans::{Roots, of_workload};
use dbperf::seed::profile::{Profile, StatementProfile, Values, read};
use dbperf::seed::schema;
use dbperf::seed::verify::verify;
use dbperf::workload::Workload;

use super::filled_from;
use super::support::{connect_to, database, each_version, guarded, lab, oldest_and_newest};

const SCHEMA: &str = include_str!("../../fixtures/seed/bazaar.sql");
const ROWS: &str = include_str!("bazaar_rows.sql");
const WORKLOAD: &str = include_str!("bazaar.workload.sql");

#[test]
fn a_skewed_and_correlated_source_is_matched() {
    each_version(async |major| {
        // The oldest and the newest; what lies between has the same statistics.
        if !oldest_and_newest().contains(&major) {
            return;
        }
        let lab = lab(major, LabOptions::default()).unwrap();
        let source = database(lab.primary(), "source", SCHEMA).await;
        let client = connect_to(&source).await;
        client.batch_execute(ROWS).await.unwrap();
        // As autovacuum leaves it.
        client.batch_execute("VACUUM (ANALYZE)").await.unwrap();
        for (name, values) in [("kept", Values::Keep), ("hashed", Values::Hash)] {
            let session = guarded(&source).await;
            let mut profile = read(&session, values, &|_, _| {}).await.unwrap();
            profile.statements = plans(&source, &session).await;
            let target = database(lab.primary(), name, SCHEMA).await;
            filled_from(&target, Some(&profile), 1.0).await.unwrap();
            let found = compared(&target, &profile).await;
            let median = found.median_histogram_distance.unwrap();
            assert!(median <= 0.02, "PostgreSQL {major}, {name}: {median}");
            let other = found
                .statements
                .iter()
                .filter(|s| s.same_shape != Some(true));
            let other: Vec<_> = other.collect();
            let same = found.same_shape_ratio.unwrap();
            assert!(same >= 0.95, "PostgreSQL {major}, {name}: {other:#?}");
        }
    });
}

async fn compared(target: &str, profile: &Profile) -> Fidelity {
    let session = guarded(target).await;
    let statements = plans(target, &session).await;
    verify(&session, profile, statements).await.unwrap()
}

/// The plans of the workload's statements.
async fn plans(dsn: &str, catalogue: &Session) -> Vec<StatementProfile> {
    let conninfo = Conninfo::parse(dsn, &|_| None).unwrap();
    let mut options = SessionOptions::new("rows");
    options.search_path = SearchPath::Role;
    let application = Session::connect(&conninfo, &options).await.unwrap();
    let workload = Workload::parse(WORKLOAD, "bazaar").unwrap();
    let roots = Roots::of(&schema::read(catalogue).await.unwrap());
    let plans = of_workload(&application, catalogue, &roots, &workload).await;
    let plans = plans.unwrap().into_iter().map(|(name, plan)| {
        let (shape, rows) = plan.unwrap_or_else(|reason| panic!("{name}: {reason}"));
        StatementProfile { name, shape, rows }
    });
    plans.collect()
}
