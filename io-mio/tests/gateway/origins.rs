//! Several origins: who gets a request, who rests, and what is said when nobody is left.

use std::fs;
use std::net::TcpListener;

use crate::common::wait_until;
use crate::rig::{Gateway, Origin, field, split};

const LAST: &str = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
const ONE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none";
const TWO: &str = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\ntwo";

#[test]
fn origins_take_turns() {
    let (one, two) = (Origin::answering(ONE), Origin::answering(TWO));
    let Some(gateway) = Gateway::to(&[one.addr, two.addr], &[]) else { return };
    let got: Vec<String> = (0..4).map(|_| split(&gateway.ask(LAST)).1.to_owned()).collect();
    assert_eq!(got, ["one", "two", "one", "two"]);
    assert_eq!((one.connections(), two.connections()), (1, 1), "connections are kept");
}

#[test]
fn the_least_busy_origin_is_chosen_where_asked_for() {
    // The first holds its requests.
    let busy = Origin::new(|peer| while peer.more() {});
    let two = Origin::answering(TWO);
    let Some(gateway) = Gateway::to(&[busy.addr, two.addr], &["--balance", "least-connections"]) else {
        return;
    };
    let mut held = gateway.client();
    held.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    wait_until("the first origin has a request", || busy.connections() == 1);
    for _ in 0..3 {
        assert_eq!(split(&gateway.ask(LAST)).1, "two");
    }
}

#[test]
fn another_origin_takes_the_request_of_one_that_cannot_be_reached() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let two = Origin::answering(TWO);
    let Some(gateway) = Gateway::to(&[free, two.addr], &[]) else { return };
    for _ in 0..6 {
        assert_eq!(split(&gateway.ask(LAST)).1, "two");
    }
    // Not a byte was sent, so that even this may be tried elsewhere.
    let answer = gateway.ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx");
    assert_eq!(split(&answer).1, "two");
}

#[test]
fn with_nobody_left_the_answer_says_so_and_when_to_come_back_and_origins_return() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    drop(listener);
    let Some(gateway) = Gateway::to(&[addr], &["--max-fails", "1", "--rest", "0.3"]) else { return };
    let first = gateway.ask(LAST);
    assert!(first.starts_with("HTTP/1.1 502 ") || first.starts_with("HTTP/1.1 503 "), "{first}");
    let answer = gateway.ask(LAST);
    let (head, content) = split(&answer);
    assert!(head.starts_with("HTTP/1.1 503 "), "{head}");
    assert_eq!(field(head, "retry-after"), Some("1"));
    assert!(!content.is_empty(), "a reason");
    let back = Origin::on(TcpListener::bind(addr).unwrap(), |peer| {
        while peer.request().is_some() {
            peer.send(ONE);
        }
    });
    wait_until("the origin is tried again", || gateway.ask(LAST).ends_with("one"));
    assert!(back.connections() > 0);
}

#[test]
fn a_hangup_signal_takes_a_new_list_of_origins() {
    let (one, two) = (Origin::answering(ONE), Origin::answering(TWO));
    let file = std::env::temp_dir().join(format!("h1wire-gateway-origins-{}", std::process::id()));
    fs::write(&file, format!("# the first\nhttp://{}\n", one.addr)).unwrap();
    let Some(gateway) = Gateway::start(&["--origins", file.to_str().unwrap()]) else { return };
    assert_eq!(split(&gateway.ask(LAST)).1, "one");
    fs::write(&file, format!("http://{}\n", two.addr)).unwrap();
    gateway.signal("HUP");
    wait_until("the list is read", || gateway.ask(LAST).ends_with("two"));
    // A list that cannot be read changes nothing.
    fs::write(&file, "nonsense\n").unwrap();
    gateway.signal("HUP");
    for _ in 0..5 {
        assert_eq!(split(&gateway.ask(LAST)).1, "two");
    }
    fs::remove_file(file).unwrap();
}
