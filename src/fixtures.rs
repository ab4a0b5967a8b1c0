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
