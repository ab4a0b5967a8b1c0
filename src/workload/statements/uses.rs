//! What each parameter of a statement is compared with or stored in, by its parse tree.

mod changes;

use std::collections::BTreeMap;

use pg_query::protobuf::AExprKind;
use serde_json::Value as Json;

use super::catalog::{Catalog, Table, sql_name};
use super::tree::{self, list, names, node, of_kind, parameter, text};

/// What a parameter is for.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Use<'c> {
    /// Compared with a column.
    Compared {
        /// Which appearance of the table: columns of one are of one row.
        relation: usize,
        table: &'c Table,
        column: String,
        by: By,
        /// A function is around the column, such as `lower`.
        wrapped: bool,
    },
    /// Stored in a column of a new row.
    Inserted {
        /// Which row of VALUES.
        row: usize,
        table: &'c Table,
        column: String,
    },
    /// Stored in a column of a row that is there.
    Assigned { table: &'c Table, column: String },
    /// The number of LIMIT of the whole statement.
    Limit,
    /// The number of LIMIT of a query inside of it.
    InnerLimit,
    /// The number of OFFSET.
    Offset,
    /// An argument that is one of a few words, with the most usual one.
    Word(&'static str),
    /// Compared with another constant, as in `1 = 1`.
    Constant,
    /// A part of what is returned or stored, without a word in which rows.
    Output,
    /// It decides about rows, but by nothing that is known.
    Unknown,
}

/// How a parameter is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// `=`, `IS NOT DISTINCT FROM`, or one of an `IN` list.
    Equal,
    /// The column is at least, or above, the parameter.
    Lower,
    /// The column is at most, or below, the parameter.
    Upper,
    /// `LIKE`, `ILIKE`.
    Like,
    /// `= ANY (parameter)`.
    AnyOf,
    /// `<>`.
    NotEqual,
    /// `@>`.
    Contains,
}

/// Which rows a statement returns, as far as its numbers of rows say something about its conditions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rows {
    /// The rows that meet its conditions.
    Matching,
    /// Fewer: it aggregates, or limits.
    Condensed,
}

/// What a statement does with its parameters.
#[derive(Debug)]
pub(super) struct Uses<'c> {
    /// By number. The first use that says most counts.
    pub(super) by_number: BTreeMap<usize, Use<'c>>,
    pub(super) rows: Rows,
    /// A new row may meet one that is there already.
    pub(super) on_conflict: bool,
}

/// Finds the uses in a statement.
pub(super) fn uses<'c>(tree: &Json, catalog: &'c Catalog) -> Uses<'c> {
    let mut walk = Walk {
        catalog,
        relations: 0,
        uses: Uses {
            by_number: BTreeMap::new(),
            rows: rows(tree),
            on_conflict: false,
        },
    };
    walk.tree(tree, &Scope::default(), &Use::Output);
    walk.uses
}

fn rows(tree: &Json) -> Rows {
    let Some(select) = of_kind(tree, "SelectStmt") else {
        return Rows::Matching;
    };
    let set = |name| select.get(name).is_some_and(|v| !v.is_null());
    let mut calls = false;
    tree::each(&select["target_list"], "FuncCall", &mut |_| calls = true);
    let condensed = set("limit_count")
        || calls
        || !list(select, "group_clause").is_empty()
        || !list(select, "distinct_clause").is_empty()
        || set("larg");
    if condensed {
        Rows::Condensed
    } else {
        Rows::Matching
    }
}

/// The tables that a part of a statement can name, the innermost query last.
#[derive(Debug, Default, Clone)]
struct Scope<'c>(Vec<Vec<Relation<'c>>>);

#[derive(Debug, Clone)]
struct Relation<'c> {
    id: usize,
    alias: String,
    table: &'c Table,
}

struct Walk<'c> {
    catalog: &'c Catalog,
    relations: usize,
    uses: Uses<'c>,
}

/// A column with what is around it.
struct Column<'c> {
    relation: usize,
    table: &'c Table,
    name: String,
    wrapped: bool,
}

impl<'c> Walk<'c> {
    fn note(&mut self, number: usize, new: Use<'c>) {
        let known = self
            .uses
            .by_number
            .entry(number)
            .or_insert_with(|| new.clone());
        if matches!(known, Use::Output | Use::Unknown) && !matches!(new, Use::Output) {
            *known = new;
        }
    }

    /// Any part. Parameters that nothing is known of are noted as `otherwise`.
    fn tree(&mut self, tree: &Json, scope: &Scope<'c>, otherwise: &Use<'c>) {
        match tree {
            Json::Array(items) => {
                for item in items {
                    self.tree(item, scope, otherwise);
                }
            }
            Json::Object(fields) => match node(tree) {
                Some((kind, fields)) => self.node(kind, fields, scope, otherwise),
                None => {
                    for value in fields.values() {
                        self.tree(value, scope, otherwise);
                    }
                }
            },
            _ => {}
        }
    }

