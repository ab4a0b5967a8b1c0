//! The application's sessions over the window: how many worked, how many held a transaction open, how many there were.

use std::collections::BTreeMap;

use crate::analyze::database_time::{hides_sessions, is_own_replay};
use crate::record::Run;
use crate::record::activity::{ActivitySample, SessionSample};

/// Share of the busy sessions above which another application's are worth a word (ours).
const OTHERS_RATIO: f64 = 0.05;

/// One sample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Moment {
    /// Since the start of the window, in milliseconds.
    pub(super) at: f64,
    pub(super) active: f64,
    pub(super) idle_in_transaction: f64,
}

/// The sessions of one application.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sessions {
    pub(super) application: String,
    pub(super) moments: Vec<Moment>,
    /// The most that were connected at once.
    pub(super) connected_max: u32,
    /// Other applications' part of the busy sessions (0 to 1).
    pub(super) others_ratio: f64,
}

impl Sessions {
    /// The application with the most busy sessions in the database of the run; why there is none otherwise.
    pub(super) fn of(run: &Run) -> Result<Self, String> {
        let series = run
            .activity
            .as_ref()
            .filter(|s| !s.samples.is_empty())
            .ok_or("the server's sessions were not sampled")?;
        if hides_sessions(run) {
            return Err("the role does not see the sessions of others".to_owned());
        }
        let database = run.server.as_ref().map(|s| s.database.as_str());
        let here = |s: &&SessionSample| {
            s.backend_type == "client backend"
                && !is_own_replay(s)
                && database.is_none_or(|name| s.datname.as_deref().is_none_or(|d| d == name))
        };
        let mut busy: BTreeMap<&str, u64> = BTreeMap::new();
        for session in series.samples.iter().flat_map(|s| &s.sessions).filter(here) {
            *busy.entry(&session.application_name).or_default() += 1;
        }
        let all: u64 = busy.values().sum();
        let (application, most) = busy
            .into_iter()
            .max_by_key(|(_, number)| *number)
            .ok_or("no session of the application was seen at work")?;
        let own = |s: &&SessionSample| here(s) && s.application_name == application;
        let count = |sample: &ActivitySample, wanted: fn(&SessionSample) -> bool| {
            sample
                .sessions
                .iter()
                .filter(own)
                .filter(|s| wanted(s))
                .count() as f64
        };
        let connected = series.samples.iter().map(|sample| {
            let idle =
                |by_name: &BTreeMap<String, u32>| by_name.get(application).copied().unwrap_or(0);
            let idle = idle(&sample.idle).saturating_sub(idle(&sample.idle_elsewhere));
            let open = sample.sessions.iter().filter(own).count();
            idle + u32::try_from(open).unwrap_or(u32::MAX)
        });
        Ok(Self {
            application: application.to_owned(),
            connected_max: connected.max().unwrap_or(0),
            moments: series
                .samples
                .iter()
                .map(|sample| Moment {
                    at: sample.at.0,
                    active: count(sample, SessionSample::is_active),
                    idle_in_transaction: count(sample, SessionSample::is_idle_in_transaction),
                })
                .collect(),
            others_ratio: (all - most) as f64 / all as f64,
        })
    }

    /// The samples from a moment up to another one.
    pub(super) fn between(&self, from: f64, to: f64) -> &[Moment] {
        let first = self.moments.partition_point(|m| m.at < from);
        let last = self.moments.partition_point(|m| m.at < to);
        &self.moments[first..last]
    }

    /// A word on sessions of other applications, where they matter.
    pub(super) fn caveat(&self) -> Option<String> {
        (self.others_ratio > OTHERS_RATIO).then(|| {
            let name = match self.application.as_str() {
                "" => "without a name".to_owned(),
                name => format!("named {name}"),
            };
            format!(
                "the sessions {name} are taken for the application's; others had {} of the busy ones",
                crate::analyze::figures::percent(self.others_ratio)
            )
        })
    }
}

/// The mean of a number over samples; `None` without one.
pub(super) fn mean(moments: &[Moment], value: impl Fn(&Moment) -> f64) -> Option<f64> {
    (!moments.is_empty()).then(|| moments.iter().map(value).sum::<f64>() / moments.len() as f64)
}
