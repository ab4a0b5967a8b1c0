//! A WebSocket: connects, answers, pushed messages, reconnects.

use super::*;

#[test]
fn connect_subscribe_ping_and_reconnect_have_their_times() {
    let _machine = alone();
    let service = Service::start();
    let scenario = scenario(
        r#"
[values]
id = "uuid"
[[user]]
[[user.step]]
connect = "/ws/slow"
[[user.step]]
send = '{"type":"ping","id":"{id}"}'
expect = '{id}'
name = "WS echo"
[[user.step]]
ping = true
[[user.step]]
reconnect = true
[[user.step]]
close = true
"#,
    );
    let options = closed(options(&scenario, &service), 2, 2500);
    let loaded = run(scenario, &options);
    assert_eq!(
        loaded.load.total.failures, 0,
        "{:?}",
        loaded.load.total.errors
    );
    let connect = operation(&loaded, "WS /ws/slow connect");
    let reconnect = operation(&loaded, "WS /ws/slow reconnect");
    for opened in [connect, reconnect] {
        assert!(
            (40.0..46.0).contains(&mean_ms(opened)),
            "{}",
            mean_ms(opened)
        );
    }
    assert_eq!(
        connect.requests + reconnect.requests,
        service.served().sockets
    );
    let phases = connect.phases.as_ref().unwrap();
    assert!(phases.waiting.unwrap().0 / connect.requests as f64 > 38.0);
    let echo = operation(&loaded, "WS echo");
    assert!((20.0..24.0).contains(&mean_ms(echo)), "{}", mean_ms(echo));
    assert_eq!(echo.requests, service.served().texts.len() as u64);
    let ping = operation(&loaded, "WS /ws/slow ping");
    assert!(mean_ms(ping) < 5.0, "{}", mean_ms(ping));
    assert!(operation(&loaded, "WS /ws/slow close").requests > 5);
}

#[test]
fn pushed_messages_are_counted_and_timed_and_are_no_requests() {
    let _machine = alone();
    let service = Service::start();
    let scenario = scenario(
        r#"
[[user]]
[[user.step]]
connect = "/ws"
[[user.step]]
subscribe = '{"type":"subscribe"}'
expect = "subscribed"
[[user.step]]
receive = "1500ms"
timestamp = "/sent_at"
[[user.step]]
close = true
"#,
    );
    let options = closed(options(&scenario, &service), 1, 1800);
    let loaded = run(scenario, &options);
    let messages = operation(&loaded, "WS /ws messages");
    // One user, 100 a second for 1.5 s; the second round is cut short by the end of the window.
    let first_round = 150.0;
    assert!(
        messages.requests as f64 > 0.95 * first_round,
        "{}",
        messages.requests
    );
    assert!(messages.requests <= service.served().pushed);
    assert_eq!(messages.failures, 0);
    // Times of sending are whole milliseconds, rounded down.
    assert!(
        (0.0..4.0).contains(&mean_ms(messages)),
        "{}",
        mean_ms(messages)
    );
    let total = &loaded.load.total;
    let asked: u64 = loaded.load.operations.iter().map(|o| o.requests).sum();
    assert_eq!(total.requests, asked - messages.requests);
    assert!(total.requests < 10, "{}", total.requests);
    let subscribe = operation(&loaded, "WS /ws subscribe");
    assert!(mean_ms(subscribe) < 20.0);
    let seconds: u64 = loaded
        .load
        .intervals
        .iter()
        .filter_map(|i| i.requests.get("WS /ws messages"))
        .sum();
    assert_eq!(seconds, messages.requests);
}

#[test]
fn messages_without_a_time_have_a_rate_and_no_latency() {
    let _machine = beside_others();
    let service = Service::start();
    let scenario = scenario(
        r#"
[[user]]
[[user.step]]
connect = "/ws"
[[user.step]]
subscribe = "subscribe"
[[user.step]]
receive = 20
[[user.step]]
receive = 5
timestamp = "/nowhere"
name = "WS untimed"
"#,
    );
    let options = closed(options(&scenario, &service), 1, 1200);
    let loaded = run(scenario, &options);
    let messages = operation(&loaded, "WS /ws messages");
    assert!(messages.requests >= 20);
    assert_eq!(
        (messages.latency.mean, messages.latency.percentile("99")),
        (None, None)
    );
    let warnings = loaded.load.source.warnings.join("\n");
    assert!(
        warnings.contains("`WS untimed` have no time of sending"),
        "{warnings}"
    );
}

#[test]
fn a_lost_socket_fails_its_step_and_the_user_begins_anew() {
    let _machine = beside_others();
    let service = Service::start();
    let scenario = scenario(
        r#"
timeout = "500ms"
[[user]]
think = "5ms"
[[user.step]]
connect = "/ws"
[[user.step]]
send = "leave"
expect = "never"
[[user.step]]
request = "GET /never"
"#,
    );
    let options = closed(options(&scenario, &service), 1, 1000);
    let loaded = run(scenario, &options);
    let send = operation(&loaded, "WS /ws send");
    assert!(send.requests >= 2, "{}", send.requests);
    assert_eq!(send.failures, send.requests);
    assert!(
        send.errors
            .keys()
            .all(|key| key.contains("closed") || key.contains("broke the protocol")),
        "{:?}",
        send.errors
    );
    assert_eq!(service.count("GET /never"), 0);
    assert_eq!(
        operation(&loaded, "WS /ws connect").requests,
        service.served().sockets
    );
}

#[test]
fn messages_that_do_not_come_are_a_failure_of_the_total() {
    let _machine = beside_others();
    let service = Service::start();
    let scenario = scenario(
        "timeout = \"200ms\"\n[[user]]\n[[user.step]]\nconnect = \"/ws\"\n[[user.step]]\nreceive = 3",
    );
    let options = closed(options(&scenario, &service), 1, 900);
    let loaded = run(scenario, &options);
    let messages = operation(&loaded, "WS /ws messages");
    assert!(messages.failures >= 2 && messages.requests == messages.failures);
    assert_eq!(messages.errors.keys().collect::<Vec<_>>(), ["timeout"]);
    let total = &loaded.load.total;
    assert_eq!(total.failures, messages.failures);
    assert_eq!(
        total.requests,
        operation(&loaded, "WS /ws connect").requests + messages.failures
    );
}
