//! `--chart`: the sizes of a sweep as a picture in a file of its own.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};

use clap::Args;

use super::context::Context;
use super::exit::{Exit, Failure};
use super::whole_file;
use crate::analyze::conclusions::Conclusions;
use crate::report::{svg, sweep_chart};

/// The flag of commands that have a sweep to draw.
#[derive(Debug, Clone, Args)]
pub(super) struct ChartArgs {
    /// Draw throughput and p99 over pool size, with the size that is recommended, as an SVG picture; a report in
    /// Markdown shows it.
    #[arg(long, value_name = "FILE.svg", help_heading = "Output")]
    chart: Option<PathBuf>,
}

impl ChartArgs {
    /// Refuses a file that cannot be written, or that is to hold something else: before anything is measured.
    ///
    /// # Errors
    /// The name is that of another picture or of another file of the command, or its folder cannot be written to.
    pub(super) fn check(&self, others: &[Option<&Path>]) -> Result<(), Failure> {
        let Some(path) = &self.chart else {
            return Ok(());
        };
        let name = path.display();
        if path.as_os_str() == "-" {
            return Err(Failure::usage(
                "--chart needs a file: standard output has the report",
            ));
        }
        let extension = path.extension().map(|e| e.to_string_lossy().to_lowercase());
        if let Some(other) = extension.filter(|e| e != "svg") {
            return Err(Failure::usage(format!(
                "--chart draws SVG, not {other}: name a file that ends in .svg, instead of {name}"
            )));
        }
        let own = whole(path);
        if others.iter().flatten().any(|other| whole(other) == own) {
            return Err(Failure::usage(format!(
                "--chart would overwrite another file of this command: give {name} another name"
            )));
        }
        whole_file::check(path).map_err(|e| unwritable(path, &e))
    }

    /// Draws the picture, in memory. `None` where none is asked for.
    ///
    /// # Errors
    /// There is no sweep.
    pub(super) fn draw(
        &self,
        conclusions: &Conclusions,
        context: &Context,
    ) -> Result<Option<Picture<'_>>, Failure> {
        let Some(path) = self.chart.as_deref() else {
            return Ok(None);
        };
        let Some(chart) = conclusions.pool.as_ref().and_then(sweep_chart) else {
            return Err(Failure::input(
                "--chart draws the sizes of a sweep, and this run holds none: save one with \
                 `dbperf pool WORKLOAD --save RUN`",
            ));
        };
        Ok(Some(Picture {
            path,
            svg: svg(&chart),
            address: address(path, context.output.as_deref()),
        }))
    }
}

/// A picture that is to be written.
#[derive(Debug)]
pub(super) struct Picture<'a> {
    path: &'a Path,
    svg: String,
    /// Where it is, as seen from the report.
    pub(super) address: String,
}

impl Picture<'_> {
    /// Writes the file, whole or not at all.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn write(&self, context: &Context) -> Result<(), Failure> {
        whole_file::write(self.path, |file| file.write_all(self.svg.as_bytes()))
            .map_err(|e| unwritable(self.path, &e))?;
        context.detail(&format!("Drew the sweep in {}", self.path.display()));
        Ok(())
    }
}

fn unwritable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(
        Exit::Precondition,
        format!(
            "cannot write the picture to {}: {error}; name another file with --chart",
            path.display()
        ),
    )
}

/// The path from the root on, with the folders that links lead to; as it is where its folder does not exist.
fn whole(path: &Path) -> PathBuf {
    let folder = fs::canonicalize(whole_file::folder(path));
    match (folder, path.file_name()) {
        (Ok(folder), Some(name)) => folder.join(name),
        _ => path.to_owned(),
    }
}

/// The address of a picture on a page: relative to the page's folder, or as it was named where the page has no file.
fn address(picture: &Path, page: Option<&Path>) -> String {
    let Some(page) = page else {
        return quoted(picture);
    };
    let (picture, page) = (whole(picture), whole(page));
    let from: Vec<Component<'_>> = whole_file::folder(&page).components().collect();
    let to: Vec<Component<'_>> = picture.components().collect();
    let shared = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    let up = from[shared..].iter().map(|_| Component::ParentDir);
    let way = up.chain(to[shared..].iter().copied());
    quoted(&way.collect::<PathBuf>())
}

/// A path of which no character is markup (RFC 3986, unreserved characters and the slash).
fn quoted(path: &Path) -> String {
    let mut out = String::new();
    for byte in path.as_os_str().as_bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(byte) {
            out.push(char::from(*byte));
        } else {
            // Writing into memory cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_finds_its_picture() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in ["docs/img", "out"] {
            fs::create_dir_all(at(name)).unwrap();
        }
        let seen = |picture: &str, page: &str| address(&at(picture), Some(&at(page)));
        assert_eq!(seen("out/a.svg", "out/a.md"), "a.svg");
        assert_eq!(seen("docs/img/a.svg", "docs/a.md"), "img/a.svg");
        assert_eq!(seen("out/a.svg", "docs/img/a.md"), "../../out/a.svg");
        std::os::unix::fs::symlink(at("docs/img"), at("link")).unwrap();
        assert_eq!(seen("link/a.svg", "docs/a.md"), "img/a.svg");
        assert_eq!(address(Path::new("a.svg"), None), "a.svg");
    }

    #[test]
    fn an_address_is_no_markup() {
        let name = Path::new("a b](x) <é>.svg");
        assert_eq!(address(name, None), "a%20b%5D%28x%29%20%3C%C3%A9%3E.svg");
    }
}
