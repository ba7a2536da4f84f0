//! What a handler is told, and what is told of a handler: failures, shutdowns, clients that go, limits of one answer.

mod common;

use std::fmt::Debug;
use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{PATIENCE, Raw, ms, options, serve, serve_with, stop, wait_until};
use h1wire_mio::proto::{Expired, Fields, Timeouts};
use h1wire_mio::{Failure, Handler, Options, Report, Request, Responder, Response, Running, Server};

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const LAST: &str = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

/// Does what the target says, and sends on what it is told.
struct Tells(Sender<(String, Option<Report>)>);

impl Tells {
    fn tell(&self, what: impl Into<String>) {
        let _ = self.0.send((what.into(), None));
    }
}

impl Handler for Tells {
    type Exchange = ();

    fn request(&mut self, req: &Request<'_>, res: &mut Response<'_>) -> Option<()> {
        match req.target() {
            b"/fails" => {
                res.fail("out of order");
                return None;
            }
            b"/fails-late" => {
                res.write("begun").unwrap();
                res.fail("out of paper");
            }
            b"/bad-field" => {
                res.header("X-Bad", "a\nb").end("").unwrap_err();
                res.status(400).end("").unwrap();
            }
            b"/nothing" => return None,
            b"/panic" => panic!("as asked"),
            b"/stream" => res.send_head().unwrap(),
            b"/patient" => {
                res.set_timeout(None);
                res.send_head().unwrap();
                res.finish().unwrap();
            }
            _ => {}
        }
        self.tell("request");
        Some(())
    }

    fn end(&mut self, (): &mut (), _: Fields<'_, '_>, res: &mut Response<'_>) {
        if res.report().number == 9 {
            res.abort();
        }
    }

    fn shutdown(&mut self, (): &mut (), res: &mut Response<'_>) {
        assert!(res.is_shutting_down());
        self.tell("shutdown");
        res.write("bye").unwrap();
        res.finish().unwrap();
    }

    fn half_closed(&mut self, (): &mut (), _: &mut Response<'_>) {
        self.tell("half closed");
    }

    fn report(&mut self, exchange: Option<&mut ()>, report: &Report) {
        let what = if exchange.is_some() { "report" } else { "report of none" };
        let _ = self.0.send((what.into(), Some(report.clone())));
    }

    fn finished(&mut self, (): ()) {
        self.tell("finished");
    }

    fn aborted(&mut self, (): ()) {
        self.tell("aborted");
    }

    fn timeout(&mut self, expired: Expired, _: Option<&mut ()>, _: &mut Response<'_>) -> bool {
        self.tell(format!("timeout {expired:?}"));
        false
    }
}

fn telling(options: Options) -> (Running, Receiver<(String, Option<Report>)>) {
    let (tell, told) = channel();
    let tell = Mutex::new(tell);
    (serve_with(options, move |_| Tells(tell.lock().unwrap().clone())), told)
}

/// The next report, and whether there was an exchange.
fn report(told: &Receiver<(String, Option<Report>)>) -> (String, Report) {
    loop {
        if let (what, Some(report)) = told.recv_timeout(PATIENCE).expect("a report") {
            return (what, report);
        }
    }
}

fn expect(told: &Receiver<(String, Option<Report>)>, what: &str) {
    while told.recv_timeout(PATIENCE).unwrap_or_else(|e| panic!("{what}: {e}")).0 != what {}
}

fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n")
}

#[test]
fn a_handler_that_fails_is_reported_and_counted_with_its_own_words() {
    let (server, told) = telling(Options::default());
    for (target, status, what, failure, error) in [
        ("/fails", 500, "report of none", Some(Failure::Handler), Some("out of order")),
        ("/nothing", 500, "report of none", Some(Failure::Handler), Some("the request was not answered")),
        ("/panic", 500, "report of none", Some(Failure::Panic), None),
    ] {
        let got = Raw::to(&server).send(get(target)).half_close().rest();
        assert!(got.starts_with(&format!("HTTP/1.1 {status} ")), "{target}: {got}");
        let (told, report) = report(&told);
        assert_eq!((told.as_str(), report.status, report.failure), (what, Some(500), failure), "{target}");
        assert_eq!(report.error.as_deref(), error, "{target}");
        assert!(report.is_complete && report.sent == got.len() as u64, "{target}: {report:?}");
    }
    let counters = server.handle().counters();
    assert_eq!((counters.handler_errors, counters.panics), (2, 1));
    stop(server);
}

