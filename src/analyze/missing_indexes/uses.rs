//! What the statements of a workload do with the columns of each table, read off their plans.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::analyze::plans::tree::{Node, PlanTree};
use crate::record::tables::TableFacts;
use crate::record::{QueryId, Run};

use super::predicate::{Name, OrderKey, Predicate, Side, mentioned, order_key, predicates, words};

/// Keys of EXPLAIN (FORMAT JSON) that hold conditions.
const CONDITIONS: [&str; 6] = [
    "Filter",
    "Index Cond",
    "Recheck Cond",
    "Join Filter",
    "Hash Cond",
    "Merge Cond",
];

/// What one plan does with one table under one alias.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct TableUse {
    /// The statement.
    pub(super) query_id: QueryId,
    /// `pg_class.oid`; of a partition, that of its parent.
    pub(super) relid: u32,
    /// Columns compared with a value by `=`, or by `= ANY`.
    pub(super) equalities: Vec<String>,
    /// Columns compared by `=` with a column of another table.
    pub(super) joins: Vec<String>,
    /// Columns compared by `<`, `<=`, `>` or `>=`.
    pub(super) ranges: Vec<String>,
    /// Columns compared by `LIKE`.
    pub(super) patterns: Vec<String>,
    /// Columns asked whether they contain something: JSON, arrays, documents.
    pub(super) contains: Vec<String>,
    /// Functions of columns compared by `=` (`true`) or otherwise.
    pub(super) expressions: Vec<(String, bool)>,
    /// Columns in the arms of an OR.
    pub(super) alternatives: Vec<String>,
    /// Conditions without any value: `x IS NULL`, a boolean column.
    pub(super) constants: Vec<Constant>,
    /// Orders that are wanted of this table alone, by ORDER BY, GROUP BY or a merge.
    pub(super) orders: Vec<Vec<OrderKey>>,
    /// Every column that the plan needs of it.
    pub(super) needed: BTreeSet<String>,
    /// Rows are changed through this alias, so the whole row is needed.
    pub(super) modified: bool,
    /// It is read from the beginning to the end; the rows that are kept, by the planner's estimate.
    pub(super) sequential: Option<f64>,
}

/// A condition that is the same in every call of the statement.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Constant {
    /// The column.
    pub(super) column: String,
    /// SQL of the condition.
    pub(super) sql: String,
    /// It asks for NULLs (`true`) or against them; `None` for a boolean column.
    pub(super) is_null: Option<bool>,
}

impl TableUse {
    fn new(query_id: QueryId, relid: u32) -> Self {
        Self {
            query_id,
            relid,
            equalities: Vec::new(),
            joins: Vec::new(),
            ranges: Vec::new(),
            patterns: Vec::new(),
            contains: Vec::new(),
            expressions: Vec::new(),
            alternatives: Vec::new(),
            constants: Vec::new(),
            orders: Vec::new(),
            needed: BTreeSet::new(),
            modified: false,
            sequential: None,
        }
    }

    /// Columns that some index may have to find rows by.
    pub(super) fn sought(&self) -> impl Iterator<Item = &String> {
        let orders = self.orders.iter().flatten().map(|k| &k.name.column);
        let tested = self.constants.iter().map(|c| &c.column);
        [
            &self.equalities,
            &self.joins,
            &self.ranges,
            &self.patterns,
            &self.contains,
            &self.alternatives,
        ]
        .into_iter()
        .flatten()
        .chain(orders)
        .chain(tested)
    }
}

/// The uses of every table in a plan.
pub(super) fn of_plan(run: &Run, query_id: QueryId, tree: &PlanTree) -> Vec<TableUse> {
    let mut uses = BTreeMap::new();
    find_tables(run, query_id, &tree.root, &mut uses);
    let only = only_table(run, &uses);
    read(&tree.root, true, only.as_ref(), &mut uses);
    let mut uses: Vec<_> = uses.into_values().collect();
    for one in &mut uses {
        tidy(one);
    }
    uses
}

