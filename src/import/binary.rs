//! Files that are no text and are known all the same, so that the message names what to do.

use super::ImportError;

/// How far into a file is looked.
const BEGIN: usize = 64;

/// Why a file that is no text is refused, if it is known by its first bytes.
pub(super) fn refusal(file: &str, head: &[u8]) -> Option<ImportError> {
    let begin = &head[..head.len().min(BEGIN)];
    let has = |word: &[u8]| begin.windows(word.len()).any(|part| part == word);
    let refused = |what, why, instead| {
        Some(ImportError::Refused {
            file: file.to_owned(),
            what,
            why,
            instead,
        })
    };
    // Go's gob tells the type before its values: here vegeta's `Result` with its first field.
    if has(b"\x06Result") && has(b"\x06Attack") {
        return refused(
            "the binary result of vegeta",
            "its encoding is one of Go alone",
            "give what `vegeta encode --to json` makes of it",
        );
    }
    // From 3.12 on, the first record is of the kind 0 and begins with Gatling's version.
    if begin.first() == Some(&0) && has(b"3.1") && !has(b"\n") {
        return refused(
            "the binary simulation.log of Gatling",
            "its encoding is one of Gatling alone since 3.12",
            "give js/stats.json of the report that Gatling makes of it",
        );
    }
    None
}
