//! Where the bounds of a histogram lie, without saying where it begins and ends.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;

use super::model::{HistogramShape, Magnitude};
use crate::seed::schema::{Type, TypeKind};

/// So many steps are told of the way from the first bound to the last.
const STEPS: f64 = 1e4;
/// A size below so many units is told as this many: of 1, 2 and 3 a power of two would say which.
const LEAST_UNITS: f64 = 8.0;
/// A first bound that is nearer to zero than the span divided by 2 to this is told as that: zero has no order of
/// magnitude, and to say that it is zero would be to say what it is.
const NEAR_ZERO: i32 = 10;
/// Decimals of floating-point numbers above this are those of their storage.
const MOST_DECIMALS: u32 = 6;

/// The shape of numbers and times; `None` of other types, and where a bound has no place on a line (NaN, infinity,
/// years before 1).
pub(super) fn shape(
    type_: &Type,
    bounds: &[String],
    frame: Option<&Frame>,
    now: Timestamp,
) -> Option<HistogramShape> {
    let scale = Scale::of(type_)?;
    let places = scale.places(bounds, now)?;
    let (first, last) = ends(&places)?;
    let framed = frame.filter(|_| scale.is_of_the_calendar());
    if let Some(shape) = framed.and_then(|frame| frame.shape(&places)) {
        return Some(shape);
    }
    let decimals = scale.decimals(bounds);
    let (low, span) = magnitudes(first, last - first, scale.unit(decimals));
    Some(HistogramShape {
        positions: places
            .iter()
            .map(|place| ((place - first) / (last - first) * STEPS).round() / STEPS)
            .collect(),
        low,
        span,
        frame: None,
        decimals,
    })
}

/// From the earliest to the latest bound of all dates and timestamps of a table. With an order of magnitude for each of
/// them, what was created before it was updated would be so no more.
#[derive(Debug)]
pub(super) struct Frame {
    first: f64,
    last: f64,
    /// The distance of two neighbours, of the coarsest of them.
    unit: f64,
}

impl Frame {
    /// That of columns with their bounds; `None` where fewer than two are dates or timestamps.
    pub(super) fn of<'a>(
        columns: impl Iterator<Item = (&'a Type, &'a [String])>,
        now: Timestamp,
    ) -> Option<Self> {
        let part = |(type_, bounds): (&Type, &[String])| {
            let scale = Scale::of(type_).filter(|scale| scale.is_of_the_calendar())?;
            let (first, last) = ends(&scale.places(bounds, now)?)?;
            let unit = scale.unit(None)?;
            Some(Self { first, last, unit })
        };
        let mut parts = columns.filter_map(part);
        let all = parts.next()?;
        let mut parts = parts.peekable();
        parts.peek()?;
        Some(parts.fold(all, |all, part| Self {
            first: all.first.min(part.first),
            last: all.last.max(part.last),
            unit: all.unit.max(part.unit),
        }))
    }

    /// The shape of a column in it; `None` where the column is too short for it.
    fn shape(&self, places: &[f64]) -> Option<HistogramShape> {
        let (first, last) = ends(places)?;
        let length = self.last - self.first;
        let step = |place: f64, steps: f64| ((place - self.first) / length * steps).round();
        let mut steps = HistogramShape::frame_steps((last - first) / length);
        if step(last, steps) - step(first, steps) > STEPS {
            steps /= 2.0;
        }
        let (from, to) = (step(first, steps), step(last, steps));
        let (low, span) = magnitudes(self.first, length, Some(self.unit));
        // Every bound goes to the next step of the frame, not of its own column: an order never turns round.
        let position = |place: &f64| (step(*place, steps) - from) / (to - from) * STEPS;
        (to > from).then(|| HistogramShape {
            positions: places.iter().map(|p| position(p).round() / STEPS).collect(),
            low,
            span,
            frame: Some((from / steps, to / steps)),
            decimals: None,
        })
    }
}

/// The first and the last, where there is a way from one to the other.
fn ends(places: &[f64]) -> Option<(f64, f64)> {
    let (first, last) = (*places.first()?, *places.last()?);
    let span = last - first;
    (span.is_finite() && span > 0.0).then_some((first, last))
}

