//! Running it: the command line, signals, limits, counters, the log, the PROXY protocol.

use std::fs;
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::sync::mpsc;

use crate::common::{Raw, wait_until};
use crate::rig::{Gateway, Origin, field, peer, program, split};

const LAST: &str = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

#[test]
fn the_command_line_says_what_it_takes_and_what_is_wrong_with_it() {
    let Some(program) = program() else { return };
    let run = |args: &[&str]| {
        let output = Command::new(&program).args(args).stdin(Stdio::null()).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.success(), text(output.stdout), text(output.stderr))
    };
    let (good, out, _) = run(&["--help"]);
    assert!(good && out.contains("--listen ADDRESS") && out.contains("--forward"), "{out}");
    let (good, out, _) = run(&["--version"]);
    assert!(good && out.trim() == format!("gateway {}", env!("CARGO_PKG_VERSION")), "{out}");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    for (args, what) in [
        (&[][..], "--listen"),
        (&["--listen", "127.0.0.1:0"], "--to"),
        (&["--listen", "nowhere", "--to", "http://a"], "nowhere"),
        (&["--listen", &taken, "--to", "http://a"], &taken),
        (&["--listen", "127.0.0.1:0", "--to", "a:80"], "a:80"),
        (&["--listen", "127.0.0.1:0", "--to", "http://a/path"], "http://a/path"),
        (&["--listen", "127.0.0.1:0", "--origins", "/no/such"], "/no/such"),
        (&["--listen", "127.0.0.1:0", "--to", "http://a", "--timeout", "x"], "--timeout"),
        (&["--listen", "127.0.0.1:0", "--to", "http://a", "--access-log", "/no/such/log"], "/no/such/log"),
        (&["--listen", "127.0.0.1:0", "--to", "http://a", "--nonsense"], "--nonsense"),
        (&["--listen", "127.0.0.1:0", "--to", "http://a", "--workers", "0"], "--workers"),
    ] {
        let (good, _, error) = run(args);
        assert!(!good && error.contains(what), "{args:?}: {error}");
    }
}

#[test]
fn a_termination_signal_lets_what_is_under_way_come_to_its_end() {
    let (go_on, wait) = mpsc::sync_channel::<()>(0);
    let wait = std::sync::Mutex::new(wait);
    let origin = Origin::new(move |peer| {
        peer.head();
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc");
        let _ = wait.lock().unwrap().recv();
        peer.send("def");
    });
    let Some(mut gateway) = Gateway::to(&[origin.addr], &[]) else { return };
    let mut client = peer(&gateway);
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let head = client.head().unwrap();
    assert_eq!(client.exactly(3).unwrap(), b"abc");
    gateway.signal("TERM");
    wait_until("it stops listening", || std::net::TcpStream::connect(gateway.addr).is_err());
    go_on.send(()).unwrap();
    assert_eq!(client.exactly(3).unwrap(), b"def", "after {head}");
    assert!(gateway.child.wait().unwrap().success());
}

#[test]
fn each_client_may_have_so_many_connections() {
    let origin = Origin::answering(OK);
    let Some(gateway) = Gateway::to(&[origin.addr], &["--per-peer", "2"]) else { return };
    let mut clients: Vec<_> = (0..2).map(|_| peer(&gateway)).collect();
    for client in &mut clients {
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        assert!(client.head().is_some());
    }
    let mut third = peer(&gateway);
    third.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(third.head().is_none(), "a third");
    drop(clients.pop());
    wait_until("there is room", || {
        let mut next = peer(&gateway);
        next.send(LAST);
        next.head().is_some()
    });
}

#[test]
fn the_log_has_a_line_for_each_request_and_counters_are_for_prometheus() {
    let origin = Origin::answering(OK);
    let log = std::env::temp_dir().join(format!("h1wire-gateway-log-{}", std::process::id()));
    let metrics = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let args = ["--access-log", log.to_str().unwrap(), "--metrics", &metrics];
    let Some(gateway) = Gateway::to(&[origin.addr], &args) else { return };
    gateway.ask("GET /a\"b HTTP/1.1\r\nHost: a\r\nUser-Agent: test\r\nConnection: close\r\n\r\n");
    gateway.ask("nonsense\r\n\r\n");
    let mut text = String::new();
    wait_until("two lines are written", || {
        text = fs::read_to_string(&log).unwrap_or_default();
        text.lines().count() == 2
    });
    let first = text.lines().next().unwrap();
    assert!(first.starts_with("127.0.0.1 - - ["), "{first}");
    assert!(first.ends_with("\"GET /a\\\"b HTTP/1.1\" 200 2 \"-\" \"test\""), "{first}");
    assert!(text.lines().nth(1).unwrap().contains("\" 400 "), "{text}");
    let counters = Raw::at(metrics.parse().unwrap())
        .ask("GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    for line in [
        "h1wire_responses_total{class=\"2xx\"} 1\n",
        "h1wire_protocol_errors_total 1\n",
        "h1wire_response_seconds_count 1\n",
        "# TYPE h1wire_connections_open gauge\n",
    ] {
        assert!(counters.contains(line), "{line}{counters}");
    }
    fs::remove_file(log).unwrap();
}

#[test]
fn the_proxy_protocol_tells_who_the_client_is_on_both_sides() {
    for (version, expected) in
        [("v1", &b"PROXY TCP4 192.0.2.7 192.0.2.8 1234 80\r\n"[..]), ("v2", b"\r\n\r\n\0\r\nQUIT\n")]
    {
        let (tell, got) = mpsc::sync_channel(1);
        let expected = expected.to_vec();
        let start = expected.clone();
        let origin = Origin::new(move |peer| {
            let first = peer.exactly(start.len());
            let _ = tell.send((first, peer.until(b"\r\n\r\n")));
            peer.send(OK);
        });
        let Some(gateway) = Gateway::to(&[origin.addr], &["--accept-proxy", "--send-proxy", version]) else {
            return;
        };
        let answer = gateway.ask(&format!("PROXY TCP4 192.0.2.7 192.0.2.8 1234 80\r\n{LAST}"));
        assert_eq!(split(&answer).1, "ok");
        let (first, request) = got.recv().unwrap();
        assert_eq!(first.unwrap(), expected);
        let request = String::from_utf8_lossy(&request.unwrap()).into_owned();
        assert_eq!(field(&request, "x-forwarded-for"), Some("192.0.2.7"), "{request}");
    }
}

#[test]
fn an_idle_gateway_does_nothing() {
    let origin = Origin::answering(OK);
    let Some(gateway) = Gateway::to(&[origin.addr], &[]) else { return };
    let mut client = peer(&gateway);
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    client.head().unwrap();
    let spent = || {
        let stat = fs::read_to_string(format!("/proc/{}/stat", gateway.child.id())).unwrap();
        let words: Vec<u64> =
            stat.rsplit_once(')').unwrap().1.split_whitespace().filter_map(|w| w.parse().ok()).collect();
        words[10] + words[11]
    };
    let before = spent();
    std::thread::sleep(std::time::Duration::from_millis(500));
    assert!(spent() - before <= 1, "it spins");
}