#[test]
fn a_field_that_cannot_be_sent_is_named_in_the_report() {
    let (server, told) = telling(Options::default());
    Raw::to(&server).send(get("/bad-field")).until("\r\n\r\n");
    let (_, report) = report(&told);
    assert_eq!((report.status, report.failure), (Some(400), None), "the handler found a way out");
    assert_eq!(report.error.as_deref(), Some("bad value of the field X-Bad"));
    assert_eq!(server.handle().counters().handler_errors, 1);
    stop(server);
}

#[test]
fn a_handler_that_fails_in_the_middle_of_its_answer_is_cut_off_and_reported() {
    let (server, told) = telling(Options::default());
    let got = Raw::to(&server).ask(get("/fails-late"));
    assert!(got.contains("begun") && !got.ends_with("0\r\n\r\n"), "{got}");
    let (what, report) = report(&told);
    assert_eq!((what.as_str(), report.status, report.is_complete), ("report", Some(200), false));
    assert_eq!((report.failure, report.error.as_deref()), (Some(Failure::Handler), Some("out of paper")));
    stop(server);
}

#[test]
fn what_a_closure_returns_as_an_error_is_counted() {
    let server = serve(|_: &Request<'_>, _: &mut Response<'_>| Err::<(), _>(io::Error::other("no")));
    assert!(Raw::to(&server).ask(LAST).starts_with("HTTP/1.1 500 "));
    assert_eq!(server.handle().counters().handler_errors, 1);
    stop(server);
}

#[test]
fn what_the_server_answers_by_itself_is_reported_with_its_status() {
    let (server, told) =
        telling(options(|o| o.policy.timeouts = Timeouts { headers: ms(100), ..Timeouts::SERVER }));
    for (request, status) in [("BAD\r\n\r\n", 400), ("GET / HTTP/1.1\r\n", 408)] {
        let got = Raw::to(&server).ask(request);
        assert!(got.starts_with(&format!("HTTP/1.1 {status} ")), "{got}");
        let (what, report) = report(&told);
        assert_eq!((what.as_str(), report.status, report.number), ("report of none", Some(status), 1));
        assert!(report.failure.is_some() && report.is_complete, "{report:?}");
        assert_eq!(report.sent, got.len() as u64);
    }
    stop(server);
}

#[test]
fn a_shutdown_is_told_to_the_handlers_whose_answers_go_on() {
    let (server, told) = telling(Options::default());
    let mut client = Raw::to(&server);
    client.send(get("/stream"));
    expect(&told, "request");
    server.shutdown(PATIENCE);
    assert!(client.rest().ends_with("3\r\nbye\r\n0\r\n\r\n"));
    expect(&told, "shutdown");
    expect(&told, "finished");
    let drained = server.join().unwrap();
    assert_eq!((drained.finished, drained.cut), (1, 0));
}

#[test]
fn a_responder_can_ask_whether_the_server_shuts_down() {
    let (tell, told) = channel::<Responder>();
    let tell = Mutex::new(tell);
    let server = serve(move |_: &Request<'_>, res: &mut Response<'_>| {
        tell.lock().unwrap().send(res.responder()).unwrap();
    });
    let mut client = Raw::to(&server);
    client.send(GET);
    let responder = told.recv_timeout(PATIENCE).unwrap();
    assert!(!responder.is_shutting_down() && server.handle().is_listening());
    server.shutdown(PATIENCE);
    wait_until("the shutdown", || responder.is_shutting_down());
    assert!(!server.handle().is_listening());
    responder.respond(200, Default::default(), "bye");
    assert!(client.rest().ends_with("bye"));
    server.join().unwrap();
}

