//! The daemon as a service: it carries out commands, says how it is, reloads, keeps its log in bounds. Real processes, real
//! sockets; waits for conditions, not for time.
#![cfg(unix)]

mod support;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use support::Exchange;

const CONFIG: &str = r#"
contact_nos = "C00010"
customer_nos = "K00010"
[tables.contacts]
export = "in/contacts.csv"
write_back = "in-place"
[tables.customers]
export = "in/customers.csv"
write_back = "in-place"
[tables.relations]
export = "in/relations.csv"
write_back = "in-place"
[run]
settle = "20ms"
"#;

/// `CONFIG` begins with keys of `[setup]`.
const SETUP: &str = r#"
state = "state"
[interactions]
export = "interactions.csv"
[setup]
bus_rel_code_for_customers = "CUST"
"#;

fn exchange() -> Exchange {
    exchange_with(CONFIG)
}

fn exchange_with(config: &str) -> Exchange {
    let exchange = Exchange::of(&format!("{SETUP}{config}"));
    exchange
        .put("config.toml", exchange.config())
        .put(
            "in/contacts.csv",
            "No.,Name,City\nC1,Acme,Rome\nC2,Beta,Bern\n",
        )
        .put(
            "in/customers.csv",
            "No.,Name,City\n10,Acme,Rome\n20,Beta,Bern\n",
        )
        .put(
            "in/relations.csv",
            "Contact No.,Business Relation Code,Link to Table,No.\nC1,CUST,Customer,10\n",
        );
    exchange
}

fn couplet(exchange: &Exchange, arguments: &[&str]) -> Command {
    let mut process = Command::new(env!("CARGO_BIN_EXE_couplet"));
    process
        .args(arguments)
        .current_dir(exchange.path(""))
        .env("NO_COLOR", "1");
    process
}

fn ran(exchange: &Exchange, arguments: &[&str]) -> (i32, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = couplet(exchange, arguments).output().expect("ran");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (status.code().expect("a code"), text(stdout), text(stderr))
}

/// A daemon that does not outlive its test.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Daemon {
    fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args([name, &self.0.id().to_string()])
            .status();
        assert!(sent.expect("signalled").success());
    }
}

