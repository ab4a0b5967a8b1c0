//! One server: connection information, the guarded session, version and privileges, catalogue SQL.
//!
//! No reading of statistics: that is `collect`.
