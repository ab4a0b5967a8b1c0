//! Every importer: what it is called, how it knows its files, and what reads them.

use super::dbperf;
use super::k6;
use super::lighthouse;
use super::locust::{self, Kind};
use super::otlp;
use super::recognise::Found;
use super::web_vitals;
use super::{
    ImportError, ImportFile, Source, ab, artillery, autocannon, gatling, hey, jmeter, oha, siege,
    vegeta, wrk,
};

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
    /// Known and not read.
    Refused(Refusal),
}

/// Why a file that is known is not read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Refusal {
    /// What is wrong with it.
    pub(super) why: &'static str,
    /// What to do instead.
    pub(super) instead: &'static str,
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
        label: "k6 JSON lines",
        recognises: k6::ndjson::recognises,
        read: Read::Single(k6::ndjson::import),
    },
    Importer {
        label: "k6 CSV",
        recognises: k6::csv::recognises,
        read: Read::Single(k6::csv::import),
    },
    Importer {
        label: "k6 summary",
        recognises: k6::summary::recognises,
        read: Read::Single(k6::summary::import),
    },
    Importer {
        label: "OTLP JSON of traces or metrics",
        recognises: otlp::recognises,
        read: Read::Single(otlp::import),
    },
    Importer {
        label: "Lighthouse JSON",
        recognises: lighthouse::recognises,
        read: Read::Single(lighthouse::import),
    },
    Importer {
        label: "the CSV of Lighthouse",
        recognises: lighthouse::csv::recognises,
        read: Read::Refused(lighthouse::csv::REFUSAL),
    },
    Importer {
        label: "web-vitals beacons",
        recognises: web_vitals::recognises,
        read: Read::Single(web_vitals::import),
    },
    Importer {
        label: "hey CSV",
        recognises: hey::recognises,
        read: Read::Single(hey::read),
    },
    Importer {
        label: "the text summary of hey",
        recognises: hey::recognises_text,
        read: Read::Refused(hey::TEXT),
    },
    Importer {
        label: "wrk text",
        recognises: wrk::recognises,
        read: Read::Single(wrk::read),
    },
    Importer {
        label: "wrk2 text",
        recognises: wrk::recognises_two,
        read: Read::Single(wrk::read_two),
    },
    Importer {
        label: "autocannon JSON",
        recognises: autocannon::recognises,
        read: Read::Single(autocannon::read),
    },
    Importer {
        label: "oha JSON",
        recognises: oha::recognises_json,
        read: Read::Single(oha::read_json),
    },
    Importer {
        label: "oha CSV",
        recognises: oha::recognises_csv,
        read: Read::Single(oha::read_csv),
    },
    Importer {
        label: "ab text",
        recognises: ab::recognises,
        read: Read::Single(ab::read),
    },
    Importer {
        label: "the gnuplot table of ab (-g)",
        recognises: ab::recognises_gnuplot,
        read: Read::Refused(ab::GNUPLOT),
    },
    Importer {
        label: "the percentage table of ab (-e)",
        recognises: ab::recognises_percentiles,
        read: Read::Refused(ab::PERCENTILES),
    },
    Importer {
        label: "artillery JSON",
        recognises: artillery::recognises,
        read: Read::Single(artillery::read),
    },
    Importer {
        label: "JMeter CSV",
        recognises: jmeter::recognises,
        read: Read::Single(jmeter::read),
    },
    Importer {
        label: "JMeter XML",
        recognises: jmeter::xml::recognises,
        read: Read::Single(jmeter::xml::read),
    },
    Importer {
        label: "vegeta JSON lines",
        recognises: vegeta::recognises_ndjson,
        read: Read::Single(vegeta::read_ndjson),
    },
    Importer {
        label: "vegeta CSV",
        recognises: vegeta::recognises_csv,
        read: Read::Single(vegeta::read_csv),
    },
    Importer {
        label: "vegeta report JSON",
        recognises: vegeta::recognises_report,
        read: Read::Single(vegeta::read_report),
    },
    Importer {
        label: "Gatling report JSON",
        recognises: gatling::recognises_stats,
        read: Read::Single(gatling::read_stats),
    },
    Importer {
        label: "Gatling simulation.log",
        recognises: gatling::recognises_log,
        read: Read::Single(gatling::read_log),
    },
    Importer {
        label: "the script of a Gatling report",
        recognises: gatling::recognises_script,
        read: Read::Refused(gatling::SCRIPT),
    },
    Importer {
        label: "siege JSON",
        recognises: siege::recognises_json,
        read: Read::Single(siege::read_json),
    },
    Importer {
        label: "siege text",
        recognises: siege::recognises_text,
        read: Read::Single(siege::read_text),
    },
    Importer {
        label: "the log of siege",
        recognises: siege::recognises_log,
        read: Read::Refused(siege::LOG),
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
        let read = |i: &&Importer| !matches!(i.read, Read::Refused(_));
        let labels: Vec<&str> = IMPORTERS.iter().filter(read).map(|i| i.label).collect();
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

/// What the importers that know a file call it, those that refuse it included; none of a foreign file. More than one
/// would make the result depend on their order.
///
/// # Errors
/// The file is empty, is no text, or cannot be read.
pub fn recognised(file: ImportFile<'_>) -> Result<Vec<&'static str>, ImportError> {
    let source = Source::open(file)?;
    let knowing = IMPORTERS.iter().filter(|i| (i.recognises)(source.head()));
    Ok(knowing.map(|i| i.label).collect())
}
