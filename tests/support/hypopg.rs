//! Which servers have HypoPG, and which version of it.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use super::servers::{required, servers, unpacked};

/// The servers that `make setup-hypopg` installs HypoPG for: 15 gets 1.3 from Debian 12, which cannot
/// hide an index, 17 gets 1.4 from Debian 13, which can.
const HYPOPG_ON: [u32; 2] = [15, 17];

/// A server that `CREATE EXTENSION hypopg` works on.
#[derive(Debug, Clone)]
pub(crate) struct Hypopg {
    /// The server's major version.
    pub(crate) major: u32,
    /// HypoPG's own version: major and minor.
    pub(crate) version: (u32, u32),
    /// The folder of the server's programs.
    pub(crate) bin: PathBuf,
}

impl Hypopg {
    /// Whether `hypopg_hide_index` exists.
    pub(crate) fn hides(&self) -> bool {
        self.version >= (1, 4)
    }
}

/// Every server of this machine that has HypoPG, oldest first. One of [`HYPOPG_ON`] that lacks it is
/// named on stderr; if `DBPERF_TEST_REQUIRE` asks for that version, the test fails.
pub(crate) fn hypopg() -> Vec<Hypopg> {
    static FOUND: OnceLock<Vec<Hypopg>> = OnceLock::new();
    FOUND.get_or_init(find_all).clone()
}

fn find_all() -> Vec<Hypopg> {
    let asked = std::env::var("DBPERF_TEST_REQUIRE").unwrap_or_default();
    let required = required(&asked);
    let found: Vec<Hypopg> = servers().into_iter().filter_map(find).collect();
    for major in HYPOPG_ON {
        if found.iter().any(|server| server.major == major) {
            continue;
        }
        let missing = format!("no HypoPG for PostgreSQL {major} (`make setup-hypopg` installs it)");
        assert!(
            !required.contains(&major),
            "DBPERF_TEST_REQUIRE={asked} and there is {missing}"
        );
        // The harness holds back what a passing test prints by macro; this it does not.
        let _ = writeln!(std::io::stderr(), "SKIPPED: {missing}");
    }
    found
}

/// The server itself where HypoPG was installed for it, else its copy that has HypoPG.
fn find((major, bin): (u32, PathBuf)) -> Option<Hypopg> {
    let copy = unpacked(&format!("{major}-hypopg"));
    [Some(bin), copy].into_iter().flatten().find_map(|bin| {
        let version = version(&bin)?;
        Some(Hypopg {
            major,
            version,
            bin,
        })
    })
}

/// What the extension's control file calls the default version.
fn version(bin: &Path) -> Option<(u32, u32)> {
    // A build that was moved has no pg_config, and its files beside its programs.
    let mut folders = vec![bin.join("../share/postgresql"), bin.join("../share")];
    if let Ok(said) = Command::new(bin.join("pg_config"))
        .arg("--sharedir")
        .output()
    {
        folders.push(PathBuf::from(String::from_utf8_lossy(&said.stdout).trim()));
    }
    // Debian keeps pg_config in the package for developers.
    if let Some(major) = bin.parent().and_then(Path::file_name) {
        folders.push(Path::new("/usr/share/postgresql").join(major));
    }
    let control = folders
        .iter()
        .find_map(|folder| fs::read_to_string(folder.join("extension/hypopg.control")).ok())?;
    let line = control
        .lines()
        .find(|line| line.starts_with("default_version"))?;
    let mut numbers = line.split('\'').nth(1)?.split('.').map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}
