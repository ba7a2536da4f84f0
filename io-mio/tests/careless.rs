//! Handlers that panic, forget or come too late, and clients that make the most of it: nothing hangs and nothing grows.

#![allow(clippy::unwrap_used)]

mod common;

use std::io::Read;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use common::{PATIENCE, Raw, ms, options, serve, serve_with, stop, wait_until};
use h1wire_mio::proto::{Fields, Timeouts};
use h1wire_mio::{Handler, Options, Request, Responder, Response};

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

/// Keeps connections for longer than a test waits for their end.
fn patient() -> Options {
    options(|o| o.policy.timeouts = Timeouts { keep_alive: ms(60_000), ..Timeouts::SERVER })
}

/// Does what the target says.
#[derive(Default)]
struct Careless;

impl Handler for Careless {
    type Exchange = String;

    fn request(&mut self, req: &Request<'_>, res: &mut Response<'_>) -> Option<String> {
        let target = String::from_utf8_lossy(req.target).into_owned();
        match &*target {
            "/keep" => {
                res.keep_reading();
                res.end("early").unwrap();
            }
            "/answered" => {
                res.end("answered").unwrap();
                panic!("after the answer");
            }
            "/begun" => {
                res.write("begun").unwrap();
            }
            _ => {}
        }
        Some(target)
    }

    fn upgrade(&mut self, req: &Request<'_>, _: &mut Response<'_>) -> Option<String> {
        assert_ne!(req.target, b"/offer", "over an offer");
        Some("raw".into())
    }

    fn data(&mut self, exchange: &mut String, _: &[u8], res: &mut Response<'_>) {
        match &**exchange {
            "raw" => panic!("in another protocol"),
            "/begun" => {
                res.finish().unwrap();
            }
            _ => {}
        }
    }

    fn end(&mut self, exchange: &mut String, _: Fields<'_, '_>, res: &mut Response<'_>) {
        match &**exchange {
            "raw" => res.switch_here(&[("Upgrade", "raw")]).unwrap(),
            "/finished" => res.end("done").unwrap(),
            "/half" | "/begun" | "/keep" => {}
            _ => res.end("done").unwrap(),
        }
    }

    fn half_closed(&mut self, _: &mut String, res: &mut Response<'_>) {
        res.end("half closed").unwrap();
    }

    fn finished(&mut self, exchange: String) {
        assert!(exchange != "/finished", "a panic in finished");
    }
}

#[test]
fn a_panic_in_another_protocol_ends_the_connection() {
    let server = serve_with(patient(), |_| Careless);
    let mut raw = Raw::to(&server);
    raw.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: raw\r\n\r\n").until("\r\n\r\n");
    raw.send("x").rest();
    wait_until("the end", || server.handle().counters().closed == 1);
    stop(server);
}

#[test]
fn a_panic_over_an_offer_of_another_protocol_is_answered_with_500() {
    let server = serve_with(patient(), |_| Careless);
    let offer = "GET /offer HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: raw\r\n\r\n";
    let got = Raw::to(&server).ask(offer);
    assert!(got.starts_with("HTTP/1.1 500 ") && got.contains("\r\nConnection: close\r\n"), "{got}");
    Raw::to(&server).send(GET).until("done");
    assert_eq!(server.handle().counters().panics, 1);
    stop(server);
}

