//! How sure a size is: the load of a window, cut into slices of time, is drawn again and again; and whether
//! one of the slices was busier than chance explains.
//!
//! What size a load needs is the queue's matter ([`OpenQueue`](super::OpenQueue),
//! [`ClosedQueue`](super::ClosedQueue)) and the target's; both come in as a function.

mod busiest;
mod size;
mod variation;

pub use busiest::{Busiest, busiest};
pub use size::{LoadSlice, MIN_SLICES, SizeInterval, SizingError, size_interval};
pub use variation::{SquaredVariation, TimesSlice, squared_variation};
