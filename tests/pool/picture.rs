//! `--chart`: the sweep as a file, and what refuses to be one.

use std::path::Path;

use super::*;

/// A sweep with a report, a run and a picture; and a run without a sweep.
struct Drawn {
    case: Case,
}

impl Drawn {
    fn new() -> Self {
        let case = Case::new("", "SELECT pg_sleep(0.005);\n");
        let at = |name: &str| case.folder.path().join(name).display().to_string();
        let (page, picture, run) = (at("pool.md"), at("pool.svg"), at("run.json"));
        let output = Command::new(env!("CARGO_BIN_EXE_dbperf"))
            .args(["pool", &at("w.sql"), &case.lab.primary().dsn()])
            .args(["--clients", "4", "--sizes", "1,2,4", "--duration", "2s"])
            .args(["--no-verify", "--warmup", "200ms", "--format", "markdown"])
            .args(["-o", &page, "--chart", &picture, "--save", &run])
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        Self { case }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.case.folder.path().join(name)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// `dbperf report` in the folder of the case.
    fn report(&self, arguments: &[&str]) -> Output {
        report(self.case.folder.path(), arguments)
    }
}

fn report(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_dbperf"))
        .arg("report")
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Names of the elements of a document, in order. Panics where it is no well-formed XML of the kind that a chart is:
/// elements with quoted attributes, text without markup, the five entities.
fn elements(document: &str) -> Vec<&str> {
    let (mut open, mut seen) = (Vec::new(), Vec::new());
    let mut rest = document;
    while let Some(at) = rest.find('<') {
        let (text, tag) = rest.split_at(at);
        assert!(!text.contains('>'), "{text}");
        for entity in text.split('&').skip(1) {
            let known = ["lt;", "gt;", "amp;", "quot;", "apos;"];
            assert!(
                known.iter().any(|name| entity.starts_with(name)),
                "{entity}"
            );
        }
        let (tag, after) = tag[1..].split_once('>').expect("an end of the tag");
        rest = after;
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name));
            continue;
        }
        assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
        let name = tag.split([' ', '\n', '/']).next().unwrap();
        seen.push(name);
        if !tag.ends_with('/') {
            open.push(name);
        }
    }
    assert!(open.is_empty() && rest.trim().is_empty(), "{open:?} {rest}");
    seen
}

#[test]
fn a_sweep_is_drawn_when_it_is_measured_and_again_from_its_run() {
    measured(|| {
        // Which size is chosen is measured.
        let _machine = alone();
        drawn_twice(&Drawn::new());
    });
}

/// Of a sweep whose largest size is the best.
fn drawn_twice(drawn: &Drawn) {
    let picture = drawn.read("pool.svg");
    let elements = elements(&picture);
    let count = |name: &str| elements.iter().filter(|e| **e == name).count();
    assert_eq!((elements[0], count("svg")), ("svg", 1));
    // Three sizes in two panels, and one in the legend.
    assert_eq!(count("circle"), 7, "{picture}");
    // A line and a label in each panel.
    assert_eq!(picture.matches(">chosen: 4").count(), 2, "{picture}");
    assert_eq!(picture.matches("<line class=\"chosen\"").count(), 2);
    for words in ["requests per second", "response times in ms", ">pool size<"] {
        assert!(picture.contains(words), "{words} in {picture}");
    }
    let shown = "\n![Throughput and p99 over pool size](pool.svg)\n";
    let page = drawn.read("pool.md");
    assert!(page.contains(shown) && !page.contains('●'), "{page}");

    // The page of another folder, and no page: the address is another one, the picture the same.
    fs::create_dir(drawn.path("pages")).unwrap();
    let again = ["run.json", "--chart", "again.svg", "--format", "markdown"];
    let output = drawn.report(&[&again[..], &["-o", "pages/a.md"]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(drawn.read("pages/a.md").contains("](../again.svg)"));
    assert_eq!(drawn.read("again.svg"), picture);
    let output = drawn.report(&again);
    let page = String::from_utf8(output.stdout).unwrap();
    assert!(page.contains("](again.svg)"), "{page}");
    // The text has its own drawing.
    let output = drawn.report(&["run.json", "--chart", "again.svg"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains('●') && !text.contains("again.svg"), "{text}");
}

#[test]
fn a_picture_that_cannot_be_is_refused_before_anything_is_measured() {
    let _machine = beside_others();
    let drawn = Drawn::new();
    let at = |name: &str| drawn.path(name).display().to_string();
    fs::write(drawn.path("taken"), "").unwrap();
    let refused = |more: &[&str], exit: i32, words: &str| {
        // Nothing listens there: a server would be asked only after this.
        let nowhere = ["postgres://127.0.0.1:1/none", "--clients", "2"];
        let output = Command::new(env!("CARGO_BIN_EXE_dbperf"))
            .args(["pool", &at("w.sql")])
            .args(nowhere)
            .args(more)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let message = said(&output);
        assert_eq!(output.status.code(), Some(exit), "{more:?}: {message}");
        assert!(message.contains(words), "{more:?}: {message}");
    };
    refused(
        &["--chart", &at("no/such/a.svg")],
        3,
        "cannot write the picture",
    );
    refused(
        &["--chart", &at("taken/a.svg")],
        3,
        "cannot write the picture",
    );
    refused(
        &["--chart", drawn.case.folder.path().to_str().unwrap()],
        3,
        "picture",
    );
    refused(&["--chart", &at("a.png")], 2, "SVG, not png");
    refused(&["--chart", "-"], 2, "needs a file");
    refused(
        &["--chart", &at("a.svg"), "-o", &at("./a.svg")],
        2,
        "overwrite",
    );
    refused(&["--chart", &at("a"), "--save", &at("a")], 2, "overwrite");

    // A run that is not one of a sweep; nothing is written.
    let mut run: Value = serde_json::from_str(&drawn.read("run.json")).unwrap();
    run["sweep"] = Value::Null;
    fs::write(drawn.path("plain.json"), run.to_string()).unwrap();
    for (run, exit, words) in [
        ("plain.json", 4, "holds none"),
        ("none.json", 4, "cannot open the run"),
        ("w.sql", 4, "not a saved run"),
    ] {
        let output = drawn.report(&[run, "--chart", "b.svg"]);
        assert_eq!(output.status.code(), Some(exit), "{}", said(&output));
        assert!(said(&output).contains(words), "{}", said(&output));
        assert!(output.stdout.is_empty() && !drawn.path("b.svg").exists());
    }
    // What was there stays until the new picture is whole.
    let output = drawn.report(&["run.json", "--chart", "run.json"]);
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    let output = drawn.report(&["run.json", "--chart", "pool.svg"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let left = fs::read_dir(drawn.case.folder.path()).unwrap();
    let names = left.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert!(names.into_iter().all(|name| !name.starts_with('.')));
}
