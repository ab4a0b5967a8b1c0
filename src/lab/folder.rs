//! The folder that a lab lives in, and clearing away those whose owner died.
//!
//! ```text
//! dbperf-lab-??????/   of the user who started dbperf
//!   owner              locked for as long as the owner lives; holds its process id for the reader
//!   primary/           of the user that the servers run as, nobody else enters; the socket is here
//!     data/  server.log
//!   standby/           the same
//!   pgbouncer/         the same for the pooler: its configuration, log and socket
//! ```
//!
//! The lock is the kernel's (`flock`): it ends with the process however that dies, is not fooled by
//! a process id that was given out again, and holds between containers that share a folder.

use std::{
    fs::{self, File, OpenOptions},
    io::Write as _,
    os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use nix::fcntl::{Flock, FlockArg, OFlag};

use super::{Account, LabError, account::own_uid, error::io, pgbouncer, postmaster};

/// How every lab's folder begins, which is what a sweep looks for.
const PREFIX: &str = "dbperf-lab-";

/// The file whose lock says that the lab's owner lives.
const OWNER: &str = "owner";

/// The folders of a lab's clusters, in the order in which they are cleared away: the standby first,
/// so that it does not write a complaint about its vanished primary.
pub(super) const CLUSTERS: [&str; 2] = ["standby", "primary"];

/// A lab's folder. Dropping it ends the servers inside and removes it.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    _owner: Flock<File>,
}

impl Folder {
    /// Clears away the labs of dead owners in `parent` (default: the system's folder for temporary
    /// files), then makes a new folder there.
    pub(super) fn create(parent: Option<&Path>, account: &Account) -> Result<Self, LabError> {
        let parent = parent_or_default(parent)?;
        account.must_reach(&parent)?;
        sweep(&parent);
        // It gets the name that a sweep looks for only when its owner's lock is in place.
        let fresh = tempfile::Builder::new()
            .prefix("dbperf-new-")
            .tempdir_in(&parent)
            .map_err(io("make a folder in", &parent))?;
        set_mode(fresh.path(), account)?;
        let file = fresh.path().join(OWNER);
        let mut owner = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&file)
            .map_err(io("make", &file))?;
        writeln!(owner, "process {}", std::process::id()).map_err(io("write", &file))?;
        let owner = Flock::lock(owner, FlockArg::LockExclusiveNonblock)
            .map_err(|(_, errno)| io("lock", &file)(errno.into()))?;
        let name = fresh.path().file_name().unwrap_or_default();
        let name = name.to_string_lossy().replacen("dbperf-new-", PREFIX, 1);
        let path = parent.join(name);
        fs::rename(fresh.path(), &path).map_err(io("rename to", &path))?;
        // The folder is somewhere else now, and `Folder` removes it.
        let _ = fresh.keep();
        Ok(Self {
            path,
            _owner: owner,
        })
    }

    /// Where the folder is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Ends the servers and removes the folder, saying so if that fails.
    pub(super) fn remove(self) -> Result<(), LabError> {
        clear(&self.path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Nobody is left to be told; what remains is taken by the next sweep.
        let _ = clear(&self.path);
    }
}

/// The absolute path of the folder that labs are made in.
pub(super) fn parent_or_default(parent: Option<&Path>) -> Result<PathBuf, LabError> {
    let parent = parent.map_or_else(std::env::temp_dir, Path::to_path_buf);
    parent.canonicalize().map_err(io("find the folder", parent))
}

/// Lets the servers' user through the folder, and nobody else than that is needed for.
pub(super) fn set_mode(path: &Path, account: &Account) -> Result<(), LabError> {
    let mode = if account.drops_privileges() {
        0o711
    } else {
        0o700
    };
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(io("set the mode of", path))
}

/// Removes every lab in `parent` that belongs to this user and whose owner is dead.
fn sweep(parent: &Path) {
    let Ok(entries) = parent.read_dir() else {
        return;
    };
    for entry in entries.flatten() {
        let ours = entry.file_name().to_string_lossy().starts_with(PREFIX)
            // This does not follow symbolic links: a planted one is no folder of ours.
            && entry.metadata().is_ok_and(|m| m.is_dir() && m.uid() == own_uid());
        if ours {
            clear_if_abandoned(&entry.path());
        }
    }
}