#[test]
fn a_panic_behind_a_complete_answer_ends_the_connection_after_it() {
    let server = serve_with(patient(), |_| Careless);
    let answer = Raw::to(&server).ask("GET /answered HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(answer.ends_with("answered"), "{answer}");
    stop(server);
}

#[test]
fn a_panic_when_an_exchange_is_over_ends_the_connection() {
    let server = serve_with(patient(), |_| Careless);
    let answer = Raw::to(&server).ask("GET /finished HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(answer.ends_with("done"), "{answer}");
    stop(server);
}

#[test]
fn a_handler_that_reads_on_after_its_answer_has_the_time_of_content() {
    let timeouts = Timeouts { linger: ms(200), ..Timeouts::SERVER };
    let server = serve_with(options(|o| o.policy.timeouts = timeouts), |_| Careless);
    let mut raw = Raw::to(&server);
    raw.send("POST /keep HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n").until("early");
    for _ in 0..10 {
        // Slow on purpose: longer than a peer may take to close.
        std::thread::sleep(Duration::from_millis(60));
        raw.send("x");
    }
    raw.send(GET).until("done");
    stop(server);
}

#[test]
fn a_client_that_closed_its_half_before_its_request_was_looked_at_is_told_of() {
    let server = serve_with(patient(), |_| Careless);
    for _ in 0..20 {
        let mut raw = Raw::to(&server);
        let answer = raw.send("GET /half HTTP/1.1\r\nHost: a\r\n\r\n").half_close().rest();
        assert!(answer.ends_with("half closed"), "{answer}");
    }
    stop(server);
}

#[test]
fn an_answer_begun_before_a_shutdown_is_the_last_of_its_connection() {
    let server = serve_with(patient(), |_| Careless);
    let mut raw = Raw::to(&server);
    raw.send("POST /begun HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n").until("begun\r\n");
    let start = Instant::now();
    let addr = server.local_addr().unwrap();
    server.handle().shutdown(PATIENCE);
    wait_until("the shutdown", || std::net::TcpStream::connect(addr).is_err());
    raw.send("x").rest();
    // The client has everything, and could go.
    server.handle().shutdown(Duration::ZERO);
    let drained = server.join().unwrap();
    assert!(start.elapsed() < PATIENCE / 2, "{:?}", start.elapsed());
    assert_eq!(drained.cut, 0);
}

#[test]
fn a_writer_in_another_thread_has_to_wait_for_a_client_that_does_not_read() {
    let (tell, told) = channel::<Responder>();
    let tell = Mutex::new(tell);
    let server = serve(move |_, res| tell.lock().unwrap().send(res.responder()).unwrap());
    let mut raw = Raw::to(&server);
    raw.send(GET);
    let responder = told.recv_timeout(PATIENCE).unwrap();
    let mut written = 0;
    while responder.wait_writable(Duration::from_millis(500)) {
        assert!(responder.write(vec![b'x'; 1000]));
        written += 1000;
        assert!(written < 64 << 20, "nobody reads, and it goes on");
    }
    assert!(responder.is_open());
    let reader = std::thread::spawn(move || std::io::copy(&mut raw.0, &mut std::io::sink()).unwrap());
    assert!(responder.wait_writable(PATIENCE));
    responder.finish();
    server.handle().shutdown(PATIENCE);
    server.join().unwrap();
    assert!(reader.join().unwrap() > written as u64);
}

#[test]
fn files_that_nobody_reads_hold_few_descriptors() {
    let path = std::env::temp_dir().join(format!("h1wire-held-{}", std::process::id()));
    std::fs::write(&path, vec![b'x'; 8 << 20]).unwrap();
    let of = path.clone();
    let server = serve(move |_, res| {
        let file = std::fs::File::open(&of)?;
        res.content_length(8 << 20).write_file(Arc::new(file), 0, 8 << 20).map_err(std::io::Error::other)?;
        res.finish().map_err(std::io::Error::other)
    });
    let mut raw = Raw::to(&server);
    raw.send(GET.repeat(2000));
    wait_until("an answer", || server.handle().counters().bytes_sent > 0);
    let open = std::fs::read_dir("/proc/self/fd").unwrap();
    let held = open.flatten().filter(|fd| std::fs::read_link(fd.path()).is_ok_and(|to| to == path)).count();
    assert!(held <= 20, "{held}");
    stop(server);
    std::fs::remove_file(&path).unwrap();
}

#[test]
fn a_stream_injected_after_the_end_is_closed() {
    let server = serve(|_, res| res.end("late"));
    let handle = server.handle().clone();
    stop(server);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    client.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    let (stream, _) = listener.accept().unwrap();
    stream.set_nonblocking(true).unwrap();
    handle.inject(mio::net::TcpStream::from_std(stream));
    assert_eq!(client.read(&mut [0; 8]).unwrap_or(1), 0);
    drop(handle);
}

#[test]
fn a_trailer_that_cannot_be_sent_is_an_error() {
    let (tell, told) = channel();
    let tell = Mutex::new(tell);
    let server = serve(move |_, res| {
        res.write("x").unwrap();
        let finished = res.trailer("bad name", "1").finish();
        tell.lock().unwrap().send(finished).unwrap();
    });
    let mut raw = Raw::to(&server);
    raw.send(GET);
    assert!(told.recv_timeout(PATIENCE).unwrap().is_err());
    stop(server);
}

#[test]
fn a_server_that_may_keep_no_output_answers_all_the_same() {
    let server = serve_with(options(|o| o.write_high_water = 0), |_| Careless);
    let mut raw = Raw::to(&server);
    raw.send(GET.repeat(2)).until("done");
    stop(server);
}

/// Says what it is told in another protocol.
struct Raws(std::sync::mpsc::Sender<String>);

impl Handler for Raws {
    type Exchange = ();

    fn request(&mut self, _: &Request<'_>, res: &mut Response<'_>) -> Option<()> {
        res.switch_here(&[("Upgrade", "raw")]).unwrap();
        Some(())
    }

    fn data(&mut self, (): &mut (), data: &[u8], _: &mut Response<'_>) {
        let _ = self.0.send(format!("data {}", data.escape_ascii()));
    }

    fn end(&mut self, (): &mut (), _: Fields<'_, '_>, res: &mut Response<'_>) {
        let _ = self.0.send("end".into());
        res.finish().unwrap();
    }

    fn half_closed(&mut self, (): &mut (), _: &mut Response<'_>) {
        let _ = self.0.send("half closed".into());
    }
}

#[test]
fn the_end_of_another_protocol_is_told_once_and_behind_what_came_before() {
    let (tell, told) = channel();
    let tell = Mutex::new(tell);
    let server = serve_with(patient(), move |_| Raws(tell.lock().unwrap().clone()));
    let mut raw = Raw::to(&server);
    raw.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: raw\r\n\r\n").until("\r\n\r\n");
    raw.send("x").half_close().rest();
    let all: Vec<String> = std::iter::from_fn(|| told.try_recv().ok()).collect();
    assert_eq!(all.join(", "), "data x, end");
    stop(server);
}

/// Panics when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("dropped");
    }
}

