//! dbperf binary
fn main() {}
