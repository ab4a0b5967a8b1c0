//! Which servers there are on this machine, by major version.

use std::{
    fs,
    io::Write as _,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use dbperf::lab::{Account, Binaries, reachable_by};
use nix::fcntl::{Flock, FlockArg};

/// Every major version that dbperf is tested on: the one list of them.
pub(crate) const TESTED: [u32; 6] = [13, 14, 15, 16, 17, 18];

/// The tested versions found here, oldest first, each with the folder of its programs.
pub(crate) fn servers() -> Vec<(u32, PathBuf)> {
    static FOUND: OnceLock<Vec<(u32, PathBuf)>> = OnceLock::new();
    FOUND.get_or_init(find_all).clone()
}

fn find_all() -> Vec<(u32, PathBuf)> {
    let asked = std::env::var("DBPERF_TEST_REQUIRE").unwrap_or_default();
    let required = required(&asked);
    let mut found = Vec::new();
    for major in TESTED {
        match find(major) {
            Ok(bin) => found.push((major, bin)),
            Err(why) => {
                assert!(
                    !required.contains(&major),
                    "DBPERF_TEST_REQUIRE={asked} and there is no PostgreSQL {major}; \
                     `make setup-versions` installs it. Tried:\n{why}"
                );
                // The harness holds back what a passing test prints by macro; this it does not.
                let _ = writeln!(
                    std::io::stderr(),
                    "SKIPPED: no PostgreSQL {major} (`make setup-versions` installs it)"
                );
            }
        }
    }
    found
}

/// Reads `DBPERF_TEST_REQUIRE`.
pub(crate) fn required(asked: &str) -> Vec<u32> {
    match asked.trim() {
        "" => Vec::new(),
        "all" => TESTED.to_vec(),
        list => list
            .split(',')
            .map(|word| {
                let major = word.trim().parse().ok();
                major.filter(|m| TESTED.contains(m)).unwrap_or_else(|| {
                    panic!("DBPERF_TEST_REQUIRE={asked}: {word:?} is not one of {TESTED:?}")
                })
            })
            .collect(),
    }
}

/// The system's package of this version, else the one that `make setup-versions` has unpacked.
fn find(major: u32) -> Result<PathBuf, String> {
    let system = [
        format!("/usr/lib/postgresql/{major}/bin"),
        format!("/usr/pgsql-{major}/bin"),
        format!("/opt/homebrew/opt/postgresql@{major}/bin"),
        format!("/usr/local/opt/postgresql@{major}/bin"),
    ];
    let mut tried = Vec::new();
    let unpacked = unpacked(&major.to_string()).into_iter();
    for bin in system.into_iter().map(PathBuf::from).chain(unpacked) {
        match Binaries::find(Some(&bin)) {
            Ok(found) if found.major() == major => return Ok(bin),
            Ok(found) => tried.push(format!("{} is {}", bin.display(), found.version())),
            Err(error) => tried.push(error.to_string()),
        }
    }
    Err(tried.join("\n"))
}

/// The unpacked build of this name, repaired, where the servers' user can run it.
pub(super) fn unpacked(name: &str) -> Option<PathBuf> {
    let package = target().join("pg").join(name);
    let from = package.join("native");
    if !from.is_dir() {
        return None;
    }
    let _lock = lock(&target().join("pg"));
    restore_links(&package);
    let base = base();
    if base == target() {
        return Some(from.join("bin"));
    }
    let stamp = fs::read_to_string(package.join(".version")).unwrap_or_default();
    let to = base.join(format!("pg-{name}-{}", stamp.trim()));
    if !to.is_dir() {
        let partial = base.join(format!("pg-{name}.partial"));
        let _ = fs::remove_dir_all(&partial);
        let mut copy = Command::new("cp");
        copy.arg("-a").arg(&from).arg(&partial);
        assert!(copy.status().expect("run cp").success(), "{copy:?}");
        fs::rename(&partial, &to).expect("put the copied server into place");
    }
    Some(to.join("bin"))
}

/// Makes the symbolic links that the package format cannot carry. Without them the programs do not
/// find their libraries. Paths in the list are relative to the package.
fn restore_links(package: &Path) {
    let list = package.join("native/pg-symlinks.json");
    let Ok(text) = fs::read(&list) else { return };
    let links: Vec<serde_json::Value> =
        serde_json::from_slice(&text).expect("pg-symlinks.json is a list");
    for link in links {
        let path = |key: &str| PathBuf::from(link[key].as_str().expect("a path in the list"));
        let (source, target) = (path("source"), path("target"));
        assert_eq!(source.parent(), target.parent(), "{}", list.display());
        let name = source.file_name().expect("a file's name");
        match std::os::unix::fs::symlink(name, package.join(&target)) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                panic!("cannot link {}: {error}", target.display())
            }
            _ => {}
        }
    }
}

/// The oldest version that is installed and the newest.
pub(crate) fn oldest_and_newest() -> Vec<u32> {
    let all: Vec<u32> = servers().into_iter().map(|(major, _)| major).collect();
    let mut both: Vec<u32> = all.first().into_iter().chain(all.last()).copied().collect();
    both.dedup();
    both
}

/// The build folder, which also holds what the tests download and prepare.
fn target() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target")
}

/// Where servers and templates are kept for the servers' user: the build folder if that user can
/// enter it, else (root with a checkout in its home) a folder beside the temporary files.
pub(crate) fn base() -> PathBuf {
    let account = Account::current().expect("an account to run servers as");
    let target = target();
    fs::create_dir_all(&target).expect("make the build folder");
    if !account.drops_privileges() || reachable_by(&target, account.uid, account.gid).is_ok() {
        return target;
    }
    let base = std::env::temp_dir().join(format!("dbperf-test-{}", nix::unistd::geteuid()));
    if let Err(error) = fs::create_dir(&base) {
        let meta = fs::symlink_metadata(&base).expect("look at the folder for test servers");
        let own = meta.is_dir() && meta.uid() == nix::unistd::geteuid().as_raw();
        assert!(own, "{} is not ours: {error}", base.display());
    }
    fs::set_permissions(&base, fs::Permissions::from_mode(0o711)).expect("open the folder");
    base
}

/// Holds off other test processes while a shared folder is prepared.
pub(crate) fn lock(folder: &Path) -> Flock<fs::File> {
    fs::create_dir_all(folder).expect("make a shared folder");
    let file = fs::File::open(folder).expect("open a shared folder");
    Flock::lock(file, FlockArg::LockExclusive)
        .map_err(|(_, errno)| errno)
        .expect("lock a shared folder")
}
