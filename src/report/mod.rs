//! Conclusions become bytes: terminal text, JSON, Markdown.
//!
//! Nothing is concluded here and nothing is printed.
