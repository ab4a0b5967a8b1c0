//! A server of every version for one test body, each with `pg_stat_statements` created.

use std::path::Path;

use dbperf::lab::{Lab, LabOptions};

use crate::load::{execute, one_value};
use crate::support::{lab, measured, required, servers};

/// How the servers of a test are made.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Staging<'a> {
    /// Settings of the primary (and the standby).
    pub(crate) settings: &'a [(&'a str, &'a str)],
    /// Settings of the standby; `Some` makes one.
    pub(crate) standby: Option<&'a [(&'a str, &'a str)]>,
}

impl Staging<'_> {
    /// Runs the body on the newest version found.
    pub(crate) fn newest(self, body: impl Fn(&mut Lab)) {
        if let Some((major, _)) = servers().last() {
            self.run(*major, &body);
        }
    }

    /// Runs the body on the newest version that came with these programs; the folder that has them is the other argument.
    pub(crate) fn newest_with(self, programs: &[&str], body: impl Fn(&mut Lab, &Path)) {
        let has_all = |bin: &Path| programs.iter().all(|program| bin.join(program).exists());
        let found = servers().into_iter().rev().find(|(_, bin)| has_all(bin));
        let Some((major, bin)) = found else {
            let asked = std::env::var("DBPERF_TEST_REQUIRE").unwrap_or_default();
            assert!(
                required(&asked).is_empty(),
                "no server came with {programs:?}"
            );
            return;
        };
        self.run(major, &|server: &mut Lab| body(server, &bin));
    }

    /// Runs the body on every version found, all at once: the bodies mostly wait.
    pub(crate) fn each_version(self, body: impl Fn(&mut Lab) + Sync) {
        let body = &body;
        std::thread::scope(|scope| {
            let threads: Vec<_> = servers()
                .into_iter()
                .map(|(major, _)| (major, scope.spawn(move || self.run(major, body))))
                .collect();
            for (major, thread) in threads {
                assert!(thread.join().is_ok(), "it failed on PostgreSQL {major}");
            }
        });
    }

    fn run(self, major: u32, body: &(impl Fn(&mut Lab) + ?Sized)) {
        measured(|| self.run_once(major, body));
    }

    fn run_once(self, major: u32, body: &(impl Fn(&mut Lab) + ?Sized)) {
        let owned = |settings: &[(&str, &str)]| {
            let pairs = settings.iter();
            pairs
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect()
        };
        let options = LabOptions {
            settings: owned(self.settings),
            standby: self.standby.is_some(),
            standby_settings: self.standby.map(owned).unwrap_or_default(),
            ..LabOptions::default()
        };
        let Some(mut server) = lab(major, options) else {
            return;
        };
        let dsn = server.primary().dsn();
        if one_value(&dsn, "SHOW shared_preload_libraries").contains("pg_stat_statements") {
            execute(&dsn, "CREATE EXTENSION pg_stat_statements");
        }
        if major < 15 {
            // Until the collector has heard of a database, it has no row of statistics to compare.
            std::thread::sleep(std::time::Duration::from_millis(600));
        }
        if server.standby().is_some() {
            wait_for_stream(&dsn);
        }
        body(&mut server);
    }
}

fn wait_for_stream(dsn: &str) {
    for _ in 0..100 {
        let streaming = "SELECT count(*)::text FROM pg_stat_replication WHERE state = 'streaming'";
        if one_value(dsn, streaming) == "1" {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    panic!("the standby does not stream");
}

/// A workload file that goes with the test.
pub(crate) fn workload_file(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::Builder::new().suffix(".sql").tempfile().unwrap();
    std::fs::write(file.path(), text).unwrap();
    file
}

/// The user that servers run as may enter the folder.
pub(crate) fn open_to_everybody(folder: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).unwrap();
}