/// The orders of magnitude of a place and of the distance from there.
fn magnitudes(first: f64, span: f64, unit: Option<f64>) -> (Magnitude, Magnitude) {
    let smallest = unit.map(|unit| log2(unit * LEAST_UNITS));
    let size = |size: f64, floor: Option<i32>| Some(log2(size)).max(smallest).max(floor);
    let span_log2 = size(span, None);
    let low = Magnitude {
        negative: first < 0.0,
        log2: size(first.abs(), span_log2.map(|log2| log2 - NEAR_ZERO)),
    };
    let span = Magnitude {
        negative: false,
        log2: span_log2,
    };
    (low, span)
}

/// The least n for which 2^n is not below the size.
fn log2(size: f64) -> i32 {
    if size <= 0.0 {
        return i32::MIN;
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the logarithm of a finite number is within ±1100"
    )]
    let log2 = size.log2().ceil() as i32;
    log2
}

/// The line on which values of a type lie.
#[derive(Clone, Copy)]
enum Scale {
    Whole,
    Decimal,
    Floating,
    Money,
    /// Seconds from now, of days.
    Date,
    /// Seconds from now.
    Timestamp,
    /// Seconds from midnight.
    Time,
}

impl Scale {
    fn of(type_: &Type) -> Option<Self> {
        let type_ = type_.base();
        if type_.kind != TypeKind::Base {
            return None;
        }
        Some(match type_.name.name.as_str() {
            "int2" | "int4" | "int8" | "oid" => Self::Whole,
            "numeric" => Self::Decimal,
            "float4" | "float8" => Self::Floating,
            "money" => Self::Money,
            "date" => Self::Date,
            "timestamp" | "timestamptz" => Self::Timestamp,
            "time" => Self::Time,
            _ => return None,
        })
    }

    /// Days and times of days, which can be compared with each other.
    fn is_of_the_calendar(self) -> bool {
        matches!(self, Self::Date | Self::Timestamp)
    }

    fn places(self, bounds: &[String], now: Timestamp) -> Option<Vec<f64>> {
        bounds.iter().map(|bound| self.place(bound, now)).collect()
    }

    fn place(self, text: &str, now: Timestamp) -> Option<f64> {
        let place = match self {
            Self::Whole | Self::Decimal | Self::Floating => text.parse::<f64>().ok()?,
            Self::Money => {
                let digits: String = text.chars().filter(|c| !matches!(c, '$' | ',')).collect();
                digits.parse::<f64>().ok()?
            }
            Self::Date => since(
                text.parse::<Date>().ok()?.to_datetime(Time::midnight()),
                now,
            )?,
            Self::Timestamp => {
                let text = text.strip_suffix("+00").unwrap_or(text);
                since(text.parse::<DateTime>().ok()?, now)?
            }
            Self::Time => {
                let midnight = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);
                let time = text.parse::<Time>().ok()?;
                since(midnight.date().to_datetime(time), Timestamp::UNIX_EPOCH)?
            }
        };
        place.is_finite().then_some(place)
    }

    /// Decimals that are worth telling, of numbers.
    fn decimals(self, bounds: &[String]) -> Option<u32> {
        let most = || bounds.iter().map(|bound| decimals_of(bound)).max();
        match self {
            Self::Whole => Some(0),
            Self::Decimal | Self::Money => most(),
            Self::Floating => most().filter(|most| *most <= MOST_DECIMALS),
            Self::Date | Self::Timestamp | Self::Time => None,
        }
    }

    /// The distance of two neighbours.
    fn unit(self, decimals: Option<u32>) -> Option<f64> {
        match self {
            Self::Date => Some(86_400.0),
            Self::Timestamp | Self::Time => Some(1.0),
            _ => decimals.map(|decimals| 10_f64.powf(-f64::from(decimals))),
        }
    }
}

fn since(time: DateTime, now: Timestamp) -> Option<f64> {
    let time = time.to_zoned(TimeZone::UTC).ok()?.timestamp();
    Some(time.duration_since(now).as_secs_f64())
}

