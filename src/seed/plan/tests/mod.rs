mod partitions;
mod said;
mod shared;

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::seed::profile::{
    ColumnStats, Common, ExtendedStats, Histogram, Profile, TableProfile, VERSION, Value, Values,
};
use crate::seed::rows::Rows as _;
use crate::seed::schema::{
    Check, Column, Filled, ForeignKey, Key, Name, Partition, Partitioning, Schema, Table, Type,
    TypeKind,
};

fn name(name: &str) -> Name {
    Name {
        schema: "public".to_owned(),
        name: name.to_owned(),
    }
}

fn base(type_name: &str) -> Type {
    Type {
        oid: 0,
        name: Name {
            schema: "pg_catalog".to_owned(),
            name: type_name.to_owned(),
        },
        typmod: -1,
        kind: TypeKind::Base,
    }
}

/// `id int8!, note text`: an exclamation mark is NOT NULL.
pub(super) fn table(table_name: &str, columns: &str) -> Table {
    let column = |text: &str| {
        let (column, type_name) = text.trim().split_once(' ').unwrap();
        Column {
            name: column.to_owned(),
            type_: base(type_name.trim_end_matches('!')),
            not_null: type_name.ends_with('!'),
            collation: None,
            filled: Filled::Not,
            sequence: None,
        }
    };
    Table {
        name: name(table_name),
        columns: columns.split(',').map(column).collect(),
        keys: Vec::new(),
        foreign_keys: Vec::new(),
        checks: Vec::new(),
        exclusions: Vec::new(),
        triggers: Vec::new(),
        partitioning: None,
        row_security: false,
    }
}

fn split(list: &str) -> Vec<String> {
    list.split(',').map(|c| c.trim().to_owned()).collect()
}

impl Table {
    fn unique(mut self, columns: &str) -> Self {
        self.keys.push(Key {
            name: format!("{}_{}_key", self.name.name, columns.replace(',', "_")),
            primary: self.keys.is_empty(),
            columns: split(columns).into_iter().map(Some).collect(),
            predicate: None,
            nulls_not_distinct: false,
            definition: String::new(),
        });
        self
    }

    fn refers(mut self, columns: &str, to: &str, referenced: &str) -> Self {
        self.foreign_keys.push(ForeignKey {
            name: format!("{}_{columns}_fkey", self.name.name),
            columns: split(columns),
            references: name(to),
            referenced_columns: split(referenced),
            deferrable: false,
            match_full: false,
        });
        self
    }
}

fn options(rows: &[(&str, u64)]) -> PlanOptions {
    PlanOptions {
        scale: 1.0,
        rows: rows.iter().map(|(t, n)| ((*t).to_owned(), *n)).collect(),
        excluded: Vec::new(),
        seed: 42,
    }
}

type Rows = BTreeMap<String, Vec<Vec<Option<Vec<u8>>>>>;

/// Every row of every table, from the tuples as they are sent.
fn rows(plan: &Plan) -> Rows {
    let mut all = Rows::new();
    for table in &plan.tables {
        let mut bytes = Vec::new();
        table.write(0..table.rows(), &mut bytes).unwrap();
        let mut rest = bytes.as_slice();
        let mut rows = Vec::new();
        while !rest.is_empty() {
            let fields = i16::from_be_bytes(rest[..2].try_into().unwrap());
            assert_eq!(usize::try_from(fields).unwrap(), table.columns().len());
            rest = &rest[2..];
            let mut row = Vec::new();
            for _ in 0..fields {
                let length = i32::from_be_bytes(rest[..4].try_into().unwrap());
                rest = &rest[4..];
                row.push(usize::try_from(length).ok().map(|length| {
                    let (value, after) = rest.split_at(length);
                    rest = after;
                    value.to_vec()
                }));
            }
            rows.push(row);
        }
        assert_eq!(rows.len() as u64, table.rows());
        all.insert(table.name().to_string(), rows);
    }
    all
}

