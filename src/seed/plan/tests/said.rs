//! What is said of rows that are not made.

use super::*;

#[test]
fn fewer_rows_than_wanted_are_said() {
    let schema = Schema {
        tables: vec![
            table("a", "id int8!").unique("id"),
            table("b", "a_id int8!")
                .unique("a_id")
                .refers("a_id", "a", "id"),
        ],
    };
    let (plan, rows) = made(&schema, None, &options(&[("a", 20)]));
    assert_eq!(rows["b"].len(), 20);
    let said: Vec<String> = plan.left.iter().map(ToString::to_string).collect();
    let expected = "b: 20 rows instead of 100: b_a_id_key can refer to 20 rows only, each once";
    assert_eq!(said, [expected]);
}

#[test]
fn what_cannot_be_filled_is_named_at_once() {
    let schema = Schema {
        tables: vec![
            table("a", "id int8!,x int8!")
                .unique("id")
                .unique("x")
                .refers("x", "b", "id"),
            table("b", "id int8!").unique("id"),
            table("c", "id int8!,w widget!").unique("id"),
        ],
    };
    let problems = plan(
        &schema,
        None,
        &Literals::default(),
        &options(&[("a", 50), ("b", 20)]),
    );
    let said: Vec<String> = problems
        .unwrap_err()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(
        said.iter().any(|s| s.starts_with("a: 50 rows were wanted")),
        "{said:?}"
    );
    assert!(said.iter().any(|s| s.starts_with("c, w: ")), "{said:?}");
}

fn index(table: &mut Table, name: &str, list: &str, predicate: Option<&str>) {
    let whole = predicate.map_or_else(String::new, |p| format!(" WHERE ({p})"));
    let column = |part: &str| table.column(part).map(|_| part.to_owned());
    let columns = list.split(", ").map(column).collect();
    table.keys.push(Key {
        name: name.to_owned(),
        primary: false,
        columns,
        predicate: predicate.map(str::to_owned),
        nulls_not_distinct: false,
        definition: format!("CREATE UNIQUE INDEX {name} ON public.t USING btree ({list}){whole}"),
    });
}

fn said(plan: &Plan) -> Vec<String> {
    plan.left.iter().map(ToString::to_string).collect()
}

#[test]
fn rows_of_a_partial_index_over_an_expression_stay_in_it() {
    let mut users = table("users", "id int8!,email text!,deleted_at timestamptz").unique("id");
    index(
        &mut users,
        "mail",
        "lower(email)",
        Some("deleted_at IS NULL"),
    );
    let schema = Schema {
        tables: vec![users],
    };
    let (plan, rows) = made(&schema, None, &options(&[("users", 2_000)]));
    let (_, living) = counts(&rows, "users", 2);
    assert!(living > 500, "{living} of 2000 are not deleted");
    let lower = |row: &Vec<Option<Vec<u8>>>| row[1].as_ref().map(|text| text.to_ascii_lowercase());
    let different: BTreeSet<_> = rows["users"].iter().map(lower).collect();
    assert_eq!(different.len(), 2_000);
    assert!(said(&plan).is_empty(), "{:?}", said(&plan));
}

/// Ten users with ten photos each, of which one may be the first.
fn photos(condition: &str) -> Schema {
    let mut photos = table("photos", "id int8!,user_id int8!,is_first bool!")
        .unique("id")
        .refers("user_id", "users", "id");
    index(&mut photos, "first", "user_id", Some(condition));
    Schema {
        tables: vec![table("users", "id int8!").unique("id"), photos],
    }
}

#[test]
fn one_row_of_each_value_is_in_a_partial_index() {
    let wanted = options(&[("users", 10), ("photos", 100)]);
    let (plan, rows) = made(&photos("is_first"), None, &wanted);
    let first = rows["photos"].iter().filter(|row| row[2] == Some(vec![1]));
    let users: Vec<_> = first.map(|row| row[1].clone()).collect();
    let different: BTreeSet<_> = users.iter().collect();
    assert!(
        users.len() == different.len() && users.len() > 2,
        "{users:?}"
    );
    assert_eq!(
        said(&plan),
        ["photos, first: at most one row of each user_id is in this partial index"]
    );
}

#[test]
fn a_partial_index_without_rows_is_said() {
    let wanted = options(&[("users", 10), ("photos", 100)]);
    let none = "photos, first: no row is in this partial index: which rows of it would differ is not known";
    // Rows beyond the first of each user cannot be kept out of it; or it is not known how.
    for condition in ["user_id > 3", "chosen(is_first)"] {
        let plan = plan(&photos(condition), None, &Literals::default(), &wanted).unwrap();
        assert_eq!(said(&plan), [none], "{condition}");
    }
}

