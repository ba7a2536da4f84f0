//! Server-sent events.

use crate::{WAIT, pair, read_until, talk};
use h1wire_recipes::server_sent_events::{Event, serve_connection};
use std::io::Write;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\n";

/// The events after `last`, of three.
fn history(last: Option<u64>) -> Receiver<Event> {
    let (sender, events) = sync_channel(3);
    for id in last.map_or(1, |last| last + 1)..=3 {
        sender.send(Event { id, data: format!("event {id}\nof 3") }).unwrap();
    }
    events
}

#[test]
fn events_are_chunks_and_a_client_that_returns_gets_what_it_missed() {
    let answer = talk(
        "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n\
         GET / HTTP/1.1\r\nHost: a\r\nLast-Event-ID: 1\r\n\r\n\
         PUT / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        |stream| serve_connection(stream, WAIT, history),
    );
    assert_eq!(
        answer,
        format!(
            "{HEAD}Transfer-Encoding: chunked\r\n\r\n\
             {HEAD}Transfer-Encoding: chunked\r\n\r\n\
             20\r\nid: 2\ndata: event 2\ndata: of 3\n\n\r\n\
             20\r\nid: 3\ndata: event 3\ndata: of 3\n\n\r\n\
             0\r\n\r\n\
             HTTP/1.1 405 Method Not Allowed\r\nAllow: GET, HEAD\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
        )
    );
}

#[test]
fn an_event_arrives_when_it_happens_and_a_client_that_left_is_noticed() {
    let (mut client, server) = pair();
    let (subscribed, subscription) = sync_channel(1);
    std::thread::scope(|scope| {
        let heartbeat = Duration::from_millis(20);
        let served = scope.spawn(move || {
            serve_connection(server, heartbeat, |_| {
                let (sender, events) = sync_channel(1);
                subscribed.send(sender).unwrap();
                events
            })
        });
        client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        let events = subscription.recv_timeout(WAIT).unwrap();
        // The head is there before any event is.
        let begun = read_until(&mut client, "3\r\n:\n\n\r\n");
        assert!(begun.starts_with(HEAD), "{begun}");
        events.send(Event { id: 9, data: "now".into() }).unwrap();
        while !read_until(&mut client, "\n\n\r\n").contains("id: 9\ndata: now\n\n") {}
        drop(client);
        let left = Instant::now();
        while events.send(Event { id: 10, data: "anybody?".into() }).is_ok() {
            assert!(left.elapsed() < WAIT);
        }
        assert!(served.join().unwrap().is_err(), "the last write failed");
    });
}