#[test]
fn what_panics_as_it_is_dropped_does_not_end_the_server() {
    let (tell, told) = channel::<Responder>();
    let tell = Mutex::new(tell);
    let server = serve(move |req, res| match req.target {
        b"/later" => tell.lock().unwrap().send(res.responder()).unwrap(),
        b"/switch" => {
            let bomb = Bomb;
            res.switch_to(&[("Upgrade", "x")], move |upgraded| drop((upgraded, bomb))).unwrap();
            res.abort();
        }
        _ => res.end("alive").unwrap(),
    });
    let mut raw = Raw::to(&server);
    raw.send("GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
    let responder = told.recv_timeout(PATIENCE).unwrap();
    responder.abort();
    let bomb = Bomb;
    responder.run(move |_| drop(bomb));
    raw.rest();
    Raw::to(&server)
        .send("GET /switch HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")
        .rest();
    Raw::to(&server).send(GET).until("alive");
    stop(server);
}

#[test]
fn a_connection_cut_off_within_a_pipeline_answers_nothing_more() {
    let server = serve(|req: &Request<'_>, res: &mut Response<'_>| match req.target {
        b"/aborted" => {
            res.abort();
            Ok(())
        }
        b"/answered" => {
            let answered = res.end("last");
            res.abort();
            answered
        }
        _ => res.end("first"),
    });
    for (target, answers) in [("/aborted", 1), ("/answered", 2)] {
        let before = server.handle().counters().requests;
        let pipeline = format!("{GET}GET {target} HTTP/1.1\r\nHost: a\r\n\r\n{}", GET.repeat(20));
        let got = Raw::to(&server).ask(pipeline);
        assert!(got.matches("HTTP/1.1 ").count() <= answers, "{target}: {got}");
        wait_until("the end", || server.handle().counters().closed == server.handle().counters().accepted);
        assert_eq!(server.handle().counters().requests, before + 2, "{target}");
    }
    Raw::to(&server).send(GET).until("first");
    stop(server);
}