fn until(what: &str, is_so: impl Fn() -> bool) {
    let patience = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < patience, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn started(exchange: &Exchange) -> Daemon {
    started_as(exchange, couplet(exchange, &["run"]))
}

fn started_as(exchange: &Exchange, mut command: Command) -> Daemon {
    let daemon = Daemon(command.stderr(Stdio::null()).spawn().expect("started"));
    until("a pass was made", || {
        // The base is written in the middle of a pass, and what changes then is still part of it.
        let (code, out, _) = ran(exchange, &["status", "--format", "json"]);
        let status: serde_json::Value = serde_json::from_str(&out).unwrap_or_default();
        matches!(code, 0 | 3) && !status["last_pass"].is_null()
    });
    daemon
}

fn disagree(exchange: &Exchange) {
    exchange
        .put(
            "in/contacts.csv",
            "No.,Name,City\nC1,Acme,Oslo\nC2,Beta,Bern\n",
        )
        .put(
            "in/customers.csv",
            "No.,Name,City\n10,Acme,Kiel\n20,Beta,Bern\n",
        );
}

#[test]
fn a_conflict_is_decided_while_the_daemon_runs_and_it_carries_the_decision_out() {
    let exchange = exchange();
    let _daemon = started(&exchange);
    disagree(&exchange);
    until("the conflict is known", || {
        ran(&exchange, &["conflicts", "list"]).0 == 3
    });
    let (code, out, err) = ran(
        &exchange,
        &["conflicts", "resolve", "--all", "--take", "customer"],
    );
    assert!(
        code == 0 && out.contains("1 conflict decided"),
        "{code} {out} {err}"
    );
    until("it is carried out", || {
        exchange.text("in/contacts.csv").contains("C1,Acme,Kiel")
    });
}

#[test]
fn a_command_prints_the_same_and_ends_with_the_same_code_with_and_without_a_daemon() {
    let commands: [&[&str]; 9] = [
        &["reconcile"],
        &["links", "add", "C2", "customer", "20"],
        &["links", "add", "C9", "customer", "20"],
        &["links", "remove", "C2", "customer"],
        &["create", "customer", "--contact", "C2"],
        &["create", "customer", "--contact", "C2", "--format", "json"],
        &["request", "requests.csv"],
        &["conflicts", "resolve", "K00000000", "--take", "contact"],
        &["problems", "accept", "P00000000"],
    ];
    let results = |with_daemon: bool| {
        let exchange = exchange();
        exchange.put(
            "requests.csv",
            "Action,Table,Contact No.\nunlink,customer,C2\nunlink,customer,C9\n",
        );
        ran(&exchange, &["reconcile"]);
        let _daemon = with_daemon.then(|| started(&exchange));
        let results: Vec<_> = commands
            .iter()
            .map(|command| ran(&exchange, command))
            .collect();
        (results, exchange.text("in/customers.csv"))
    };
    let (without, with) = (results(false), results(true));
    for ((without, with), command) in without.0.iter().zip(&with.0).zip(commands) {
        // Only how many interactions were logged by which pass may differ.
        assert_eq!(without.0, with.0, "{command:?}: {without:?} {with:?}");
        assert_eq!(without.2, with.2, "{command:?}");
        assert_eq!(
            without.1.lines().count(),
            with.1.lines().count(),
            "{command:?}: {} {}",
            without.1,
            with.1
        );
    }
    assert_eq!(without.1, with.1);
}

#[test]
fn paths_in_arguments_are_those_of_who_gave_the_command() {
    let exchange = exchange();
    let _daemon = started(&exchange);
    exchange.put(
        "elsewhere/mine.csv",
        "Action,Table,Contact No.,No.\nlink,customer,C2,20\n",
    );
    let config = exchange.path("config.toml");
    let ran = couplet(&exchange, &["request", "mine.csv", "--config"])
        .arg(config)
        .current_dir(exchange.path("elsewhere"))
        .output()
        .expect("ran");
    assert_eq!(ran.status.code(), Some(0), "{ran:?}");
    assert!(
        exchange
            .text("in/relations.csv")
            .contains("C2,CUST,Customer,20")
    );
}

#[test]
fn rubbish_on_the_socket_and_clients_that_go_away_harm_nobody() {
    let exchange = exchange();
    let _daemon = started(&exchange);
    let connect = || UnixStream::connect(exchange.path("state/control")).expect("connected");
    for rubbish in [
        &b"\n"[..],
        b"not json\n",
        b"{\"version\":1}\n",
        &[0xff; 4096],
        b"{\"version\":99,\"arguments\":[],\"folder\":\"/\"}\n",
    ] {
        let mut stream = connect();
        let _ = stream.write_all(rubbish);
    }
    let idle = connect();
    let mut gone = connect();
    let ask = "{\"version\":1,\"arguments\":[\"couplet\",\"reconcile\"],\"folder\":\"/\"}\n";
    gone.write_all(ask.as_bytes()).expect("asked");
    drop(gone);
    // More than a question can be long.
    let mut endless = connect();
    let _ = endless.write_all(&vec![b'x'; 3 << 20]);
    // What only looks is not the daemon's to do, nor is a second daemon.
    let mut second = connect();
    second
        .write_all(ask.replace("reconcile", "run").as_bytes())
        .expect("asked");
    let mut reply = String::new();
    second.read_to_string(&mut reply).expect("answered");
    assert!(reply.contains("not the daemon's to carry out"), "{reply}");
    let (code, out, err) = ran(&exchange, &["reconcile"]);
    assert!(
        code == 0 && out.contains("All in step"),
        "{code} {out} {err}"
    );
    drop(idle);
    use std::os::unix::fs::PermissionsExt as _;
    let mode = std::fs::metadata(exchange.path("state/control"))
        .expect("a socket")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600, "nobody else may ask");
}

#[test]
fn two_commands_at_once_are_both_carried_out() {
    let exchange = exchange();
    let _daemon = started(&exchange);
    let commands: Vec<Child> = (0..6)
        .map(|at| {
            let contact = if at % 2 == 0 { "C1" } else { "C2" };
            couplet(
                &exchange,
                &[
                    "create",
                    "contact",
                    "--name",
                    &format!("Person of {contact} {at}"),
                    "--company",
                    contact,
                ],
            )
            .stdout(Stdio::null())
            .spawn()
            .expect("started")
        })
        .collect();
    for mut command in commands {
        assert_eq!(command.wait().expect("ended").code(), Some(0));
    }
    assert_eq!(
        exchange
            .text("in/contacts.csv")
            .matches("Person of")
            .count(),
        6
    );
}

