//! Tables that are left as they are: those that are excluded, and lists of what migration tools have applied.
//!
//! Rows of other tables may refer to theirs. Which keys these have is read where it is one column; it goes nowhere but
//! into rows of the same database.

use tokio_postgres::types::Type as SqlType;

use super::load::sql;
use super::oracle;
use super::plan::{PlanOptions, Problem};
use super::schema::{Check, ForeignKey, Name, Schema, Table};
use crate::collect::pg_stat_statements::quote_ident;
use crate::pg::{PgError, Session};

/// Tables in which migration tools keep what they have applied, by name in small letters (ours: Rails, Ecto, Django,
/// Alembic, Flyway, Liquibase, Prisma, Knex, Sequelize, Laravel and `TypeORM`, Entity Framework, goose, golang-migrate and
/// dbmate, Diesel, sqlx, refinery, node-pg-migrate, Drizzle, Kysely, Doctrine, Phinx, `MikroORM`, yoyo, Atlas, tern).
const MIGRATIONS: [&str; 30] = [
    "schema_migrations",
    "ar_internal_metadata",
    "data_migrations",
    "django_migrations",
    "alembic_version",
    "flyway_schema_history",
    "schema_version",
    "databasechangelog",
    "databasechangeloglock",
    "_prisma_migrations",
    "knex_migrations",
    "knex_migrations_lock",
    "sequelizemeta",
    "migrations",
    "__efmigrationshistory",
    "goose_db_version",
    "__diesel_schema_migrations",
    "_sqlx_migrations",
    "refinery_schema_history",
    "pgmigrations",
    "__drizzle_migrations",
    "kysely_migration",
    "kysely_migration_lock",
    "doctrine_migration_versions",
    "phinxlog",
    "mikro_orm_migrations",
    "_yoyo_migration",
    "_yoyo_version",
    "_yoyo_log",
    "atlas_schema_revisions",
];

/// Keys of a table that others may refer to (ours): more are left out.
const KEYS: i64 = 1_000;

/// The tables that are to be filled.
pub(super) struct Rest {
    /// Without the tables that are left as they are; what refers to those has the values of their keys.
    pub(super) schema: Schema,
    /// What is left as it is, and what refers to it.
    pub(super) said: Vec<Problem>,
}

/// Tables of a schema that are left as they are, each with the reason.
///
/// # Errors
///
/// Tables that are excluded and are not there, or of which rows are asked for.
pub fn left_alone(schema: &Schema, options: &PlanOptions) -> Result<Vec<Problem>, Vec<Problem>> {
    let mut problems = Vec::new();
    let of_table = |table: &Name, reason: &str| Problem {
        table: table.clone(),
        subject: None,
        reason: reason.to_owned(),
    };
    let mut excluded: Vec<&Name> = Vec::new();
    for asked in &options.excluded {
        match schema.called(asked) {
            Ok(table) if options.asks_for_rows(&table.name) => problems.push(of_table(
                &table.name,
                "it is excluded, and rows of it are asked for",
            )),
            Ok(table) => excluded.push(&table.name),
            Err(why) => {
                let name = Name {
                    schema: "public".to_owned(),
                    name: asked.clone(),
                };
                problems.push(of_table(&name, &format!("it is excluded, but {why}")));
            }
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let tables = schema.tables.iter();
    let left = tables.filter_map(|table| {
        let reason = if excluded.contains(&&table.name) {
            "left as it is: it is excluded"
        } else if is_migration_list(schema, table) && !options.asks_for_rows(&table.name) {
            "left as it is: a migration tool keeps in it what it has applied"
        } else {
            return None;
        };
        Some(of_table(&table.name, reason))
    });
    Ok(left.collect())
}

/// By its name, and nothing refers to it or from it.
fn is_migration_list(schema: &Schema, table: &Table) -> bool {
    let mut keys = schema.tables.iter().flat_map(|other| &other.foreign_keys);
    let name = table.name.name.to_ascii_lowercase();
    MIGRATIONS.contains(&name.as_str())
        && table.foreign_keys.is_empty()
        && !keys.any(|key| key.references == table.name)
}

/// Leaves tables out, and lets the others refer to the rows that these have.
pub(super) async fn without(
    session: &Session,
    schema: &Schema,
    left: Vec<Problem>,
) -> Result<Rest, PgError> {
    let mut schema = schema.clone();
    let is_left = |name: &Name| left.iter().any(|problem| problem.table == *name);
    schema.tables.retain(|table| !is_left(&table.name));
    let mut said = left.clone();
    if !said.is_empty() {
        oracle::set_forms(session).await?;
    }
    for table in &mut schema.tables {
        let alone = |key: &ForeignKey| key.columns.len() == 1 && is_left(&key.references);
        let keys = std::mem::take(&mut table.foreign_keys);
        let (alone, others): (Vec<_>, Vec<_>) = keys.into_iter().partition(alone);
        table.foreign_keys = others;
        for key in alone {
            let values = values(session, &key).await?;
            if values.is_empty() {
                table.foreign_keys.push(key);
                continue;
            }
            let reason = format!("refers to rows that {} has", key.references);
            said.push(Problem::of(&table.name, &key.columns[0], reason));
            let check = one_of(table, &key, &values);
            table.checks.extend(check);
        }
    }
    Ok(Rest { schema, said })
}

/// Values of the one column that a key refers to.
async fn values(session: &Session, key: &ForeignKey) -> Result<Vec<String>, PgError> {
    let Some(column) = key.referenced_columns.first() else {
        return Ok(Vec::new());
    };
    let column = quote_ident(column);
    let sql = format!(
        "SELECT /* dbperf */ t.{column}::pg_catalog.text FROM {} AS t WHERE t.{column} IS NOT NULL ORDER BY t.{column} \
         LIMIT $1",
        sql::qualified(&key.references)
    );
    let what = format!("keys of {}", key.references);
    let rows = session.rows(&what, &sql, &[(&KEYS, SqlType::INT8)]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// That the column of a key has one of these values, unless other keys say more of it.
fn one_of(table: &Table, key: &ForeignKey, values: &[String]) -> Option<Check> {
    let column = &key.columns[0];
    if table
        .foreign_keys
        .iter()
        .any(|other| other.columns.contains(column))
    {
        return None;
    }
    let type_ = &table.columns[table.column(column)?].type_.base().name;
    let values: Vec<String> = values
        .iter()
        .map(|value| format!("{}::{}", sql::literal(value), sql::qualified(type_)))
        .collect();
    Some(Check {
        name: key.name.clone(),
        expression: format!(
            "{} = ANY (ARRAY[{}])",
            quote_ident(column),
            values.join(", ")
        ),
    })
}