fn find_tables(run: &Run, query_id: QueryId, node: &Node, uses: &mut BTreeMap<String, TableUse>) {
    if let (Some(relation), Some(table)) = (&node.relation, table_of(run, node)) {
        let alias = node.text("Alias").unwrap_or(relation).to_owned();
        let found = uses
            .entry(alias)
            .or_insert_with(|| TableUse::new(query_id, table.relid));
        if node.node_type == "ModifyTable" {
            found.modified = true;
        }
        if node.is_seq_scan() {
            found.sequential = Some(node.plan_rows);
        }
    }
    for child in &node.children {
        find_tables(run, query_id, child, uses);
    }
}

/// The table of a node; for a partition the partitioned table, which is where an index belongs.
fn table_of<'a>(run: &'a Run, node: &Node) -> Option<&'a TableFacts> {
    let facts = run.tables.facts.as_deref()?;
    let mut same = facts.iter().filter(|t| {
        Some(&t.relname) == node.relation.as_ref()
            && node.schema.as_ref().is_none_or(|s| *s == t.schemaname)
    });
    let (mut table, None) = (same.next()?, same.next()) else {
        return None;
    };
    while let Some(parent) = table
        .parent
        .and_then(|p| facts.iter().find(|t| t.relid == p))
    {
        table = parent;
    }
    Some(table)
}

/// The columns of the only table of a plan under its alias: EXPLAIN leaves out the alias there.
fn only_table(run: &Run, uses: &BTreeMap<String, TableUse>) -> Option<(String, BTreeSet<String>)> {
    let (Some((alias, found)), 1) = (uses.first_key_value(), uses.len()) else {
        return None;
    };
    let table = super::find_by_oid(run, found.relid)?;
    let columns = table.columns.iter().map(|c| c.attname.clone());
    Some((alias.clone(), columns.collect()))
}

fn read(
    node: &Node,
    is_root: bool,
    only: Option<&(String, BTreeSet<String>)>,
    uses: &mut BTreeMap<String, TableUse>,
) {
    for key in CONDITIONS {
        if let Some(text) = node.text(key) {
            let own = node.text("Alias").or(node.relation.as_deref());
            for predicate in predicates(text) {
                note(&predicate, own, false, uses);
            }
        }
    }
    for key in ["Sort Key", "Group Key"] {
        let keys = node.fields.get(key).and_then(Value::as_array);
        if let Some(keys) = keys {
            note_order(keys, uses);
        }
    }
    for (key, value) in &node.fields {
        // A scan may hand up whole rows though nobody above needs them; what is needed stands above.
        if key == "Output" && node.relation.is_some() && !is_root {
            continue;
        }
        if key == "Output" || CONDITIONS.contains(&key.as_str()) || key.ends_with(" Key") {
            note_needed(value, only, uses);
        }
    }
    for child in &node.children {
        read(child, false, only, uses);
    }
}

fn note_needed(
    value: &Value,
    only: Option<&(String, BTreeSet<String>)>,
    uses: &mut BTreeMap<String, TableUse>,
) {
    match value {
        Value::String(text) => {
            for name in mentioned(text) {
                let found = name.qualifier.and_then(|alias| uses.get_mut(&alias));
                if let Some(found) = found {
                    found.needed.insert(name.column);
                }
            }
            if let Some((alias, columns)) = only
                && let Some(found) = uses.get_mut(alias)
            {
                let named = words(text).into_iter().filter(|w| columns.contains(w));
                found.needed.extend(named);
            }
        }
        Value::Array(items) => {
            for item in items {
                note_needed(item, only, uses);
            }
        }
        _ => {}
    }
}

/// An order counts where all of its keys are columns of one table.
fn note_order(keys: &[Value], uses: &mut BTreeMap<String, TableUse>) {
    let keys: Option<Vec<OrderKey>> = keys.iter().map(|k| order_key(k.as_str()?)).collect();
    let Some(keys) = keys.filter(|k| !k.is_empty()) else {
        return;
    };
    let alias = keys[0].name.qualifier.clone();
    if keys.iter().any(|k| k.name.qualifier != alias) {
        return;
    }
    if let Some(found) = alias.and_then(|alias| uses.get_mut(&alias)) {
        found.orders.push(keys);
    }
}

