//! The hooks of the agent: any stream as a connection, connections examined before they are kept or used again.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use h1wire_std::{Agent, ErrorKind, Transport};

use crate::agent::{OK, get_ok, keeping};
use crate::script::{PATIENCE, Peer, Script, eventually};

/// A stream that answers whatever is written to it, in memory.
struct Canned(io::Cursor<Vec<u8>>);
impl Read for Canned {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read(buf)
    }
}
impl Write for Canned {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        Ok(buf.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
impl Transport for Canned {
    fn set_read_timeout(&mut self, _: Option<Duration>) -> io::Result<()> {
        Ok(())
    }
    fn set_write_timeout(&mut self, _: Option<Duration>) -> io::Result<()> {
        Ok(())
    }
    fn shutdown(&mut self, _: Shutdown) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn connections_can_be_any_stream_and_may_fail_with_an_own_error() {
    let agent = Agent::builder()
        .create_connection(|to| match to.origin().host() {
            Some("good") => Ok(Box::new(Canned(io::Cursor::new(OK.to_vec())))),
            _ => Err("not today".into()),
        })
        .build();
    assert!(!get_ok(&agent, "http://good/"));
    let error = agent.get("http://bad/").send().unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Hook(e) if e.to_string() == "not today"), "{error:?}");
    assert!(error.into_request().is_some());
}

#[test]
fn a_hook_that_panics_fails_the_request_and_nothing_else() {
    let agent = Agent::builder().create_connection(|_| panic!("a test of panics")).build();
    let error = agent.get("http://h/").send().unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Hook(_)), "{error:?}");
    assert_eq!(agent.totals().busy, 0);
}

#[test]
fn hooks_see_connections_become_idle_and_be_used_again_and_may_refuse() {
    let server = Script::new(|listener| {
        let mut peer = Peer::accept(listener);
        for _ in 0..2 {
            peer.request();
            peer.send(OK);
        }
        assert_eq!(peer.end(), b"");
    });
    let (kept, reused) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (keep, reuse) = (kept.clone(), reused.clone());
    let agent = keeping()
        .keep_connection(move |_| keep.fetch_add(1, Ordering::Relaxed) == 0)
        .reuse_connection(move |stream| {
            assert!(stream.peer_addr().is_some());
            reuse.fetch_add(1, Ordering::Relaxed);
        })
        .build();
    assert!(!get_ok(&agent, &server.url("/")));
    assert_eq!((kept.load(Ordering::Relaxed), reused.load(Ordering::Relaxed)), (1, 0));
    assert!(get_ok(&agent, &server.url("/")));
    assert_eq!((kept.load(Ordering::Relaxed), reused.load(Ordering::Relaxed)), (2, 1));
    server.join();
    assert_eq!(agent.totals().idle, 0);
}

#[test]
fn a_connection_promised_while_its_hook_looks_goes_to_who_waits_or_is_replaced() {
    for keeps in [true, false] {
        let server = Script::new(move |listener| {
            let mut first = Peer::accept(listener);
            first.request();
            first.send(OK);
            let mut peer = if keeps { first } else { Peer::accept(listener) };
            peer.request();
            peer.send(OK);
        });
        let (looking, look) = channel();
        let (go, wait) = channel::<()>();
        let (looking, wait) = (Mutex::new(Some(looking)), Mutex::new(wait));
        let agent = keeping()
            .max_connections(1)
            .keep_connection(move |_| {
                let Some(looking) = looking.lock().unwrap().take() else { return true };
                looking.send(()).unwrap();
                wait.lock().unwrap().recv_timeout(PATIENCE).unwrap();
                keeps
            })
            .build();
        let (one, url) = (agent.clone(), server.url("/"));
        let first = thread::spawn(move || get_ok(&one, &url));
        look.recv_timeout(PATIENCE).unwrap();
        let (other, url) = (agent.clone(), server.url("/"));
        let second = thread::spawn(move || get_ok(&other, &url));
        eventually(|| agent.totals().busy == 1);
        go.send(()).unwrap();
        assert!(!first.join().unwrap());
        assert_eq!(second.join().unwrap(), keeps);
        server.join();
    }
}

/// A socket that keeps what it takes until it is flushed, as a session of TLS may where its peer does not read.
struct Keeping(io::BufWriter<TcpStream>);
impl Read for Keeping {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.get_mut().read(buf)
    }
}
impl Write for Keeping {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0.write(buf)
    }
    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
