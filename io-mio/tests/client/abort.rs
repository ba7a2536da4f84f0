//! Requests that are ended at any moment, by whoever it is.

use std::net::TcpListener;
use std::sync::mpsc::channel;
use std::time::Duration;

use h1wire_mio::client::{AbortHandle, Client, Event, Options, Request};

use crate::options::silent;
use crate::own::Own;
use crate::script::{PATIENCE, Peer, Script};

#[test]
fn one_handle_aborts_all_its_requests_in_all_their_clients_from_another_thread_and_no_others() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let handle = AbortHandle::new();
    let (one, two) = (Client::new(Options::default()).unwrap(), Client::new(Options::default()).unwrap());
    let pending: Vec<_> = [&one, &two, &two]
        .map(|client| client.send(Request::get(&url).abort_with(&handle)))
        .into_iter()
        .collect();
    let other = two.get(&url);
    let mut peers: Vec<_> = (0..4).map(|_| Peer::accept(&listener)).collect();
    peers.iter_mut().for_each(|peer| _ = peer.request());
    handle.abort();
    handle.abort();
    for pending in pending {
        assert!(pending.wait().unwrap_err().is_aborted());
    }
    assert!(one.send(Request::get(&url).abort_with(&handle)).wait().unwrap_err().is_aborted(), "too late");
    for mut peer in peers {
        // Three of them were closed, and it does not matter which.
        let _ = std::io::Write::write_all(&mut peer.socket, b"HTTP/1.1 204 No Content\r\n\r\n");
    }
    assert_eq!(other.wait().unwrap().status(), 204);
}

#[test]
fn a_request_is_aborted_while_its_name_is_resolved_its_connection_made_or_its_turn_awaited() {
    let (addr, _kept) = silent();
    let (go, wait) = channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let hanging = Request::get("http://slow.invalid/").lookup(move |_, _| {
        let _ = wait.lock().unwrap().recv();
        Ok(Vec::new())
    });
    let mut options = Options::default();
    options.pool.max_connections = Some(1);
    let mut own = Own::new(options);
    let connecting = || Request::get(format!("http://{addr}/"));
    let ids = [own.start(hanging), own.start(connecting()), own.start(connecting())];
    own.until_told(ids[1], "socket");
    for id in ids.into_iter().rev() {
        own.client.call(id).abort();
    }
    let events = ids.map(|id| own.finish(id).events);
    assert_eq!(
        events,
        [
            &["socket", "abort", "error", "close"][..],
            &["socket", "abort", "error", "close"],
            &["abort", "error", "close"]
        ]
    );
    drop(go);
    own.client.destroy();
    assert_eq!(own.counts(), (0, 0));
}

#[test]
fn a_request_is_aborted_while_its_content_is_not_taken_or_waits_for_100() {
    for expects in [false, true] {
        let (go, wait) = channel::<()>();
        let server = Script::once(move |peer| {
            peer.request();
            let _ = wait.recv_timeout(PATIENCE);
            peer.end();
        });
        let mut own = Own::keeping();
        let request = Request::new("POST", server.url("/")).content(vec![b'x'; 16 << 20]);
        let request =
            if expects { request.header("Expect", "100-continue").continue_timeout(None) } else { request };
        let id = own.start(request);
        own.until_told(id, "connected");
        own.turn();
        own.client.call(id).abort();
        assert_eq!(own.finish(id).events, ["socket", "connected", "abort", "error", "close"]);
        go.send(()).unwrap();
        server.join();
    }
}

#[test]
fn callers_servers_and_aborts_that_do_anything_at_any_time_leave_nothing_behind() {
    let mut state = 7u64;
    let mut random = move |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let answers: [&[u8]; 8] = [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nA: b\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 413 No\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno",
        b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nnot all of it",
        b"HTTP/1.0 200 OK\r\n\r\nuntil the end",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok and more than that",
    ];
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let stopped = stop.clone();
    let server = std::thread::spawn(move || {
        let mut turn = 0usize;
        while let Ok((mut socket, _)) = listener.accept() {
            if stopped.load(std::sync::atomic::Ordering::SeqCst) {
                return;
            }
            turn += 1;
            std::thread::spawn(move || {
                use std::io::{Read, Write};
                socket.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
                let mut buf = [0; 20_000];
                for n in 0..3 {
                    if (turn + n).is_multiple_of(7) || !matches!(socket.read(&mut buf), Ok(1..)) {
                        break;
                    }
                    let answer = answers[(turn * 5 + n) % answers.len()];
                    for piece in answer.chunks(1 + turn % 40) {
                        if socket.write_all(piece).is_err() {
                            return;
                        }
                    }
                }
                if turn.is_multiple_of(3) {
                    let _ = socket2::SockRef::from(&socket).set_linger(Some(Duration::ZERO));
                }
            });
        }
    });
    let mut options = Options::default();
    options.pool.max_connections = Some(6);
    options.patience.idle = Some(Duration::from_millis(400));
    let mut own = Own::new(options);
    let (mut ids, mut all) = (Vec::new(), 0);
    for _ in 0..1500 {
        match random(6) {
            0..=2 if ids.len() < 20 => {
                let request = match random(4) {
                    0 => Request::get(&url),
                    1 => Request::new("PUT", &url).content(vec![b'x'; random(100_000) as usize]),
                    2 => Request::new("POST", &url).header("Expect", "100-continue").content("hello"),
                    _ => Request::new("POST", &url).streamed(),
                };
                let seed = random(1000);
                let mut told = 0;
                ids.push(own.start_with(request, move |event, call| {
                    told += 1;
                    match (seed + told * 31) % 11 {
                        0 => call.pause(),
                        1 => call.resume(),
                        2 => call.discard(),
                        3 => call.abort(),
                        4 => _ = call.write(vec![b'y'; 30_000]),
                        5 => _ = call.finish(),
                        6 => call.detach(),
                        _ => call.resume(),
                    }
                    if matches!(event, Event::Close) {
                        let _ = call.take_request();
                    }
                }));
                all += 1;
            }
            3 if !ids.is_empty() => {
                let at = random(ids.len() as u64) as usize;
                let mut call = own.client.call(ids[at]);
                match random(5) {
                    0 => call.abort(),
                    1 => call.discard(),
                    2 => _ = call.finish(),
                    3 => _ = call.write("z"),
                    _ => call.resume(),
                }
            }
            4 if random(40) == 0 => own.client.destroy(),
            _ => own.turn(),
        }
        let client = &mut own.client;
        ids.retain(|id| client.call(*id).is_open());
    }
    own.until("the end of all of them", |own| {
        let client = &mut own.client;
        ids.retain(|id| client.call(*id).is_open());
        ids.iter().for_each(|id| client.call(*id).resume());
        ids.is_empty()
    });
    let closes =
        own.client.caller().told.values().map(|told| told.events.iter().filter(|e| **e == "close").count());
    assert!(closes.clone().all(|closes| closes == 1), "each ends once");
    assert_eq!((closes.count(), own.client.calls()), (all, 0));
    own.client.destroy();
    assert_eq!((own.counts(), own.client.totals().waiting), ((0, 0), 0));
    stop.store(true, std::sync::atomic::Ordering::SeqCst);
    drop(std::net::TcpStream::connect(url.trim_start_matches("http://").trim_end_matches('/')));
    server.join().unwrap();
}
