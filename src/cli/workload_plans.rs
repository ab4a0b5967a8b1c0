//! Plans of a workload's statements, for a profile and for what was filled from it.

use std::path::Path;

use super::context::Context;
use super::exit::Failure;
use super::progress::Progress;
use super::{captured, target};
use crate::pg::{Conninfo, PgError, SearchPath, Session, SessionOptions};
use crate::seed::plans::{self, Roots, Shape};
use crate::workload::Workload;

/// The plan of a statement by its name, or why there is none.
pub(super) type Planned = (String, Result<Shape, String>);

/// Reads a workload whose statements have names.
///
/// # Errors
/// It cannot be read, is not understood, or its statements have no names.
pub(super) fn read(path: &Path) -> Result<Workload, Failure> {
    let name = path.display().to_string();
    if captured::recognises(path)? {
        return Err(Failure::input(format!(
            "{name} is a captured workload, whose statements have no names; `dbperf capture statements` makes one \
             with names"
        )));
    }
    let text = String::from_utf8(target::read_input(path)?)
        .map_err(|_| Failure::input(format!("{name} is not UTF-8 text")))?;
    Workload::parse(&text, &name).map_err(|e| Failure::input(e.to_string()))
}

/// Asks for the plans of its statements, by a session of its own that has the role's search path. None is executed.
///
/// # Errors
/// The server cannot be asked.
pub(super) async fn ask(
    catalogue: &Session,
    conninfo: &Conninfo,
    run_id: &str,
    roots: &Roots,
    workload: &Workload,
    context: &Context,
) -> Result<Vec<Planned>, PgError> {
    let progress = Progress::step(context, "Asking for plans");
    let role = SessionOptions {
        search_path: SearchPath::Role,
        ..SessionOptions::new(run_id)
    };
    let application = Session::connect(conninfo, &role).await?;
    let asking = plans::of_workload(&application, catalogue, roots, workload);
    let plans = Box::pin(asking).await;
    application.close().await;
    let plans = plans?;
    progress.done(&format!("Asked for {} plans", plans.len()));
    Ok(plans)
}
