//! The worked numbers, and what holds for any points.

use proptest::prelude::*;

use super::super::SplitMix64;
use super::*;

/// λ = 1000, σ = 0.02, κ = 0.0005.
const EXACT: [(f64, f64); 9] = [
    (1.0, 1000.0),
    (2.0, 1_958.863_859),
    (4.0, 3_752.345_216),
    (8.0, 6_849.315_068),
    (16.0, 11_267.605_634),
    (24.0, 13_824.884_793),
    (32.0, 15_122.873_346),
    (48.0, 15_645.371_578),
    (64.0, 14_967.259_121),
];

/// The same with noise of up to 2 %.
pub(super) const NOISY: [(f64, f64); 9] = [
    (1.0, 1010.0),
    (2.0, 1929.5),
    (4.0, 3827.4),
    (8.0, 6780.8),
    (16.0, 11_436.6),
    (24.0, 13_548.4),
    (32.0, 15_274.1),
    (48.0, 15_723.6),
    (64.0, 14_817.6),
];

pub(super) fn points(pairs: &[(f64, f64)]) -> Vec<UslPoint> {
    let point = |&(concurrency, throughput): &(f64, f64)| UslPoint {
        concurrency,
        throughput,
        error: None,
    };
    pairs.iter().map(point).collect()
}

fn law(lambda: f64, sigma: f64, kappa: f64, n: f64) -> f64 {
    lambda * n / (1.0 + sigma * (n - 1.0) + kappa * n * (n - 1.0))
}

fn fit(pairs: &[(f64, f64)]) -> UslFit {
    UslFit::new(&points(pairs)).unwrap()
}

fn seen(fit: &UslFit) -> PeakEstimate {
    match fit.peak {
        Peak::Seen(peak) => peak,
        other => panic!("no peak: {other:?}"),
    }
}

#[track_caller]
fn close(actual: f64, expected: f64, tolerance: f64) {
    assert!(
        (actual - expected).abs() <= tolerance,
        "{actual} is not {expected}"
    );
}

/// Within this share of the expected value.
#[track_caller]
fn near(actual: f64, expected: f64, share: f64) {
    close(actual, expected, share * expected.abs());
}

/// Normal noise, as the sum of twelve uniform numbers (Irwin and Hall).
fn normal(random: &mut SplitMix64) -> f64 {
    let uniform = |random: &mut SplitMix64| random.next_u64() as f64 / u64::MAX as f64;
    (0..12).map(|_| uniform(random)).sum::<f64>() - 6.0
}

#[test]
fn exact_points_give_the_law_back() {
    let fit = fit(&EXACT);
    close(fit.lambda.value, 1000.0, 1e-6);
    close(fit.sigma.value, 0.02, 1e-6);
    near(fit.kappa.value, 0.0005, 1e-6);
    let peak = seen(&fit);
    close(peak.concurrency, 44.271_887, 1e-6);
    close(peak.throughput, 15_680.890_801, 1e-5);
    assert_eq!(peak.best, 44);
    assert!(fit.is_retrograde());
    close(fit.predict(44.0).unwrap().throughput, 15_680.684_248, 1e-5);
    close(fit.predict(45.0).unwrap().throughput, 15_679.442_509, 1e-5);
    for (n, x) in EXACT {
        close(fit.predict(n).unwrap().throughput, x, 1e-5);
    }
}

#[test]
fn noisy_points_give_the_worked_table() {
    let fit = fit(&NOISY);
    assert_eq!(fit.degrees, 6);
    for (estimate, value, error, low, high) in [
        (fit.lambda, 1001.81737, 10.37180, 976.43849, 1_027.196_24),
        (
            fit.sigma,
            0.019_923_46,
            0.001_744_594,
            0.015_654_59,
            0.024_192_33,
        ),
        (
            fit.kappa,
            0.000_507_660,
            0.000_031_470_6,
            0.000_430_654,
            0.000_584_666,
        ),
    ] {
        near(estimate.value, value, 1e-5);
        near(estimate.standard_error.unwrap(), error, 1e-5);
        near(estimate.interval.low, low, 1e-5);
        near(estimate.interval.high, high, 1e-5);
    }
    close(fit.deviation, 0.016_502_3, 1e-7);
    let peak = seen(&fit);
    close(peak.concurrency, 43.93833, 1e-5);
    close(peak.standard_error, 1.32900, 1e-5);
    close(peak.interval.low, 40.68640, 1e-4);
    close(peak.interval.high, 47.19027, 1e-4);
    close(peak.throughput, 15_646.73, 0.01);
    assert_eq!(peak.best, 44);
}

