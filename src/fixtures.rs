//! Files of `fixtures/` for tests beside code that opens no file itself.

use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

/// The contents of one file, by its path below `fixtures/`.
pub(crate) fn bytes(path: &str) -> Vec<u8> {
    let found = std::fs::read(folder().join(path));
    found.unwrap_or_else(|e| panic!("fixtures/{path}: {e}"))
}

/// Path and contents of every file in the folders of `fixtures/PATH`.
pub(crate) fn in_folders(path: &str) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for inner in std::fs::read_dir(folder().join(path)).unwrap() {
        for file in std::fs::read_dir(inner.unwrap().path()).unwrap() {
            let path = file.unwrap().path();
            files.push((path.display().to_string(), std::fs::read(&path).unwrap()));
        }
    }
    files
}
