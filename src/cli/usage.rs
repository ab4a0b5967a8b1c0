//! `--usage`: what saved runs of the same database tell of the use of its indexes.

use std::path::PathBuf;

use super::exit::Failure;
use super::run_file;
use crate::analyze::indexes;
use crate::record::Run;
use crate::record::indexes::SavedScans;

/// A saved run, and which database it is of.
#[derive(Debug)]
pub(super) struct Usage {
    name: String,
    system_identifier: Option<String>,
    database: String,
    scans: Vec<SavedScans>,
}

/// Reads the runs, before anything is measured.
///
/// # Errors
/// A file is no run, or a run without any index.
pub(super) fn read(paths: &[PathBuf]) -> Result<Vec<Usage>, Failure> {
    let read = paths.iter().map(|path| {
        let name = path.display().to_string();
        let run = run_file::load(path)?;
        let scans = indexes::saved_scans(&run);
        match run.server {
            Some(server) if !scans.is_empty() => Ok(Usage {
                name,
                system_identifier: server.system_identifier,
                database: server.database,
                scans,
            }),
            _ => Err(Failure::input(format!(
                "--usage {name}: the run tells nothing of indexes (it has no server, or the \
                 catalogue was not read)"
            ))),
        }
    });
    read.collect()
}

/// Adds them to the run.
///
/// # Errors
/// One is of another cluster or another database: its counters tell nothing of these indexes.
pub(super) fn add(run: &mut Run, usages: Vec<Usage>) -> Result<(), Failure> {
    let Some(server) = &run.server else {
        return match usages.first() {
            None => Ok(()),
            Some(_) => Err(Failure::usage(
                "--usage adds to a run of a server, and this one has none",
            )),
        };
    };
    for usage in usages {
        let name = usage.name;
        let known = usage.system_identifier.is_some();
        if !known || usage.system_identifier != server.system_identifier {
            return Err(Failure::input(format!(
                "--usage {name}: it is a run of another cluster (system identifier {}, and this one \
                 has {}): its counters were not used",
                shown(usage.system_identifier.as_deref()),
                shown(server.system_identifier.as_deref())
            )));
        }
        if usage.database != server.database {
            return Err(Failure::input(format!(
                "--usage {name}: it is a run of the database {}, and this one is of {}: its counters \
                 were not used",
                usage.database, server.database
            )));
        }
        for scans in usage.scans {
            let own = scans.run_id == run.meta.run_id;
            if !own && !run.indexes.saved.contains(&scans) {
                run.indexes.saved.push(scans);
            }
        }
    }
    Ok(())
}

fn shown(identifier: Option<&str>) -> &str {
    identifier.unwrap_or("unknown")
}