#[test]
fn errors_of_the_points_weigh_them() {
    // One absolute error for all, far above the least relative one: the absolute residuals of the worked table.
    let absolute: Vec<UslPoint> = points(&NOISY)
        .into_iter()
        .map(|p| UslPoint {
            error: Some(1e6),
            ..p
        })
        .collect();
    let fit = UslFit::new(&absolute).unwrap();
    near(fit.lambda.value, 995.52947, 1e-4);
    near(fit.sigma.value, 0.019_282_31, 1e-4);
    near(fit.kappa.value, 0.000_511_195, 1e-4);

    // The same relative error for all changes nothing; one point without an error takes the weights away.
    let mut relative: Vec<UslPoint> = points(&NOISY)
        .into_iter()
        .map(|p| UslPoint {
            error: Some(0.02 * p.throughput),
            ..p
        })
        .collect();
    let plain = UslFit::new(&points(&NOISY)).unwrap();
    near(
        UslFit::new(&relative).unwrap().sigma.value,
        plain.sigma.value,
        1e-8,
    );
    relative[0].error = None;
    relative[1].error = Some(0.0);
    assert_eq!(UslFit::new(&relative).unwrap(), plain);

    // A point that is known badly pulls less.
    let mut doubtful = points(&NOISY);
    for point in &mut doubtful {
        point.error = Some(0.01 * point.throughput);
    }
    doubtful[8].throughput *= 1.2;
    let believed = UslFit::new(&doubtful).unwrap();
    doubtful[8].error = Some(0.3 * doubtful[8].throughput);
    let doubted = UslFit::new(&doubtful).unwrap();
    let off = |fit: &UslFit| (fit.kappa.value - 0.0005).abs();
    assert!(off(&doubted) < off(&believed) / 2.0, "{doubted:?}");
}

#[test]
fn several_measurements_of_one_concurrency_are_several_points() {
    let twice: Vec<(f64, f64)> = NOISY.into_iter().chain(NOISY).collect();
    let (once, twice) = (fit(&NOISY), fit(&twice));
    near(twice.kappa.value, once.kappa.value, 1e-7);
    assert_eq!(twice.degrees, 15);
    let width = |fit: &UslFit| fit.kappa.interval.half_width();
    assert!(width(&twice) < width(&once));
}

#[test]
fn linear_points_have_no_peak() {
    let linear: Vec<(f64, f64)> = (1..=32)
        .map(|n| (f64::from(n), 100.0 * f64::from(n)))
        .collect();
    let fit = fit(&linear);
    close(fit.lambda.value, 100.0, 1e-9);
    assert_eq!((fit.sigma.value, fit.kappa.value), (0.0, 0.0));
    assert_eq!((fit.sigma.standard_error, fit.degrees), (None, 31));
    assert_eq!(fit.peak, Peak::NotSeen { up_to: 32.0 });
    assert!(!fit.is_retrograde());
}

#[test]
fn better_than_linear_stays_on_the_bound_and_says_what_could_be() {
    // Superlinear on average: without the bounds σ would be negative.
    let pairs: Vec<(f64, f64)> = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0]
        .into_iter()
        .zip([1.0, 1.03, 0.99, 1.02, 1.01, 1.04])
        .map(|(n, noise): (f64, f64)| (n, 100.0 * n * noise))
        .collect();
    let fit = fit(&pairs);
    assert_eq!((fit.sigma.value, fit.kappa.value), (0.0, 0.0));
    assert_eq!(fit.degrees, 5);
    // With both on their bound λ is the weighted mean of X/N that makes relative residuals smallest.
    let inverse = pairs.iter().map(|(n, x)| n / x);
    let best = inverse.clone().sum::<f64>() / inverse.map(|v| v * v).sum::<f64>();
    near(fit.lambda.value, best, 1e-9);
    for bound in [fit.sigma, fit.kappa] {
        assert_eq!(bound.standard_error, None);
        assert!(bound.interval.low == 0.0 && bound.interval.high > 0.0);
    }
    assert!(fit.sigma.interval.high < 0.02, "{fit:?}");
}

