//! Reads a server over a window: one file per view, named as the view, samples in, record types out.
//!
//! No judgement of what was read.
