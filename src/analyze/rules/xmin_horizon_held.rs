//! `xmin-horizon-held`: somebody keeps VACUUM from removing dead rows.

use std::collections::BTreeSet;

use crate::analyze::conclusions::{HolderKind, Holds, HorizonHolder, Severity};
use crate::analyze::figures::{count_i64, duration};
use crate::analyze::health::horizon::holders;

use super::draft::Draft;
use super::remedies::literal;
use super::{Facts, Judgement, Outcome, Rule, thresholds as t};

pub(super) const RULE: Rule = Rule {
    id: "xmin-horizon-held",
    judge,
};

/// The oldest holder of each kind of rows; the others hold nothing that it does not hold.
fn judge(facts: &Facts<'_>) -> Judgement {
    let all = holders(facts.run).ok_or_else(|| facts.missing("open_transactions"))?;
    let mut seen = BTreeSet::new();
    let mut found: Vec<Outcome> = all
        .iter()
        .filter(|holder| seen.insert(holder.holds))
        .filter(|holder| is_old(holder))
        .map(|holder| fired(facts, holder, &all))
        .collect();
    if found.is_empty() {
        found.extend(unread(facts).map(Outcome::NotEvaluated));
    }
    Ok(found)
}

fn is_old(holder: &HorizonHolder) -> bool {
    let minutes = holder.held_ms.map_or(0.0, |ms| ms / 60_000.0);
    holder.xid_age >= t::HORIZON_XIDS || minutes >= t::HORIZON_MIN
}

/// What could not be looked at, and might hold it.
fn unread(facts: &Facts<'_>) -> Option<String> {
    let health = facts.run.health.as_ref()?;
    if health.hidden_sessions > 0 {
        return Some(facts.missing("open_transactions"));
    }
    if health.prepared.is_none() {
        return Some(facts.missing("pg_prepared_xacts"));
    }
    let replication = facts.run.replication.as_ref();
    let slots = replication.and_then(|r| r.slots.as_ref());
    slots
        .is_none()
        .then(|| facts.missing("pg_replication_slots"))
}

fn fired(facts: &Facts<'_>, holder: &HorizonHolder, all: &[HorizonHolder]) -> Outcome {
    let severity = match holder.holds {
        Holds::Rows => Severity::Warning,
        Holds::Catalog | Holds::OtherDatabase => Severity::Info,
    };
    let back = format!("{} transactions", count_i64(holder.xid_age));
    let held = match holder.held_ms {
        Some(ms) => format!("for {}, {back}", duration(ms)),
        None => format!("for {back}"),
    };
    let what = match holder.holds {
        Holds::Rows => "VACUUM cannot remove rows that died since then",
        Holds::Catalog => "VACUUM cannot remove rows of system tables that died since then",
        Holds::OtherDatabase => "VACUUM cannot remove rows of its database that died since then",
    };
    let draft = Draft::new(RULE.id, severity)
        .about(subject(holder.kind), &holder.name)
        .title(&format!("{} holds the horizon {held}", described(holder)))
        .detail(format!(
            "{what}: every scan reads them, and tables and indexes grow. {}{}{}",
            doing(holder),
            dead_rows(facts, holder.holds),
            next(holder, all)
        ));
    remedy(draft, holder).fire(facts)
}

fn subject(kind: HolderKind) -> &'static str {
    match kind {
        HolderKind::Session => "session",
        HolderKind::PreparedTransaction => "prepared transaction",
        HolderKind::Slot => "slot",
        HolderKind::Standby => "standby",
    }
}

fn described(holder: &HorizonHolder) -> String {
    match holder.kind {
        HolderKind::Session => holder.name.clone(),
        kind => format!("the {} {}", subject(kind), holder.name),
    }
}

