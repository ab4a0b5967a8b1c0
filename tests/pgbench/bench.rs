//! pgbench on a server of its own.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output};

use dbperf::lab::{Lab, LabOptions};
use dbperf::workload::pgbench::{Script, Var, split_define};

use crate::support::{lab, servers, setting};

/// A pgbench and a server of its version.
pub(crate) struct Bench {
    pub(crate) program: PathBuf,
    pub(crate) lab: Lab,
    pub(crate) folder: tempfile::TempDir,
}

impl Bench {
    /// `None` where no server comes with pgbench, which is said on stderr.
    pub(crate) fn start() -> Option<Self> {
        let mut found = servers().into_iter().rev();
        let with = found.find_map(|(major, bin)| {
            let program = bin.join("pgbench");
            program.is_file().then_some((major, program))
        });
        let Some((major, program)) = with else {
            let asked = std::env::var("DBPERF_TEST_REQUIRE").unwrap_or_default();
            assert!(
                asked.is_empty(),
                "DBPERF_TEST_REQUIRE={asked} and there is no pgbench beside any server: it comes with \
                 the client tools of PostgreSQL"
            );
            let _ = writeln!(
                std::io::stderr(),
                "SKIPPED: no pgbench beside any server (the client tools of PostgreSQL have it)"
            );
            return None;
        };
        let options = LabOptions {
            settings: setting("fsync", "off"),
            ..LabOptions::default()
        };
        Some(Self {
            program,
            lab: lab(major, options)?,
            folder: tempfile::tempdir().unwrap(),
        })
    }

    /// Runs a script once.
    pub(crate) fn run(&self, script: &str, args: &[&str]) -> Output {
        let file = self.folder.path().join("script.sql");
        std::fs::write(&file, script).unwrap();
        let cluster = self.lab.primary();
        Command::new(&self.program)
            .arg("-h")
            .arg(cluster.socket_dir())
            .args(["-p", &cluster.port().to_string(), "-U", "postgres"])
            .args(["-n", "-t", "1", "-f"])
            .arg(file)
            .args(args)
            .arg("postgres")
            .output()
            .unwrap()
    }

    /// Runs a script once; what `debug` printed, and all of it.
    pub(crate) fn debug(&self, script: &str, args: &[&str]) -> (Vec<String>, Output) {
        let output = self.run(script, args);
        let text = String::from_utf8(output.stderr.clone()).unwrap();
        let values = text.lines().filter_map(|line| {
            let value = line.strip_prefix("debug(")?.split_once("): ")?.1;
            Some(value.to_owned())
        });
        (values.collect(), output)
    }
}

/// Values for the variables of a script, from definitions.
pub(crate) fn defined(script: &Script, definitions: &[&str]) -> Vec<Var> {
    let mut vars = script.new_vars();
    for definition in definitions {
        let (name, value) = split_define(definition).unwrap();
        script
            .define(&mut vars, name, Var::from_text(value))
            .unwrap();
    }
    vars
}
