//! `partitions-not-pruned`: partitions are read that cannot hold a row of the result.

use crate::analyze::conclusions::{Evidence, Severity};
use crate::analyze::plans::account::Visit;
use crate::analyze::plans::conditions::{Comparison, Condition, conditions};
use crate::analyze::plans::disjunctions::disjunctions;
use crate::analyze::rules::thresholds as t;
use crate::record::tables::{PartitionKey, TableFacts};

use super::look::{Look, Share};
use super::remark::Remark;
use super::{InsightRule, Judgement, Promotion};

pub(super) const RULE: InsightRule = InsightRule {
    id: "partitions-not-pruned",
    finding: Promotion::Saves,
    judge,
};

fn judge(look: &Look<'_>) -> Judgement {
    let tables = look
        .run
        .tables
        .facts
        .as_ref()
        .ok_or("the tables were not read")?;
    let found = look
        .relevant()
        .filter_map(|visit| unpruned(look, visit, tables));
    Ok(found.collect())
}

/// The partitions of one table under an Append.
struct Read<'a> {
    root: &'a TableFacts,
    key: &'a PartitionKey,
    scans: Vec<&'a Visit<'a>>,
    /// Partitions that the catalogue knows, without those that are partitioned again.
    all: usize,
}

/// Why the planner had nothing to prune by.
enum Why {
    /// This is around the key.
    Wrapped(String),
    /// The key stands in some arms of an OR only.
    Or,
    /// No condition is on the key.
    NoCondition,
}

fn unpruned(look: &Look<'_>, visit: &Visit<'_>, tables: &[TableFacts]) -> Option<Remark> {
    if !matches!(visit.node.node_type.as_str(), "Append" | "Merge Append")
        || visit
            .node
            .number("Subplans Removed")
            .is_some_and(|n| n > 0.0)
    {
        return None;
    }
    let read = read(look, visit, tables)?;
    if read.all < t::PARTITIONS_MIN || read.scans.len() < read.all {
        return None;
    }
    let names = key_columns(&read)?;
    let why = why(read.scans[0], &read, &names)?;
    let with_rows = look.analyzed.then(|| {
        let scans = read.scans.iter();
        scans
            .filter(|s| s.actual_rows.is_some_and(|rows| rows > 0.0))
            .count()
    });
    let idle = with_rows.map_or(1.0, |with| 1.0 - with as f64 / read.all as f64);
    let (severity, cause, note) = match &why {
        Why::NoCondition if with_rows.is_none() || idle < t::PARTITIONS_IDLE_RATIO => return None,
        Why::NoCondition => (
            Severity::Info,
            format!("no condition of the statement is on {}", names.join(", ")),
            "add a condition on the key that follows from the others, such as a range of dates; or \
             an index on the columns of the condition in each partition",
        ),
        Why::Wrapped(by) => (
            Severity::Warning,
            format!(
                "the condition applies {by} to {}, by which no partition can be told",
                names.join(", ")
            ),
            "compare the bare key with a value of its own type: a range instead of a function of it, \
             and a parameter of the key's type instead of a cast",
        ),
        Why::Or => (
            Severity::Warning,
            format!("{} stands in some arms of an OR only", names.join(", ")),
            "a condition on the key in every arm, or a UNION of one query for each arm",
        ),
    };
    let evidence = match why {
        Why::NoCondition => Evidence::Measured,
        _ => Evidence::Estimated,
    };
    let came = with_rows.map_or(String::new(), |with| format!(", and rows came from {with}"));
    let whole = look.with_children(visit);
    let remark = Remark::new(look, visit, severity)
        .evidence(evidence)
        .weighs(Share {
            ratio: whole.ratio * idle,
            ..whole
        })
        .title(&format!(
            "all {} partitions of {}.{} are read",
            read.all, read.root.schemaname, read.root.relname
        ))
        .detail(format!(
            "it is partitioned by {}{came}: {cause}",
            read.key.definition
        ))
        .note(note);
    Some(remark)
}

/// The scans of partitions of one table among the members of an Append.
fn read<'a>(look: &Look<'a>, visit: &Visit<'_>, tables: &'a [TableFacts]) -> Option<Read<'a>> {
    let parent_of = |table: &TableFacts| {
        let parent = table.parent?;
        tables.iter().find(|t| t.relid == parent)
    };
    let root_of = |table: &'a TableFacts| {
        let mut root = parent_of(table)?;
        while let Some(above) = parent_of(root) {
            root = above;
        }
        Some(root)
    };
    let mut root: Option<&TableFacts> = None;
    let mut scans = Vec::new();
    let below = look.account.subtree(visit.position);
    for scan in below.iter().filter(|v| v.node.relation.is_some()) {
        if look.analyzed && scan.node.actual.is_none() {
            continue;
        }
        let Some(of) = look.table(scan.node).and_then(root_of) else {
            continue;
        };
        // Other tables under the same Append belong to a join of each partition.
        if root.is_none_or(|root| root.relid == of.relid) {
            root = Some(of);
            scans.push(scan);
        }
    }
    let root = root?;
    let all = tables
        .iter()
        .filter(|t| t.relkind == "r" && root_of(t).is_some_and(|r| r.relid == root.relid));
    Some(Read {
        root,
        key: root.partition_key.as_ref()?,
        scans,
        all: all.count(),
    })
}

/// The columns of the key; `None` for one with an expression.
fn key_columns<'a>(read: &Read<'a>) -> Option<Vec<&'a str>> {
    let numbers = read.key.partattrs.iter();
    numbers.map(|n| read.root.column_name(*n)).collect()
}

