//! Why a probe gave no plan, in words that name the cure.

use tokio_postgres::error::SqlState;

use super::gate::Refusal;

/// Why one probe gave no plan.
#[derive(Debug)]
pub(super) struct ProbeError {
    /// The SQLSTATE where the server said no.
    code: Option<SqlState>,
    /// The server's primary message, or our own words. DETAIL is never kept: it may hold row values.
    message: String,
}

impl ProbeError {
    /// A reason in our own words.
    pub(super) fn own(message: String) -> Self {
        Self {
            code: None,
            message,
        }
    }

    #[expect(
        clippy::needless_pass_by_value,
        reason = "it is the argument of `map_err`"
    )]
    pub(super) fn refused(refusal: Refusal) -> Self {
        Self::own(refusal.to_string())
    }

    /// For a probe without values: the server's message may only hold what stands in the text.
    pub(super) fn words(&self) -> String {
        // Class 22 quotes the datum that does not fit.
        if self.class() == Some("22") {
            return self.without_values();
        }
        format!("{}{}", self.message, self.cure())
    }

    /// For a probe with values, which any message of the server may quote.
    pub(super) fn without_values(&self) -> String {
        match &self.code {
            None => self.message.clone(),
            Some(code) => format!(
                "the server refused it (SQLSTATE {}){}",
                code.code(),
                self.cure()
            ),
        }
    }

    /// For a text and values that the user typed himself, in a probe that executes nothing: the message can only
    /// quote what he typed.
    pub(super) fn all_words(&self) -> String {
        format!("{}{}", self.message, self.cure())
    }

    fn class(&self) -> Option<&str> {
        self.code.as_ref().and_then(|code| code.code().get(..2))
    }

    fn cure(&self) -> String {
        let Some(code) = &self.code else {
            return String::new();
        };
        let cure = match code {
            &SqlState::INSUFFICIENT_PRIVILEGE => {
                "a plan needs SELECT on the tables (GRANT SELECT ON … TO the role, or \
                 pg_read_all_data on 14+)"
            }
            &SqlState::UNDEFINED_TABLE | &SqlState::INVALID_SCHEMA_NAME => {
                "the role does not see this name: it is in another database, or in a schema that \
                 is not in the role's search_path (ALTER ROLE … SET search_path)"
            }
            &SqlState::QUERY_CANCELED | &SqlState::LOCK_NOT_AVAILABLE => "the probe took too long",
            &SqlState::INDETERMINATE_DATATYPE => {
                "the server cannot tell the type of a parameter: write it as $1::type"
            }
            &SqlState::SYNTAX_ERROR => "the normalised text cannot be prepared as it is",
            &SqlState::INVALID_TEXT_REPRESENTATION
            | &SqlState::NUMERIC_VALUE_OUT_OF_RANGE
            | &SqlState::INVALID_DATETIME_FORMAT
            | &SqlState::DATETIME_FIELD_OVERFLOW => "a value does not fit its parameter",
            code => return format!(" (SQLSTATE {})", code.code()),
        };
        format!(": {cure}")
    }
}

impl From<tokio_postgres::Error> for ProbeError {
    fn from(error: tokio_postgres::Error) -> Self {
        match error.as_db_error() {
            Some(db) => Self {
                code: Some(db.code().clone()),
                message: db.message().to_owned(),
            },
            // An error of the driver's own; it may quote a value that it could not convert.
            None if error.is_closed() => Self::own("the connection was lost".to_owned()),
            None => Self::own(
                "the number or the types of the values do not fit the statement".to_owned(),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(code: SqlState, message: &str) -> ProbeError {
        ProbeError {
            code: Some(code),
            message: message.to_owned(),
        }
    }

    #[test]
    fn no_message_quotes_a_value() {
        let quoted = "invalid input syntax for type integer: \"canary\"";
        let error = error(SqlState::INVALID_TEXT_REPRESENTATION, quoted);
        for words in [error.words(), error.without_values()] {
            assert!(!words.contains("canary"), "{words}");
            assert!(words.contains("does not fit"), "{words}");
        }
    }

    #[test]
    fn what_can_be_cured_carries_the_cure() {
        let denied = error(
            SqlState::INSUFFICIENT_PRIVILEGE,
            "permission denied for table t",
        );
        assert!(
            denied
                .words()
                .starts_with("permission denied for table t: a plan needs SELECT")
        );
        let unseen = error(SqlState::UNDEFINED_TABLE, "relation \"t\" does not exist");
        assert!(unseen.words().contains("search_path"));
        let other = error(SqlState::DISK_FULL, "no space left");
        assert_eq!(other.words(), "no space left (SQLSTATE 53100)");
    }
}
