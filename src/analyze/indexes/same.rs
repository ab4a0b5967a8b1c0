//! Indexes that another index replaces: duplicates and redundant prefixes.
//!
//! Compared by the catalogue's arrays, never by names or definitions. Expressions and predicates
//! count as the same only with the same text, so a partial index is never redundant to a full one.

use std::collections::{BTreeMap, BTreeSet};

use crate::analyze::conclusions::IndexVerdict;
use crate::analyze::rules::thresholds as t;
use crate::record::indexes::IndexFacts;

use super::look::Look;

/// `DESC` and `NULLS FIRST` in `pg_index.indoption`; both flip together in an inverted scan.
const INVERTED: i16 = 3;

/// Why an index can go.
pub(super) struct Replacement {
    /// The index that stays.
    pub(super) by: u32,
    pub(super) verdict: IndexVerdict,
    pub(super) reason: String,
    pub(super) doubts: Vec<String>,
}

/// Every index that another one replaces.
pub(super) fn replacements(look: &Look<'_>) -> BTreeMap<u32, Replacement> {
    let mut replaced = duplicates(look);
    let gone: BTreeSet<u32> = replaced.keys().copied().collect();
    let narrow = prefixes(look, &gone);
    replaced.extend(narrow);
    replaced
}

fn duplicates(look: &Look<'_>) -> BTreeMap<u32, Replacement> {
    let mut found = BTreeMap::new();
    for a in look.facts.iter().filter(|a| may_go(look, a)) {
        let best = look
            .on_table(a.indrelid)
            .filter(|b| b.indexrelid != a.indexrelid && b.indisvalid && same(a, b))
            .filter(|b| preference(look, b) > preference(look, a))
            .max_by_key(|b| preference(look, b));
        let Some(b) = best else { continue };
        let reason = format!(
            "the same as {}: table, method, key columns, operator classes, collations, order, \
             predicate and included columns",
            b.indexrelname
        );
        let replacement = Replacement {
            by: b.indexrelid,
            verdict: IndexVerdict::DropDuplicate,
            reason,
            doubts: duplicate_doubts(a, b),
        };
        found.insert(a.indexrelid, replacement);
    }
    found
}

fn duplicate_doubts(a: &IndexFacts, b: &IndexFacts) -> Vec<String> {
    let mut doubts = clustered_doubt(a);
    if let Some(constraint) = &a.constraint_name {
        doubts.push(format!(
            "statements that say ON CONFLICT ON CONSTRAINT {constraint} would fail"
        ));
    }
    if a.tablespace != b.tablespace {
        doubts.push(format!("{} is in another tablespace", b.indexrelname));
    }
    doubts
}

fn clustered_doubt(a: &IndexFacts) -> Vec<String> {
    let doubt = "CLUSTER without an index name uses it".to_owned();
    a.indisclustered.then_some(doubt).into_iter().collect()
}

/// The index of a partition cannot go alone, a replica identity is needed by subscribers, a foreign
/// key's index by the key, and what an extension or a deferrable constraint made stays as it is. The
/// operators of an exclusion constraint are not compared here.
fn may_go(look: &Look<'_>, a: &IndexFacts) -> bool {
    a.indisvalid
        && a.parent.is_none()
        && !a.indisreplident
        && !a.indisexclusion
        && !a.indisprimary
        && a.indimmediate
        && !a.extension_owned
        && !look.is_referenced(a)
}

/// Which of two equal indexes to keep.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Preference {
    primary: bool,
    referenced: bool,
    constraint: bool,
    replica_identity: bool,
    unique: bool,
    part_of_partitioned: bool,
    extension: bool,
    scans: i64,
    older: std::cmp::Reverse<u32>,
}

fn preference(look: &Look<'_>, i: &IndexFacts) -> Preference {
    Preference {
        primary: i.indisprimary,
        referenced: look.is_referenced(i),
        constraint: i.constraint_name.is_some(),
        replica_identity: i.indisreplident,
        unique: i.indisunique,
        part_of_partitioned: i.parent.is_some(),
        extension: i.extension_owned,
        scans: look.scans_total(i).unwrap_or(0),
        older: std::cmp::Reverse(i.indexrelid),
    }
}

