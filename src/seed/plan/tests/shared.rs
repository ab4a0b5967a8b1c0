//! Rows that refer to several others of the same tenant, and tables that refer to each other.

use super::*;

/// People belong to several tenants; a tenant is an account. Whatever a row refers to is of its tenant.
fn tenants() -> Vec<Table> {
    vec![
        table("accounts", "id int8!,name text!").unique("id"),
        table("tenants", "id int8!,plan text")
            .unique("id")
            .refers("id", "accounts", "id"),
        table("people", "id int8!,name text!").unique("id"),
        table("members", "tenant int8!,person int8!,since date!")
            .unique("tenant,person")
            .refers("tenant", "tenants", "id")
            .refers("person", "people", "id"),
        table("projects", "tenant int8!,id int8!,title text!")
            .unique("tenant,id")
            .refers("tenant", "tenants", "id"),
    ]
}

/// A table of rows that refer to a project and a member of one tenant.
fn tasks(columns: &str) -> Table {
    table("tasks", columns)
        .refers("tenant,project", "projects", "tenant,id")
        .refers("tenant,member", "members", "tenant,person")
}

#[test]
fn both_rows_are_of_the_same_tenant() {
    for first in ["projects", "members"] {
        let mut schema = Schema { tables: tenants() };
        let mut tasks = tasks("id int8!,tenant int8!,project int8!,member int8!").unique("id");
        if first == "members" {
            tasks.foreign_keys.reverse();
        }
        schema.tables.push(tasks);
        let rows = made(&schema, None, &options(&[])).1;
        let different = |at: usize| {
            let pairs = rows["tasks"].iter().map(|row| (&row[1], &row[at]));
            pairs.collect::<BTreeSet<_>>().len()
        };
        let (projects, members) = (different(2), different(3));
        assert!(
            projects > 1_000 && members > 1_000,
            "{first}: {projects}, {members}"
        );
    }
}

#[test]
fn what_another_key_has_a_part_in_choosing_tells_no_rows_apart() {
    let with = |key: &str| {
        let mut tables = tenants();
        let columns = "tenant int8!,project int8!,member int8!,day date!";
        tables.push(tasks(columns).unique(key));
        Schema { tables }
    };
    made(&with("tenant,project,member,day"), None, &options(&[]));
    let problems = plan_of(&with("project,member"), &options(&[])).unwrap_err();
    assert!(
        problems[0].reason.contains("another foreign key"),
        "{problems:?}"
    );
}

#[test]
fn a_tenant_without_any_row_to_refer_to_is_named() {
    let mut tables = tenants();
    tables.push(tasks("id int8!,tenant int8!,project int8!,member int8!").unique("id"));
    let few = options(&[("members", 3), ("tenants", 500)]);
    let problems = plan_of(&Schema { tables }, &few).unwrap_err();
    let problem = problems.iter().find(|p| p.table.name == "tasks").unwrap();
    assert_eq!(problem.subject.as_deref(), Some("member"));
}

#[test]
fn tables_of_a_circle_refer_to_rows_that_are_there_in_the_end() {
    let schema = Schema {
        tables: vec![
            table("one", "id int8!,two int8!")
                .unique("id")
                .refers("two", "two", "id"),
            table("two", "id int8!,one int8!,open bool!")
                .unique("id")
                .unique("open")
                .refers("one", "one", "id"),
        ],
    };
    let (plan, rows) = made(&schema, None, &options(&[]));
    assert_eq!((rows["one"].len(), rows["two"].len()), (1_000, 2));
    let said: Vec<&str> = plan.left.iter().map(|p| p.reason.as_str()).collect();
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].starts_with("2 rows instead of "), "{said:?}");
}
