//! What to run: operations, statements, weights, parameter generators.
//!
//! When and how fast is decided in `drive`.
