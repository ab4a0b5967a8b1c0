//! Rows of partitioned tables.

use super::*;

#[test]
fn rows_of_partitions_are_within_their_bounds() {
    let mut events = table("events", "id int8!,at int8!,note text").unique("id,at");
    let partition = |n: i64, from: &str, to: &str| Partition {
        name: name(&format!("events_{n}")),
        bound: format!("FOR VALUES FROM ('{from}') TO ('{to}')"),
        partitioning: None,
    };
    events.partitioning = Some(Partitioning {
        strategy: "r".to_owned(),
        columns: vec![Some("at".to_owned())],
        partitions: vec![partition(1, "1000", "2000"), partition(2, "5000", "9000")],
    });
    let schema = Schema {
        tables: vec![events],
    };
    let (_, rows) = made(&schema, None, &options(&[("events", 500)]));
    for row in &rows["events"] {
        let at = i64::from_be_bytes(row[1].as_ref().unwrap().as_slice().try_into().unwrap());
        assert!(
            (1000..2000).contains(&at) || (5000..9000).contains(&at),
            "{at}"
        );
    }
}

fn part(table_name: &str, bound: &str, partitioning: Option<Partitioning>) -> Partition {
    Partition {
        name: name(table_name),
        bound: bound.to_owned(),
        partitioning,
    }
}

fn int4(value: Option<&Vec<u8>>) -> i32 {
    i32::from_be_bytes(value.unwrap().as_slice().try_into().unwrap())
}

#[test]
fn rows_of_months_are_within_them() {
    let mut sales = table("sales", "id int8!,y int4!,m int4!").unique("id,y,m");
    sales.partitioning = Some(Partitioning {
        strategy: "r".to_owned(),
        columns: vec![Some("y".to_owned()), Some("m".to_owned())],
        partitions: vec![
            part("sales_11", "FOR VALUES FROM (2024, 11) TO (2024, 12)", None),
            part("sales_12", "FOR VALUES FROM (2024, 12) TO (2025, 1)", None),
            part(
                "sales_later",
                "FOR VALUES FROM (2025, 7) TO (2028, 7)",
                None,
            ),
        ],
    });
    let schema = Schema {
        tables: vec![sales],
    };
    let (_, rows) = made(&schema, None, &options(&[("sales", 600)]));
    for row in &rows["sales"] {
        let key = (int4(row[1].as_ref()), int4(row[2].as_ref()));
        let month = ((2024, 11)..(2025, 1)).contains(&key);
        assert!(month || ((2025, 7)..(2028, 7)).contains(&key), "{key:?}");
    }
}

#[test]
fn partitions_below_get_the_rows_of_theirs() {
    let by_hash = |from: usize| Partitioning {
        strategy: "h".to_owned(),
        columns: vec![Some("id".to_owned())],
        partitions: (from..from + 2)
            .map(|n| {
                let bound = format!("FOR VALUES WITH (modulus 2, remainder {})", n % 2);
                part(&format!("hash_{n}"), &bound, None)
            })
            .collect(),
    };
    let mut events = table("events", "id int8!,y int4!");
    events.partitioning = Some(Partitioning {
        strategy: "r".to_owned(),
        columns: vec![Some("y".to_owned())],
        partitions: vec![
            part("plain", "FOR VALUES FROM (2020) TO (2021)", None),
            part("one", "FOR VALUES FROM (2021) TO (2022)", Some(by_hash(0))),
            part("two", "FOR VALUES FROM (2022) TO (2023)", Some(by_hash(2))),
            part("rest", "DEFAULT", None),
        ],
    });
    let schema = Schema {
        tables: vec![events],
    };
    let mut profile = profile(vec![("events", 10_000.0, vec![])]);
    let counts = [
        ("plain", 1e3),
        ("hash_0", 1e3),
        ("hash_1", 2e3),
        ("hash_2", 2e3),
        ("hash_3", 3e3),
        ("rest", 1e3),
    ];
    profile.tables[0].partitions = counts.map(|(leaf, rows)| (name(leaf), rows)).to_vec();
    let (plan, rows) = made(&schema, Some(&profile), &options(&[]));
    let of = |year: i32| {
        let years = rows["events"].iter().map(|row| int4(row[1].as_ref()));
        years.filter(|y| *y == year).count()
    };
    // A ninth, three and five of them.
    assert_eq!([of(2020), of(2021), of(2022)], [1_111, 3_333, 5_556]);
    let said: Vec<String> = plan.left.iter().map(ToString::to_string).collect();
    assert!(
        said.iter()
            .any(|s| s.starts_with("events, rest: the rows of a default partition")),
        "{said:?}"
    );
}
