//! Every importer: what it is called, how it knows its files, and what reads them.

use super::dbperf;
use super::locust::{self, Kind};
use super::recognise::Found;
use super::{ImportError, Source};

/// One importer.
pub(super) struct Importer {
    /// For messages, such as `Locust statistics CSV`.
    pub(super) label: &'static str,
    /// Judges by the head of the text, at most 64 KiB of it.
    pub(super) recognises: fn(&str) -> bool,
    /// Reads the file.
    pub(super) read: Read,
}

/// What reads a file.
#[derive(Clone, Copy)]
pub(super) enum Read {
    /// One file, one result.
    Single(fn(Source<'_>) -> Result<Found, ImportError>),
    /// A file of a call of Locust; those of one call become one result.
    Locust(Kind),
}

/// All of them; exactly one recognises a file.
pub(super) const IMPORTERS: &[Importer] = &[
    Importer {
        label: "Locust statistics CSV",
        recognises: locust::stats::recognises,
        read: Read::Locust(Kind::Stats),
    },
    Importer {
        label: "Locust history CSV",
        recognises: locust::history::recognises,
        read: Read::Locust(Kind::History),
    },
    Importer {
        label: "Locust failures CSV",
        recognises: locust::failures::recognises,
        read: Read::Locust(Kind::Failures),
    },
    Importer {
        label: "Locust exceptions CSV",
        recognises: locust::exceptions::recognises,
        read: Read::Locust(Kind::Exceptions),
    },
    Importer {
        label: "Locust JSON",
        recognises: locust::json::recognises,
        read: Read::Locust(Kind::Json),
    },
    Importer {
        label: "dbperf run",
        recognises: dbperf::recognises,
        read: Read::Single(dbperf::import),
    },
];

/// The one importer that knows a file.
pub(super) fn recognise(source: &Source<'_>) -> Result<&'static Importer, ImportError> {
    let known = || {
        let labels: Vec<&str> = IMPORTERS.iter().map(|i| i.label).collect();
        labels.join(", ")
    };
    IMPORTERS
        .iter()
        .find(|i| (i.recognises)(source.head()))
        .ok_or_else(|| ImportError::Unknown {
            file: source.name().to_owned(),
            known: known(),
        })
}
