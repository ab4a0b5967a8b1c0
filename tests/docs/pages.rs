//! The pages as text, and what stands in their fences.

use std::fs;
use std::path::{Path, PathBuf};

/// One Markdown file.
#[derive(Debug)]
pub(crate) struct Page {
    /// Relative to the repository.
    pub(crate) path: PathBuf,
    pub(crate) text: String,
}

/// A fenced block.
#[derive(Debug)]
pub(crate) struct Fence {
    /// What stands behind the opening backticks.
    pub(crate) info: String,
    pub(crate) body: String,
    /// `file:line` of its opening.
    pub(crate) place: String,
}

/// The repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// `README.md` and everything below `docs/`.
pub(crate) fn all() -> Vec<Page> {
    let mut paths = vec![root().join("README.md")];
    let mut folders = vec![root().join("docs")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let extension = path.extension().and_then(|e| e.to_str());
                assert_eq!(extension, Some("md"), "{} is no page", path.display());
                paths.push(path);
            }
        }
    }
    paths.sort();
    paths
        .iter()
        .map(|path| page(path.strip_prefix(root()).unwrap()))
        .collect()
}

/// One page by its path in the repository.
pub(crate) fn page(path: impl AsRef<Path>) -> Page {
    let path = path.as_ref().to_owned();
    let text = fs::read_to_string(root().join(&path)).unwrap();
    Page { path, text }
}

impl Page {
    /// All fenced blocks.
    pub(crate) fn fences(&self) -> Vec<Fence> {
        let mut fences = Vec::new();
        let mut open: Option<Fence> = None;
        for (index, line) in self.text.lines().enumerate() {
            let mark = line.trim_start().strip_prefix("```");
            match (&mut open, mark) {
                (None, Some(info)) => {
                    open = Some(Fence {
                        info: info.trim().to_owned(),
                        body: String::new(),
                        place: format!("{}:{}", self.path.display(), index + 1),
                    });
                }
                (Some(_), Some(_)) => fences.extend(open.take()),
                (Some(fence), None) => {
                    fence.body.push_str(line);
                    fence.body.push('\n');
                }
                (None, None) => {}
            }
        }
        assert!(open.is_none(), "{}: an open fence", self.path.display());
        fences
    }

    /// The lines outside of fences.
    pub(crate) fn prose(&self) -> String {
        let mut inside = false;
        let outside = self.text.lines().filter(|line| {
            let mark = line.trim_start().starts_with("```");
            inside ^= mark;
            !inside && !mark
        });
        outside.collect::<Vec<_>>().join("\n")
    }
}