/// Keys are unique and references lead to rows, as the schema says.
fn assert_sound(schema: &Schema, plan: &Plan, rows: &Rows) {
    let place = |table: &Name, column: &String| {
        let planned = plan.tables.iter().find(|t| t.name() == table).unwrap();
        planned.columns().iter().position(|c| c == column).unwrap()
    };
    let tuples = |table: &Name, columns: &[String]| -> Vec<Vec<Vec<u8>>> {
        let places: Vec<usize> = columns.iter().map(|c| place(table, c)).collect();
        let tuple = |row: &Vec<Option<Vec<u8>>>| places.iter().map(|p| row[*p].clone()).collect();
        let all = rows[&table.to_string()].iter();
        all.filter_map(tuple).collect()
    };
    for table in &schema.tables {
        let whole = |key: &&Key| key.predicate.is_none() && !key.columns.contains(&None);
        for key in table.keys.iter().filter(whole) {
            let columns: Vec<String> = key.columns.iter().flatten().cloned().collect();
            let tuples = tuples(&table.name, &columns);
            let different: BTreeSet<_> = tuples.iter().collect();
            assert_eq!(different.len(), tuples.len(), "{}", key.name);
        }
        for key in &table.foreign_keys {
            let there: BTreeSet<_> = tuples(&key.references, &key.referenced_columns)
                .into_iter()
                .collect();
            for tuple in tuples(&table.name, &key.columns) {
                assert!(there.contains(&tuple), "{}: {tuple:?}", key.name);
            }
        }
        for (at, column) in table.columns.iter().enumerate().filter(|(_, c)| c.not_null) {
            let none = rows[&table.name.to_string()].iter();
            let nulls = none.filter(|row| row[at].is_none()).count();
            assert_eq!(nulls, 0, "{}.{}", table.name, column.name);
        }
    }
}

fn plan_of(schema: &Schema, options: &PlanOptions) -> Result<Plan, Vec<Problem>> {
    plan(schema, None, &Literals::default(), options)
}

fn made(schema: &Schema, profile: Option<&Profile>, options: &PlanOptions) -> (Plan, Rows) {
    let plan = match plan(schema, profile, &Literals::default(), options) {
        Ok(plan) => plan,
        Err(problems) => panic!("{problems:#?}"),
    };
    let rows = rows(&plan);
    assert_sound(schema, &plan, &rows);
    (plan, rows)
}

fn shop() -> Schema {
    Schema {
        tables: vec![
            table(
                "lines",
                "order_id int8!,line_no int4!,product_id int8!,note text",
            )
            .unique("order_id,line_no")
            .refers("order_id", "orders", "id")
            .refers("product_id", "products", "id"),
            table(
                "orders",
                "id int8!,customer_id int8!,created_at timestamptz!,paid_at timestamptz",
            )
            .unique("id")
            .refers("customer_id", "customers", "id"),
            table(
                "customers",
                "id int8!,email text!,referred_by int8,profile_id int8",
            )
            .unique("id")
            .unique("email")
            .unique("profile_id")
            .refers("referred_by", "customers", "id")
            .refers("profile_id", "profiles", "id"),
            table("profiles", "id int8!,bio text").unique("id"),
            table("products", "id int8!,name text!").unique("id"),
            table("product_tags", "product_id int8!,tag_id int8!,weight int4")
                .unique("product_id,tag_id")
                .refers("product_id", "products", "id")
                .refers("tag_id", "tags", "id"),
            table("tags", "id int8!").unique("id"),
            table("follows", "who int8!,whom int8!")
                .unique("who,whom")
                .refers("who", "customers", "id")
                .refers("whom", "customers", "id"),
        ],
    }
}

#[test]
fn keys_and_references_hold_without_a_profile() {
    let (plan, rows) = made(&shop(), None, &options(&[("tags", 40), ("lines", 20_000)]));
    let order: Vec<String> = plan.tables.iter().map(|t| t.name().to_string()).collect();
    let place = |name: &str| order.iter().position(|t| t == name).unwrap();
    assert!(place("customers") < place("orders") && place("orders") < place("lines"));
    assert_eq!(rows["lines"].len(), 20_000);
    assert!(rows["follows"].iter().all(|row| row[0] != row[1]));
}

