//! Data folders prepared once and copied for each lab, because `initdb` takes most of a start.

use std::{
    fs,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use super::{Account, Binaries, LabError, cluster, error::io};

/// Prepares a data folder at `path`, which must not exist, for [`LabOptions::template`].
///
/// It holds an empty cluster without any of the lab's settings, owned by the user that the servers
/// run as. On failure nothing stays at `path`.
///
/// [`LabOptions::template`]: super::LabOptions::template
///
/// # Errors
///
/// Those of [`Binaries::find`], and [`LabError::Io`], [`LabError::Unreachable`] or
/// [`LabError::Program`] when the folder cannot be made or `initdb` fails.
pub fn prepare_template(pg_bin: Option<&Path>, path: &Path) -> Result<(), LabError> {
    let account = Account::current()?;
    let binaries = Binaries::find(pg_bin)?;
    let path = std::path::absolute(path).map_err(io("find", path))?;
    fs::DirBuilder::new()
        .mode(0o700)
        .create(&path)
        .map_err(io("make", &path))?;
    let made = account
        .own(&path)
        .and_then(|()| account.must_reach(&path))
        .and_then(|()| cluster::init(&binaries, &account, &path));
    if made.is_err() {
        let _ = fs::remove_dir_all(&path);
    }
    made
}

/// The absolute path of a template that fits the server: its major version, and nobody runs on it.
pub(super) fn usable(template: &Path, binaries: &Binaries) -> Result<PathBuf, LabError> {
    let refuse = |why: String| LabError::Template {
        path: template.to_path_buf(),
        why,
    };
    let version = fs::read_to_string(template.join("PG_VERSION"))
        .map_err(|error| refuse(format!("its PG_VERSION cannot be read ({error})")))?;
    if version.trim() != binaries.major().to_string() {
        return Err(refuse(format!(
            "it was made by PostgreSQL {} and the server is {}",
            version.trim(),
            binaries.version()
        )));
    }
    if template.join("postmaster.pid").exists() {
        return Err(refuse("a server runs on it, or died there".to_owned()));
    }
    template.canonicalize().map_err(io("find", template))
}
