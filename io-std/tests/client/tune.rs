//! Options of the socket, set before there is one and while it is used.

use std::io::{ErrorKind as Io, Write};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use h1wire_std::Agent;
use socket2::SockRef;

use crate::agent::OK;
use crate::script::Script;

/// An agent that keeps connections, and the last socket it made.
fn watched() -> (Agent, Arc<Mutex<Option<OwnedFd>>>) {
    let last = Arc::new(Mutex::new(None));
    let made = last.clone();
    let agent = Agent::builder()
        .keep_alive(true)
        .create_connection(move |to| {
            let stream = to.connect()?;
            *made.lock().unwrap() = Some(stream.poll_fd().unwrap().try_clone_to_owned()?);
            Ok(stream)
        })
        .build();
    (agent, last)
}

#[test]
fn options_of_the_socket_are_applied_once_connected_and_to_a_reused_connection_as_well() {
    let server = Script::kept([OK; 3]);
    let (agent, last) = watched();
    let mut now = Vec::new();
    for on in [None, Some(false), Some(true)] {
        let request = agent.get(server.url("/"));
        let mut response = match on {
            None => request,
            Some(on) => request.no_delay(on).tcp_keep_alive(Duration::from_secs(7)),
        }
        .send()
        .unwrap();
        assert_eq!(response.text().unwrap(), "ok");
        assert_eq!(response.is_reused(), on.is_some());
        let socket = last.lock().unwrap();
        let socket = SockRef::from(socket.as_ref().unwrap());
        now.push((socket.tcp_nodelay().unwrap(), socket.tcp_keepalive_time().unwrap().as_secs()));
    }
    assert_eq!(now, [(true, 1), (false, 7), (true, 7)]);
    drop(agent);
    *last.lock().unwrap() = None;
    server.join();
}

#[test]
fn a_silence_that_the_system_cannot_count_is_the_nearest_it_can() {
    for (asked, set) in [(Duration::ZERO, 1), (Duration::from_millis(1500), 1), (Duration::MAX, 32_767)] {
        let server = Script::kept([OK; 2]);
        let (agent, last) = watched();
        let request = agent.get(server.url("/")).tcp_keep_alive(asked);
        let mut response = request.send().unwrap();
        let socket = last.lock().unwrap().take().unwrap();
        assert_eq!(
            SockRef::from(&socket).tcp_keepalive_time().unwrap(),
            Duration::from_secs(set),
            "{asked:?}"
        );
        response.text().unwrap();
        // The same for the connections an agent keeps.
        drop(socket);
        assert_eq!(agent.get(server.url("/")).send().unwrap().text().unwrap(), "ok");
        agent.destroy();
        server.join();
        let server = Script::kept([OK]);
        let agent = Agent::builder().keep_alive(true).tcp_keep_alive(asked).build();
        assert_eq!(agent.get(server.url("/")).send().unwrap().text().unwrap(), "ok");
        assert_eq!(agent.totals().idle, 1, "{asked:?}");
        agent.destroy();
        server.join();
    }
}

#[test]
fn options_of_the_socket_can_be_changed_while_it_is_used() {
    let server = Script::once(|peer| {
        peer.request();
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no");
        peer.until(b"0\r\n\r\n");
        peer.send(b"k");
    });
    let (agent, last) = watched();
    let mut upload = agent.request("PUT", server.url("/")).start().unwrap();
    let state = || {
        let socket = last.lock().unwrap();
        let socket = SockRef::from(socket.as_ref().unwrap());
        (
            socket.tcp_nodelay().unwrap(),
            socket.keepalive().unwrap(),
            socket.tcp_keepalive_time().unwrap().as_secs(),
        )
    };
    upload.set_no_delay(false).unwrap();
    upload.set_tcp_keep_alive(Some(Duration::from_secs(9))).unwrap();
    assert_eq!(state(), (false, true, 9));
    upload.flush().unwrap();
    let mut response = upload.finish().unwrap();
    response.set_no_delay(true).unwrap();
    response.set_tcp_keep_alive(None).unwrap();
    let (no_delay, keep_alive, _) = state();
    assert_eq!((no_delay, keep_alive), (true, false));
    assert_eq!(response.text().unwrap(), "ok");
    let gone = response.set_no_delay(true).unwrap_err();
    assert_eq!(gone.kind(), Io::NotConnected, "it is the agent's again");
    server.join();
}