#[test]
fn the_bounded_fit_is_the_best_of_all_that_are_not_negative() {
    // Saturating points with noise that pulls κ below 0; a fine grid finds nothing better.
    let pairs: Vec<(f64, f64)> = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0]
        .into_iter()
        .zip([1.01, 1.0, 0.98, 0.99, 0.97, 1.0, 1.05])
        .map(|(n, noise): (f64, f64)| (n, law(50.0, 0.1, 0.0, n) * noise))
        .collect();
    let fit = fit(&pairs);
    assert_eq!((fit.kappa.standard_error, fit.degrees), (None, 5));
    close(fit.kappa.value, 0.0, 0.0);
    assert_eq!(fit.peak, Peak::NotSeen { up_to: 64.0 });
    let cost = |lambda: f64, sigma: f64, kappa: f64| -> f64 {
        let residual = |(n, x): &(f64, f64)| (law(lambda, sigma, kappa, *n) / x - 1.0).powi(2);
        pairs.iter().map(residual).sum()
    };
    let found = cost(fit.lambda.value, fit.sigma.value, 0.0);
    for i in 0..=40 {
        for j in 0..=40 {
            for k in 0..=10 {
                let lambda = 45.0 + 0.25 * f64::from(i);
                let sigma = 0.08 + 0.001 * f64::from(j);
                let kappa = 1e-5 * f64::from(k);
                assert!(cost(lambda, sigma, kappa) >= found * (1.0 - 1e-9));
            }
        }
    }
}

#[test]
fn a_peak_beyond_the_points_is_no_number() {
    let fit = fit(&EXACT[..7]);
    assert!(fit.is_retrograde(), "known without noise all the same");
    assert_eq!(fit.peak, Peak::NotSeen { up_to: 32.0 });
}

#[test]
fn a_peak_before_the_points_is_no_number() {
    let falling: Vec<(f64, f64)> = [60.0, 80.0, 100.0, 150.0, 200.0, 300.0]
        .into_iter()
        .map(|n| (n, law(1000.0, 0.02, 0.0005, n)))
        .collect();
    assert_eq!(fit(&falling).peak, Peak::BeforeFirst { from: 60.0 });
    // σ above 1: two are slower than one.
    let worse: Vec<(f64, f64)> = (1..=8)
        .map(|n| (f64::from(n), law(10.0, 1.5, 0.0, f64::from(n))))
        .collect();
    assert_eq!(fit(&worse).peak, Peak::BeforeFirst { from: 1.0 });
}

#[test]
fn points_that_allow_no_number_are_refused() {
    let refused = |pairs: &[(f64, f64)]| UslFit::new(&points(pairs)).unwrap_err();
    assert_eq!(refused(&[]), UslError::TooFewConcurrencies { distinct: 0 });
    let repeated: Vec<(f64, f64)> = EXACT[..5].iter().chain(&EXACT[..5]).copied().collect();
    assert_eq!(
        refused(&repeated),
        UslError::TooFewConcurrencies { distinct: 5 }
    );
    let flat: Vec<(f64, f64)> = EXACT.iter().map(|p| (p.0, 500.0)).collect();
    assert_eq!(refused(&flat), UslError::NoVariation);
    for (n, x) in [
        (0.5, 1.0),
        (f64::NAN, 1.0),
        (2.0, 0.0),
        (2.0, -1.0),
        (2.0, f64::INFINITY),
    ] {
        let mut pairs = EXACT;
        pairs[3] = (n, x);
        assert_eq!(refused(&pairs), UslError::UnusablePoint { index: 3 });
    }
    // X ∝ 1/N far from 1: any λ would do.
    let far: Vec<(f64, f64)> = (1..=8)
        .map(|i| (1e6 * f64::from(i), 1.0 / f64::from(i)))
        .collect();
    assert_eq!(refused(&far), UslError::Undetermined);
    let mut wild = EXACT;
    for (i, pair) in wild.iter_mut().enumerate() {
        pair.1 *= if i % 2 == 0 { 1.3 } else { 0.7 };
    }
    let UslError::Inconsistent { deviation } = refused(&wild) else {
        panic!("{:?}", refused(&wild));
    };
    assert!(deviation > MAX_DEVIATION && deviation < 0.6, "{deviation}");
}

