//! Instrumented connection pools that tell where an acquire's time went.
//!
//! When and how fast requests come is decided in `drive`.