/// Removes a lab's folder unless its owner lives, or nothing can be said about that.
fn clear_if_abandoned(path: &Path) {
    let owner = OpenOptions::new()
        .read(true)
        .custom_flags(OFlag::O_NOFOLLOW.bits())
        .open(path.join(OWNER));
    let lock = match owner.map(|file| Flock::lock(file, FlockArg::LockExclusiveNonblock)) {
        Ok(Ok(lock)) => Some(lock),
        // A folder is born with its owner file; without one it is half removed.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Ok(Err(_)) | Err(_) => return,
    };
    // What cannot be removed now is left to the next sweep.
    let _ = clear(path);
    drop(lock);
}

/// Ends the servers of a lab's folder and removes it. Already gone is fine.
pub(super) fn clear(path: &Path) -> Result<(), LabError> {
    let pooler = path.join(pgbouncer::FOLDER);
    pgbouncer::end(&pooler);
    for cluster in CLUSTERS {
        postmaster::end(&path.join(cluster).join("data"));
    }
    // The clusters before the rest: while something is left, so is the file that marks its owner.
    remove_tree(&pooler)?;
    for cluster in CLUSTERS {
        remove_tree(&path.join(cluster))?;
    }
    remove_tree(path)
}

/// Removes a folder; the last process of a killed server may still put a file into it.
fn remove_tree(path: &Path) -> Result<(), LabError> {
    let mut attempts = 0;
    loop {
        match fs::remove_dir_all(path) {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && !path.exists() => {
                return Ok(());
            }
            Err(_) if attempts < 20 => {
                attempts += 1;
                std::thread::sleep(Duration::from_millis(20));
            }
            Err(error) => return Err(io("remove", path)(error)),
        }
    }
}

/// Whether a user without supplementary groups can enter every folder on the way to `path`, and
/// `path` itself if it is a folder.
///
/// # Errors
///
/// The first folder that is missing or that the user cannot enter.
pub fn reachable_by(path: &Path, uid: u32, gid: u32) -> Result<(), PathBuf> {
    let absolute = path.canonicalize().map_err(|_| path.to_path_buf())?;
    let mut folders: Vec<&Path> = absolute.ancestors().collect();
    folders.reverse();
    for folder in folders {
        let Ok(meta) = fs::metadata(folder) else {
            return Err(folder.to_path_buf());
        };
        let bit = if meta.uid() == uid {
            0o100
        } else if meta.gid() == gid {
            0o010
        } else {
            0o001
        };
        if meta.is_dir() && meta.mode() & bit == 0 {
            return Err(folder.to_path_buf());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account() -> Account {
        Account::current().unwrap()
    }

    /// A parent that the servers' user may enter.
    fn parent() -> tempfile::TempDir {
        let parent = tempfile::tempdir().unwrap();
        fs::set_permissions(parent.path(), fs::Permissions::from_mode(0o711)).unwrap();
        parent
    }

    #[test]
    fn a_folder_with_a_living_owner_survives_a_sweep_and_a_dropped_one_is_gone() {
        let parent = parent();
        let folder = Folder::create(Some(parent.path()), &account()).unwrap();
        let path = folder.path().to_path_buf();
        sweep(&parent.path().canonicalize().unwrap());
        assert!(path.join(OWNER).exists());
        drop(folder);
        assert_eq!(parent.path().read_dir().unwrap().count(), 0);
    }

    #[test]
    fn a_sweep_takes_what_a_dead_owner_left_and_nothing_else() {
        let parent = parent();
        let make = |name: &str| {
            let path = parent.path().join(name);
            fs::create_dir(&path).unwrap();
            path
        };
        let stale = make("dbperf-lab-stale1");
        fs::write(stale.join(OWNER), "process 1\n").unwrap();
        fs::create_dir_all(stale.join("primary/data")).unwrap();
        let half_removed = make("dbperf-lab-half00");
        let foreign = make("precious");
        std::os::unix::fs::symlink(&foreign, parent.path().join("dbperf-lab-link00")).unwrap();

        sweep(parent.path());

        assert!(!stale.exists());
        assert!(!half_removed.exists());
        assert!(foreign.exists());
        assert!(parent.path().join("dbperf-lab-link00").is_symlink());
    }

    #[test]
    fn the_first_closed_folder_on_the_way_is_named() {
        let parent = parent();
        let closed = parent.path().canonicalize().unwrap().join("closed");
        let inner = closed.join("inner");
        fs::create_dir_all(&inner).unwrap();
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
        let own = fs::metadata(&closed).unwrap();
        assert_eq!(reachable_by(&inner, own.uid(), own.gid()), Ok(()));
        assert_eq!(
            reachable_by(&inner, own.uid() + 1, own.gid() + 1),
            Err(closed)
        );
        let missing = parent.path().join("missing");
        assert_eq!(reachable_by(&missing, 0, 0), Err(missing));
    }
}
