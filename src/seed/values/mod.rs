//! Values: from the place of a value among its like to its bytes in PostgreSQL's binary form.
//!
//! Which row gets which value is decided elsewhere.

mod ask;
mod axis;
mod between;
mod codec;
mod figure;
mod filler;
mod fit;
mod forms;
mod guess;
mod joint;
mod json;
mod kinds;
mod ladder;
mod line;
mod list;
mod literal;
mod maker;
mod mix;
mod nested;
mod network;
mod number;
mod numeric;
mod pattern;
mod pools;
mod prose;
mod range;
mod search;
mod shaped;
mod template;
#[cfg(test)]
mod tests;
mod text;
mod words;
mod wrapped;

pub(crate) use ask::{Ask, Spread};
pub(crate) use maker::Maker;
pub(crate) use number::{read_number, write_number};
