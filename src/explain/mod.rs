//! Asks a server for plans, safely.
//!
//! What a plan means is decided in `analyze`.
