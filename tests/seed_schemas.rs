//! The schemas of `fixtures/seed` load on every version, and what is read of them is what stands in them.

#![expect(
    clippy::unwrap_used,
    reason = "clippy takes a test's helpers for ordinary code"
)]

mod support;

use dbperf::lab::{Cluster, LabOptions};
use dbperf::seed::schema::{Filled, Name, Schema, Table, TypeKind, read};
use support::{database, each_version, guarded, lab};

/// A file, the first version that takes it, and how many tables it makes, partitions not counted.
const FILES: [(&str, &str, u32, usize); 6] = [
    (
        "pagila",
        include_str!("../fixtures/seed/pagila.sql"),
        13,
        15,
    ),
    (
        "chinook",
        include_str!("../fixtures/seed/chinook.sql"),
        13,
        11,
    ),
    (
        "pgbench",
        include_str!("../fixtures/seed/pgbench.sql"),
        13,
        4,
    ),
    (
        "every_type",
        include_str!("../fixtures/seed/every-type.sql"),
        13,
        18,
    ),
    (
        "multiranges",
        include_str!("../fixtures/seed/multiranges.sql"),
        14,
        1,
    ),
    (
        "extensions",
        include_str!("../fixtures/seed/extensions.sql"),
        13,
        1,
    ),
];

#[test]
fn every_schema_loads_and_is_read() {
    each_version(async |major| {
        let lab = lab(major, LabOptions::default()).unwrap();
        for (name, sql, _, tables) in FILES.into_iter().filter(|(_, _, since, _)| major >= *since) {
            let schema = made(lab.primary(), name, sql).await;
            assert_eq!(schema.tables.len(), tables, "{name} on PostgreSQL {major}");
            for table in &schema.tables {
                for column in &table.columns {
                    assert!(
                        column.type_.kind != TypeKind::Other,
                        "{name}: {}.{} on PostgreSQL {major}",
                        table.name,
                        column.name
                    );
                }
            }
            match name {
                "pagila" => pagila(&schema),
                "every_type" => every_type(&schema),
                _ => {}
            }
        }
    });
}

/// Makes a database of a schema and reads it.
async fn made(cluster: &Cluster, name: &str, sql: &str) -> Schema {
    let dsn = database(cluster, name, sql).await;
    let session = guarded(&dsn).await;
    let schema = read(&session).await.unwrap();
    session.close().await;
    schema
}

fn table<'a>(schema: &'a Schema, of: &str, name: &str) -> &'a Table {
    let name = Name {
        schema: of.to_owned(),
        name: name.to_owned(),
    };
    schema.table(&name).unwrap()
}

fn pagila(schema: &Schema) {
    let film = table(schema, "public", "film");
    assert_eq!(film.columns.len(), 14);
    assert_eq!(film.triggers.len(), 1);
    let year = &film.columns[film.column("release_year").unwrap()].type_;
    assert!(matches!(&year.kind, TypeKind::Domain { checks, .. } if checks.len() == 1));
    let payment = table(schema, "public", "payment");
    assert_eq!(payment.partitioning.as_ref().unwrap().partitions.len(), 7);
    // Each of its partitions has them, and it has not.
    let references = payment.foreign_keys.iter().map(|k| &*k.references.name);
    assert_eq!(
        references.collect::<Vec<_>>(),
        ["customer", "rental", "staff"]
    );
}

fn every_type(schema: &Schema) {
    let two = table(schema, "public", "by_two")
        .partitioning
        .as_ref()
        .unwrap();
    let deeper = two.partitions.iter().filter(|p| p.partitioning.is_some());
    assert_eq!((two.partitions.len(), deeper.count()), (2, 1));
    let filled = table(schema, "public", "filled");
    let how = |name: &str| &filled.columns[filled.column(name).unwrap()].filled;
    assert_eq!(how("always"), &Filled::Identity);
    assert!(matches!(how("gross"), Filled::Generated(_)));
    assert!(matches!(how("ticket"), Filled::Default(_)));
    let regions = table(schema, "Other Schema", "Regions");
    assert_eq!(regions.keys[0].columns.len(), 2);
    let people = table(schema, "public", "people");
    assert_eq!(people.foreign_keys.len(), 3);
    assert!(people.foreign_keys.iter().any(|key| key.match_full));
    assert_eq!(table(schema, "public", "bookings").exclusions.len(), 1);
    assert_eq!(table(schema, "public", "orders").checks.len(), 13);
}
