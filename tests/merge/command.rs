//! What `dbperf merge` refuses.

use super::*;

#[test]
fn what_cannot_be_merged_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("other.json");
    fs::write(&file, "{\"a\": 1}").unwrap();
    let said = |files: &[&Path]| {
        let output = dbperf().arg("merge").args(files).output().unwrap();
        (
            output.status.code(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    let (code, words) = said(&[&file, &file]);
    assert_eq!(
        (code, words.contains("not a saved run")),
        (Some(4), true),
        "{words}"
    );
    let missing = folder.path().join("missing.json");
    let (code, words) = said(&[&missing, &file]);
    assert_eq!(
        (code, words.contains("cannot open the run")),
        (Some(4), true),
        "{words}"
    );
    let (code, words) = said(&[&file]);
    assert_eq!(code, Some(2), "{words}");
}
