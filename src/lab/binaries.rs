//! Where the server's programs are on this machine.

use std::{
    collections::HashSet,
    fmt::Write as _,
    path::{Path, PathBuf},
};

use super::{Account, LabError};

/// The oldest major version that dbperf reads.
const OLDEST: u32 = 13;

/// The environment variable that names the folder of the server's programs.
const VARIABLE: &str = "DBPERF_PG_BIN";

/// The programs that a lab runs.
const PROGRAMS: [&str; 3] = ["initdb", "pg_ctl", "postgres"];

/// One installation of the server's programs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binaries {
    bin: PathBuf,
    version: String,
    major: u32,
}

impl Binaries {
    /// Finds the programs: in `explicit`, else where `DBPERF_PG_BIN` says, else by
    /// `pg_config --bindir`, on the `PATH` and in the usual install folders, newest first. A folder
    /// that was named is never passed over; of those found, one with `pg_stat_statements` wins.
    ///
    /// # Errors
    ///
    /// [`LabError::BadBinaries`] when the named folder is unusable, [`LabError::NoBinaries`] with
    /// everything that was tried when none was found, and what [`Account::current`] refuses.
    pub fn find(explicit: Option<&Path>) -> Result<Self, LabError> {
        let account = Account::current()?;
        let named = match (explicit, std::env::var_os(VARIABLE)) {
            (Some(bin), _) => Some((bin.to_path_buf(), "--pg-bin")),
            (None, Some(bin)) if !bin.is_empty() => Some((PathBuf::from(bin), VARIABLE)),
            _ => None,
        };
        if let Some((bin, source_name)) = named {
            return Self::at(&bin, source_name, &account);
        }
        Self::search(&candidates(&account), &account)
    }

    /// The programs in a folder that is not to be passed over; `source_name` says what named it.
    pub(super) fn at(
        bin: &Path,
        source_name: &'static str,
        account: &Account,
    ) -> Result<Self, LabError> {
        Self::probe(bin, account).map_err(|why| LabError::BadBinaries {
            bin: bin.to_path_buf(),
            source_name,
            why,
        })
    }

    fn search(places: &[(&str, PathBuf)], account: &Account) -> Result<Self, LabError> {
        let mut tried = String::new();
        let mut bare = None;
        for (source, bin) in places {
            match Self::probe(bin, account) {
                Ok(found) if found.require_statements(account).is_ok() => return Ok(found),
                Ok(found) => {
                    bare.get_or_insert(found);
                }
                Err(why) => {
                    let _ = writeln!(tried, "  {} ({source}): {why}", bin.display());
                }
            }
        }
        if tried.is_empty() {
            tried.push_str("  pg_config, PATH and the usual install folders: nothing there");
        }
        bare.ok_or_else(|| LabError::NoBinaries {
            tried: tried.trim_end().to_owned(),
        })
    }

    /// Looks at one folder; the error says what is wrong with it.
    fn probe(bin: &Path, account: &Account) -> Result<Self, String> {
        let bin = std::path::absolute(bin).map_err(|error| error.to_string())?;
        let missing: Vec<&str> = PROGRAMS
            .into_iter()
            .filter(|name| !bin.join(name).is_file())
            .collect();
        if !missing.is_empty() {
            return Err(format!("no {} there", missing.join(", no ")));
        }
        account
            .must_reach(&bin)
            .map_err(|error| error.to_string())?;
        let said = account
            .run(&bin.join("postgres"), Path::new("/"), ["--version"])
            .map_err(|error| error.to_string())?;
        let (version, major) = version_of(&said)
            .ok_or_else(|| format!("`postgres --version` said {:?}", said.trim()))?;
        if major < OLDEST {
            return Err(format!("PostgreSQL {version} is older than {OLDEST}"));
        }
        Ok(Self {
            bin,
            version,
            major,
        })
    }

    /// The folder of the programs.
    #[must_use]
    pub fn bin(&self) -> &Path {
        &self.bin
    }

    /// The server's version as it calls itself, such as `15.18`.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The server's major version, such as 15.
    #[must_use]
    pub fn major(&self) -> u32 {
        self.major
    }

    /// The path of one program.
    pub(super) fn program(&self, name: &str) -> PathBuf {
        self.bin.join(name)
    }

