//! What a handler may do when it is told that a time limit passed.

mod common;

use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};

use common::{PATIENCE, Raw, ms, options, serve_with, stop};
use h1wire_mio::proto::Expired;
use h1wire_mio::{Handler, Options, Request, Response, Running};

/// Answers `/ok`, and everything else when it took too long.
struct Late(Sender<String>);

impl Handler for Late {
    type Exchange = &'static str;

    fn request(&mut self, req: &Request<'_>, res: &mut Response<'_>) -> Option<&'static str> {
        if req.target == b"/ok" {
            res.header("X-Ok", "1").end("ok").unwrap();
        }
        Some("an exchange")
    }

    fn timeout(
        &mut self,
        expired: Expired,
        exchange: Option<&mut &'static str>,
        res: &mut Response<'_>,
    ) -> bool {
        assert_eq!((res.is_head_sent(), res.report().status), (false, None), "what was before is over");
        assert_eq!(res.headers().get("x-ok"), None);
        self.0.send(format!("{expired:?} of {}", exchange.map_or("nothing", |exchange| exchange))).unwrap();
        if expired != Expired::KeepAlive {
            res.status(503).end("too late").unwrap();
        }
        true
    }

    fn finished(&mut self, _: &'static str) {
        self.0.send("finished".into()).unwrap();
    }

    fn aborted(&mut self, _: &'static str) {
        self.0.send("aborted".into()).unwrap();
    }
}

fn late(options: Options) -> (Running, Receiver<String>) {
    let (tell, told) = channel();
    let tell = Mutex::new(tell);
    (serve_with(options, move |_| Late(tell.lock().unwrap().clone())), told)
}

fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n")
}

#[test]
fn an_answer_given_when_the_idle_time_is_over_is_one_like_any_other() {
    let (server, told) = late(options(|o| o.policy.timeouts.idle = ms(100)));
    let mut client = Raw::to(&server);
    for _ in 0..2 {
        let got = client.send(get("/wait")).until("too late");
        assert!(got.starts_with("HTTP/1.1 503 ") && !got.contains("Connection: close"), "{got}");
        assert_eq!(told.recv_timeout(PATIENCE).unwrap(), "Idle of an exchange");
        assert_eq!(told.recv_timeout(PATIENCE).unwrap(), "finished");
    }
    client.send(get("/ok")).until("ok");
    stop(server);
}

#[test]
fn a_request_that_takes_too_long_may_be_answered_by_the_handler() {
    let (server, told) =
        late(options(|o| (o.policy.timeouts.headers, o.policy.timeouts.body) = (ms(200), ms(200))));
    let mut client = Raw::to(&server);
    let late = |client: &mut Raw, part: &str, of: &str| {
        let got = client.send(part).rest();
        let whole = got.starts_with("HTTP/1.1 503 ") && got.ends_with("\r\n\r\ntoo late");
        assert!(whole && got.contains("Connection: close"), "{got}");
        assert_eq!(told.recv_timeout(PATIENCE).unwrap(), of);
    };
    late(&mut client, "GET / HT", "Head of nothing");
    client = Raw::to(&server);
    client.send(get("/ok")).until("ok");
    assert_eq!(told.recv_timeout(PATIENCE).unwrap(), "finished");
    late(&mut client, "GET / HT", "Head of nothing");
    client = Raw::to(&server);
    late(&mut client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nx", "Body of an exchange");
    assert_eq!(told.recv_timeout(PATIENCE).unwrap(), "aborted");
    assert_eq!(server.handle().counters().panics, 0);
    stop(server);
}
