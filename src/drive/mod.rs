//! When and how fast: clients, schedules, and the recorder of what happened.
//!
//! What is run comes from `workload`, connections come from `pool`.
