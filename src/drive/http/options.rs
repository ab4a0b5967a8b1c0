//! What a load over HTTP is told.

use std::time::Duration;

use url::Url;

use crate::drive::{Arrivals, DriveError, DriveOptions, LoadShape};
use crate::workload::Think;
use crate::workload::scenario::Scenario;

/// A baseline ends when its requests are done; this is the end of one that never is (ours).
const LONGEST_BASELINE: Duration = Duration::from_secs(24 * 60 * 60);

/// Load of a baseline before its window: every step once or more, so that connections are open (ours).
const BASELINE_WARMUP: Duration = Duration::from_secs(1);

/// How to load a service.
#[derive(Debug, Clone, PartialEq)]
pub struct HttpOptions {
    /// When and how fast. What it says about pools, statements and writes has no meaning here.
    pub drive: DriveOptions,
    /// Address of the service, in front of every path.
    pub base_url: Url,
    /// A request, a connect or an answer over WebSocket that takes longer has failed.
    pub timeout: Duration,
    /// Pause after each step, in place of all that the scenario says.
    pub think: Option<Think>,
    /// Each step alone, so many times, by one client.
    pub baseline: Option<u32>,
}

impl HttpOptions {
    /// The default options with what the scenario proposes, for the service at this address.
    ///
    /// # Errors
    /// The scenario proposes stages that make no sense.
    pub fn proposed_by(scenario: &Scenario, base_url: Url) -> Result<Self, DriveError> {
        let default = DriveOptions::default();
        let proposed = &scenario.load;
        let load = match (&proposed.stages, proposed.rate, proposed.clients) {
            (Some(stages), ..) => {
                let parsed = stages.value.parse();
                LoadShape::Stages(parsed.map_err(|problem| DriveError::Scenario {
                    file: scenario.file.clone(),
                    line: stages.line,
                    problem,
                })?)
            }
            (None, Some(rate), _) => LoadShape::Open { rate },
            (None, None, Some(clients)) => LoadShape::Closed { clients },
            (None, None, None) => default.load.clone(),
        };
        let options = Self {
            drive: DriveOptions {
                load,
                arrivals: match proposed.even {
                    Some(true) => Arrivals::Even,
                    Some(false) | None => Arrivals::Poisson,
                },
                duration: proposed.duration.unwrap_or(default.duration),
                warmup: proposed.warmup.unwrap_or(default.warmup),
                ..default
            },
            base_url,
            timeout: scenario.timeout,
            think: None,
            baseline: None,
        };
        Ok(match proposed.baseline {
            None => options,
            Some(times) => options.as_baseline(times, proposed.duration, proposed.warmup),
        })
    }

    /// Each step alone, so many times: one client, without pauses. It ends when all are done, or after `limit`.
    #[must_use]
    pub fn as_baseline(
        mut self,
        times: u32,
        limit: Option<Duration>,
        warmup: Option<Duration>,
    ) -> Self {
        self.drive.load = LoadShape::Closed { clients: 1 };
        self.drive.duration = limit.unwrap_or(LONGEST_BASELINE);
        self.drive.warmup = warmup.unwrap_or(BASELINE_WARMUP);
        self.think = Some(Think::default());
        self.baseline = Some(times);
        self
    }

    /// Refuses what cannot be run.
    pub(super) fn check(&self) -> Result<(), DriveError> {
        let url = &self.base_url;
        let problem = if !matches!(url.scheme(), "http" | "https") {
            "it begins with http:// or https://"
        } else if url.host_str().is_none_or(str::is_empty) {
            "it names a host"
        } else if !url.username().is_empty() || url.password().is_some() {
            "user and password belong into a header, such as Authorization = \"Basic ${CREDENTIALS}\""
        } else if url.query().is_some() || url.fragment().is_some() {
            "it has neither a query nor a fragment, because paths are put behind it"
        } else {
            return self.drive.check_shape();
        };
        Err(DriveError::BaseUrl(problem))
    }
}