#[test]
fn a_socket_that_a_killed_daemon_left_is_nobodys_and_the_next_daemon_takes_it() {
    let exchange = exchange();
    let mut daemon = started(&exchange);
    daemon.0.kill().expect("killed");
    daemon.0.wait().expect("ended");
    assert!(exchange.path("state/control").exists());
    assert_eq!(
        ran(&exchange, &["reconcile"]).0,
        0,
        "without a daemon the command does it itself"
    );
    let daemon = Daemon(
        couplet(&exchange, &["run"])
            .stderr(Stdio::null())
            .spawn()
            .expect("started"),
    );
    until("the next daemon answers", || {
        UnixStream::connect(exchange.path("state/control")).is_ok()
            && ran(&exchange, &["reconcile"]).0 == 0
    });
    daemon.signal("-TERM");
    let mut daemon = daemon;
    assert_eq!(daemon.0.wait().expect("ended").code(), Some(0));
    assert_eq!(ran(&exchange, &["reconcile"]).0, 0);
}

#[test]
fn status_says_that_a_daemon_runs() {
    let exchange = exchange();
    assert_eq!(ran(&exchange, &["reconcile"]).0, 0);
    assert!(!ran(&exchange, &["status"]).1.contains("At work"));
    let daemon = started(&exchange);
    until("it is seen", || {
        ran(&exchange, &["status"])
            .1
            .contains(&format!("At work:   process {} since ", daemon.0.id()))
    });
}

fn ask(port: u16, request: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("connected");
    stream.write_all(request.as_bytes()).expect("asked");
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    answer
}

fn get(port: u16, path: &str) -> String {
    ask(
        port,
        &format!("GET {path} HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n"),
    )
}

#[test]
fn the_endpoint_says_how_the_daemon_is_and_answers_this_machine_only() {
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .expect("bound")
        .local_addr()
        .expect("an address")
        .port();
    let exchange = exchange_with(&format!("{CONFIG}http = \"127.0.0.1:{port}\"\n"));
    let _daemon = started(&exchange);
    until("it is ready", || {
        get(port, "/ready").starts_with("HTTP/1.1 200")
    });
    disagree(&exchange);
    until("the conflict is counted", || {
        get(port, "/metrics").contains("\ncouplet_conflicts 1\n")
    });
    let health = get(port, "/health");
    assert!(
        health.starts_with("HTTP/1.1 200") && health.contains("\"healthy\": true"),
        "{health}"
    );
    for (path, text) in [
        ("/health", get(port, "/health")),
        ("/metrics", get(port, "/metrics")),
    ] {
        assert!(
            !text.contains("Oslo") && !text.contains("Acme"),
            "no value in {path}"
        );
    }
    assert!(
        ask(port, "GET /health HTTP/1.1\r\nHost: evil.example\r\n\r\n").starts_with("HTTP/1.1 403")
    );
    assert!(
        ask(
            port,
            &format!(
                "POST /health HTTP/1.1\r\nHost: localhost:{port}\r\nContent-Length: 0\r\n\r\n"
            )
        )
        .starts_with("HTTP/1.1 405")
    );
    assert!(get(port, "/etc/passwd").starts_with("HTTP/1.1 404"));
    let long = format!(
        "GET /health HTTP/1.1\r\nHost: localhost:{port}\r\nX: {}\r\n\r\n",
        "x".repeat(100_000)
    );
    assert!(!ask(port, &long).contains("200 OK"));
    // Nobody who only connects keeps others waiting.
    let idle: Vec<TcpStream> = (0..5)
        .map(|_| TcpStream::connect(("127.0.0.1", port)).expect("connected"))
        .collect();
    assert!(get(port, "/health").starts_with("HTTP/1.1 200"));
    drop(idle);
}