#[test]
fn a_part_of_a_key_says_nothing_of_the_rows_with_its_value() {
    // Each of two tenants has an order 1: a row of each would be the first of its order.
    let orders = table("orders", "tenant int8!,id int8!").unique("tenant,id");
    let mut lines = table(
        "lines",
        "id int8!,tenant int8!,order_id int8!,is_first bool!",
    )
    .unique("id")
    .refers("tenant,order_id", "orders", "tenant,id");
    index(&mut lines, "first", "order_id", Some("is_first"));
    let schema = Schema {
        tables: vec![orders, lines],
    };
    let wanted = options(&[("orders", 20), ("lines", 200)]);
    let (plan, rows) = made(&schema, None, &wanted);
    let first = rows["lines"].iter().filter(|row| row[3] == Some(vec![1]));
    assert_eq!(first.count(), 0);
    assert_eq!(
        said(&plan),
        [
            "lines, first: no row is in this partial index: which rows of it would differ is not known"
        ]
    );
}

#[test]
fn a_condition_that_leaves_out_nulls_alone_leaves_out_nothing() {
    for columns in [
        "id int8!,project int8!,iid int4!",
        "id int8!,project int8!,iid int4",
    ] {
        let mut runs = table("runs", columns)
            .unique("id")
            .refers("project", "projects", "id");
        let condition = "(iid IS NOT NULL) AND (id IS NOT NULL)";
        index(&mut runs, "numbered", "project, iid", Some(condition));
        let schema = Schema {
            tables: vec![table("projects", "id int8!").unique("id"), runs],
        };
        let (plan, rows) = made(&schema, None, &options(&[("projects", 10), ("runs", 500)]));
        let mut seen = BTreeSet::new();
        for row in rows["runs"].iter().filter(|row| row[2].is_some()) {
            assert!(seen.insert((row[1].clone(), row[2].clone())), "{columns}");
        }
        assert!(
            seen.len() > 200,
            "{columns}: {} of 500 have a number",
            seen.len()
        );
        let said = said(&plan);
        assert!(
            said.iter().all(|s| !s.contains("no row is in")),
            "{columns}: {said:?}"
        );
    }
}

#[test]
fn a_part_of_a_key_with_few_values_leaves_room_for_all_of_them() {
    for (part, check) in [
        ("channel text!", "channel = ANY (ARRAY['a', 'b', 'c'])"),
        ("channel int4!", "channel = ANY (ARRAY[1, 5, 9])"),
        ("channel int4!", "(channel >= 1) AND (channel <= 3)"),
        ("channel bool!", "true"),
    ] {
        let mut chosen =
            table("chosen", &format!("who int8!,{part},at date")).unique("who,channel");
        chosen = chosen.refers("who", "people", "id");
        chosen.checks.push(Check {
            name: "listed".to_owned(),
            expression: check.to_owned(),
        });
        let schema = Schema {
            tables: vec![table("people", "id int8!").unique("id"), chosen],
        };
        let rows = made(&schema, None, &options(&[("people", 1_000)])).1;
        let channels: BTreeSet<_> = rows["chosen"].iter().map(|row| &row[1]).collect();
        let most = if part.contains("bool") { 2 } else { 3 };
        assert_eq!(channels.len(), most, "{part} {check}");
        assert!(
            rows["chosen"].len() >= 400 * most,
            "{part} {check}: {} rows",
            rows["chosen"].len()
        );
    }
}

#[test]
fn a_column_that_an_index_takes_something_out_of_is_left_null_or_named() {
    let with = |columns: &str, list: &str| {
        let mut documents = table("documents", columns).unique("id");
        index(&mut documents, "by_number", list, None);
        Schema {
            tables: vec![documents],
        }
    };
    let list = "((doc ->> 'number'::text))";
    let schema = with("id int8!,doc jsonb", list);
    let (plan, rows) = made(&schema, None, &options(&[]));
    assert!(rows["documents"].iter().all(|row| row[1].is_none()));
    let told =
        "documents, doc: left null: which of its values would differ in by_number is not known";
    assert_eq!(said(&plan), [told]);
    // The mail keeps its rows apart.
    let schema = with("id int8!,doc jsonb,mail text!", &format!("{list}, mail"));
    let (plan, rows) = made(&schema, None, &options(&[]));
    assert!(rows["documents"].iter().any(|row| row[1].is_some()));
    assert!(said(&plan).is_empty(), "{:?}", said(&plan));
    let problems = plan_of(&with("id int8!,doc jsonb!", list), &options(&[])).unwrap_err();
    assert!(
        problems[0].reason.contains("over an expression"),
        "{problems:?}"
    );
}

