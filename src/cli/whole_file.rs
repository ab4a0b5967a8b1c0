//! Files that are written whole or not at all.

use std::fs::{self, File, Permissions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use tempfile::NamedTempFile;

/// Replaces a file in one step by what `fill` writes; only its owner may read it. A device or a pipe is written to
/// as it is.
///
/// # Errors
/// The folder cannot be written to or the disk is full; the file that was there stays.
pub(super) fn write(
    path: &Path,
    fill: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    if is_device(path) {
        let mut device = BufWriter::new(File::options().write(true).open(path)?);
        fill(&mut device)?;
        return device.flush();
    }
    let mut whole = beside(path)?;
    let mut writer = BufWriter::new(&mut whole);
    fill(&mut writer)?;
    writer.flush()?;
    drop(writer);
    whole.as_file().sync_all()?;
    whole.persist(path).map_err(|e| e.error)?;
    Ok(())
}

/// Whether a file could be written there now; what is there stays as it is.
///
/// # Errors
/// What [`write`] would fail with.
pub(super) fn check(path: &Path) -> io::Result<()> {
    if is_device(path) {
        return File::options().write(true).open(path).map(drop);
    }
    // The one way to know is to try.
    beside(path).map(drop)
}

/// The folder in which a file stands.
pub(super) fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn is_device(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|m| !m.is_file())
}

/// A file without a lasting name in the same folder, which can take the place of `path` in one step.
fn beside(path: &Path) -> io::Result<NamedTempFile> {
    tempfile::Builder::new()
        .prefix(".dbperf-")
        .permissions(Permissions::from_mode(0o600))
        .tempfile_in(folder(path))
}
