//! Flags of `seed`.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::Job;
use crate::cli::exit::Failure;
use crate::cli::prove::DespiteArg;
use crate::cli::workload_plans;
use crate::collect::Refusal;
use crate::seed::PlanOptions;
use crate::seed::load::{LoadOptions, Triggers};
use crate::seed::profile::Profile;
use crate::seed::schema::SchemaFile;

/// Flags of `seed`.
#[derive(Debug, Args)]
pub(in crate::cli) struct SeedArgs {
    /// URL (`postgres://…`), `key=value` string or database name.
    ///
    /// Without it `DBPERF_DATABASE_URL`, `DATABASE_URL` and libpq's `PG…` variables are tried.
    #[arg(value_name = "DSN")]
    dsn: Option<String>,
    /// Name of the database to fill; must be the connected one.
    #[arg(long, value_name = "NAME")]
    target_db: String,
    /// SQL file that makes the tables, such as `pg_dump --schema-only` writes; without it the database has them.
    #[arg(long, value_name = "FILE")]
    schema: Option<PathBuf>,
    /// Profile of the data to be like (`dbperf profile`).
    #[arg(long, value_name = "FILE")]
    profile: Option<PathBuf>,
    /// Workload whose plans are compared with those in the profile (`dbperf profile --workload`). None is executed.
    #[arg(long, value_name = "FILE", requires = "profile")]
    workload: Option<PathBuf>,
    /// So many times the rows of the profile, or of those that are assumed without one.
    #[arg(long, value_name = "X", default_value_t = 1.0, value_parser = scale)]
    scale: f64,
    /// Rows of one table, whatever the scale; may be repeated.
    #[arg(long, value_name = "TABLE=N", value_parser = rows)]
    rows: Vec<(String, u64)>,
    /// Table that is left as it is; other tables refer to the rows that it has. May be repeated.
    #[arg(long, value_name = "TABLE")]
    exclude_table: Vec<String>,
    /// The same number makes the same rows, with any number of jobs.
    #[arg(long, value_name = "N", default_value_t = 42)]
    seed: u64,
    /// Threads that make rows; without it, one for each core.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    jobs: Option<u16>,
    /// What is done with triggers on INSERT; without it a table that has one is refused.
    #[arg(long, value_enum, value_name = "WHAT")]
    triggers: Option<TriggersArg>,
    /// Fill it although the server has a name like production, is followed by standbys, or is used by many others.
    #[arg(long, value_enum, value_name = "WHAT", value_delimiter = ',')]
    despite: Vec<DespiteArg>,
    /// Print the statements that would change something, and write nothing.
    #[arg(long)]
    dry_run: bool,
}

/// What is done with triggers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum TriggersArg {
    /// They fire.
    Fire,
    /// They are switched off while rows come, and on again.
    Disable,
}

impl SeedArgs {
    /// Reads the files, and checks what can be checked without a server.
    ///
    /// # Errors
    /// A file cannot be read or is not understood.
    pub(super) fn job(&self) -> Result<Job, Failure> {
        let jobs = self.jobs.map_or_else(
            || std::thread::available_parallelism().map_or(1, usize::from),
            usize::from,
        );
        let profile = self.profile.as_deref().map(profile).transpose()?;
        let workload = self.workload.as_deref();
        if workload.is_some() && profile.as_ref().is_some_and(|p| p.statements.is_empty()) {
            return Err(Failure::input(
                "the profile has no plans to compare those of the workload with: make it with \
                 `dbperf profile --workload FILE -o PROFILE`, or leave --workload out",
            ));
        }
        Ok(Job {
            file: self.schema.as_deref().map(schema_file).transpose()?,
            profile,
            workload: workload.map(workload_plans::read).transpose()?,
            plan: PlanOptions {
                scale: self.scale,
                rows: self.rows.clone(),
                excluded: self.exclude_table.clone(),
                seed: self.seed,
            },
            load: LoadOptions {
                jobs,
                triggers: self.triggers.map(|triggers| match triggers {
                    TriggersArg::Fire => Triggers::Fire,
                    TriggersArg::Disable => Triggers::Disable,
                }),
            },
        })
    }

    pub(super) fn dsn(&self) -> Option<&str> {
        self.dsn.as_deref()
    }

    pub(super) fn target_db(&self) -> &str {
        &self.target_db
    }

    pub(super) fn despite(&self) -> Vec<Refusal> {
        self.despite.iter().map(|arg| arg.refusal()).collect()
    }

    pub(super) fn is_dry(&self) -> bool {
        self.dry_run
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|e| Failure::input(format!("cannot read {}: {e}", path.display())))
}

fn schema_file(path: &Path) -> Result<SchemaFile, Failure> {
    let name = path.display().to_string();
    let text = String::from_utf8(read(path)?)
        .map_err(|_| Failure::input(format!("cannot read {name}: it is not UTF-8")))?;
    SchemaFile::parse(&name, &text).map_err(|e| Failure::input(e.to_string()))
}

fn profile(path: &Path) -> Result<Profile, Failure> {
    Profile::read(&read(path)?)
        .map_err(|e| Failure::input(format!("cannot read {}: {e}", path.display())))
}

/// A factor above 0.
fn scale(text: &str) -> Result<f64, String> {
    let scale = text.trim().parse().ok();
    scale
        .filter(|scale: &f64| scale.is_finite() && *scale > 0.0)
        .ok_or_else(|| "expected a number above 0, such as 0.01 or 10".to_owned())
}

fn rows(text: &str) -> Result<(String, u64), String> {
    let (table, rows) = text.rsplit_once('=').unwrap_or_default();
    match rows.trim().parse() {
        Ok(rows) if !table.trim().is_empty() => Ok((table.trim().to_owned(), rows)),
        _ => Err("expected a table and its rows, such as orders=100000".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_a_table_are_read() {
        assert_eq!(rows("shop.orders=10"), Ok(("shop.orders".to_owned(), 10)));
        for wrong in ["orders", "=10", "orders=", "orders=-1", "orders=1.5"] {
            assert!(rows(wrong).is_err(), "{wrong}");
        }
        assert_eq!(scale("0.01"), Ok(0.01));
        for wrong in ["0", "-1", "inf", "x", ""] {
            assert!(scale(wrong).is_err(), "{wrong}");
        }
    }
}
