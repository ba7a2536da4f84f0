//! Ending a request from another thread, at every moment of its life.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::thread;

use h1wire_std::proto::retry::Retry;
use h1wire_std::{AbortHandle, Agent, Error, ErrorKind, Request};

use crate::script::{PATIENCE, Peer, Script, eventually, within};

#[test]
fn a_request_is_aborted_while_its_name_is_resolved_or_its_connection_made() {
    let (entered, enter) = channel();
    let (go, wait) = channel::<()>();
    let wait = Mutex::new(wait);
    let mut request = Request::get("http://service.invalid/").one_shot().lookup(move |_, _| {
        entered.send(()).unwrap();
        let _ = wait.lock().unwrap().recv_timeout(PATIENCE);
        Ok(Vec::<SocketAddr>::new())
    });
    let abort = request.abort_handle();
    let thread = thread::spawn(move || request.send().unwrap_err());
    enter.recv_timeout(PATIENCE).unwrap();
    abort.abort();
    abort.abort();
    let error = within(move || thread.join().unwrap());
    assert!(error.is_aborted() && error.retry().is_safe());
    assert!(error.into_request().is_some());
    go.send(()).unwrap();
}

#[test]
fn a_request_is_aborted_while_it_waits_for_its_turn() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let agent = Agent::builder().keep_alive(false).max_connections(1).build();
    let (used, other) = (agent.clone(), url.clone());
    let user = thread::spawn(move || used.get(other).send().unwrap().text().unwrap());
    // Its own request waits, too, until the connection is made.
    eventually(|| (agent.totals().busy, agent.totals().waiting) == (1, 0));
    let mut request = agent.get(url);
    let abort = request.abort_handle();
    let waiter = thread::spawn(move || request.send().unwrap_err());
    eventually(|| agent.totals().waiting == 1);
    abort.abort();
    assert!(within(move || waiter.join().unwrap()).is_aborted());
    assert_eq!(agent.totals().waiting, 0);
    let mut peer = Peer::accept(&listener);
    peer.request();
    peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    assert_eq!(user.join().unwrap(), "ok");
}

#[test]
fn a_request_is_aborted_while_it_waits_for_its_response() {
    let (asked, wait) = channel();
    let server = Script::once(move |peer| {
        peer.request();
        asked.send(()).unwrap();
        assert_eq!(peer.end(), b"");
    });
    let mut request = Request::get(server.url("/")).one_shot();
    let abort = request.abort_handle();
    let thread = thread::spawn(move || request.send().unwrap_err());
    wait.recv_timeout(PATIENCE).unwrap();
    abort.abort();
    let error = within(move || thread.join().unwrap());
    assert!(error.is_aborted() && !error.retry().is_safe());
    server.join();
}

#[test]
fn a_request_is_aborted_while_its_content_waits_for_100() {
    let (asked, wait) = channel();
    let server = Script::once(move |peer| {
        peer.request();
        asked.send(()).unwrap();
        assert_eq!(peer.end(), b"", "not a byte of content");
    });
    let mut request = Request::new("PUT", server.url("/")).one_shot().header("Expect", "100-continue");
    let abort = request.abort_handle();
    let request = request.continue_timeout(None);
    let thread = thread::spawn(move || request.send_bytes("content").unwrap_err());
    wait.recv_timeout(PATIENCE).unwrap();
    abort.abort();
    assert!(within(move || thread.join().unwrap()).is_aborted());
    server.join();
}

#[test]
fn a_request_is_aborted_while_its_content_is_not_taken() {
    let (asked, wait) = channel();
    let (go, over) = channel::<()>();
    let server = Script::once(move |peer| {
        peer.request();
        asked.send(()).unwrap();
        over.recv_timeout(PATIENCE).unwrap();
    });
    let mut request = Request::new("PUT", server.url("/")).one_shot();
    let abort = request.abort_handle();
    let thread = thread::spawn(move || {
        let mut upload = request.start().unwrap();
        let error = loop {
            if let Err(error) = upload.write_all(&[0; 1 << 16]) {
                break error;
            }
        };
        assert!(Error::of(&error).unwrap().is_aborted(), "{error:?}");
        assert!(upload.finish().is_err());
    });
    wait.recv_timeout(PATIENCE).unwrap();
    abort.abort();
    within(move || thread.join().unwrap());
    go.send(()).unwrap();
    server.join();
}

#[test]
fn a_response_is_aborted_while_it_is_read_whatever_frames_it() {
    for framing in ["Content-Length: 10", "Transfer-Encoding: chunked", "Connection: close"] {
        let (sent, wait) = channel();
        let server = Script::once(move |peer| {
            peer.request();
            peer.send(format!("HTTP/1.1 200 OK\r\n{framing}\r\n\r\n").as_bytes());
            peer.send(if framing.contains("chunked") { b"5\r\nhello\r\n" } else { b"hello" });
            sent.send(()).unwrap();
            assert_eq!(peer.end(), b"");
        });
        let mut request = Request::get(server.url("/")).one_shot();
        let abort = request.abort_handle();
        let mut response = request.send().unwrap();
        let mut start = [0; 5];
        response.read_exact(&mut start).unwrap();
        assert_eq!(&start, b"hello");
        wait.recv_timeout(PATIENCE).unwrap();
        let thread = thread::spawn(move || {
            let error = response.read(&mut [0; 10]).unwrap_err();
            assert!(Error::of(&error).unwrap().is_aborted(), "{framing}: {error:?}");
            assert!(!response.is_complete());
            assert_eq!(response.read(&mut [0; 10]).unwrap(), 0);
        });
        abort.abort();
        within(move || thread.join().unwrap());
        server.join();
    }
}