#[test]
fn the_same_seed_makes_the_same_rows_in_whatever_parts() {
    let schema = shop();
    let one = made(&schema, None, &options(&[])).0;
    let two = made(&schema, None, &options(&[])).0;
    let mut other = options(&[]);
    other.seed = 43;
    let three = made(&schema, None, &other).0;
    let mut differ = 0;
    for ((a, b), c) in one.tables.iter().zip(&two.tables).zip(&three.tables) {
        let mut whole = Vec::new();
        a.write(0..a.rows(), &mut whole).unwrap();
        let mut parts = Vec::new();
        for start in (0..b.rows()).step_by(777) {
            b.write(start..(start + 777).min(b.rows()), &mut parts)
                .unwrap();
        }
        assert!(whole == parts, "{}", a.name());
        let mut others = Vec::new();
        c.write(0..c.rows(), &mut others).unwrap();
        differ += usize::from(others != whole);
    }
    assert!(differ > 3);
}

fn stats(n_distinct: f64) -> ColumnStats {
    ColumnStats {
        null_frac: 0.0,
        avg_width: 8,
        n_distinct,
        most_common: Vec::new(),
        histogram: Histogram::None,
        correlation: None,
        elements: None,
        json: None,
    }
}

fn token(text: &str) -> Value {
    Value::Token(text.to_owned())
}

