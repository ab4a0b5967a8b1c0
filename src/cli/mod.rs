//! Every command: its flags, then its steps in order; the only room that prints.
//!
//! No arithmetic and no SQL.