#[test]
fn by_option_a_client_that_sends_no_more_has_gone() {
    for abort_on_end in [false, true] {
        let (server, told) = telling(options(|o| o.abort_on_end = abort_on_end));
        let mut client = Raw::to(&server);
        client.send(get("/stream"));
        expect(&told, "request");
        client.half_close();
        if abort_on_end {
            let (_, report) = report(&told);
            assert_eq!(report.failure, Some(Failure::Stream(io::ErrorKind::UnexpectedEof)));
            expect(&told, "aborted");
        } else {
            expect(&told, "half closed");
        }
        stop(server);
    }
}

#[test]
fn by_option_a_client_that_sends_no_more_still_has_what_is_answered_at_once() {
    let server = Server::bind("127.0.0.1:0")
        .unwrap()
        .options(options(|o| o.abort_on_end = true))
        .start(|_: &Request<'_>, res: &mut Response<'_>| res.end("hello"))
        .unwrap();
    assert!(Raw::to(&server).send(GET).half_close().rest().ends_with("hello"));
    stop(server);
}

#[test]
fn the_time_limit_of_one_answer_ends_with_it() {
    let timeouts = Timeouts { idle: ms(200), keep_alive: None, ..Timeouts::SERVER };
    let (server, told) = telling(options(|o| o.policy.timeouts = timeouts));
    let mut client = Raw::to(&server);
    client.send(get("/patient")).until("0\r\n\r\n");
    expect(&told, "finished");
    client.send(get("/stream"));
    expect(&told, "timeout Idle");
    stop(server);
}

#[test]
fn a_closure_may_be_given_the_whole_content_up_to_a_limit() {
    let whole = |req: &Request<'_>, content: &[u8], res: &mut Response<'_>| {
        let target = req.target().escape_ascii();
        res.end(format!("{} {target} {}", req.method(), content.escape_ascii()))
    };
    let server = Server::bind("127.0.0.1:0").unwrap().start_whole(5, whole).unwrap();
    let post = |content: &str| {
        let head = "POST /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n";
        format!("{head}Content-Length: {}\r\n\r\n{content}", content.len())
    };
    assert!(Raw::to(&server).ask(post("hello")).ends_with("\r\n\r\nPOST /x hello"));
    assert!(Raw::to(&server).ask(post("hello!")).starts_with("HTTP/1.1 413 "));
    assert!(Raw::to(&server).ask(LAST).ends_with("\r\n\r\nGET / "));
    let mut waiting = Raw::to(&server);
    waiting.send("POST /y HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    assert_eq!(waiting.until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
    assert!(waiting.send("ok").half_close().rest().ends_with("POST /y ok"));
    stop(server);
}

#[test]
fn a_whole_request_that_is_not_answered_is_answered_with_500_unless_a_responder_does() {
    let (tell, told) = channel::<Responder>();
    let tell = Mutex::new(tell);
    let server = Server::bind("127.0.0.1:0")
        .unwrap()
        .start_whole(9, move |req: &Request<'_>, _: &[u8], res: &mut Response<'_>| {
            if req.target() == b"/later" {
                tell.lock().unwrap().send(res.responder()).unwrap();
            }
        })
        .unwrap();
    let post = |target: &str| format!("POST {target} HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx");
    assert!(Raw::to(&server).send(post("/never")).half_close().rest().starts_with("HTTP/1.1 500 "));
    for respond in [true, false] {
        let mut client = Raw::to(&server);
        client.send(post("/later"));
        let responder = told.recv_timeout(PATIENCE).unwrap();
        if respond {
            responder.respond(200, Default::default(), "later");
        }
        drop(responder);
        let status = if respond { "HTTP/1.1 200 " } else { "HTTP/1.1 500 " };
        let got = client.half_close().rest();
        assert!(got.starts_with(status), "{got}");
    }
    stop(server);
}

/// Answers with what is called on its response.
fn answer(f: impl Fn(&mut Response<'_>) + Send + Sync + 'static) -> String {
    let server = serve(move |_: &Request<'_>, res: &mut Response<'_>| f(res));
    let got = Raw::to(&server).ask(LAST);
    stop(server);
    got
}

#[test]
fn a_header_replaces_and_an_appended_one_is_added_and_so_are_trailers() {
    let got = answer(|res| {
        res.header("Set-Cookie", "a").append_header("set-cookie", "b").header("X", "1").header("x", "2");
        res.trailer("T", "1").trailer("T", "2").append_trailer("T", "3");
        res.write("x").unwrap();
        res.finish().unwrap();
    });
    assert_eq!(got.to_lowercase().matches("set-cookie: ").count(), 2, "{got}");
    assert!(got.contains("x: 2\r\n") && !got.contains("X: 1\r\n"), "{got}");
    assert!(got.ends_with("0\r\nT: 2\r\nT: 3\r\n\r\n"), "{got}");
}

#[test]
fn whatever_is_set_after_the_head_is_an_error_of_the_call_that_completes_the_answer() {
    fn check<R: Debug + 'static>(set: fn(&mut Response<'_>) -> R) {
        let outcome = Arc::new(Mutex::new(None));
        let seen = outcome.clone();
        let got = answer(move |res| {
            res.send_head().unwrap();
            set(res);
            *seen.lock().unwrap() = Some((res.finish(), res.report().error));
        });
        assert!(!got.ends_with("0\r\n\r\n"), "{got}");
        let (finished, error) = outcome.lock().unwrap().take().unwrap();
        assert!(finished.is_err() && error.is_some());
    }
    check(|res| _ = res.status(404));
    check(|res| _ = res.reason("So so"));
    check(|res| _ = res.header("A", "b"));
    check(|res| _ = res.append_header("A", "b"));
    check(|res| _ = res.fields(&[("A", "b")]));
    check(|res| _ = res.content_length(3));
    check(|res| _ = res.send_date(false));
}

