//! Record in, conclusions out: pure functions without I/O or a clock.
//!
//! No rendering and no server.

pub mod checklist;
pub mod conclusions;
pub mod figures;
pub mod sla;
pub mod summary;