#[test]
fn a_part_of_a_key_has_a_value_where_the_other_is_null() {
    for number in ["int4!", "text!"] {
        let schema = Schema {
            tables: vec![
                table("orders", "id int8!").unique("id"),
                table("tickets", &format!("order_id int8,place {number}"))
                    .unique("order_id,place")
                    .refers("order_id", "orders", "id"),
            ],
        };
        let (_, rows) = made(&schema, None, &options(&[]));
        let (_, nulls) = counts(&rows, "tickets", 0);
        assert!(nulls > 100, "{number}: {nulls}");
    }
}

#[test]
fn two_references_differ_where_a_constraint_demands_it() {
    let mut links = table(
        "links",
        "id int8!,one int8!,other int8!,kind int8!,place int4!",
    )
    .unique("id")
    .unique("one,other,kind,place")
    .refers("one", "areas", "id")
    .refers("other", "areas", "id")
    .refers("kind", "kinds", "id");
    links.checks.push(Check {
        name: "no_loop".to_owned(),
        expression: "(one <> other)".to_owned(),
    });
    let mut schema = Schema {
        tables: vec![
            table("areas", "id int8!").unique("id"),
            table("kinds", "id int8!").unique("id"),
            links,
        ],
    };
    let asked = options(&[("areas", 5), ("kinds", 20), ("links", 2_000)]);
    let rows = made(&schema, None, &asked).1;
    assert!(rows["links"].iter().all(|row| row[1] != row[2]));
    // What others refer to stays as it is.
    schema.tables.push(
        table(
            "notes",
            "id int8!,one int8!,other int8!,kind int8!,place int4!",
        )
        .unique("id")
        .refers("one,other,kind,place", "links", "one,other,kind,place"),
    );
    let problems = plan_of(&schema, &asked).unwrap_err();
    assert!(problems[0].reason.contains("no_loop"), "{problems:?}");
}

#[test]
fn a_reference_may_have_integers_of_another_width_and_no_other_type() {
    let with = |own: &str, theirs: &str| Schema {
        tables: vec![
            table("users", &format!("id {theirs}")).unique("id"),
            table("keys", &format!("id int8!,user_id {own}"))
                .unique("id")
                .refers("user_id", "users", "id"),
        ],
    };
    for (own, theirs, bytes) in [
        ("int4!", "int8!", 4),
        ("int8!", "int4!", 8),
        ("int2", "int8!", 2),
    ] {
        let schema = with(own, theirs);
        let plan = plan_of(&schema, &options(&[("users", 100), ("keys", 500)])).unwrap();
        let rows = rows(&plan);
        let users: Vec<_> = rows["users"]
            .iter()
            .map(|row| number(row[0].as_ref().unwrap()))
            .collect();
        for key in rows["keys"].iter().filter_map(|row| row[1].as_ref()) {
            assert_eq!(key.len(), bytes, "{own} to {theirs}");
            assert!(users.contains(&number(key)), "{own} to {theirs}: {key:?}");
        }
    }
    let problems = plan_of(&with("numeric!", "int8!"), &options(&[])).unwrap_err();
    assert!(
        problems[0].reason.contains("type numeric and refers to"),
        "{problems:?}"
    );
    let left = plan_of(&with("numeric", "int8!"), &options(&[]))
        .unwrap()
        .left;
    assert!(
        left[0]
            .reason
            .starts_with("left null: it is of the type numeric"),
        "{left:?}"
    );
    // A default could be a row that is not there.
    let mut schema = with("numeric", "int8!");
    schema.tables[1].columns[1].filled = Filled::Default("0".to_owned());
    let (_, rows) = made(&schema, None, &options(&[]));
    assert!(rows["keys"].iter().all(|row| row[1].is_none()));
}

fn number(bytes: &[u8]) -> i64 {
    let mut wide = [0; 8];
    wide[8 - bytes.len()..].copy_from_slice(bytes);
    i64::from_be_bytes(wide)
}

#[test]
fn expressions_that_do_not_keep_rows_apart_are_named() {
    let mut visits = table("visits", "user_id int8!,at timestamp!");
    index(
        &mut visits,
        "daily",
        "user_id, date_trunc('day'::text, at)",
        None,
    );
    let schema = Schema {
        tables: vec![visits],
    };
    let problems = plan(&schema, None, &Literals::default(), &options(&[])).unwrap_err();
    assert!(
        problems[0]
            .to_string()
            .starts_with("visits, daily: it is over an expression"),
        "{problems:?}"
    );
}