#[test]
fn a_refusal_says_what_to_do() {
    let text = UslError::TooFewConcurrencies { distinct: 4 }.to_string();
    assert_eq!(
        text,
        "4 different concurrencies are too few: measure at 6 or more"
    );
    let text = UslError::Inconsistent { deviation: 0.234 }.to_string();
    assert!(text.contains("0.23 of their value, above 0.15"), "{text}");
}

#[test]
fn intervals_hold_the_truth_in_nineteen_of_twenty_cases() {
    let mut random = SplitMix64::new(5);
    let (mut held, mut retrograde) = ([0u32; 5], 0u32);
    let runs = 400;
    for _ in 0..runs {
        let pairs = EXACT.map(|(n, x)| (n, x * (1.0 + 0.02 * normal(&mut random))));
        let fit = fit(&pairs);
        let peak = seen(&fit);
        let band = fit.predict(24.0).unwrap().interval;
        retrograde += u32::from(fit.is_retrograde());
        for (count, (interval, truth)) in held.iter_mut().zip([
            (fit.lambda.interval, 1000.0),
            (fit.sigma.interval, 0.02),
            (fit.kappa.interval, 0.0005),
            (peak.interval, 44.271_887),
            (band, 13_824.884_793),
        ]) {
            *count += u32::from(interval.low <= truth && truth <= interval.high);
        }
    }
    for count in held {
        let share = f64::from(count) / f64::from(runs);
        assert!((0.92..=0.98).contains(&share), "{held:?}");
    }
    assert_eq!(retrograde, runs);
}

#[test]
fn noise_alone_is_rarely_taken_for_a_fall() {
    // No coherency cost, but noise: κ's interval may leave out 0 in one of forty cases.
    let mut random = SplitMix64::new(9);
    let wrong = (0..400)
        .filter(|_| {
            let pairs = EXACT.map(|(n, _)| {
                (
                    n,
                    law(1000.0, 0.05, 0.0, n) * (1.0 + 0.02 * normal(&mut random)),
                )
            });
            fit(&pairs).is_retrograde()
        })
        .count();
    assert!(wrong <= 20, "{wrong} of 400");
}

/// Concurrencies of a usual sweep that goes beyond the peak of every law below.
const SWEEP: [f64; 11] = [
    1.0, 2.0, 3.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0,
];

fn finite_and_not_negative(fit: &UslFit) -> Result<(), TestCaseError> {
    let mut numbers = vec![fit.deviation];
    for estimate in [fit.lambda, fit.sigma, fit.kappa] {
        numbers.extend([
            estimate.value,
            estimate.interval.low,
            estimate.interval.high,
        ]);
        numbers.extend(estimate.standard_error);
        prop_assert!(estimate.interval.low <= estimate.value);
        prop_assert!(estimate.value <= estimate.interval.high);
    }
    for n in [1.0, 2.5, 100.0, 1e9] {
        let at = fit.predict(n).unwrap();
        numbers.extend([at.throughput, at.interval.low, at.interval.high]);
    }
    if let Peak::Seen(peak) = fit.peak {
        numbers.extend([peak.concurrency, peak.standard_error, peak.throughput]);
        numbers.extend([peak.interval.low, peak.interval.high]);
        prop_assert!((f64::from(peak.best) - peak.concurrency).abs() < 1.0);
        prop_assert!(fit.is_retrograde());
    }
    for outside in [0.5, -1.0, f64::NAN, f64::INFINITY] {
        prop_assert!(fit.predict(outside).is_none());
    }
    prop_assert!(
        numbers.iter().all(|v| v.is_finite() && *v >= 0.0),
        "{fit:?}"
    );
    Ok(())
}

