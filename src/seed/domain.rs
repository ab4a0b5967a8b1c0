//! Which values of a type a column may have, as constraints and partition bounds say.

/// A part of the values of a type. Literals are in PostgreSQL's text form, without quotes. The default is all of them.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Domain {
    /// The least value.
    pub(crate) at_least: Option<Limit>,
    /// The greatest.
    pub(crate) at_most: Option<Limit>,
    /// These only.
    pub(crate) one_of: Option<Vec<String>>,
    /// None of these.
    pub(crate) none_of: Vec<String>,
    /// Characters at least and at most, of bytea bytes. Text is never made of blanks alone.
    pub(crate) length: Option<(u32, u32)>,
    /// POSIX regular expressions that text must match, each somewhere unless it is anchored. LIKE is turned into one.
    pub(crate) patterns: Vec<String>,
    /// What `jsonb_typeof` says of JSON.
    pub(crate) json_type: Option<String>,
}

/// An end of a range of values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Limit {
    /// The value.
    pub(crate) value: String,
    /// It belongs to the range.
    pub(crate) inclusive: bool,
}
