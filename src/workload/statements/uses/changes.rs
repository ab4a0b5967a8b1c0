//! Statements that store: INSERT, UPDATE, DELETE, MERGE.

use serde_json::Value as Json;

use super::super::catalog::Table;
use super::super::tree::{list, of_kind, parameter, text};
use super::{Scope, Use, Walk};

impl<'c> Walk<'c> {
    pub(super) fn insert(&mut self, fields: &Json, outer: &Scope<'c>) {
        let scope = self.scope(outer, &[&fields["relation"]]);
        self.tree(&fields["with_clause"], outer, &Use::Unknown);
        let conflict = &fields["on_conflict_clause"];
        self.uses.on_conflict |= !conflict.is_null();
        let table = scope.0.last().and_then(|s| s.first()).map(|r| r.table);
        if let Some(table) = table {
            self.inserted(fields, table);
            self.assigned(&conflict["target_list"], table);
        }
        self.tree(&fields["select_stmt"], outer, &Use::Output);
        self.tree(&conflict["target_list"], &scope, &Use::Output);
        self.tree(&conflict["where_clause"], &scope, &Use::Unknown);
        self.tree(&fields["returning_list"], &scope, &Use::Output);
        self.tree(&fields["returning_clause"], &scope, &Use::Output);
    }

    /// Parameters that are columns of new rows as they are.
    fn inserted(&mut self, fields: &Json, table: &'c Table) {
        let targets = list(fields, "cols").iter();
        let mut columns: Vec<String> = targets
            .filter_map(|target| text(of_kind(target, "ResTarget")?, "name"))
            .map(str::to_owned)
            .collect();
        if columns.is_empty() {
            columns = table.columns.iter().map(|c| c.name.clone()).collect();
        }
        let Some(select) = of_kind(&fields["select_stmt"], "SelectStmt") else {
            return;
        };
        let rows = list(select, "values_lists").iter();
        let rows = rows.filter_map(|row| Some(list(of_kind(row, "List")?, "items").to_vec()));
        let mut rows: Vec<Vec<Json>> = rows.collect();
        if rows.is_empty() {
            // INSERT … SELECT $1, …
            let targets = list(select, "target_list").iter();
            let values =
                targets.map(|t| of_kind(t, "ResTarget").map_or(Json::Null, |t| t["val"].clone()));
            rows.push(values.collect());
        }
        for (row, values) in rows.iter().enumerate() {
            for (value, column) in values.iter().zip(&columns) {
                if let Some(number) = parameter(value) {
                    let column = column.clone();
                    self.note(number, Use::Inserted { row, table, column });
                }
            }
        }
    }

    pub(super) fn change(&mut self, fields: &Json, outer: &Scope<'c>) {
        let parts = ["relation", "from_clause", "using_clause", "source_relation"];
        let parts = parts.map(|name| &fields[name]);
        let scope = self.scope(outer, &parts);
        if let Some(target) = scope.0.last().and_then(|s| s.first()) {
            self.assigned(&fields["target_list"], target.table);
        }
        for (name, value) in fields.as_object().into_iter().flatten() {
            match name.as_str() {
                "target_list" | "returning_list" | "returning_clause" => {
                    self.tree(value, &scope, &Use::Output);
                }
                "with_clause" => self.tree(value, outer, &Use::Unknown),
                _ => self.tree(value, &scope, &Use::Unknown),
            }
        }
    }

    /// `SET column = $1`.
    fn assigned(&mut self, targets: &Json, table: &'c Table) {
        for target in targets.as_array().into_iter().flatten() {
            let Some(target) = of_kind(target, "ResTarget") else {
                continue;
            };
            if let (Some(column), Some(number)) = (text(target, "name"), parameter(&target["val"]))
            {
                let column = column.to_owned();
                self.note(number, Use::Assigned { table, column });
            }
        }
    }
}