proptest! {
    #[test]
    fn any_law_is_recovered_without_noise(
        lambda_log in -3.0f64..9.0,
        sigma in 0.0f64..0.9,
        kappa_log in -5.0f64..-1.0,
    ) {
        let (lambda, kappa) = (10f64.powf(lambda_log), 10f64.powf(kappa_log));
        let pairs: Vec<(f64, f64)> = SWEEP.map(|n| (n, law(lambda, sigma, kappa, n))).to_vec();
        let fit = fit(&pairs);
        prop_assert!((fit.lambda.value / lambda - 1.0).abs() < 1e-6, "{fit:?}");
        prop_assert!((fit.sigma.value - sigma).abs() < 1e-6, "{fit:?}");
        prop_assert!((fit.kappa.value / kappa - 1.0).abs() < 1e-4, "{fit:?}");
        let peak = ((1.0 - sigma) / kappa).sqrt();
        if peak > 1.01 && peak < 510.0 {
            prop_assert!((seen(&fit).concurrency / peak - 1.0).abs() < 1e-4);
        }
        finite_and_not_negative(&fit)?;
    }

    #[test]
    fn the_unit_of_throughput_changes_lambda_alone(
        noise in proptest::collection::vec(0.95f64..1.05, SWEEP.len()),
        sigma in 0.0f64..0.3,
        kappa in 0.0f64..0.01,
        scale_log in -20.0f64..20.0,
    ) {
        let scale = 10f64.powf(scale_log);
        let pairs = |scale: f64| -> Vec<(f64, f64)> {
            let noisy = SWEEP.iter().zip(&noise);
            noisy.map(|(n, e)| (*n, scale * e * law(100.0, sigma, kappa, *n))).collect()
        };
        let (plain, scaled) = (fit(&pairs(1.0)), fit(&pairs(scale)));
        let same = |a: f64, b: f64| (a - b).abs() <= 1e-6 * a.abs().max(b.abs());
        prop_assert!(same(plain.lambda.value * scale, scaled.lambda.value));
        // A parameter near 0 is compared beside what it could be, not beside itself.
        for (a, b) in [(plain.sigma, scaled.sigma), (plain.kappa, scaled.kappa)] {
            prop_assert!((a.value - b.value).abs() <= 1e-6 * a.interval.high, "{a:?} {b:?}");
            prop_assert!(same(a.interval.high, b.interval.high), "{a:?} {b:?}");
        }
        let at = |fit: &UslFit| fit.predict(20.0).unwrap().interval;
        prop_assert!(same(at(&plain).low * scale, at(&scaled).low));
        prop_assert_eq!(plain.degrees, scaled.degrees);
    }

    #[test]
    fn noisy_laws_give_only_numbers(
        noise in proptest::collection::vec(0.7f64..1.3, SWEEP.len()),
        sigma in 0.0f64..2.0,
        kappa_log in -12.0f64..2.0,
        first in 0usize..5,
    ) {
        let kappa = 10f64.powf(kappa_log);
        let noisy = SWEEP.iter().zip(&noise).skip(first);
        let pairs: Vec<(f64, f64)> = noisy.map(|(n, e)| (*n, e * law(100.0, sigma, kappa, *n))).collect();
        if let Ok(fit) = UslFit::new(&points(&pairs)) {
            finite_and_not_negative(&fit)?;
        }
    }

    #[test]
    fn any_positive_points_give_numbers_or_a_reason(
        raw in proptest::collection::vec(
            (0.0f64..9.6, -300.0f64..300.0, proptest::option::of(-300.0f64..300.0)), 0..20),
        span in 0.0f64..1.0,
    ) {
        let points: Vec<UslPoint> = raw.into_iter().map(|(n, x, e)| UslPoint {
            concurrency: 10f64.powf(n),
            throughput: 10f64.powf(x * span * span),
            error: e.map(|e| 10f64.powf(e)),
        }).collect();
        if let Ok(fit) = UslFit::new(&points) {
            finite_and_not_negative(&fit)?;
        }
    }
}
