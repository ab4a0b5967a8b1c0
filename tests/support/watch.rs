//! Small things that tests of labs ask for: options, an answer, and what is left behind.

use std::{
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::Command,
};

use dbperf::lab::LabOptions;
use tokio_postgres::Client;

/// A primary and a standby below `parent`.
pub(crate) fn with_standby(parent: &Path) -> LabOptions {
    LabOptions {
        standby: true,
        parent: Some(parent.to_path_buf()),
        ..LabOptions::default()
    }
}

/// A primary below `parent`.
pub(crate) fn alone(parent: &Path) -> LabOptions {
    LabOptions {
        standby: false,
        ..with_standby(parent)
    }
}

/// One setting of a server.
pub(crate) fn setting(name: &str, value: &str) -> Vec<(String, String)> {
    vec![(name.to_owned(), value.to_owned())]
}

/// The user and the command line of every process; a zombie has none.
pub(crate) fn processes() -> Vec<(u32, String)> {
    if let Ok(entries) = Path::new("/proc").read_dir() {
        let read = |folder: PathBuf| {
            let line = std::fs::read(folder.join("cmdline")).ok()?;
            let uid = std::fs::metadata(&folder).ok()?.uid();
            Some((uid, String::from_utf8_lossy(&line).replace('\0', " ")))
        };
        return entries.flatten().filter_map(|e| read(e.path())).collect();
    }
    let mut listed = Command::new("ps");
    listed.args(["-A", "-ww", "-o", "uid=,args="]);
    let listed = listed.output().expect("look around");
    let parse = |line: &str| {
        let (uid, args) = line.trim().split_once(' ')?;
        Some((uid.parse().ok()?, args.to_owned()))
    };
    let text = String::from_utf8_lossy(&listed.stdout);
    text.lines().filter_map(parse).collect()
}

/// Whether any process has this folder on its command line.
pub(crate) fn served(folder: &Path) -> bool {
    let folder = folder.to_str().expect("look around");
    processes().iter().any(|(_, line)| line.contains(folder))
}

/// How many entries a folder has.
pub(crate) fn count(parent: &Path) -> usize {
    parent.read_dir().expect("look around").count()
}

/// The text that a statement answers with.
pub(crate) async fn value(client: &Client, sql: &str) -> String {
    client
        .query_one(sql, &[])
        .await
        .unwrap_or_else(|error| panic!("{sql}: {error:?}"))
        .get(0)
}