/// A table, its rows, and what is known of its columns.
type Known<'a> = (&'a str, f64, Vec<(&'a str, ColumnStats)>);

fn profile(tables: Vec<Known<'_>>) -> Profile {
    Profile {
        dbperf_profile: VERSION,
        dbperf_version: "0".to_owned(),
        collected_at: "2026-06-30T00:00:00Z".parse().unwrap(),
        server_version_num: 150_000,
        values: Values::Hash,
        schema: Schema::default(),
        tables: tables
            .into_iter()
            .map(|(table, rows, columns)| TableProfile {
                name: name(table),
                rows,
                pages: 1,
                columns: columns
                    .into_iter()
                    .map(|(column, stats)| (column.to_owned(), stats))
                    .collect(),
                extended: Vec::new(),
                partitions: Vec::new(),
            })
            .collect(),
        missing: Vec::new(),
        statements: Vec::new(),
    }
}

/// How often each value of a column occurs, most often first, and the nulls.
fn counts(rows: &Rows, table: &str, column: usize) -> (Vec<usize>, usize) {
    let mut counts: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
    let mut nulls = 0;
    for row in &rows[table] {
        match &row[column] {
            Some(value) => *counts.entry(value.clone()).or_default() += 1,
            None => nulls += 1,
        }
    }
    let mut counts: Vec<usize> = counts.into_values().collect();
    counts.sort_unstable_by(|a, b| b.cmp(a));
    (counts, nulls)
}

#[test]
fn a_profile_gives_fan_out_nulls_and_distinct_values() {
    let schema = Schema {
        tables: vec![
            table("users", "id int8!,city text").unique("id"),
            table("posts", "id int8!,user_id int8,kind text!")
                .unique("id")
                .refers("user_id", "users", "id"),
        ],
    };
    let hot = |value: &str, frequency, order| Common {
        value: token(value),
        frequency,
        order: Some(order),
    };
    let user_id = ColumnStats {
        null_frac: 0.2,
        most_common: vec![hot("a", 0.3, 5), hot("b", 0.1, 1)],
        ..stats(500.0)
    };
    let kind = ColumnStats {
        most_common: vec![hot("x", 0.7, 0), hot("y", 0.2, 1), hot("z", 0.1, 2)],
        ..stats(3.0)
    };
    let city = ColumnStats {
        null_frac: 0.5,
        ..stats(-0.1)
    };
    let profile = profile(vec![
        ("users", 1_000.0, vec![("id", stats(-1.0)), ("city", city)]),
        (
            "posts",
            20_000.0,
            vec![("id", stats(-1.0)), ("user_id", user_id), ("kind", kind)],
        ),
    ]);
    for (scale, users, posts) in [
        (1.0, 1_000, 20_000),
        (0.2, 200, 4_000),
        (3.0, 3_000, 60_000),
    ] {
        let mut options = options(&[]);
        options.scale = scale;
        let (_, rows) = made(&schema, Some(&profile), &options);
        assert_eq!((rows["users"].len(), rows["posts"].len()), (users, posts));
        let (fan_out, nulls) = counts(&rows, "posts", 1);
        assert_eq!(nulls, posts / 5);
        assert_eq!(fan_out[..2], [posts * 3 / 10, posts / 10]);
        // Of more rows than ANALYZE looks at as many as it would find to be half of them.
        let most = if posts > 30_000 {
            users / 2 + users / 100
        } else {
            users / 2
        };
        let used = (users / 2..=most).contains(&fan_out.len());
        assert!(used, "{} users of {users} have posts", fan_out.len());
        assert_eq!(
            counts(&rows, "posts", 2).0,
            [posts * 7 / 10, posts / 5, posts / 10]
        );
        let (cities, nulls) = counts(&rows, "users", 1);
        assert_eq!((cities.len(), nulls), (users / 10, users / 2));
    }
}

#[test]
fn a_column_that_another_determines_follows_it() {
    let schema = Schema {
        tables: vec![table("places", "id int8!,zip text!,city text!,state text!").unique("id")],
    };
    let mut profile = profile(vec![(
        "places",
        10_000.0,
        vec![
            ("id", stats(-1.0)),
            ("zip", stats(800.0)),
            ("city", stats(90.0)),
            ("state", stats(9.0)),
        ],
    )]);
    profile.tables[0].extended.push(ExtendedStats {
        name: "s".to_owned(),
        columns: split("zip,city,state"),
        n_distinct: Vec::new(),
        dependencies: vec![(vec![0], 1, 1.0), (vec![1], 2, 1.0), (vec![0], 2, 1.0)],
        most_common: Vec::new(),
    });
    let (_, rows) = made(&schema, Some(&profile), &options(&[]));
    let pairs: BTreeSet<_> = rows["places"].iter().map(|r| (&r[1], &r[2])).collect();
    assert_eq!(pairs.len(), 800);
    let pairs: BTreeSet<_> = rows["places"].iter().map(|r| (&r[1], &r[3])).collect();
    assert_eq!(pairs.len(), 800);
    assert_eq!(counts(&rows, "places", 2).0.len(), 90);
    assert_eq!(counts(&rows, "places", 3).0.len(), 9);
}

#[test]
fn foreign_keys_that_share_a_column_refer_to_rows_with_the_same() {
    let tenant = |table: Table| table.refers("tenant_id", "tenants", "id");
    let schema = Schema {
        tables: vec![
            table("tenants", "id int4!").unique("id"),
            tenant(
                table("users", "tenant_id int4!,id int8!")
                    .unique("tenant_id,id")
                    .unique("id"),
            ),
            tenant(table("projects", "tenant_id int4!,id int8!").unique("tenant_id,id")),
            tenant(
                table(
                    "tasks",
                    "id int8!,tenant_id int4!,user_id int8!,project_id int8",
                )
                .unique("id")
                .refers("tenant_id,user_id", "users", "tenant_id,id")
                .refers("tenant_id,project_id", "projects", "tenant_id,id"),
            ),
        ],
    };
    let counts = [
        ("tenants", 30),
        ("users", 900),
        ("projects", 400),
        ("tasks", 5_000),
    ];
    let (_, rows) = made(&schema, None, &options(&counts));
    let projects: BTreeSet<_> = rows["tasks"].iter().map(|row| (&row[1], &row[3])).collect();
    assert!(projects.len() > 300, "{}", projects.len());
}
