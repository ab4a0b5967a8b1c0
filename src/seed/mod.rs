//! Fills a database with production-like data.
//!
//! No load is driven here.