impl Transport for Keeping {
    fn set_read_timeout(&mut self, limit: Option<Duration>) -> io::Result<()> {
        self.0.get_mut().set_read_timeout(limit)
    }
    fn set_write_timeout(&mut self, limit: Option<Duration>) -> io::Result<()> {
        self.0.get_mut().set_write_timeout(limit)
    }
    fn shutdown(&mut self, how: Shutdown) -> io::Result<()> {
        self.0.get_mut().shutdown(how)
    }
}

#[test]
fn what_a_stream_keeps_leaves_it_with_each_request_and_each_flush() {
    let (seen, wait) = channel();
    let server = Script::once(move |peer| {
        peer.request();
        peer.send(OK);
        for mark in ["\r\n\r\n", "3\r\nabc\r\n", "0\r\n\r\n"] {
            peer.until(mark.as_bytes());
            seen.send(()).unwrap();
        }
        peer.send(OK);
    });
    let agent = keeping().create_connection(|to| {
        let address = (to.origin().host().unwrap(), to.origin().port().unwrap());
        Ok(Box::new(Keeping(io::BufWriter::new(TcpStream::connect(address)?))))
    });
    let agent = agent.build();
    assert!(!get_ok(&agent, &server.url("/")));
    let mut upload = agent.request("PUT", server.url("/")).start().unwrap();
    upload.flush().unwrap();
    wait.recv_timeout(PATIENCE).unwrap();
    upload.write_all(b"abc").unwrap();
    upload.flush().unwrap();
    wait.recv_timeout(PATIENCE).unwrap();
    assert_eq!(upload.finish().unwrap().text().unwrap(), "ok");
    wait.recv_timeout(PATIENCE).unwrap();
    server.join();
}

#[test]
fn a_request_is_reported_once_with_its_times_and_what_it_came_to() {
    type Seen = (String, Option<u16>, bool, bool, (u64, u64), Option<String>);
    let server = Script::once(|peer| {
        peer.request();
        peer.send(OK);
        peer.request();
        peer.send(b"HTTP/1.1 500 No\r\nContent-Length: 9\r\n\r\ncut");
    });
    let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
    let (noted, own) = (seen.clone(), Arc::new(AtomicUsize::new(0)));
    let agent = Agent::builder()
        .on_report(move |report| {
            let times =
                [Some(Duration::ZERO), report.connected, report.sent, report.answered, Some(report.took)];
            let known: Vec<_> = times.into_iter().flatten().collect();
            assert!(known.is_sorted() && known.len() == 5 || report.failure.is_some(), "{report:?}");
            let bytes = (report.bytes_sent, report.bytes_received);
            let failure = report.failure.map(ToString::to_string);
            let seen =
                (report.request.to_owned(), report.status, report.reused, report.retried, bytes, failure);
            noted.lock().unwrap().push(seen);
        })
        .build();
    let counted = own.clone();
    let request =
        agent.get(server.url("/a?secret")).on_report(move |_| _ = counted.fetch_add(1, Ordering::SeqCst));
    let mut response = request.send().unwrap();
    assert_eq!(seen.lock().unwrap().len(), 0, "it is not over");
    response.text().unwrap();
    let sent = response.bytes_sent();
    drop(response);
    let mut cut = agent.get(server.url("/b")).send().unwrap();
    assert!(cut.text().is_err());
    drop(cut);
    let refused = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert!(agent.get(format!("http://{refused}/c")).send().is_err());

    let seen = seen.lock().unwrap();
    assert_eq!((seen.len(), own.load(Ordering::SeqCst)), (3, 1), "{seen:?}");
    let get = |path: &str| format!("GET http://{}{path}", server.addr);
    assert_eq!(seen[0], (get("/a"), Some(200), false, false, (sent, OK.len() as u64), None));
    assert_eq!((&seen[1].0, seen[1].1, seen[1].2), (&get("/b"), Some(500), true));
    assert!(seen[1].5.as_ref().is_some_and(|why| why.contains("hung up")), "{:?}", seen[1]);
    assert!(seen[2].1.is_none() && seen[2].5.as_ref().is_some_and(|why| why.contains("could not connect")));
    drop(seen);
    server.join();
}
