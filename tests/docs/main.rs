//! What the documents say is true of the program: commands, flags, examples, files, links.

#![expect(
    clippy::unwrap_used,
    reason = "a test may fail loudly, its helpers too"
)]

mod examples;
mod help;
mod jobs;
mod links;
mod pages;
mod words;
