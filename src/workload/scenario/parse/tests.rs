//! What a scenario says, and what is refused with its line.

use super::*;
use crate::workload::scenario::{Action, Answer, Until};

fn parse(text: &str) -> Result<Scenario> {
    let env = |name: &str| (name == "TOKEN").then(|| "can a/ry".to_owned());
    Scenario::parse(text, "s.toml", &env, &[])
}

fn problem(text: &str) -> String {
    match parse(text) {
        Err(error) => error.to_string(),
        Ok(scenario) => panic!("{text} was read as {scenario:?}"),
    }
}

const USER: &str = "[[user]]\n[[user.step]]\n";

#[test]
fn a_request_has_its_parts_in_their_places() {
    let scenario = parse(
        r#"
title = "All of it"
base_url = "http://h:1/${TOKEN}"
timeout = "2s"
[load]
rate = "20/s"
arrival = "even"
duration = "1m"
warmup = "0s"
[headers]
Authorization = "Bearer ${TOKEN}"
X-A = "1"
[values]
id = "uniform 5 5"
[[user]]
name = "reader"
weight = 3
think = "1s..2s"
[[user.step]]
request = "GET /a/{id}/${TOKEN}?x=1"
query = { "q q" = "{id}&${TOKEN}" }
headers = { x-a = "2" }
think = "0s"
expect_status = [201, "4xx"]
expect_body = "{id}"
keep = { token = "/t" }
[[user.step]]
request = "POST /b"
json = { "k{id}" = "{id}", s = "<{id}>\n", n = 1.5, t = [true, "${TOKEN}"] }
headers = { x-t = "{token}" }
"#,
    )
    .unwrap();
    assert_eq!(scenario.base_url.as_deref(), Some("http://h:1/can a/ry"));
    assert_eq!(scenario.timeout, Duration::from_secs(2));
    assert_eq!(
        (scenario.load.rate, scenario.load.even),
        (Some(20.0), Some(true))
    );
    assert_eq!(scenario.load.warmup, Some(Duration::ZERO));
    let user = &scenario.users[0];
    assert_eq!(
        (user.name.as_str(), user.weight, user.order),
        ("reader", 3, Order::Sequence)
    );
    let mut slots = scenario.values.begin();
    let mut rng =
        <rand_chacha::ChaCha8Rng as rand_chacha::rand_core::SeedableRng>::seed_from_u64(1);
    for slot in &user.steps[0].draws {
        scenario.values.draw(*slot, &mut rng, &mut slots);
    }
    let Action::Http(get) = &user.steps[0].action else {
        panic!("{:?}", user.steps[0]);
    };
    assert_eq!(
        get.path.text(&slots),
        "/a/5/can%20a%2Fry?x=1&q%20q=5%26can%20a%2Fry"
    );
    let headers: Vec<(&str, String)> = get
        .headers
        .iter()
        .map(|(name, text)| (name.as_str(), text.text(&slots)))
        .collect();
    assert_eq!(
        headers,
        [
            ("authorization", "Bearer can a/ry".to_owned()),
            ("x-a", "2".to_owned())
        ]
    );
    assert!(get.status.has(201) && get.status.has(404) && !get.status.has(200));
    let Action::Http(post) = &user.steps[1].action else {
        panic!("{:?}", user.steps[1]);
    };
    let body = post.body.as_ref().unwrap().text.text(&slots);
    assert_eq!(
        body,
        r#"{"k5":5,"n":1.5,"s":"<5>\n","t":[true,"can a/ry"]}"#
    );
    let names: Vec<&str> = scenario
        .operations
        .iter()
        .map(|o| o.name.as_str())
        .collect();
    assert_eq!(names, ["GET /a/{id}/${TOKEN}", "POST /b"]);
}