    /// Fails unless the library of `pg_stat_statements` is installed. Builds that were moved after
    /// they were made have no `pg_config`, or one that lies, so their neighbour folders count too.
    pub(super) fn require_statements(&self, account: &Account) -> Result<(), LabError> {
        let mut folders: Vec<PathBuf> = Vec::new();
        let pg_config = self.program("pg_config");
        if pg_config.is_file()
            && let Ok(said) = account.run(&pg_config, Path::new("/"), ["--pkglibdir"])
        {
            folders.push(PathBuf::from(said.trim()));
        }
        let root = self.bin.parent().unwrap_or(&self.bin);
        folders.extend(
            ["lib", "lib/postgresql", "lib/pgsql", "lib64/pgsql"].map(|lib| root.join(lib)),
        );
        let there = |folder: &PathBuf| {
            ["so", "dylib"]
                .iter()
                .any(|end| folder.join(format!("pg_stat_statements.{end}")).is_file())
        };
        if folders.iter().any(there) {
            return Ok(());
        }
        let looked: Vec<String> = folders.iter().map(|f| f.display().to_string()).collect();
        Err(LabError::NoContrib {
            bin: self.bin.clone(),
            looked: looked.join(", "),
        })
    }
}

/// Every folder worth a look, with what suggested it, best first and each once.
fn candidates(account: &Account) -> Vec<(&'static str, PathBuf)> {
    let mut all: Vec<(&'static str, PathBuf)> = Vec::new();
    if let Ok(said) = account.run(Path::new("pg_config"), Path::new("/"), ["--bindir"]) {
        all.push(("pg_config --bindir", PathBuf::from(said.trim())));
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    all.extend(
        std::env::split_paths(&path)
            .filter(|folder| folder.join("initdb").is_file())
            .map(|folder| ("PATH", folder)),
    );
    for (parent, prefix) in [
        ("/usr/lib/postgresql", ""),
        ("/usr", "pgsql-"),
        ("/opt/homebrew/opt", "postgresql@"),
        ("/usr/local/opt", "postgresql@"),
        ("/Applications/Postgres.app/Contents/Versions", ""),
    ] {
        let versions = newest_first(Path::new(parent), prefix);
        all.extend(versions.into_iter().map(|bin| ("install folder", bin)));
    }
    let mut seen = HashSet::new();
    all.retain(|(_, bin)| seen.insert(bin.canonicalize().unwrap_or_else(|_| bin.clone())));
    all
}

/// The `bin` folders of the versions installed side by side as `<parent>/<prefix><version>`.
fn newest_first(parent: &Path, prefix: &str) -> Vec<PathBuf> {
    let Ok(entries) = parent.read_dir() else {
        return Vec::new();
    };
    let mut found: Vec<(u32, PathBuf)> = entries
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name();
            let version: u32 = name.to_str()?.strip_prefix(prefix)?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .collect();
    found.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    found.into_iter().map(|(_, bin)| bin).collect()
}

/// The version in `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`.
fn version_of(said: &str) -> Option<(String, u32)> {
    let version = said
        .split("(PostgreSQL)")
        .nth(1)?
        .split_whitespace()
        .next()?;
    let digits: &str = version
        .split(|c: char| !c.is_ascii_digit())
        .next()
        .unwrap_or_default();
    Some((version.to_owned(), digits.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_every_distribution_prints_them() {
        let read = |said| version_of(said).map(|(v, m)| format!("{v}/{m}"));
        assert_eq!(
            read("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n").as_deref(),
            Some("15.18/15")
        );
        assert_eq!(
            read("postgres (PostgreSQL) 18beta1\n").as_deref(),
            Some("18beta1/18")
        );
        assert_eq!(
            read("postgres (PostgreSQL) 9.6.24\n").as_deref(),
            Some("9.6.24/9")
        );
        assert_eq!(read("bash: no such thing"), None);
    }

    #[test]
    fn a_newer_version_is_preferred_by_number_and_not_by_name() {
        let parent = tempfile::tempdir().unwrap();
        for name in ["pgsql-9", "pgsql-16", "pgsql-13", "pgsql-old", "other"] {
            std::fs::create_dir(parent.path().join(name)).unwrap();
        }
        let names: Vec<_> = newest_first(parent.path(), "pgsql-")
            .iter()
            .map(|bin| {
                bin.strip_prefix(parent.path())
                    .unwrap()
                    .display()
                    .to_string()
            })
            .collect();
        assert_eq!(names, ["pgsql-16/bin", "pgsql-13/bin", "pgsql-9/bin"]);
    }

    #[test]
    fn a_named_folder_without_programs_is_an_error_and_not_passed_over() {
        let empty = tempfile::tempdir().unwrap();
        let error = Binaries::find(Some(empty.path())).unwrap_err().to_string();
        assert!(error.contains("--pg-bin"), "{error}");
        assert!(
            error.contains("no initdb, no pg_ctl, no postgres there"),
            "{error}"
        );
    }

    #[test]
    fn a_failed_search_lists_the_places_and_the_cure() {
        let empty = tempfile::tempdir().unwrap();
        let places = [("PATH", empty.path().to_path_buf())];
        let account = Account::current().unwrap();
        let error = Binaries::search(&places, &account).unwrap_err().to_string();
        assert!(
            error.contains(&empty.path().display().to_string()),
            "{error}"
        );
        assert!(error.contains("apt-get install postgresql"), "{error}");
    }
}
