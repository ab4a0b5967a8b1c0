//! The profile as a file.

use std::io::{self, Write};

use serde::Deserialize;

use super::model::{Profile, VERSION};
use crate::pg::PgError;

/// A profile that cannot be made or read.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// The server could not be asked.
    #[error(transparent)]
    Server(#[from] PgError),
    /// No key for the tokens.
    #[error("the operating system gives no random bytes for the key that hides values")]
    NoRandom,
    /// It is something else.
    #[error("this is no profile of dbperf: {0}; `dbperf profile -o FILE` makes one")]
    NotAProfile(String),
    /// Another version wrote it.
    #[error(
        "the profile has version {found} of its form, and this dbperf reads version {VERSION}: make it anew with \
         `dbperf profile -o FILE`, or use the dbperf that made it"
    )]
    Version {
        /// What the file says.
        found: u64,
    },
}

/// The part of a profile that every version has.
#[derive(Deserialize)]
struct Head {
    dbperf_profile: Option<u64>,
}

impl Profile {
    /// Reads a file's content.
    ///
    /// # Errors
    /// It is no profile, a damaged one, or one of another version. No message quotes a value.
    pub fn read(bytes: &[u8]) -> Result<Self, ProfileError> {
        let head: Head = serde_json::from_slice(bytes).map_err(|e| not_one(&e))?;
        match head.dbperf_profile {
            Some(found) if found != u64::from(VERSION) => Err(ProfileError::Version { found }),
            Some(_) => serde_json::from_slice(bytes).map_err(|e| not_one(&e)),
            None => Err(ProfileError::NotAProfile(
                "it has no `dbperf_profile`".to_owned(),
            )),
        }
    }

    /// Writes it as a file's content, to be looked at before it is handed on.
    ///
    /// # Errors
    /// The writer's.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        serde_json::to_writer_pretty(&mut *out, self)?;
        out.write_all(b"\n")
    }
}

/// Where and of what kind, without the parser's words, which quote what they found.
fn not_one(error: &serde_json::Error) -> ProfileError {
    let what = match error.classify() {
        serde_json::error::Category::Eof => "it ends too early",
        serde_json::error::Category::Syntax => "it is not JSON",
        serde_json::error::Category::Data => "a part of it is missing or has another form",
        serde_json::error::Category::Io => "it cannot be read",
    };
    let (line, column) = (error.line(), error.column());
    ProfileError::NotAProfile(format!("{what} (line {line}, column {column})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        Profile::read(text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn what_is_no_profile_is_told_without_quoting_it() {
        assert!(error("").contains("ends too early"));
        assert!(error("{\"dbperf_profile\": 1").contains("ends too early"));
        assert!(error("secret = 1").contains("not JSON (line 1, column 1)"));
        assert!(error("[]").contains("has another form") || error("[]").contains("missing"));
        assert!(error("{}").contains("no `dbperf_profile`"));
        assert!(error("{\"dbperf_profile\": 1}").contains("a part of it is missing"));
        let secret = error("{\"dbperf_profile\": 1, \"schema\": \"secret\"}");
        assert!(!secret.contains("secret"), "{secret}");
    }

    #[test]
    fn another_version_is_told_with_both_numbers() {
        let message = error("{\"dbperf_profile\": 7, \"tables\": 1}");
        assert!(
            message.contains("version 7") && message.contains("version 1"),
            "{message}"
        );
    }
}
