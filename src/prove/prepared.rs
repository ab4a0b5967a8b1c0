//! A change with the statements that make it, and what undoes it.

use crate::pg::Session;
use crate::record::proof::{Change, ChangeKind};

use super::ledger::Step;
use super::{ProveError, index, sql};

/// A change with its statements.
pub(super) struct Prepared {
    pub(super) make: String,
    pub(super) then: Vec<String>,
    pub(super) step: Step,
}

impl Prepared {
    /// Looks at the change before anything is done.
    ///
    /// # Errors
    /// It cannot be made without blocking writers, or not be undone exactly.
    pub(super) async fn of(
        session: &Session,
        run_id: &str,
        number: usize,
        change: &Change,
    ) -> Result<Self, ProveError> {
        let schema = change.schema.clone();
        match (change.kind, &change.index) {
            (ChangeKind::CreateIndex, _) => {
                let name = sql::proof_name(run_id, number);
                let create = sql::create_as(&change.sql, &name).ok_or_else(|| {
                    ProveError::Unfit("it would block writers while it is created".to_owned())
                })?;
                let comment =
                    format!("made by dbperf to try it in the run {run_id}; it may be dropped");
                Ok(Self {
                    make: create,
                    then: vec![sql::comment(&schema, &name, &comment)],
                    step: Step::Created {
                        schema,
                        index: name,
                    },
                })
            }
            (ChangeKind::DropIndex, Some(name)) => {
                let state = index::read(session, &schema, name).await?;
                let state = state
                    .ok_or_else(|| ProveError::Unfit("it is not there any more".to_owned()))?;
                if let Some(reason) = state.not_restorable {
                    return Err(ProveError::Unfit(format!(
                        "it could not be created again as it is: {reason}"
                    )));
                }
                if !state.is_owned {
                    return Err(ProveError::Unfit(
                        "the role does not own its table".to_owned(),
                    ));
                }
                if !state.usable || change.definition.as_deref().is_none_or(str::is_empty) {
                    return Err(ProveError::Unfit(
                        "it is not valid at this moment".to_owned(),
                    ));
                }
                Ok(Self {
                    make: sql::drop(&schema, name),
                    then: Vec::new(),
                    step: Step::Dropped {
                        schema,
                        index: name.clone(),
                        definition: state.definition,
                        tablespace: state.tablespace,
                        comment: state.comment,
                    },
                })
            }
            (ChangeKind::DropIndex, None) => {
                Err(ProveError::Unfit("the index has no name".to_owned()))
            }
        }
    }
}

/// What is being done, for whoever waits.
pub(super) fn told(change: &Change) -> String {
    match (&change.index, change.kind) {
        (Some(index), ChangeKind::DropIndex) => format!("Trying it without the index {index}"),
        _ => format!(
            "Trying an index on {} ({})",
            change.table,
            change.columns.join(", ")
        ),
    }
}