#[test]
fn a_pass_that_keeps_failing_is_told_and_the_next_one_that_succeeds_too() {
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .expect("bound")
        .local_addr()
        .expect("an address")
        .port();
    let exchange = exchange_with(&format!("{CONFIG}http = \"127.0.0.1:{port}\"\n"));
    let _daemon = started(&exchange);
    // Where the log should go stands a folder.
    let log = exchange.path("interactions.csv");
    std::fs::remove_file(&log).ok();
    std::fs::create_dir(&log).expect("a folder");
    exchange.put(
        "in/contacts.csv",
        "No.,Name,City\nC1,Acme,Oslo\nC2,Beta,Bern\n",
    );
    until("it is not well", || {
        get(port, "/health").starts_with("HTTP/1.1 503")
    });
    assert!(get(port, "/metrics").contains("\ncouplet_healthy 0\n"));
    std::fs::remove_dir(&log).expect("removed");
    until("it is well again", || {
        get(port, "/health").starts_with("HTTP/1.1 200")
    });
    assert!(exchange.text("in/customers.csv").contains("Oslo"));
}

#[test]
fn systemd_is_told_when_it_is_ready_reloads_stops_and_lives() {
    let exchange = exchange();
    let socket = UnixDatagram::bind(exchange.path("notify")).expect("bound");
    socket
        .set_read_timeout(Some(Duration::from_secs(30)))
        .expect("set");
    let mut command = couplet(&exchange, &["run"]);
    command
        .env("NOTIFY_SOCKET", exchange.path("notify"))
        .env("WATCHDOG_USEC", "300000");
    let daemon = started_as(&exchange, command);
    let heard = |wanted: &str| {
        let mut all = String::new();
        let mut buffer = [0; 4096];
        let begun = std::time::Instant::now();
        while !all.contains(wanted) {
            // The watchdog is fed all the time: without a limit nothing else would ever be missed.
            assert!(
                begun.elapsed() < Duration::from_secs(20),
                "{wanted} is not among {all}"
            );
            let count = socket
                .recv(&mut buffer)
                .unwrap_or_else(|error| panic!("{wanted}: {error}; heard {all}"));
            all.push_str(&String::from_utf8_lossy(&buffer[..count]));
            all.push('\n');
        }
    };
    heard("READY=1");
    heard("STATUS=last pass ");
    heard("WATCHDOG=1");
    daemon.signal("-HUP");
    heard("RELOADING=1");
    heard("READY=1");
    daemon.signal("-TERM");
    heard("STOPPING=1");
}

#[test]
fn a_reload_takes_the_new_configuration_and_keeps_the_old_one_when_it_is_bad() {
    let exchange = exchange_with(&format!("{CONFIG}[run.log]\nfile = \"log/couplet.log\"\n"));
    let mut command = couplet(&exchange, &["run", "--log-format", "json"]);
    command.env("TZ", "UTC");
    let daemon = started_as(&exchange, command);
    let log = || exchange.text("log/couplet.log");
    exchange.put("config.toml", exchange.config().replace("settle", "setle"));
    daemon.signal("-HUP");
    until("the error is logged with its place", || {
        log().contains("the old configuration stays")
    });
    assert!(log().contains("did you mean \\\"settle\\\"?"), "{}", log());
    for line in log().lines() {
        let line: serde_json::Value = serde_json::from_str(line).expect("an object a line");
        assert!(
            line["level"].is_string() && line["message"].is_string(),
            "{line}"
        );
    }
    exchange.put(
        "in/contacts.csv",
        "No.,Name,City\nC1,Acme,Oslo\nC2,Beta,Bern\n",
    );
    until("it works as before", || {
        exchange.text("in/customers.csv").contains("Oslo")
    });
    exchange
        .put(
            "config.toml",
            exchange
                .config()
                .replace("in/customers.csv", "other/customers.csv"),
        )
        .put(
            "other/customers.csv",
            "No.,Name,City\n10,Acme,Kiel\n20,Beta,Bern\n",
        );
    daemon.signal("-HUP");
    until("the new folder is read", || {
        exchange.text("other/customers.csv").contains("Kiel")
            && exchange.text("in/contacts.csv").contains("Kiel")
    });
    exchange.put(
        "config.toml",
        exchange
            .config()
            .replace("state = \"state\"", "state = \"another\""),
    );
    daemon.signal("-HUP");
    until("another state is refused", || {
        log().contains("which only a new start can use")
    });
}