fn doing(holder: &HorizonHolder) -> String {
    let database = holder.database.as_ref();
    let since = match &holder.since {
        Some(since) => format!(", since {since}"),
        None if holder.kind == HolderKind::Slot => {
            "; since when, the server does not tell (before PostgreSQL 17)".to_owned()
        }
        None => String::new(),
    };
    let behind = match &holder.behind {
        Some(behind) => format!("; behind it: {behind}"),
        None if holder.kind == HolderKind::Standby => {
            "; --replica DSN names the session on the standby behind it".to_owned()
        }
        None => String::new(),
    };
    let query = holder.query.as_ref();
    [
        format!("It is: {}", holder.state),
        database.map_or(String::new(), |name| format!(", in {name}")),
        since,
        query.map_or(String::new(), |query| format!("; statement: {query}")),
        behind,
    ]
    .concat()
}

fn dead_rows(facts: &Facts<'_>, holds: Holds) -> String {
    let tables = facts.run.tables.stat_user_tables.as_ref();
    let dead: i64 = tables.map_or(0, |span| span.last.iter().map(|t| t.n_dead_tup).sum());
    if dead == 0 || holds != Holds::Rows {
        return String::new();
    }
    format!(". {} dead rows in this database", count_i64(dead))
}

/// Who is next once this one is gone.
fn next(holder: &HorizonHolder, all: &[HorizonHolder]) -> String {
    let mut others = all
        .iter()
        .filter(|o| o.holds == holder.holds && !(o.name == holder.name && o.kind == holder.kind));
    let next = others.find(|other| is_old(other));
    next.map_or(String::new(), |next| {
        format!(
            ". The next one is {}, {} transactions back",
            described(next),
            count_i64(next.xid_age)
        )
    })
}

