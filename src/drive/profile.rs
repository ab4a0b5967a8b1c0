//! How the load changes over time: a number of clients, or a rate, in straight lines from point to point.

use std::time::Duration;

/// What the numbers of a profile count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Clients of a closed loop.
    Clients,
    /// Requests per second of an open loop.
    Rate,
}

/// One stage: a straight line from the level before to `target` in `length`; a level is held by a stage
/// with the target of the one before, and jumped to by a stage of no length.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StageSpec {
    /// Level at its end.
    pub target: f64,
    /// Length.
    pub length: Duration,
}

/// Stages as `--stages` has them.
#[derive(Debug, Clone, PartialEq)]
pub struct Stages {
    /// In their order, at least one, of some length in all.
    pub stages: Vec<StageSpec>,
    /// Clients, or requests per second where the targets are written as `50/s`.
    pub unit: Unit,
}

impl std::str::FromStr for Stages {
    type Err = String;

    /// Reads `10:30s,50:2m,0:10s` or `100/s:30s,100/s:5m`.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut stages = Vec::new();
        let mut units = Vec::new();
        for stage in text.split(',').map(str::trim) {
            let wrong = || {
                format!(
                    "expected TARGET:TIME such as `50:2m` (clients) or `200/s:30s` (requests per second), \
                     found `{stage}`"
                )
            };
            let (target, length) = stage.split_once(':').ok_or_else(wrong)?;
            let (number, unit) = match target.trim().strip_suffix("/s") {
                Some(rate) => (rate, Unit::Rate),
                None => (target.trim(), Unit::Clients),
            };
            let target: f64 = match unit {
                Unit::Clients => f64::from(number.parse::<u32>().map_err(|_| wrong())?),
                Unit::Rate => number.parse().map_err(|_| wrong())?,
            };
            if !target.is_finite() || target < 0.0 {
                return Err(wrong());
            }
            let length = humantime::parse_duration(length.trim()).map_err(|_| wrong())?;
            stages.push(StageSpec { target, length });
            units.push(unit);
        }
        let unit = *units.first().ok_or("expected at least one stage")?;
        if units.iter().any(|other| *other != unit) {
            return Err(
                "some targets are clients and others are rates (`/s`): one run has one kind"
                    .to_owned(),
            );
        }
        if stages.iter().all(|stage| stage.length.is_zero()) {
            return Err("all stages together have no length".to_owned());
        }
        if stages.iter().all(|stage| stage.target == 0.0) {
            return Err("no stage has a target above 0: nothing would be sent".to_owned());
        }
        Ok(Self { stages, unit })
    }
}

/// A stretch in which the level changes in a straight line.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Segment {
    /// Since the begin, in seconds.
    start: f64,
    /// In seconds, above 0.
    length: f64,
    from: f64,
    to: f64,
    /// ∫ level up to the start.
    before: f64,
}

impl Segment {
    fn slope(&self) -> f64 {
        (self.to - self.from) / self.length
    }

    fn area(&self) -> f64 {
        (self.from + self.to) / 2.0 * self.length
    }
}

/// The level over time.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    segments: Vec<Segment>,
    /// After the last segment.
    last: f64,
}

impl Profile {
    /// One level for all time.
    #[must_use]
    pub fn constant(level: f64) -> Self {
        Self {
            segments: Vec::new(),
            last: level,
        }
    }

    /// Stages from a level of 0 at the begin. A first stage of no length is a jump.
    #[must_use]
    pub fn stages(stages: &[StageSpec]) -> Self {
        let (mut start, mut level, mut before) = (0.0, 0.0, 0.0);
        let mut segments = Vec::new();
        for stage in stages {
            let length = stage.length.as_secs_f64();
            if length > 0.0 {
                let segment = Segment {
                    start,
                    length,
                    from: level,
                    to: stage.target,
                    before,
                };
                before += segment.area();
                start += length;
                segments.push(segment);
            }
            level = stage.target;
        }
        Self {
            segments,
            last: level,
        }
    }

    /// The highest level.
    #[must_use]
    pub fn peak(&self) -> f64 {
        let ends = self.segments.iter().flat_map(|s| [s.from, s.to]);
        ends.chain([self.last]).fold(0.0, f64::max)
    }