    fn node(&mut self, kind: &str, fields: &Json, scope: &Scope<'c>, otherwise: &Use<'c>) {
        match kind {
            "ParamRef" => {
                if let Some(number) = fields.get("number").and_then(Json::as_u64) {
                    self.note(
                        usize::try_from(number).unwrap_or_default(),
                        otherwise.clone(),
                    );
                }
            }
            "SelectStmt" => self.select(fields, scope),
            "InsertStmt" => self.insert(fields, scope),
            "UpdateStmt" | "DeleteStmt" | "MergeStmt" => self.change(fields, scope),
            "AExpr" => self.expression(fields, scope, otherwise),
            "FuncCall" => self.call(fields, scope, otherwise),
            // A condition inside of an output decides about rows, too.
            "SubLink" => self.fields(fields, scope, &Use::Unknown),
            "CaseWhen" => {
                self.tree(&fields["expr"], scope, &Use::Unknown);
                self.tree(&fields["result"], scope, otherwise);
            }
            _ => self.fields(fields, scope, otherwise),
        }
    }

    fn fields(&mut self, fields: &Json, scope: &Scope<'c>, otherwise: &Use<'c>) {
        for value in fields.as_object().into_iter().flat_map(|f| f.values()) {
            self.tree(value, scope, otherwise);
        }
    }

    fn select(&mut self, fields: &Json, outer: &Scope<'c>) {
        let scope = self.scope(outer, &[&fields["from_clause"]]);
        let limit = if outer.0.is_empty() {
            Use::Limit
        } else {
            Use::InnerLimit
        };
        for (name, use_) in [("limit_count", limit), ("limit_offset", Use::Offset)] {
            match parameter(&fields[name]) {
                Some(number) => self.note(number, use_),
                None => self.tree(&fields[name], &scope, &Use::Unknown),
            }
        }
        for (name, value) in fields.as_object().into_iter().flatten() {
            match name.as_str() {
                "limit_count" | "limit_offset" => {}
                "target_list" | "values_lists" => self.tree(value, &scope, &Use::Output),
                // A query of WITH does not see the tables of the query that it belongs to.
                "with_clause" | "larg" | "rarg" => self.statement_or_tree(value, outer),
                _ => self.tree(value, &scope, &Use::Unknown),
            }
        }
    }

    /// `larg` and `rarg` are queries without a node around them.
    fn statement_or_tree(&mut self, tree: &Json, scope: &Scope<'c>) {
        if tree.get("target_list").is_some() {
            self.select(tree, scope);
        } else {
            self.tree(tree, scope, &Use::Unknown);
        }
    }

    fn call(&mut self, fields: &Json, scope: &Scope<'c>, otherwise: &Use<'c>) {
        let function = names(fields, "funcname");
        let arguments = list(fields, "args");
        let word = match function.last() {
            Some(&"date_trunc") => Some("day"),
            Some(&"date_part") => Some("epoch"),
            Some(&"timezone") => Some("UTC"),
            _ => None,
        };
        if let (Some(word), Some(number)) = (word, arguments.first().and_then(parameter)) {
            self.note(number, Use::Word(word));
        }
        self.fields(fields, scope, otherwise);
    }

    fn expression(&mut self, fields: &Json, scope: &Scope<'c>, otherwise: &Use<'c>) {
        let kind = fields.get("kind").and_then(Json::as_i64).unwrap_or(-1);
        let is = |kinds: &[AExprKind]| kinds.iter().any(|k| i64::from(*k as i32) == kind);
        let operator = names(fields, "name").last().copied().unwrap_or_default();
        let (left, right) = (&fields["lexpr"], &fields["rexpr"]);
        if is(&[
            AExprKind::AexprOp,
            AExprKind::AexprNotDistinct,
            AExprKind::AexprDistinct,
        ]) {
            let distinct = is(&[AExprKind::AexprDistinct]);
            let by = comparison(operator).map(|by| if distinct { By::NotEqual } else { by });
            if by == Some(By::Equal)
                && let (Some(one), Some(other)) = (parameter(left), parameter(right))
            {
                self.note(one, Use::Constant);
                self.note(other, Use::Constant);
            } else if let Some(by) = by {
                self.compared(left, right, by, scope);
                self.compared(right, left, reversed(by), scope);
            }
        } else if is(&[AExprKind::AexprOpAny]) && operator == "=" {
            self.compared(left, right, By::AnyOf, scope);
            let elements = of_kind(bare(right), "AArrayExpr");
            for element in elements.map_or(&[][..], |array| list(array, "elements")) {
                self.compared(left, element, By::Equal, scope);
            }
        } else if is(&[AExprKind::AexprIn]) {
            let by = if operator == "=" {
                By::Equal
            } else {
                By::NotEqual
            };
            for item in of_kind(right, "List").map_or(&[][..], |l| list(l, "items")) {
                self.compared(left, item, by, scope);
            }
        } else if is(&[AExprKind::AexprLike, AExprKind::AexprIlike]) {
            self.compared(left, right, By::Like, scope);
        } else if is(&[AExprKind::AexprBetween, AExprKind::AexprBetweenSym])
            && let Some([low, high]) = of_kind(right, "List").map(|l| list(l, "items"))
        {
            self.compared(left, low, By::Lower, scope);
            self.compared(left, high, By::Upper, scope);
        }
        // A comparison decides about rows wherever it stands.
        let arithmetic = comparison(operator).is_none() && is(&[AExprKind::AexprOp]);
        let otherwise = if arithmetic { otherwise } else { &Use::Unknown };
        self.fields(fields, scope, otherwise);
    }