/// Why nothing was pruned; `None` where a condition on the bare key is there, so that the planner
/// or the executor decided by it.
fn why(scan: &Visit<'_>, read: &Read<'_>, key: &[&str]) -> Option<Why> {
    let texts = ["Filter", "Index Cond", "Recheck Cond"];
    let texts: Vec<&str> = texts.iter().filter_map(|k| scan.node.text(k)).collect();
    let all: Vec<Condition> = texts
        .iter()
        .filter_map(|t| conditions(t))
        .flatten()
        .collect();
    let mut of_key = all
        .iter()
        .filter(|c| key.contains(&c.column.as_str()))
        .peekable();
    if of_key.peek().is_some() {
        let mut wrapped = None;
        for condition in of_key {
            if bare(condition, read) {
                return None;
            }
            wrapped = wrapped.or(condition.wrapped.clone());
        }
        return wrapped.map(Why::Wrapped);
    }
    let ors = texts.iter().filter_map(|t| disjunctions(t)).flatten();
    for arms in ors {
        let with = arms
            .iter()
            .filter(|arm| arm.iter().any(|c| key.contains(&c.column.as_str())))
            .count();
        if with == arms.len() {
            return None;
        }
        if with > 0 {
            return Some(Why::Or);
        }
    }
    Some(Why::NoCondition)
}

/// A comparison of the key that tells partitions; a varchar compared as text is one.
fn bare(condition: &Condition, read: &Read<'_>) -> bool {
    let column = read
        .root
        .columns
        .iter()
        .find(|c| c.attname == condition.column);
    let relabelled = condition.wrapped.as_deref() == Some("::text")
        && column.is_some_and(|c| c.type_name.starts_with("character varying"));
    condition.comparison != Comparison::Other && (condition.wrapped.is_none() || relabelled)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::testing::{look, missing_of, node, of, ran, run};
    use super::*;
    use crate::analyze::conclusions::Insight;
    use crate::analyze::fixture::table;
    use crate::record::Run;

    /// `events`, partitioned by range of `a`, with four partitions.
    fn partitioned() -> Run {
        let mut run = run();
        let mut root = table(10, "events");
        root.relkind = "p".to_owned();
        root.partition_key = Some(PartitionKey {
            partstrat: "r".to_owned(),
            partattrs: vec![2],
            definition: "RANGE (a)".to_owned(),
        });
        let mut all = vec![root];
        for i in 1..=4 {
            let mut part = table(10 + i, &format!("events_{i}"));
            part.parent = Some(10);
            all.push(part);
        }
        run.tables.facts = Some(all);
        run
    }

    fn append(filter: &str, with_rows: &[f64], executed: bool) -> Value {
        let scans = with_rows.iter().enumerate().map(|(i, rows)| {
            let extra = json!({"Relation Name": format!("events_{}", i + 1), "Filter": filter,
                "Parent Relationship": "Member", "Actual Rows": rows, "Actual Total Time": 10.0});
            if executed {
                ran("Seq Scan", &extra, vec![])
            } else {
                let mut scan = node("Seq Scan", &extra, vec![]);
                scan.as_object_mut()
                    .unwrap()
                    .retain(|key, _| !key.starts_with("Actual"));
                scan
            }
        });
        if executed {
            ran("Append", &json!({}), scans.collect())
        } else {
            node("Append", &json!({}), scans.collect())
        }
    }

    fn found(plan: &Value, executed: bool) -> Option<Insight> {
        let document = json!({ "Plan": plan });
        of(
            "partitions-not-pruned",
            look(&partitioned(), &document, executed).0,
        )
    }

    #[test]
    fn a_function_on_the_key_is_why() {
        let insight = found(&append("(abs(a) = $1)", &[0.0, 5.0, 0.0, 0.0], true), true).unwrap();
        assert_eq!(insight.title, "all 4 partitions of public.events are read");
        assert_eq!(
            (insight.severity, insight.node.as_str()),
            (Severity::Warning, "Append")
        );
        assert!(
            insight
                .detail
                .contains("rows came from 1: the condition applies abs() to a"),
            "{}",
            insight.detail
        );
        assert!((insight.weight.unwrap().plan_ratio - 0.75).abs() < 1e-9);
        assert!(found(&append("((a)::text = $1)", &[0.0; 4], false), false).is_some());
    }

    #[test]
    fn no_condition_matters_only_where_few_partitions_had_rows() {
        let few = found(&append("(b = $1)", &[0.0, 5.0, 0.0, 0.0], true), true).unwrap();
        assert_eq!(
            (few.severity, few.evidence),
            (Severity::Info, Evidence::Measured)
        );
        assert_eq!(
            found(&append("(b = $1)", &[1.0, 5.0, 0.0, 0.0], true), true),
            None
        );
        assert_eq!(
            found(&append("(b = $1)", &[0.0; 4], false), false),
            None,
            "an estimate"
        );
        let or = found(&append("((a = $1) OR (b = $2))", &[1.0; 4], true), true).unwrap();
        assert!(or.detail.contains("some arms of an OR"), "{}", or.detail);
    }

    #[test]
    fn what_was_pruned_or_could_have_been_is_quiet() {
        assert_eq!(
            found(&append("(a > $1)", &[0.0, 5.0, 0.0, 0.0], true), true),
            None
        );
        assert_eq!(
            found(&append("(abs(a) = $1)", &[0.0, 5.0, 0.0], true), true),
            None
        );
        let mut pruned = append("(abs(a) = $1)", &[0.0; 4], true);
        pruned["Subplans Removed"] = json!(3);
        assert_eq!(found(&pruned, true), None);
    }

    #[test]
    fn without_the_catalogue_nothing_is_said() {
        let mut run = partitioned();
        run.tables.facts = None;
        let document = json!({"Plan": append("(abs(a) = $1)", &[0.0; 4], false)});
        assert!(missing_of(&run, "partitions-not-pruned", &document, false).is_some());
    }
}
