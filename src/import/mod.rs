//! Bytes of other tools' results become record types.
//!
//! No file is opened here: callers pass bytes.