    /// A column, or a row of columns, beside a parameter, or a row of them.
    fn compared(&mut self, column: &Json, value: &Json, by: By, scope: &Scope<'c>) {
        if let (Some(columns), Some(values)) =
            (of_kind(column, "RowExpr"), of_kind(value, "RowExpr"))
        {
            for (column, value) in list(columns, "args").iter().zip(list(values, "args")) {
                self.compared(column, value, by, scope);
            }
            return;
        }
        let Some(column) = column_of(column, scope) else {
            return;
        };
        let (number, wrapped_value) = match parameter(value) {
            Some(number) => (Some(number), false),
            None => (only_argument(value).and_then(parameter), true),
        };
        if let Some(number) = number {
            self.note(
                number,
                Use::Compared {
                    relation: column.relation,
                    table: column.table,
                    column: column.name,
                    by,
                    wrapped: column.wrapped || wrapped_value,
                },
            );
        }
    }

    /// A scope with the tables of these clauses inside of an outer one.
    fn scope(&mut self, outer: &Scope<'c>, clauses: &[&Json]) -> Scope<'c> {
        let mut inner = Vec::new();
        for clause in clauses {
            // The relation of a change has no node around it.
            if clause.get("relname").is_some() {
                self.relation(clause, &mut inner);
            }
            self.relations(clause, &mut inner);
        }
        let mut scope = outer.clone();
        scope.0.push(inner);
        scope
    }

    fn relations(&mut self, tree: &Json, into: &mut Vec<Relation<'c>>) {
        match tree {
            Json::Array(items) => items.iter().for_each(|item| self.relations(item, into)),
            Json::Object(_) => match node(tree) {
                Some(("RangeVar", fields)) => self.relation(fields, into),
                Some(("JoinExpr", fields)) => {
                    self.relations(&fields["larg"], into);
                    self.relations(&fields["rarg"], into);
                }
                _ => {}
            },
            _ => {}
        }
    }

    fn relation(&mut self, range_var: &Json, into: &mut Vec<Relation<'c>>) {
        let table = sql_name(range_var).and_then(|name| self.catalog.get(&name));
        let Some(table) = table else { return };
        let alias = text(&range_var["alias"], "aliasname").or_else(|| text(range_var, "relname"));
        self.relations += 1;
        into.push(Relation {
            id: self.relations,
            alias: alias.unwrap_or_default().to_owned(),
            table,
        });
    }
}

/// The column that a part of a comparison is, which a cast or a function may be around.
fn column_of<'c>(tree: &Json, scope: &Scope<'c>) -> Option<Column<'c>> {
    match node(tree)? {
        ("TypeCast", fields) => column_of(fields.get("arg")?, scope),
        ("FuncCall", _) => {
            let column = column_of(only_argument(tree)?, scope)?;
            Some(Column {
                wrapped: true,
                ..column
            })
        }
        ("ColumnRef", fields) => {
            let names = names(fields, "fields");
            let (name, qualifiers) = names.split_last()?;
            let fits = |relation: &&Relation<'c>| {
                relation.table.column(name).is_some()
                    && match qualifiers {
                        [] => true,
                        [alias] => relation.alias == *alias,
                        [schema, alias] => {
                            relation.alias == *alias && relation.table.schema == *schema
                        }
                        _ => false,
                    }
            };
            let found = scope.0.iter().rev().find_map(|s| s.iter().find(fits))?;
            Some(Column {
                relation: found.id,
                table: found.table,
                name: (*name).to_owned(),
                wrapped: false,
            })
        }
        _ => None,
    }
}

/// A part without the casts around it.
fn bare(tree: &Json) -> &Json {
    of_kind(tree, "TypeCast").map_or(tree, |cast| bare(&cast["arg"]))
}

/// The argument of `lower(x)` and of the like.
fn only_argument(tree: &Json) -> Option<&Json> {
    let fields = of_kind(tree, "FuncCall")?;
    match list(fields, "args") {
        [only] => Some(only),
        _ => None,
    }
}

/// How an operator compares its left side, a column, with its right one.
fn comparison(operator: &str) -> Option<By> {
    Some(match operator {
        "=" => By::Equal,
        ">" | ">=" => By::Lower,
        "<" | "<=" => By::Upper,
        "<>" | "!=" => By::NotEqual,
        "~~" | "~~*" => By::Like,
        // Documents, arrays and ranges contain themselves.
        "@>" => By::Contains,
        _ => return None,
    })
}

/// The same with the column on the right.
fn reversed(by: By) -> By {
    match by {
        By::Lower => By::Upper,
        By::Upper => By::Lower,
        other => other,
    }
}

#[cfg(test)]
mod tests;
