//! Pages as a browser saw them, in the order in which a page loads.

use crate::record::pages::{PageEvidence, PageResult};

use super::conclusions::{Page, PageNumber};

/// Metrics in the order of a page's load.
const ORDER: [&str; 12] = [
    "network_rtt",
    "server_response",
    "ttfb",
    "first_paint",
    "fcp",
    "lcp",
    "speed_index",
    "tbt",
    "tti",
    "load",
    "inp",
    "cls",
];

/// What the files of pages tell.
#[must_use]
pub fn conclude(results: &[PageResult]) -> Vec<Page> {
    results.iter().map(page).collect()
}

fn page(result: &PageResult) -> Page {
    let known = ORDER.iter().filter_map(|name| {
        let metric = result.metrics.get(*name)?;
        Some(PageNumber {
            name: (*name).to_owned(),
            value: metric.value,
            unit: if *name == "cls" { "" } else { "ms" }.to_owned(),
            views: metric.views,
            modelled: metric.modelled,
        })
    });
    Page {
        tool: result.tool.clone(),
        version: result.version.clone(),
        file: result.file.clone(),
        evidence: match result.evidence {
            PageEvidence::Lab => "lab",
            PageEvidence::Field => "field",
        }
        .to_owned(),
        page: result.page.clone(),
        form_factor: result.form_factor.clone(),
        loaded_at: result.loaded_at.map(|at| at.to_string()),
        metrics: known.collect(),
        scores: result.scores.clone(),
        warnings: result.warnings.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::{ImportFile, import};

    #[test]
    fn no_metric_of_a_page_is_lost() {
        let bytes = include_bytes!("../../fixtures/load/lighthouse-12.8.2/mobile.json.gz");
        let results = import(vec![ImportFile::of_bytes("p", bytes)])
            .unwrap()
            .pages;
        let page = &conclude(&results)[0];
        assert_eq!(page.metrics.len(), results[0].metrics.len());
        assert_eq!(page.metrics[0].name, "network_rtt");
        let cls = page.metrics.last().unwrap();
        assert_eq!(
            (cls.name.as_str(), cls.unit.as_str(), cls.modelled),
            ("cls", "", false)
        );
        assert_eq!((page.evidence.as_str(), page.scores["seo"]), ("lab", 100.0));
    }
}
