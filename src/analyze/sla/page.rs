//! Page targets: what browsers saw, of real users where their views tell it, else of loads under control.

use crate::analyze::conclusions::{Page, PageNumber};

use super::figures::plural;
use super::measure::{Measured, missing};

/// Views of which the 75th percentile is more than nothing but their largest: 1 / (1 − 0.75).
const LEAST_VIEWS: u64 = 4;

/// Times that Lighthouse takes from the browser as it ran, even where it models the paints for a slower one.
const ALWAYS_OBSERVED: [&str; 2] = ["first_paint", "load"];

/// Which side is worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Worse {
    Higher,
    Lower,
}

/// One page that tells a number.
#[derive(Debug, Clone, Copy)]
struct Told<'a> {
    page: &'a Page,
    value: f64,
    views: u64,
    /// What one has to know of how it was obtained.
    basis: &'static str,
}

/// The metric `name` of a page, as in [`PageNumber::name`]. Real users' views are preferred to loads under control,
/// for each metric by itself; of several pages, kinds of devices or loads the worst decides.
pub(super) fn metric(pages: &[Page], name: &str) -> Measured {
    let told = |page| told_metric(page, name);
    worst(pages, Worse::Higher, told, || not_told(pages, name))
}

/// The score of a category of Lighthouse, 0 to 100.
pub(super) fn score(pages: &[Page], category: &str) -> Measured {
    let told = |page| told_score(page, category);
    worst(pages, Worse::Lower, told, || {
        missing(format!(
            "no file of a page has the score; a Lighthouse report with the category `{category}` tells it"
        ))
    })
}

fn told_metric<'a>(page: &'a Page, name: &str) -> Option<Told<'a>> {
    let number = page.metrics.iter().find(|m| m.name == name)?;
    let basis = if number.modelled {
        "; modelled for a slower device or network, not observed"
    } else if ALWAYS_OBSERVED.contains(&name) && is_modelled(page) {
        "; observed without the slower device or network that the paints are modelled for"
    } else {
        ""
    };
    Some(Told {
        page,
        value: number.value,
        views: number.views,
        basis,
    })
}

fn told_score<'a>(page: &'a Page, category: &str) -> Option<Told<'a>> {
    let basis = if is_modelled(page) {
        "; of times that are modelled for a slower device or network, not observed"
    } else {
        ""
    };
    Some(Told {
        page,
        value: *page.scores.get(category)?,
        views: 1,
        basis,
    })
}

fn is_modelled(page: &Page) -> bool {
    page.metrics.iter().any(|m: &PageNumber| m.modelled)
}

fn is_field(page: &Page) -> bool {
    page.evidence == "field"
}

/// The worst of the pages that tell a number, with how many there were and which do not count.
fn worst<'a>(
    pages: &'a [Page],
    worse: Worse,
    told: impl Fn(&'a Page) -> Option<Told<'a>>,
    otherwise: impl Fn() -> Measured,
) -> Measured {
    if pages.is_empty() {
        return missing(
            "no page was loaded in a browser: give a Lighthouse report or beacons of web-vitals with --api",
        );
    }
    let all: Vec<Told<'a>> = pages.iter().filter_map(told).collect();
    let (field, lab): (Vec<_>, Vec<_>) = all.into_iter().partition(|t| is_field(t.page));
    let (enough, few): (Vec<_>, Vec<_>) = field.into_iter().partition(|t| t.views >= LEAST_VIEWS);
    let of_users = !enough.is_empty();
    let (counted, beside) = if of_users {
        (enough, lab.len())
    } else {
        (lab, 0)
    };
    let by_badness = |a: &&Told<'_>, b: &&Told<'_>| match worse {
        Worse::Higher => a.value.total_cmp(&b.value),
        Worse::Lower => b.value.total_cmp(&a.value),
    };
    let Some(bad) = counted.iter().max_by(by_badness) else {
        return few.iter().map(|t| t.views).max().map_or_else(otherwise, |views| {
            missing(format!(
                "{} of a page by real users are too few for the 75th percentile; it takes {LEAST_VIEWS}",
                plural(views, "view", "views")
            ))
        });
    };
    let same_kind = pages.iter().filter(|p| is_field(p) == of_users).count();
    let told = counted.len() + if of_users { few.len() } else { 0 };
    let words = counted_words(bad, counted.len(), of_users);
    let aside = asides(beside, few.len(), same_kind - told);
    Measured::Value(bad.value, Some(format!("{words}{}{aside}", bad.basis)))
}

/// What does not count and is not hidden: loads beside real users, pages with too few views, pages that do not tell
/// the number.
fn asides(beside: usize, too_few: usize, silent: usize) -> String {
    let all = [
        (
            beside,
            "load under control",
            "loads under control",
            "not counted beside real users",
        ),
        (
            too_few,
            "page of real users",
            "pages of real users",
            "with fewer than 4 views left out",
        ),
        (silent, "other", "others", "without this number"),
    ];
    let told = all.iter().filter(|(n, ..)| *n > 0);
    let words: Vec<String> = told
        .map(|(n, one, many, why)| format!("; {} {why}", plural(*n as u64, one, many)))
        .collect();
    words.concat()
}

/// Where the deciding number comes from, such as `worst of 2 pages: 75th percentile of 7 views of / by real users,
/// mobile`.
fn counted_words(bad: &Told<'_>, counted: usize, of_users: bool) -> String {
    let page = &bad.page.page;
    let device = bad
        .page
        .form_factor
        .as_ref()
        .map_or_else(String::new, |device| format!(", {device}"));
    let (words, unit) = if of_users {
        let views = plural(bad.views, "view", "views");
        (
            format!("75th percentile of {views} of {page} by real users{device}"),
            "pages",
        )
    } else {
        let tool = &bad.page.tool;
        (format!("one load of {page} by {tool}{device}"), "loads")
    };
    if counted > 1 {
        format!("worst of {counted} {unit}: {words}")
    } else {
        words
    }
}

/// Why no page tells a metric, and what would.
fn not_told(pages: &[Page], name: &str) -> Measured {
    let failed = format!("Lighthouse could not measure {name}");
    if let Some(page) = pages.iter().find(|p| p.warnings.contains(&failed)) {
        return missing(format!("Lighthouse could not measure it on {}", page.page));
    }
    let teller = match name {
        "inp" => "beacons of web-vitals tell it, and Lighthouse only in the report of a time span",
        "first_paint" | "load" | "tti" => {
            "a Lighthouse report with the category `performance` tells it, web-vitals does not"
        }
        _ => "a Lighthouse report with the category `performance` or beacons of web-vitals tell it",
    };
    missing(format!("no file of a page has it; {teller}"))
}

#[cfg(test)]
mod tests;