#[test]
fn nulls_that_are_not_distinct_are_not_repeated() {
    let mut schema = Schema {
        tables: vec![
            table("t", "id int8!,code text,a int4,b text")
                .unique("id")
                .unique("code")
                .unique("a,b"),
        ],
    };
    for key in &mut schema.tables[0].keys {
        key.nulls_not_distinct = true;
    }
    let (_, rows) = made(&schema, None, &options(&[("t", 500)]));
    for columns in [vec![1], vec![2, 3]] {
        let tuple = |row: &Vec<Option<Vec<u8>>>| -> Vec<_> {
            columns.iter().map(|c| row[*c].clone()).collect()
        };
        let different: BTreeSet<_> = rows["t"].iter().map(tuple).collect();
        assert_eq!(different.len(), 500, "{columns:?}");
    }
}

#[test]
fn rows_without_anything_to_refer_to_are_not_made() {
    let child = |name: &str, column: &str| {
        table(name, &format!("id int8!,{column}"))
            .unique("id")
            .refers("user_id", "users", "id")
    };
    let schema = Schema {
        tables: vec![
            table("users", "id int8!").unique("id"),
            child("orders", "user_id int8!"),
            child("visits", "user_id int8"),
        ],
    };
    let (plan, rows) = made(&schema, None, &options(&[("users", 0)]));
    assert!(rows["orders"].is_empty());
    assert_eq!(counts(&rows, "visits", 1).1, rows["visits"].len());
    assert!(!rows["visits"].is_empty());
    assert_eq!(
        said(&plan),
        [
            "orders: 0 rows instead of 1000: user_id refers to users, which gets none",
            "visits, user_id: left null: it refers to users, which gets no rows",
        ]
    );
    let asked = options(&[("users", 0), ("orders", 5)]);
    let problems = plan_of(&schema, &asked).unwrap_err();
    assert_eq!(
        problems[0].to_string(),
        "orders: 5 rows were wanted, but user_id refers to users, which gets none"
    );
}

#[test]
fn references_to_a_column_that_may_be_null_lead_to_rows_that_have_it() {
    let schema = Schema {
        tables: vec![
            table("users", "id int8!,email text")
                .unique("id")
                .unique("email"),
            table("logins", "id int8!,email text!")
                .unique("id")
                .refers("email", "users", "email"),
        ],
    };
    let (_, rows) = made(&schema, None, &options(&[("users", 300), ("logins", 900)]));
    assert_eq!(counts(&rows, "logins", 1).1, 0);
    let email = ColumnStats {
        null_frac: 0.3,
        ..stats(-0.7)
    };
    let profile = profile(vec![
        ("users", 300.0, vec![("id", stats(-1.0)), ("email", email)]),
        (
            "logins",
            900.0,
            vec![("id", stats(-1.0)), ("email", stats(200.0))],
        ),
    ]);
    let (plan, rows) = made(&schema, Some(&profile), &options(&[]));
    assert_eq!(counts(&rows, "users", 1).1, 0);
    assert_eq!(
        said(&plan),
        ["users, email: without nulls: a key needs a value in every row"]
    );
}

#[test]
fn a_pair_of_references_in_a_table_without_rows_is_planned() {
    let schema = Schema {
        tables: vec![
            table("users", "id int8!").unique("id"),
            table("friends", "a int8!,b int8!")
                .unique("a,b")
                .refers("a", "users", "id")
                .refers("b", "users", "id"),
        ],
    };
    let (_, rows) = made(&schema, None, &options(&[("friends", 0)]));
    assert!(rows["friends"].is_empty());
}

#[test]
fn one_value_among_thousands_of_nulls_is_made() {
    let schema = Schema {
        tables: vec![table("t", "id int8!,deleted_at timestamptz,doc json").unique("id")],
    };
    let deleted_at = ColumnStats {
        null_frac: 0.9998,
        ..stats(-0.0002)
    };
    // Nobody knows how many different documents there are: json has no equality.
    let doc = ColumnStats {
        null_frac: 0.5,
        ..stats(0.0)
    };
    let profile = profile(vec![(
        "t",
        5_000.0,
        vec![
            ("id", stats(-1.0)),
            ("deleted_at", deleted_at),
            ("doc", doc),
        ],
    )]);
    let (_, rows) = made(&schema, Some(&profile), &options(&[]));
    assert_eq!(counts(&rows, "t", 1).1, 4_999);
    let (documents, nulls) = counts(&rows, "t", 2);
    assert_eq!(nulls, 2_500);
    assert!(documents.len() > 2_000, "{} documents", documents.len());
}
