//! What the service tells of itself in `Server-Timing`.

use super::*;

#[test]
fn sums_are_those_that_the_service_told() {
    let _machine = beside_others();
    let service = Service::start();
    let scenario = scenario(
        "[values]\ndb = \"uniform 1.0 9.9\"\n[[user]]\n[[user.step]]\nrequest = \"GET /timing/{db}\"\n\
         [[user.step]]\nrequest = \"GET /fast\"",
    );
    let options = closed(options(&scenario, &service), 2, 600);
    let loaded = run(scenario, &options);
    let timed = operation(&loaded, "GET /timing/{db}");
    let requests = timed.requests;
    assert!(requests > 20);
    let told = &timed.server_timing;
    // Two entries of one name count both, in one header or in two.
    assert!((told["db"].total.0 - service.served().db_ms).abs() < 1e-6);
    assert!((told["pool"].total.0 - 0.5 * requests as f64).abs() < 1e-6);
    assert_eq!(
        (told["db"].requests, told["total"].requests),
        (requests, requests)
    );
    // What the service does not know of: latency less its total, by how long requests took.
    let all = timed.by_latency.as_ref().unwrap().slowest(1.0).unwrap();
    assert!((all.requests - requests as f64).abs() < 1e-6);
    let latency = mean_ms(timed) * requests as f64;
    assert!((all.latency.0 / latency - 1.0).abs() < 0.01);
    let network = latency - 4.0 * requests as f64;
    assert!(
        (all.parts["network"].0 / network - 1.0).abs() < 0.05,
        "{:?} {network}",
        all.parts
    );
    let silent = operation(&loaded, "GET /fast");
    assert!(silent.server_timing.is_empty() && silent.by_latency.is_none());
    assert_eq!(loaded.load.total.server_timing["db"], told["db"]);
}
