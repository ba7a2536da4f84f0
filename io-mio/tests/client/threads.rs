//! The client of other threads: waited for, awaited, and told by a callback.

use std::future::Future;
use std::io::Read;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use h1wire_mio::client::{Client, ErrorKind, Event, Options, Request};

use crate::script::{PATIENCE, Peer, Script, eventually, within};

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

fn client() -> Client {
    Client::new(Options::default()).unwrap()
}

#[test]
fn a_thread_waits_for_responses_over_one_kept_connection() {
    let server = Script::kept([
        OK,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nA: b\r\n\r\n",
    ]);
    let client = client();
    let response = client.get(server.url("/")).wait().unwrap();
    assert_eq!((response.status(), response.header("content-length")), (200, Some(b"2".to_vec())));
    assert_eq!(response.text().wait().unwrap(), "ok");
    assert_eq!(client.totals().idle, 1);
    let mut response = client.send(Request::get(server.url("/"))).wait().unwrap();
    assert_eq!(response.piece().wait().unwrap().as_deref(), Some(&b"abc"[..]));
    assert_eq!(response.piece().wait().unwrap(), None);
    assert!(response.is_complete());
    assert_eq!(response.trailers().as_fields().get("a"), Some(&b"b"[..]));
    let origins = client.origins();
    assert_eq!((origins.len(), origins[0].idle, client.counters().reused), (1, 1, 1));
    drop(client);
    server.join();
}

#[test]
fn many_threads_share_one_client() {
    let server = Script::new(|listener| {
        let peers: Vec<_> = (0..8)
            .map(|_| {
                let mut peer = Peer::accept(listener);
                std::thread::spawn(move || {
                    while let Some(head) = peer.try_request() {
                        let path = head.split(' ').nth(1).unwrap();
                        peer.send(
                            format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{path}", path.len())
                                .as_bytes(),
                        );
                    }
                })
            })
            .collect();
        peers.into_iter().for_each(|peer| peer.join().unwrap());
    });
    let mut options = Options::default();
    options.pool.max_connections = Some(8);
    let client = Client::new(options).unwrap();
    let threads: Vec<_> = (0..16)
        .map(|n| {
            let (client, url) = (client.clone(), server.url(""));
            std::thread::spawn(move || {
                for m in 0..50 {
                    let path = format!("/{n}/{m}");
                    let response = client.get(format!("{url}{path}")).wait().unwrap();
                    assert_eq!(response.text().wait().unwrap(), path);
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!((client.counters().complete, client.totals().waiting), (800, 0));
    drop(client);
    server.join();
}

/// Polls whatever is woken, in the order in which that happens.
#[derive(Default)]
struct Woken(Mutex<Vec<usize>>, AtomicUsize);

struct Nth(usize, Arc<Woken>);

impl Wake for Nth {
    fn wake(self: Arc<Self>) {
        self.1.0.lock().unwrap().push(self.0);
        self.1.1.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn an_executor_made_by_hand_polls_it_only_when_it_was_woken() {
    let server = Script::new(|listener| {
        for _ in 0..2 {
            let mut peer = Peer::accept(listener);
            peer.request();
            peer.send(OK);
        }
    });
    let client = client();
    let fetch = |url: String| {
        let client = client.clone();
        async move { client.get(url).await?.text().await }
    };
    let (mut one, mut two) = (pin!(fetch(server.url("/1"))), pin!(fetch(server.url("/2"))));
    let woken = Arc::new(Woken::default());
    let (mut done, mut polls) = (Vec::new(), 0);
    woken.0.lock().unwrap().extend([0, 1]);
    while done.len() < 2 {
        let next = woken.0.lock().unwrap().pop();
        let Some(n) = next else {
            std::thread::yield_now();
            continue;
        };
        polls += 1;
        let waker = Waker::from(Arc::new(Nth(n, woken.clone())));
        let mut cx = Context::from_waker(&waker);
        let polled = if n == 0 { one.as_mut().poll(&mut cx) } else { two.as_mut().poll(&mut cx) };
        if let Poll::Ready(text) = polled {
            done.push(text.unwrap());
            // It may be woken once more, and must not be polled.
            woken.0.lock().unwrap().retain(|other| *other != n);
        }
    }
    assert_eq!(done, ["ok", "ok"]);
    assert!(polls <= 2 + woken.1.load(Ordering::SeqCst));
    server.join();
}

#[test]
fn a_runtime_awaits_it_like_any_future() {
    let server = Script::kept([OK, OK]);
    let client = client();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        for _ in 0..2 {
            let fetched = async { client.get(server.url("/")).await?.text().await };
            let text = tokio::time::timeout(PATIENCE, fetched).await.unwrap().unwrap();
            assert_eq!(text, "ok");
        }
    });
    drop(client);
    server.join();
}

#[test]
fn a_future_that_is_dropped_aborts_its_request() {
    let (asked, wait) = channel();
    let server = Script::once(move |peer| {
        peer.request();
        asked.send(()).unwrap();
        assert_eq!(peer.end(), b"");
    });
    let client = client();
    let pending = client.get(server.url("/"));
    wait.recv_timeout(PATIENCE).unwrap();
    drop(pending);
    server.join();
    eventually(|| client.totals().busy == 0);
}

#[test]
fn a_pending_request_can_be_aborted_and_says_so() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let client = client();
    let pending = client.get(format!("http://{}/", listener.local_addr().unwrap()));
    pending.abort();
    let error = within(move || pending.wait()).unwrap_err();
    assert!(error.is_aborted(), "{error:?}");
}

#[test]
fn content_is_written_while_it_is_sent_and_a_reader_that_does_not_read_slows_the_server() {
    const SIZE: usize = 3 << 20;
    let server = Script::once(|peer| {
        let head = peer.request();
        assert!(head.contains("Transfer-Encoding: chunked"), "{head}");
        let sent = peer.until(b"\r\n0\r\n\r\n");
        assert!(sent.len() > SIZE);
        peer.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {SIZE}\r\n\r\n").as_bytes());
        peer.send(&vec![b'y'; SIZE]);
        assert_eq!(peer.end(), b"");
    });
    let client = client();
    let upload = client.upload(Request::new("POST", server.url("/")));
    for _ in 0..SIZE / 4096 {
        assert!(upload.room().wait());
        assert!(upload.write(vec![b'x'; 4096]));
    }
    let mut response = upload.finish().wait().unwrap();
    let mut text = Vec::new();
    response.read_to_end(&mut text).unwrap();
    assert_eq!((text.len(), text.iter().all(|b| *b == b'y')), (SIZE, true));
    drop((response, client));
    server.join();
}

#[test]
fn what_cannot_be_sent_is_an_error_of_the_request_however_it_is_asked() {
    let client = client();
    let error = client.get("ftp://h/").wait().unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Invalid(_)), "{error:?}");
    assert!(error.into_request().is_some());
    let (tell, told) = channel();
    client.call(Request::get("http://h/").path("/a b"), move |event, call| {
        assert!(!call.is_open());
        tell.send(format!("{event:?}")).unwrap();
    });
    let first = told.recv_timeout(PATIENCE).unwrap();
    assert!(first.contains("Refused(BadTarget)"), "{first}");
    assert_eq!(told.recv_timeout(PATIENCE).unwrap(), "Close");
    // Too much content for what was declared.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let upload = client.upload(Request::new("PUT", url).header("Content-Length", "2"));
    upload.write("abc");
    let error = upload.finish().wait().unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Refused(_)), "{error:?}");
}