fn remedy(draft: Draft, holder: &HorizonHolder) -> Draft {
    match holder.kind {
        HolderKind::Session => {
            let idle = holder.state.starts_with("idle in transaction");
            let function = if idle {
                "pg_terminate_backend"
            } else {
                "pg_cancel_backend"
            };
            let pid = holder.pid.unwrap_or_default();
            draft.sql(format!("SELECT {function}({pid});")).note(
                "ask its owner first: its work is lost and there is no undo, and a dump or a \
                 migration may be meant to take so long; the pid may be another's by now. \
                 idle_in_transaction_session_timeout, and transaction_timeout from 17 on, end \
                 such sessions by themselves",
            )
        }
        HolderKind::PreparedTransaction => draft
            .sql(format!("ROLLBACK PREPARED {};", literal(&holder.name)))
            .note(
                "in its own database, and only if its transaction manager has forgotten it: its \
                 work is lost and there is no undo; COMMIT PREPARED keeps it",
            ),
        HolderKind::Slot if holder.active == Some(false) => draft
            .sql(format!(
                "SELECT pg_drop_replication_slot({});",
                literal(&holder.name)
            ))
            .note(
                "only if nobody will come back to it: there is no undo, the consumer has to be \
                 built anew; otherwise start the consumer",
            ),
        HolderKind::Slot | HolderKind::Standby => draft.note(
            "end the long query there, or turn hot_standby_feedback off there and reload, at the \
             price of cancelled queries on the standby; a logical consumer has to catch up",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::fixture::{run, span, table_stats};
    use crate::analyze::health::testing::{open, window};
    use crate::analyze::rules::testing::Case;
    use crate::record::health::{OpenTransaction, PreparedTransaction};
    use crate::record::replication::{ReplicationWindow, Slot};

    fn case(transactions: Vec<OpenTransaction>) -> Case {
        let mut run = run();
        let mut health = window();
        health.transactions = Some(transactions);
        run.health = Some(health);
        run.replication = Some(ReplicationWindow {
            slots: Some(Vec::new()),
            ..ReplicationWindow::default()
        });
        Case::of(run)
    }

    fn idle(second: i64) -> OpenTransaction {
        let mut t = open(7, "web", second);
        t.state = Some("idle in transaction".to_owned());
        t.query = Some("UPDATE tasks SET a = $1".to_owned());
        t
    }

    #[test]
    fn fifteen_minutes_or_a_million_transactions() {
        let mut case = case(vec![idle(-840)]);
        let mut stats = table_stats(1, "tasks");
        stats.n_dead_tup = 1_234;
        case.run.tables.stat_user_tables = Some(span(vec![stats.clone()], vec![stats]));
        let finding = case.the_finding(&RULE);
        assert_eq!(
            finding.title,
            "web (pid 7) holds the horizon for 15.0 min, 1 transactions"
        );
        assert!(
            finding
                .detail
                .contains("statement: UPDATE tasks SET a = $1")
        );
        assert!(finding.detail.contains("1,234 dead rows"));
        assert_eq!(
            finding.remediation.sql.as_deref(),
            Some("SELECT pg_terminate_backend(7);")
        );
        let mut busy = idle(-10);
        busy.xmin_age = Some(1_000_000);
        super::tests::case(vec![busy]).the_finding(&RULE);
        super::tests::case(vec![idle(-839)]).assert_quiet(&RULE);
        super::tests::case(Vec::new()).assert_quiet(&RULE);
    }

    #[test]
    fn the_oldest_is_named_and_the_next_one_mentioned() {
        let mut second = idle(-2_000);
        (second.pid, second.application_name) = (8, "cron".to_owned());
        let mut first = idle(-3_000);
        first.xmin_age = Some(9);
        let finding = case(vec![second, first]).the_finding(&RULE);
        assert!(finding.title.starts_with("web (pid 7)"));
        assert!(finding.detail.contains("The next one is cron (pid 8)"));
    }

    #[test]
    fn a_prepared_transaction_is_rolled_back_by_its_name() {
        let mut case = case(Vec::new());
        let health = case.run.health.as_mut().unwrap();
        health.prepared = Some(vec![PreparedTransaction {
            gid: "it's".to_owned(),
            prepared: crate::analyze::fixture::at(-7_200),
            owner: Some("app".to_owned()),
            database: Some("app".to_owned()),
            xid_age: 12,
        }]);
        let finding = case.the_finding(&RULE);
        assert_eq!(finding.subject.kind, "prepared transaction");
        assert_eq!(
            finding.remediation.sql.as_deref(),
            Some("ROLLBACK PREPARED 'it''s';")
        );
    }

    #[test]
    fn a_slot_has_an_age_and_from_17_on_a_time() {
        let with = |xmin_age, active| {
            let mut case = case(Vec::new());
            let slot = Slot {
                slot_name: "r1".to_owned(),
                slot_type: "physical".to_owned(),
                active,
                xmin_age: Some(xmin_age),
                ..Slot::default()
            };
            case.run.replication.as_mut().unwrap().slots = Some(vec![slot]);
            case
        };
        let finding = with(2_000_000, false).the_finding(&RULE);
        assert!(finding.detail.contains("before PostgreSQL 17"));
        assert!(finding.remediation.sql.unwrap().contains("drop"));
        let active = with(2_000_000, true).the_finding(&RULE);
        assert_eq!(active.remediation.sql, None);
        with(999_999, false).assert_quiet(&RULE);
    }

    #[test]
    fn another_database_is_good_to_know_only() {
        let mut elsewhere = idle(-3_000);
        elsewhere.datname = Some("other".to_owned());
        let finding = case(vec![elsewhere]).the_finding(&RULE);
        assert_eq!(finding.severity, Severity::Info);
    }

    #[test]
    fn hidden_sessions_are_not_absent_ones() {
        let mut hidden = case(Vec::new());
        hidden.run.health.as_mut().unwrap().hidden_sessions = 3;
        assert!(hidden.missing_fact(&RULE).contains("open_transactions"));
        let mut unread = case(Vec::new());
        unread.run.replication = None;
        assert!(unread.missing_fact(&RULE).contains("pg_replication_slots"));
        let mut nothing = case(Vec::new());
        nothing.run.health = None;
        assert!(nothing.missing_fact(&RULE).contains("open_transactions"));
    }
}
