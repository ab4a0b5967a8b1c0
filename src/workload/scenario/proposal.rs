//! What a scenario proposes for when and how fast.

use toml::{Spanned, Value};

use super::ScenarioError;
use super::form::LoadForm;
use super::model::{LoadProposal, Proposed};
use super::parse::Parser;

/// Most clients, as for the flag.
const MOST_CLIENTS: i64 = 10_000;

/// Most requests of each step of a baseline (ours).
const MOST_BASELINE: i64 = 1_000_000;

type Result<T, E = ScenarioError> = std::result::Result<T, E>;

impl Parser<'_> {
    /// Reads the section `[load]`.
    pub(super) fn load(&self, form: &LoadForm) -> Result<LoadProposal> {
        let ways = [
            form.clients.is_some(),
            form.rate.is_some(),
            form.stages.is_some(),
        ];
        if ways.into_iter().filter(|given| *given).count() > 1 {
            let at = form.stages.as_ref().map(|s| s.span().start);
            let at = at.or(form.rate.as_ref().map(|r| r.span().start));
            let at = Spanned::new(at.unwrap_or_default()..0, ());
            let problem = "[load] proposes several of `clients`, `rate` and `stages`: leave one";
            return Err(self.error(&at, problem));
        }
        self.check_fit(form)?;
        let clients = form.clients.as_ref();
        let clients = clients
            .map(|n| self.count(n, "clients", MOST_CLIENTS))
            .transpose()?;
        let baseline = form.baseline.as_ref();
        let baseline = baseline
            .map(|n| self.count(n, "baseline", MOST_BASELINE))
            .transpose()?;
        if let Some(at) = &form.baseline
            && ways.contains(&true)
        {
            return Err(self.error(
                at,
                "a baseline has one client: leave out `clients`, `rate` and `stages`",
            ));
        }
        let even = match &form.arrival {
            None => None,
            Some(arrival) => Some(match arrival.get_ref().as_str() {
                "even" => true,
                "poisson" => false,
                other => {
                    let problem = format!("arrival is `poisson` or `even`, found `{other}`");
                    return Err(self.error(arrival, problem));
                }
            }),
        };
        let duration = form.duration.as_ref();
        let warmup = form.warmup.as_ref();
        Ok(LoadProposal {
            clients,
            rate: form.rate.as_ref().map(|rate| self.rate(rate)).transpose()?,
            even,
            stages: form.stages.as_ref().map(|stages| Proposed {
                value: stages.get_ref().clone(),
                line: self.line(stages),
            }),
            duration: duration
                .map(|d| self.some_time(d, "duration"))
                .transpose()?,
            warmup: warmup.map(|w| self.time(w, "warmup")).transpose()?,
            baseline,
        })
    }

    /// A proposal that would say nothing is refused.
    fn check_fit(&self, form: &LoadForm) -> Result<()> {
        let staged = form.stages.as_ref().map(Spanned::get_ref);
        let open = form.rate.is_some() || staged.is_some_and(|stages| stages.contains("/s"));
        if let Some(arrival) = form.arrival.as_ref().filter(|_| !open) {
            return Err(self.error(
                arrival,
                "arrival is for a rate: add `rate`, or stages of rates",
            ));
        }
        if let Some(duration) = form.duration.as_ref().filter(|_| staged.is_some()) {
            return Err(self.error(
                duration,
                "stages have lengths of their own: leave out `duration`",
            ));
        }
        Ok(())
    }

    /// `200`, `0.5` or `"200/s"`.
    fn rate(&self, at: &Spanned<Value>) -> Result<f64> {
        let number = match at.get_ref() {
            #[expect(clippy::cast_precision_loss, reason = "rates are far below 2^53")]
            Value::Integer(number) => Some(*number as f64),
            Value::Float(number) => Some(*number),
            Value::String(text) => text.trim().trim_end_matches("/s").parse().ok(),
            _ => None,
        };
        number
            .filter(|rate| rate.is_finite() && *rate > 0.0)
            .ok_or_else(|| {
                self.error(
                    at,
                    "rate is a number of requests per second above 0, such as 200",
                )
            })
    }
}