#[test]
fn one_answer_may_go_without_a_date() {
    assert!(answer(|res| res.end("").unwrap()).contains("\r\nDate: "));
    assert!(!answer(|res| res.send_date(false).end("").unwrap()).contains("\r\nDate: "));
}

#[test]
fn what_is_corked_waits_and_leaves_together() {
    let (tell, told) = channel::<Responder>();
    let tell = Mutex::new(tell);
    let server = serve(move |_: &Request<'_>, res: &mut Response<'_>| {
        res.cork();
        res.write("one").unwrap();
        tell.lock().unwrap().send(res.responder()).unwrap();
    });
    let mut client = Raw::to(&server);
    client.send(GET);
    let responder = told.recv_timeout(PATIENCE).unwrap();
    let (tell, told) = channel();
    responder.run(move |res| {
        let before = res.buffered();
        res.write("two").unwrap();
        tell.send((before, res.buffered())).unwrap();
        res.uncork();
    });
    let (before, after) = told.recv_timeout(PATIENCE).unwrap();
    assert!(before > 0 && after > before, "nothing had left: {before}, {after}");
    client.until("3\r\none\r\n3\r\ntwo\r\n");
    drop(responder);
    stop(server);
}

#[test]
fn the_completion_of_a_write_is_told_and_so_is_that_it_will_not_come() {
    let (tell, told) = channel();
    let tell = Mutex::new(tell);
    let server = serve(move |_: &Request<'_>, res: &mut Response<'_>| {
        let first = tell.lock().unwrap().clone();
        let last = first.clone();
        res.write("a").unwrap();
        res.when_sent(move |sent| first.send(("first", sent)).unwrap());
        // More than the kernel takes.
        res.write(vec![0; 16 << 20]).unwrap();
        res.when_sent(move |sent| last.send(("last", sent)).unwrap());
        res.finish().unwrap();
    });
    let mut client = Raw::to(&server);
    client.send(GET);
    assert_eq!(told.recv_timeout(PATIENCE), Ok(("first", true)));
    assert!(told.recv_timeout(Duration::from_millis(50)).is_err());
    drop(client);
    assert_eq!(told.recv_timeout(PATIENCE), Ok(("last", false)));
    stop(server);
}