#[test]
fn a_callback_is_told_everything_in_the_thread_of_the_loop() {
    let server = Script::answers([OK]);
    let client = client();
    let (tell, told) = channel();
    client.call(Request::get(server.url("/")), move |event, call| {
        if let Event::Response(head) = &event {
            assert_eq!((head.status, call.is_answered()), (200, true));
        }
        tell.send((format!("{event:?}"), std::thread::current().id())).unwrap();
    });
    let events: Vec<_> = std::iter::from_fn(|| told.recv_timeout(PATIENCE).ok()).collect();
    let names: Vec<_> = events.iter().map(|(text, _)| text.split([' ', '(', '{']).next().unwrap()).collect();
    assert_eq!(names, ["Socket", "Connected", "Sent", "Response", "Data", "End", "Close"]);
    assert!(
        events.iter().all(|(_, thread)| *thread == events[0].1 && *thread != std::thread::current().id())
    );
    server.join();
}

#[test]
fn a_client_that_is_dropped_lets_its_requests_come_to_their_end() {
    let (go, wait) = channel::<()>();
    let server = Script::once(move |peer| {
        peer.request();
        wait.recv_timeout(PATIENCE).unwrap();
        peer.send(OK);
        assert_eq!(peer.end(), b"");
    });
    let client = client();
    let pending = client.get(server.url("/"));
    drop(client);
    go.send(()).unwrap();
    assert_eq!(pending.wait().unwrap().text().wait().unwrap(), "ok");
    server.join();
}