    /// The level at `time` since the begin.
    #[must_use]
    pub fn level(&self, time: Duration) -> f64 {
        let time = time.as_secs_f64();
        let segment = self.segments.iter().find(|s| time < s.start + s.length);
        segment.map_or(self.last, |s| s.from + s.slope() * (time - s.start))
    }

    /// When ∫ level reaches `area`; `None` if it never does. With a rate as the level: when the request
    /// with the number `area` is due.
    #[must_use]
    pub fn when(&self, area: f64) -> Option<Duration> {
        for segment in &self.segments {
            let rest = area - segment.before;
            if rest > segment.area() {
                continue;
            }
            // from·t + slope·t²/2 = rest, in the form that is stable for slopes near 0.
            let (from, slope) = (segment.from, segment.slope());
            let root = (from * from + 2.0 * slope * rest).max(0.0).sqrt();
            let time = if rest <= 0.0 {
                0.0
            } else {
                2.0 * rest / (from + root)
            };
            return Some(Duration::from_secs_f64(
                segment.start + time.min(segment.length),
            ));
        }
        let (start, before) = self
            .segments
            .last()
            .map_or((0.0, 0.0), |s| (s.start + s.length, s.before + s.area()));
        if self.last <= 0.0 {
            return None;
        }
        Duration::try_from_secs_f64(start + (area - before) / self.last).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn seconds(s: f64) -> Duration {
        Duration::from_secs_f64(s)
    }

    #[test]
    fn stages_are_read_as_they_are_written() {
        let stages: Stages = "10:30s, 50:2m,0:10s".parse().unwrap();
        assert_eq!(stages.unit, Unit::Clients);
        assert_eq!(stages.stages.len(), 3);
        assert_eq!(stages.stages[1].length, Duration::from_secs(120));
        let rates: Stages = "12.5/s:30s".parse().unwrap();
        assert_eq!((rates.unit, rates.stages[0].target), (Unit::Rate, 12.5));
        for (wrong, part) in [
            ("10", "TARGET:TIME"),
            ("10:x", "TARGET:TIME"),
            ("1.5:10s", "TARGET:TIME"),
            ("-1/s:10s", "TARGET:TIME"),
            ("10:1s,5/s:1s", "one kind"),
            ("10:0s", "no length"),
            ("0:10s", "nothing would be sent"),
        ] {
            let error = wrong.parse::<Stages>().unwrap_err();
            assert!(error.contains(part), "{wrong}: {error}");
        }
    }

    #[test]
    fn a_level_ramps_holds_and_jumps() {
        let stages: Stages = "10:10s,10:10s,50:0s,50:5s,0:5s".parse().unwrap();
        let profile = Profile::stages(&stages.stages);
        for (at, level) in [
            (0.0, 0.0),
            (5.0, 5.0),
            (15.0, 10.0),
            (20.0, 50.0),
            (27.5, 25.0),
            (40.0, 0.0),
        ] {
            assert!((profile.level(seconds(at)) - level).abs() < 1e-9, "{at}");
        }
        assert!((profile.peak() - 50.0).abs() < 1e-9);
        // 50 + 100 + 250 + 125 requests in all, and no more.
        assert_eq!(profile.when(525.0).unwrap().as_millis(), 30_000);
        assert_eq!(profile.when(525.1), None);
    }

    proptest! {
        #[test]
        fn arrivals_follow_the_level(
            targets in proptest::collection::vec((0u32..100, 0u32..20), 1..6),
            area in 0.0f64..2000.0,
        ) {
            let stages: Vec<StageSpec> = targets.iter().map(|&(target, length)| StageSpec {
                target: f64::from(target),
                length: Duration::from_secs(length.into()),
            }).collect();
            let profile = Profile::stages(&stages);
            if let Some(time) = profile.when(area) {
                // The integral up to there, by small steps.
                let steps = 20_000;
                let width = time.as_secs_f64() / f64::from(steps);
                let sum: f64 = (0..steps).map(|i| profile.level(seconds((f64::from(i) + 0.5) * width))).sum();
                prop_assert!((sum * width - area).abs() < 0.01 * area.max(20.0), "{} {area}", sum * width);
            }
        }
    }
}