#[test]
fn a_socket_has_its_steps_in_order() {
    let scenario = parse(
        r#"
[[user]]
[[user.step]]
connect = "/ws?v=1"
[[user.step]]
subscribe = '{"type":"subscribe"}'
[[user.step]]
send = '{"type":"x"}'
[[user.step]]
receive = "2s"
timestamp = "/at"
[[user.step]]
receive = 7
[[user.step]]
ping = true
[[user.step]]
reconnect = true
[[user.step]]
close = true
"#,
    )
    .unwrap();
    let operations: Vec<(&str, bool)> = scenario
        .operations
        .iter()
        .map(|o| (o.name.as_str(), o.pushed))
        .collect();
    assert_eq!(
        operations,
        [
            ("WS /ws connect", false),
            ("WS /ws subscribe", false),
            ("WS /ws send", false),
            ("WS /ws messages", true),
            ("WS /ws ping", false),
            ("WS /ws reconnect", false),
            ("WS /ws close", false),
        ]
    );
    let actions: Vec<&Action> = scenario.users[0].steps.iter().map(|s| &s.action).collect();
    assert!(matches!(
        actions[1],
        Action::Send {
            answer: Answer::Any,
            ..
        }
    ));
    assert!(matches!(
        actions[2],
        Action::Send {
            answer: Answer::None,
            ..
        }
    ));
    assert!(matches!(
        actions[4],
        Action::Receive {
            until: Until::Messages(7),
            ..
        }
    ));
}

#[test]
fn what_makes_no_sense_is_refused_with_its_line() {
    for (text, words) in [
        ("x = 1\n", "s.toml:1: unknown field `x`"),
        ("title = 1\n", "s.toml:1: invalid type"),
        ("title = \"a\"\n", "no user does anything"),
        ("\n[[user]]\nname = \"a\"\n", "s.toml:2: a user without"),
        (
            "[[user]]\nweight = 0\n[[user.step]]\nping = true\n",
            "no WebSocket is open",
        ),
        (
            "[[user]]\nweight = 0\n[[user.step]]\nrequest = \"GET /\"\n",
            "s.toml:2: weight is a whole number from 1",
        ),
        (
            "[[user]]\norder = \"both\"\n[[user.step]]\nrequest = \"GET /\"\n",
            "s.toml:2: order is",
        ),
        (
            "[[user]]\nthink = \"5s..1s\"\n[[user.step]]\nrequest = \"GET /\"\n",
            "s.toml:2: think: the longest",
        ),
        (
            "[load]\nclients = 1\nstages = \"1:1s\"\n[[user]]\n",
            "s.toml:3: [load] proposes several",
        ),
        (
            "[load]\nclients = 1\nbaseline = 1\n[[user]]\n[[user.step]]\nrequest = \"GET /\"\n",
            "s.toml:3: a baseline has one client",
        ),
        (
            "[load]\nrate = -1\n[[user]]\n[[user.step]]\nrequest = \"GET /\"\n",
            "s.toml:2: rate is a number",
        ),
        (
            "[load]\nclients = 2\narrival = \"even\"\n",
            "s.toml:3: arrival is for a rate",
        ),
        (
            "[load]\nstages = \"1:1s\"\nduration = \"1s\"\n",
            "s.toml:3: stages have lengths",
        ),
        (
            "timeout = \"0s\"\n[[user]]\n[[user.step]]\nrequest = \"GET /\"\n",
            "s.toml:1: timeout is a time above 0",
        ),
        (
            "[values]\nid = \"column a.b\"\n",
            "s.toml:2: value `id`: `column a.b` draws from a database",
        ),
        (
            "[values]\nid = \"unifrom 1 2\"\n",
            "s.toml:2: value `id`: expected `uniform",
        ),
        (
            "[values]\n\"a b\" = \"uuid\"\n",
            "s.toml:2: `a b` is no name",
        ),
        (
            "[values]\nid = \"uuid\"\n[[user]]\n[[user.step]]\nrequest = \"GET /\"\n",
            "s.toml:2: no step uses the value `id`",
        ),
        (
            "[headers]\n\"a b\" = \"1\"\n",
            "s.toml:2: `a b` is no name of a header",
        ),
        (
            "[headers]\na = \"${NOTHERE}\"\n",
            "s.toml:2: the environment has no variable NOTHERE",
        ),
    ] {
        let said = problem(text);
        assert!(said.contains(words), "{text}\n{said}");
    }
}