fn note(
    predicate: &Predicate,
    own: Option<&str>,
    in_or: bool,
    uses: &mut BTreeMap<String, TableUse>,
) {
    match predicate {
        Predicate::Compare {
            operator,
            any,
            left,
            right,
        } => {
            for (one, other) in [(left, right), (right, left)] {
                note_side(operator, *any, one, other, own, in_or, uses);
            }
        }
        Predicate::Null { name, is_null } if !in_or => {
            let not = if *is_null { "" } else { "NOT " };
            let sql = format!("{} IS {not}NULL", super::quote_ident(&name.column));
            note_constant(name, sql, Some(*is_null), own, uses);
        }
        Predicate::Flag { name, is_true } if !in_or => {
            let not = if *is_true { "" } else { "NOT " };
            let sql = format!("{not}{}", super::quote_ident(&name.column));
            note_constant(name, sql, None, own, uses);
        }
        Predicate::Null { .. } | Predicate::Flag { .. } => {}
        Predicate::Either(arms) => {
            for predicate in arms.iter().flatten() {
                note(predicate, own, true, uses);
            }
        }
    }
}

fn note_constant(
    name: &Name,
    sql: String,
    is_null: Option<bool>,
    own: Option<&str>,
    uses: &mut BTreeMap<String, TableUse>,
) {
    if let Some(found) = used_by(name.qualifier.as_deref().or(own), uses) {
        found.constants.push(Constant {
            column: name.column.clone(),
            sql,
            is_null,
        });
    }
}

fn used_by<'a>(
    alias: Option<&str>,
    uses: &'a mut BTreeMap<String, TableUse>,
) -> Option<&'a mut TableUse> {
    uses.get_mut(alias?)
}

fn note_side(
    operator: &str,
    any: bool,
    one: &Side,
    other: &Side,
    own: Option<&str>,
    in_or: bool,
    uses: &mut BTreeMap<String, TableUse>,
) {
    match one {
        Side::Column { name, .. } => {
            let alias = name.qualifier.as_deref().or(own);
            if let Side::Column { name: theirs, .. } = other
                && theirs.qualifier.as_deref().or(own) == alias
            {
                // Two columns of one row: no index helps.
                return;
            }
            let is_value = matches!(other, Side::Value);
            let Some(found) = used_by(alias, uses) else {
                return;
            };
            let list = match operator {
                "=" if in_or => &mut found.alternatives,
                _ if in_or => return,
                "=" if is_value || any => &mut found.equalities,
                "=" => &mut found.joins,
                "<" | "<=" | ">" | ">=" => &mut found.ranges,
                "~~" => &mut found.patterns,
                "@>" | "@@" | "&&" | "?" => &mut found.contains,
                _ => return,
            };
            list.push(name.column.clone());
        }
        Side::Expression { qualifier, sql } if !in_or => {
            if let Some(found) = used_by(qualifier.as_deref().or(own), uses)
                && matches!(operator, "=" | "<" | "<=" | ">" | ">=")
            {
                found.expressions.push((sql.clone(), operator == "="));
            }
        }
        _ => {}
    }
}

/// Each column once, and in the list that says most.
fn tidy(found: &mut TableUse) {
    let once = |list: &mut Vec<String>, but: &[String]| {
        let mut seen = BTreeSet::new();
        list.retain(|c| !but.contains(c) && seen.insert(c.clone()));
    };
    once(&mut found.equalities, &[]);
    once(&mut found.joins, &found.equalities);
    once(&mut found.ranges, &found.equalities);
    for list in [
        &mut found.patterns,
        &mut found.contains,
        &mut found.alternatives,
    ] {
        once(list, &[]);
    }
    found.constants.sort();
    found.constants.dedup();
    found.expressions.sort();
    found.expressions.dedup();
    found.orders.dedup();
}