#[test]
fn an_aborted_request_is_not_begun_and_one_that_is_over_is_not_disturbed() {
    let mut request = Request::get("http://127.0.0.1:1/");
    request.abort_handle().abort();
    let error = request.send().unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Aborted));
    assert!(matches!(error.retry(), Retry::Safe(_)));

    let server = Script::kept(["HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"; 2]);
    let agent = Agent::builder().keep_alive(true).build();
    let mut request = agent.get(server.url("/"));
    let abort = request.abort_handle();
    let mut response = request.send().unwrap();
    assert_eq!(response.text().unwrap(), "ok");
    abort.abort();
    response.abort();
    let mut second = agent.get(server.url("/")).send().unwrap();
    assert!(second.is_reused(), "the connection was not the request's any more");
    assert_eq!(second.text().unwrap(), "ok");
    agent.destroy();
    server.join();
}

#[test]
fn aborts_that_race_with_the_end_never_hit_the_next_request_on_the_connection() {
    let server = Script::new(|listener| {
        loop {
            let mut peer = Peer::accept(listener);
            while let Some(head) = peer.try_request() {
                let _ = peer.socket.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
                if head.starts_with("GET /stop ") {
                    return;
                }
            }
        }
    });
    let agent = Agent::builder().keep_alive(true).max_connections(1).build();
    for _ in 0..300 {
        let mut request = agent.get(server.url("/"));
        let abort = request.abort_handle();
        let aborter = thread::spawn(move || abort.abort());
        let cut_short = match request.send() {
            Err(error) => error.is_aborted(),
            Ok(mut response) => response.text().is_err_and(|e| Error::of(&e).unwrap().is_aborted()),
        };
        let mut next = agent.get(server.url("/")).automatic_retry(false).send().unwrap();
        assert_eq!(next.text().unwrap(), "ok", "the one before was cut short: {cut_short}");
        aborter.join().unwrap();
    }
    agent.get(server.url("/stop")).send().unwrap();
    server.join();
}

#[test]
fn requests_over_a_unix_socket_are_aborted_in_the_queue_and_on_the_way() {
    let path = std::env::temp_dir().join(format!("h1wire-std-abort-{}.sock", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let (asked, wait) = channel();
    let server = thread::spawn(move || {
        let mut buf = [0; 4096];
        let (mut first, _) = listener.accept().unwrap();
        assert!(first.read(&mut buf).unwrap() > 0);
        asked.send(()).unwrap();
        assert_eq!(first.read(&mut buf).unwrap(), 0, "aborted");
        let (mut second, _) = listener.accept().unwrap();
        let n = second.read(&mut buf).unwrap();
        assert!(buf[..n].starts_with(b"GET /3 "), "the one behind the aborted ones");
        second.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").unwrap();
    });
    let agent = Agent::builder().keep_alive(true).max_connections(1).build();
    let mut requests = Vec::new();
    for n in 1..=3 {
        let mut request = agent.get(format!("http://localhost/{n}")).socket_path(&path);
        let abort = request.abort_handle();
        requests.push((abort, thread::spawn(move || request.send())));
        eventually(|| (agent.totals().busy, agent.totals().waiting) == (1, n - 1));
    }
    wait.recv_timeout(PATIENCE).unwrap();
    let (_, third) = requests.pop().unwrap();
    for (abort, thread) in requests.into_iter().rev() {
        abort.abort();
        assert!(within(move || thread.join().unwrap()).unwrap_err().is_aborted());
    }
    assert_eq!(third.join().unwrap().unwrap().text().unwrap(), "ok");
    server.join().unwrap();
    std::fs::remove_file(&path).unwrap();
}

#[test]
fn one_handle_aborts_many_requests_and_those_that_come_later() {
    let (asked, ask) = channel();
    let server = Script::new(move |listener| {
        let peers: Vec<_> = (0..3)
            .map(|_| {
                let mut peer = Peer::accept(listener);
                peer.request();
                peer
            })
            .collect();
        asked.send(()).unwrap();
        for mut peer in peers {
            assert_eq!(peer.end(), b"", "closed");
        }
    });
    let (agent, handle) = (Agent::new(), AbortHandle::new());
    thread::scope(|scope| {
        let waiting: Vec<_> = (0..3)
            .map(|_| scope.spawn(|| agent.get(server.url("/")).abort_with(&handle).send().unwrap_err()))
            .collect();
        ask.recv_timeout(PATIENCE).unwrap();
        handle.abort();
        for thread in waiting {
            assert!(thread.join().unwrap().is_aborted());
        }
    });
    let error = agent.get(server.url("/")).abort_with(&handle).send().unwrap_err();
    assert!(error.is_aborted() && error.into_request().is_some());
    assert_eq!(agent.counters().aborted, 3);
    server.join();
}
