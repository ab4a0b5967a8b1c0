//! `--plans`: plans of the load that the server has logged, or that somebody has asked for.

use std::path::{Path, PathBuf};

use clap::Args;

use super::context::Context;
use super::exit::Failure;
use super::explain;
use crate::analyze::plans::adopt;
use crate::record::{Coverage, Run, Status};

/// Files with plans.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct PlanFileArgs {
    /// Plans of the load: a server's log with the output of `auto_explain`, or what EXPLAIN printed; may be repeated.
    #[arg(long, value_name = "FILE", num_args = 1)]
    pub(super) plans: Vec<PathBuf>,
    /// `log_line_prefix` of a stderr log among them, where it cannot be worked out from the file.
    #[arg(long, value_name = "PREFIX", requires = "plans")]
    log_prefix: Option<String>,
}

impl PlanFileArgs {
    /// What can be said before anything is measured: a log grows while it is.
    ///
    /// # Errors
    /// A file is not there.
    pub(super) fn check(&self) -> Result<(), Failure> {
        let missing = self.plans.iter().find(|path| !path.is_file());
        match missing {
            None => Ok(()),
            Some(path) => Err(Failure::input(format!(
                "--plans {}: there is no such file",
                path.display()
            ))),
        }
    }

    /// Adds the plans to the statements of the run.
    ///
    /// # Errors
    /// A file holds no plan, or none of a statement of this run.
    pub(super) fn add(&self, run: &mut Run, context: &Context) -> Result<(), Failure> {
        for path in &self.plans {
            let coverage = self.add_one(run, path, context)?;
            run.coverage.push(coverage);
        }
        Ok(())
    }

    fn add_one(&self, run: &mut Run, path: &Path, context: &Context) -> Result<Coverage, Failure> {
        let name = path.display().to_string();
        let (plans, read) = explain::plans_of(&name, self.log_prefix.as_deref(), context)?;
        let statements = plans.len();
        let adopted = adopt(run, plans);
        if adopted.statements == 0 {
            return Err(Failure::input(format!(
                "--plans {name}: none of its {statements} statements is one that pg_stat_statements has of this \
                 window in {}",
                run.server
                    .as_ref()
                    .map_or("this run, which has no server", |s| s.database.as_str())
            )));
        }
        let mut words = vec![format!(
            "{name} has plans of {} executions of {} statements of the window",
            adopted.executions, adopted.statements
        )];
        if adopted.others > 0 {
            words.push(format!(
                "{} more did not run in it, or in another database",
                adopted.others
            ));
        }
        words.extend(read.as_ref().and_then(|row| row.reason.clone()));
        Ok(Coverage {
            collector: "auto_explain".to_owned(),
            status: read.map_or(Status::Ok, |row| row.status),
            reason: Some(words.join("; ")),
            duration: None,
        })
    }
}