fn same(a: &IndexFacts, b: &IndexFacts) -> bool {
    let equal = comparable(a, b)
        && keys(a) == keys(b)
        && a.indclass == b.indclass
        && a.indcollation == b.indcollation
        && a.indoption == b.indoption
        && a.expressions == b.expressions
        && included(a) == included(b)
        && same_options(a, b);
    let promise =
        a.indnullsnotdistinct == b.indnullsnotdistinct && a.indimmediate == b.indimmediate;
    equal && (!(a.indisunique && b.indisunique) || promise)
}

/// Other methods than these two have options that change what an index finds or how well: BRIN's range,
/// a signature's length. A definition shows them.
fn same_options(a: &IndexFacts, b: &IndexFacts) -> bool {
    let after_name = |i: &IndexFacts| {
        let rest = i.definition.split_once(" USING ");
        rest.map(|(_, rest)| rest.to_owned())
    };
    matches!(a.amname.as_str(), "btree" | "hash") || after_name(a) == after_name(b)
}

fn comparable(a: &IndexFacts, b: &IndexFacts) -> bool {
    a.indrelid == b.indrelid
        && a.amname == b.amname
        && a.relkind == b.relkind
        && a.predicate == b.predicate
        && !b.indisexclusion
}

fn keys(i: &IndexFacts) -> &[i16] {
    let count = usize::try_from(i.indnkeyatts).unwrap_or(0);
    i.indkey.get(..count).unwrap_or(&i.indkey)
}

fn included(i: &IndexFacts) -> BTreeSet<i16> {
    i.indkey.iter().skip(keys(i).len()).copied().collect()
}

fn prefixes(look: &Look<'_>, gone: &BTreeSet<u32>) -> BTreeMap<u32, Replacement> {
    let narrow = |a: &IndexFacts| {
        may_go(look, a)
            && !a.indisunique
            && a.constraint_name.is_none()
            && !gone.contains(&a.indexrelid)
    };
    let staying = |b: &IndexFacts| b.indisvalid && !gone.contains(&b.indexrelid);
    let mut found = BTreeMap::new();
    for a in look.facts.iter().filter(|a| narrow(a)) {
        let wider = look
            .on_table(a.indrelid)
            .filter(|b| staying(b) && covers(b, a));
        // Of several, one that is not itself covered; of those the smallest.
        let b = wider
            .filter(|b| {
                !(narrow(b)
                    && look
                        .on_table(b.indrelid)
                        .any(|c| staying(c) && covers(c, b)))
            })
            .min_by_key(|b| (look.size(b), b.indexrelid));
        let Some(b) = b else { continue };
        let reason = format!(
            "its key columns are the first ones of {}, which serves every search it serves",
            b.indexrelname
        );
        let replacement = Replacement {
            by: b.indexrelid,
            verdict: IndexVerdict::DropRedundant,
            reason,
            doubts: prefix_doubts(look, a, b),
        };
        found.insert(a.indexrelid, replacement);
    }
    found
}

/// Every search that `a` serves, `b` serves too.
fn covers(b: &IndexFacts, a: &IndexFacts) -> bool {
    let (narrow, wide) = (keys(a), keys(b));
    let n = narrow.len();
    let proper = wide.len() > n
        || (wide.len() == n && included(a).is_subset(&included(b)) && included(a) != included(b));
    let columns: BTreeSet<i16> = b.indkey.iter().copied().collect();
    a.indexrelid != b.indexrelid
        && a.amname == "btree"
        && comparable(a, b)
        && proper
        && wide.starts_with(narrow)
        && b.indclass.starts_with(&a.indclass)
        && b.indcollation.starts_with(&a.indcollation)
        && same_order(&a.indoption, &b.indoption)
        && expressions_cover(a, b)
        && included(a).is_subset(&columns)
}

/// All options equal, or all inverted: a btree is read in both directions.
fn same_order(a: &[i16], b: &[i16]) -> bool {
    let pairs = || a.iter().zip(b);
    b.len() >= a.len() && (pairs().all(|(x, y)| x == y) || pairs().all(|(x, y)| *x == y ^ INVERTED))
}

fn expressions_cover(a: &IndexFacts, b: &IndexFacts) -> bool {
    match (&a.expressions, &b.expressions) {
        (None, _) => true,
        (Some(x), Some(y)) => x == y || y.starts_with(&format!("{x}, ")),
        (Some(_), None) => false,
    }
}