/// Digits behind the point.
fn decimals_of(text: &str) -> u32 {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let fraction = mantissa
        .split_once('.')
        .map_or(0, |(_, fraction)| fraction.len());
    let fraction = i64::try_from(fraction).unwrap_or(i64::MAX);
    let exponent: i64 = exponent.parse().unwrap_or(0);
    let decimals = fraction.saturating_sub(exponent).max(0);
    u32::try_from(decimals).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::schema::Name;

    fn type_(name: &str) -> Type {
        Type {
            oid: 0,
            name: Name {
                schema: "pg_catalog".to_owned(),
                name: name.to_owned(),
            },
            typmod: -1,
            kind: TypeKind::Base,
        }
    }

    fn owned(bounds: &[&str]) -> Vec<String> {
        bounds.iter().map(|b| (*b).to_owned()).collect()
    }

    fn now() -> Timestamp {
        "2026-11-01T00:00:00Z".parse().unwrap()
    }

    fn of(name: &str, bounds: &[&str]) -> Option<HistogramShape> {
        shape(&type_(name), &owned(bounds), None, now())
    }

    /// Shapes of columns of one table.
    fn together(columns: &[(&str, Vec<String>)]) -> Vec<HistogramShape> {
        let types: Vec<Type> = columns.iter().map(|(name, _)| type_(name)).collect();
        let all = || {
            types
                .iter()
                .zip(columns.iter().map(|(_, bounds)| &bounds[..]))
        };
        let frame = Frame::of(all(), now());
        all()
            .map(|(type_, bounds)| shape(type_, bounds, frame.as_ref(), now()).unwrap())
            .collect()
    }

    /// Where in the frame the bounds lie.
    fn in_frame(shape: &HistogramShape) -> Vec<f64> {
        let (from, to) = shape.frame.unwrap();
        let steps = HistogramShape::frame_steps(to - from);
        let (from, to) = (from * steps, to * steps);
        let positions = shape.positions.iter();
        positions
            .map(|p| (from + p * (to - from)).round() / steps)
            .collect()
    }

    fn seconds_later(seconds: f64) -> String {
        let start: DateTime = "2020-03-01 08:00:00".parse().unwrap();
        let micros = jiff::SignedDuration::from_secs_f64(seconds);
        (start + micros).to_string().replace('T', " ")
    }

    fn low_and_span(name: &str, bounds: &[&str]) -> (i32, i32) {
        let shape = of(name, bounds).unwrap();
        (shape.low.log2.unwrap(), shape.span.log2.unwrap())
    }

    #[test]
    fn positions_and_orders_of_magnitude_are_told_and_nothing_else() {
        let shape = of("int8", &["73519264", "73519364", "73520264"]).unwrap();
        assert_eq!(shape.positions, [0.0, 0.1, 1.0]);
        // 2^26 is 67 million, 2^9 is 512.
        assert_eq!(shape.low.log2, Some(27));
        assert_eq!(shape.span.log2, Some(10));
        assert_eq!(shape.decimals, Some(0));
        assert!(!shape.low.negative && of("int4", &["-9", "70"]).unwrap().low.negative);
    }

    #[test]
    fn small_numbers_and_zero_cannot_be_told_apart() {
        let one = low_and_span("int4", &["1", "2", "4"]);
        assert_eq!(one, low_and_span("int4", &["3", "5", "9"]));
        assert_eq!(one, low_and_span("int4", &["0", "1", "2"]));
        assert_eq!(one, (3, 3));
        assert_eq!(
            low_and_span("numeric", &["0.01", "0.03"]),
            low_and_span("numeric", &["0.07", "0.11"])
        );
        assert_eq!(
            low_and_span("int4", &["0", "1000000"]),
            low_and_span("int4", &["77", "1000000"])
        );
        assert_eq!(
            low_and_span("float8", &["0", "0.123456789"]),
            low_and_span("float8", &["0.00001", "0.123456789"])
        );
    }

    #[test]
    fn times_count_from_the_reading_and_days_from_days() {
        let shape = of(
            "timestamptz",
            &["2026-10-30 12:00:00+00", "2026-10-31 12:00:00.5+00"],
        )
        .unwrap();
        // A day and a half ago, a day long.
        assert_eq!((shape.low.log2, shape.low.negative), (Some(17), true));
        assert_eq!((shape.span.log2, shape.decimals), (Some(17), None));
        assert_eq!(
            low_and_span("date", &["2026-10-31", "2026-11-01"]),
            low_and_span("date", &["2026-10-27", "2026-10-29"])
        );
        let time = of("time", &["08:00:00", "12:00:00", "16:00:00"]).unwrap();
        assert_eq!(time.positions, [0.0, 0.5, 1.0]);
        assert_eq!(time.low.log2, Some(15));
    }

    #[test]
    fn money_and_floating_numbers_have_their_decimals() {
        let money = of("money", &["-$1,234.50", "$5.00"]).unwrap();
        assert_eq!((money.decimals, money.low.negative), (Some(2), true));
        assert_eq!(of("float8", &["0.5", "1.25"]).unwrap().decimals, Some(2));
        assert_eq!(of("float8", &["1e-07", "1.25"]).unwrap().decimals, None);
        assert_eq!(of("float8", &["1e+20", "2e+20"]).unwrap().decimals, Some(0));
    }

    #[test]
    fn what_has_no_place_on_a_line_has_no_shape() {
        assert!(of("text", &["1", "2"]).is_none());
        assert!(of("float8", &["1", "NaN"]).is_none());
        assert!(of("timestamp", &["2026-01-01 00:00:00", "infinity"]).is_none());
        assert!(of("date", &["0044-03-15 BC", "2026-01-01"]).is_none());
        assert!(of("int4", &["1"]).is_none());
    }

    #[test]
    fn times_of_a_table_stay_in_their_order_quantile_by_quantile() {
        // Two years; what comes after comes after by moments, minutes, days and months.
        let early = |n: u32| f64::from(n * n) * 6_000.0;
        for gap in [0.5, 300.0, 90_000.0, 5e6] {
            for stretch in [1.0, 1.01, 0.37] {
                let first: Vec<f64> = (0..=100).map(|n| early(n) * stretch).collect();
                let created: Vec<String> = first.iter().map(|s| seconds_later(*s)).collect();
                let updated: Vec<String> = first
                    .iter()
                    .map(|s| seconds_later(s * 1.02 + gap))
                    .collect();
                let born = owned(&["1931-02-03", "1980-01-01", "2007-12-31"]);
                let shapes = together(&[
                    ("timestamp", created),
                    ("timestamp", updated),
                    ("date", born),
                ]);
                assert!(
                    shapes
                        .iter()
                        .all(|s| (s.low, s.span) == (shapes[0].low, shapes[0].span))
                );
                let places: Vec<Vec<f64>> = shapes.iter().map(in_frame).collect();
                for (created, updated) in places[0].iter().zip(&places[1]) {
                    assert!(created <= updated, "{gap} {stretch}: {created} {updated}");
                }
                assert!(places[2][2] < places[0][0]);
                // Each column still goes from its own first bound to its own last.
                assert!(
                    shapes
                        .iter()
                        .all(|s| s.positions[0] == 0.0 && s.positions.last() == Some(&1.0))
                );
                // A ten-thousandth of the way at most.
                let expected = early(50) / early(100);
                assert!((shapes[0].positions[50] - expected).abs() < 2.1e-4);
            }
        }
    }

    #[test]
    fn a_frame_tells_of_no_column_where_it_begins() {
        let at = |from: &str, to: &str| ("timestamptz", owned(&[from, to]));
        let of = |day: &str| {
            together(&[
                at(
                    &format!("2026-{day} 10:00:00+00"),
                    &format!("2026-{day} 20:00:00+00"),
                ),
                at(
                    &format!("2026-{day} 11:00:00+00"),
                    &format!("2026-{day} 21:00:00+00"),
                ),
            ])
        };
        let shapes = of("10-12");
        assert_eq!(shapes[0].frame, Some((0.0, 0.9091)));
        assert_eq!(shapes[1].frame, Some((0.0909, 1.0)));
        assert_eq!(shapes, of("10-16"));
    }

    #[test]
    fn who_is_alone_or_no_time_of_the_calendar_has_no_frame() {
        let days = ("date", owned(&["2026-01-01", "2026-02-01"]));
        let alone = together(&[days.clone(), ("time", owned(&["08:00:00", "09:00:00"]))]);
        assert!(alone.iter().all(|shape| shape.frame.is_none()));
        let with_numbers = together(&[days.clone(), ("int4", owned(&["1", "9"])), days]);
        let framed: Vec<bool> = with_numbers.iter().map(|s| s.frame.is_some()).collect();
        assert_eq!(framed, [true, false, true]);
        assert_eq!(with_numbers[0].frame, Some((0.0, 1.0)));
        // A minute of a thousand years.
        let minute = (
            "timestamp",
            owned(&["2026-01-01 00:00:00", "2026-01-01 00:01:00"]),
        );
        let long = together(&[minute, ("date", owned(&["1026-01-01", "2026-01-01"]))]);
        assert!(long[0].frame.is_none() && long[1].frame.is_some());
    }
}