#[test]
fn a_step_that_makes_no_sense_is_refused_with_its_line() {
    for (step, words) in [
        ("weight = 1\nrequest = \"GET /\"", ":3: steps of a sequence"),
        ("name = \"x\"", ":2: the step does nothing"),
        ("request = \"GET /\"\nclose = true", "only one of"),
        ("request = \"/tasks\"", ":3: request is METHOD /path"),
        ("request = \"get /tasks\"", ":3: request is METHOD /path"),
        ("request = \"GET tasks\"", ":3: a path begins with `/`"),
        ("request = \"GET /a b\"", ":3: a path begins with `/`"),
        (
            "request = \"GET /{id}\"",
            ":3: nothing gives the value `{id}`",
        ),
        ("request = \"GET /\"\njson = 1\nbody = \"\"", "one body"),
        (
            "request = \"GET /\"\njson = 2024-01-01",
            "JSON has no times",
        ),
        (
            "request = \"GET /\"\nexpect = \"x\"",
            "`expect` says nothing",
        ),
        (
            "request = \"GET /\"\nexpect_status = []",
            ":4: expect_status is a list",
        ),
        (
            "request = \"GET /\"\nexpect_status = [\"9xx\"]",
            ":4: expect_status is a list",
        ),
        (
            "request = \"GET /\"\nkeep = { t = \"t\" }",
            ":4: expected a JSON pointer",
        ),
        (
            "request = \"GET /\"\nkeep = { t = \"/t\" }",
            ":4: no step uses the value `t`",
        ),
        (
            "request = \"GET /\"\nexpect_body = \"x\"\nheaders = { accept-encoding = \"gzip\" }",
            "may be packed",
        ),
        ("connect = \"/ws\"\njson = 1", "`json` says nothing"),
        ("receive = 1", "no WebSocket is open"),
        (
            "connect = \"/ws\"\n[[user.step]]\nreceive = 0",
            ":5: receive is a time",
        ),
        (
            "connect = \"/ws\"\n[[user.step]]\nclose = false",
            ":5: close is `true`",
        ),
        (
            "connect = \"/ws\"\n[[user.step]]\nclose = true\n[[user.step]]\nping = true",
            ":6: no WebSocket is open",
        ),
        (
            "connect = \"/ws\"\n[[user.step]]\nreceive = 1\nname = \"WS /ws connect\"",
            "rename one",
        ),
    ] {
        let said = problem(&format!("{USER}{step}\n"));
        assert!(said.contains(words), "{step}\n{said}");
    }
    let random = "[[user]]\norder = \"random\"\n[[user.step]]\nconnect = \"/ws\"\n";
    assert!(problem(random).contains(":3: a WebSocket is opened, used and closed"));
}

#[test]
fn a_value_given_from_outside_takes_the_place_of_a_drawn_one() {
    let text =
        "[values]\nid = \"uuid\"\n[[user]]\n[[user.step]]\nrequest = \"GET /{id}/{tenant}\"\n";
    let defines = [("id", "7"), ("tenant", "a b")].map(|(n, v)| (n.to_owned(), v.to_owned()));
    let scenario = Scenario::parse(text, "s.toml", &|_| None, &defines).unwrap();
    let Action::Http(get) = &scenario.users[0].steps[0].action else {
        panic!("{:?}", scenario.users);
    };
    assert_eq!(get.path.text(&scenario.values.begin()), "/7/a%20b");
    assert!(scenario.users[0].steps[0].draws.is_empty());
    let other = [("unused".to_owned(), "1".to_owned())];
    let text = text.replace("/{tenant}", "");
    let error = Scenario::parse(&text, "s.toml", &|_| None, &other).unwrap_err();
    assert!(error.to_string().contains("-D unused=…"), "{error}");
}