fn prefix_doubts(look: &Look<'_>, a: &IndexFacts, b: &IndexFacts) -> Vec<String> {
    let mut doubts = clustered_doubt(a);
    if let (Some(small), Some(big)) = (look.size(a), look.size(b)) {
        let factor = big.0 as f64 / (small.0 as f64).max(1.0);
        if factor > t::REDUNDANT_MAX_SIZE_FACTOR {
            doubts.push(format!(
                "{} is {factor:.1} times its size, so scans of it read more",
                b.indexrelname
            ));
        }
    }
    let index_only = look
        .run
        .plans
        .iter()
        .filter_map(|p| p.plan.as_ref())
        .any(|plan| uses_index_only(plan, &a.indexrelname));
    if index_only {
        doubts.push("a plan of this run uses it for an index-only scan".to_owned());
    }
    doubts
}

fn uses_index_only(value: &serde_json::Value, name: &str) -> bool {
    match value {
        serde_json::Value::Object(object) => {
            let is = |key: &str, text: &str| object.get(key).and_then(|v| v.as_str()) == Some(text);
            (is("Node Type", "Index Only Scan") && is("Index Name", name))
                || object.values().any(|v| uses_index_only(v, name))
        }
        serde_json::Value::Array(all) => all.iter().any(|v| uses_index_only(v, name)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::conclusions::Index;
    use crate::analyze::fixture::{index, run_with_indexes};
    use crate::analyze::indexes::{Judged, judge};
    use crate::record::Bytes;

    fn judged(all: Vec<(IndexFacts, i64)>) -> Vec<Judged> {
        judge(&run_with_indexes(all)).unwrap()
    }

    fn verdicts(all: Vec<(IndexFacts, i64)>) -> Vec<IndexVerdict> {
        judged(all).into_iter().map(|j| j.index.verdict).collect()
    }

    fn pair(change: impl Fn(&mut IndexFacts)) -> Vec<IndexVerdict> {
        let mut b = index(2, 1, "b", &[2]);
        change(&mut b);
        verdicts(vec![(index(1, 1, "a", &[2]), 9), (b, 9)])
    }

    use IndexVerdict::{DropDuplicate, DropRedundant, Keep};

    #[test]
    fn a_duplicate_goes_and_the_older_or_more_used_stays() {
        assert_eq!(pair(|_| ()), [Keep, DropDuplicate]);
        let all = vec![(index(1, 1, "a", &[2]), 1), (index(2, 1, "b", &[2]), 9)];
        let all: Vec<Index> = judged(all).into_iter().map(|j| j.index).collect();
        assert_eq!((all[0].verdict, all[1].verdict), (DropDuplicate, Keep));
        assert_eq!(
            all[0].remediation_sql.as_deref(),
            Some("DROP INDEX CONCURRENTLY public.a;")
        );
        let undo = all[0].undo_sql.as_deref().unwrap();
        assert!(undo.starts_with("CREATE INDEX CONCURRENTLY a ON"));
        assert!(all[0].reason.contains("same as b"));
    }

    #[test]
    fn any_difference_of_the_arrays_keeps_both() {
        type Change = fn(&mut IndexFacts);
        let changes: [(&str, Change); 9] = [
            ("class", |b| b.indclass = vec![1]),
            ("collation", |b| b.indcollation = vec![1]),
            ("option", |b| b.indoption = vec![3]),
            ("expressions", |b| {
                b.expressions = Some("lower(name)".to_owned());
            }),
            ("predicate", |b| b.predicate = Some("(a > 0)".to_owned())),
            ("method", |b| b.amname = "hash".to_owned()),
            ("table", |b| b.indrelid = 2),
            ("partition", |b| b.parent = Some(7)),
            ("replica identity", |b| b.indisreplident = true),
        ];
        for (what, change) in changes {
            let kept = pair(change);
            // One that cannot go is preferred, so the other one goes.
            let expected = if ["replica identity", "partition"].contains(&what) {
                DropDuplicate
            } else {
                Keep
            };
            assert_eq!(kept[1], Keep, "{what}");
            assert_eq!(kept[0], expected, "{what}");
        }
    }

    #[test]
    fn a_constraint_or_unique_index_is_preferred_and_promises_are_compared() {
        assert_eq!(pair(|b| b.indisunique = true), [DropDuplicate, Keep]);
        let unique = |oid, name: &str, nulls| {
            let mut i = index(oid, 1, name, &[2]);
            i.indisunique = true;
            i.indnullsnotdistinct = Some(nulls);
            i
        };
        let mut owned = unique(2, "b", false);
        owned.constraint_name = Some("c".to_owned());
        let all = vec![(unique(1, "a", false), 9), (owned.clone(), 0)];
        assert_eq!(verdicts(all), [DropDuplicate, Keep]);
        let all = vec![(unique(1, "a", true), 9), (owned.clone(), 0)];
        assert_eq!(verdicts(all), [Keep, Keep]);
        let mut late = unique(1, "a", false);
        late.indimmediate = false;
        assert_eq!(verdicts(vec![(late, 9), (owned, 0)]), [Keep, Keep]);
    }

    #[test]
    fn a_second_constraint_is_dropped_as_a_constraint() {
        let owned = |oid, name: &str| {
            let mut i = index(oid, 1, name, &[2]);
            i.indisunique = true;
            i.constraint_name = Some(name.to_owned());
            i
        };
        let all = judged(vec![(owned(1, "a"), 0), (owned(2, "b"), 0)]);
        let sql = all[1].index.remediation_sql.as_deref();
        assert_eq!(sql, Some("ALTER TABLE public.tasks DROP CONSTRAINT b;"));
        assert!(
            all[1]
                .lock_note
                .as_ref()
                .unwrap()
                .contains("ACCESS EXCLUSIVE")
        );
    }

    #[test]
    fn included_columns_are_a_set() {
        let with = |oid, name: &str, columns: [i16; 3]| {
            let mut i = index(oid, 1, name, &columns[..1]);
            i.indkey = columns.to_vec();
            i
        };
        let all = vec![(with(1, "a", [2, 3, 4]), 9), (with(2, "b", [2, 4, 3]), 9)];
        assert_eq!(verdicts(all), [Keep, DropDuplicate]);
    }

    #[test]
    fn a_prefix_is_redundant_forwards_and_inverted() {
        let two = |name: &str, options: [i16; 2]| {
            let mut i = index(2, 1, name, &[2, 3]);
            i.indoption = options.to_vec();
            i
        };
        let narrow = || index(1, 1, "a", &[2]);
        let with = |wide| verdicts(vec![(narrow(), 9), (wide, 9)]);
        assert_eq!(with(two("b", [0, 0])), [DropRedundant, Keep]);
        assert_eq!(with(two("b", [3, 0])), [DropRedundant, Keep]);
        assert_eq!(
            with(two("b", [1, 0])),
            [Keep, Keep],
            "NULLS order did not flip with DESC"
        );
        let mut swapped = two("b", [0, 0]);
        swapped.indkey = vec![3, 2];
        assert_eq!(with(swapped), [Keep, Keep], "second column");
        let mut partial = two("b", [0, 0]);
        partial.predicate = Some("(a > 0)".to_owned());
        assert_eq!(with(partial), [Keep, Keep], "partial");
        let mut unique = narrow();
        unique.indisunique = true;
        assert_eq!(
            verdicts(vec![(unique, 9), (two("b", [0, 0]), 9)]),
            [Keep, Keep]
        );
    }

    #[test]
    fn a_chain_ends_at_the_widest_and_doubts_are_kept() {
        let mut widest = index(3, 1, "c", &[2, 3, 4]);
        widest.size_bytes = Some(Bytes(100 << 20));
        let all = vec![
            (index(1, 1, "a", &[2]), 9),
            (index(2, 1, "b", &[2, 3]), 9),
            (widest, 9),
        ];
        let all = judged(all);
        assert!(all[0].index.reason.contains("of c") && all[1].index.reason.contains("of c"));
        assert!(all[0].doubts[0].contains("5.0 times"));
        assert_eq!(all[2].index.verdict, Keep);
    }

    #[test]
    fn an_index_only_scan_weakens() {
        let mut run = run_with_indexes(vec![
            (index(1, 1, "a", &[2]), 9),
            (index(2, 1, "b", &[2, 3]), 9),
        ]);
        run.plans.push(crate::record::plan::PlanRecord {
            query_id: crate::record::QueryId(1),
            mode: crate::record::plan::PlanMode::Generic,
            plan: Some(serde_json::json!({"Plan": {"Plans": [
                {"Node Type": "Index Only Scan", "Index Name": "a"}]}})),
            error: None,
        });
        let all = judge(&run).unwrap();
        assert!(all[0].doubts.iter().any(|d| d.contains("index-only")));
    }
}
