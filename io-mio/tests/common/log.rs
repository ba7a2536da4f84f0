//! A handler that tells what it is told, and does what the target asks for.
#![allow(dead_code)]

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use h1wire_mio::proto::{Expired, Fields};
use h1wire_mio::{ClientError, Handler, Options, Request, Response, Running, Stream};

use crate::common::{PATIENCE, serve_with};

/// What the handler was told.
pub struct Told(Receiver<String>);

impl Told {
    /// The next thing it was told.
    pub fn next(&self) -> String {
        self.0.recv_timeout(PATIENCE).expect("the handler was told nothing more")
    }

    /// The next things, which are these.
    pub fn expect(&self, all: &[&str]) {
        for expected in all {
            assert_eq!(self.next(), *expected);
        }
    }

    /// Everything so far, without waiting.
    pub fn so_far(&self) -> Vec<String> {
        self.0.try_iter().collect()
    }
}

/// A server whose handler tells what it is told.
pub fn log(options: Options) -> (Running, Told) {
    let (make, told) = log_handler();
    (serve_with(options, make), told)
}

/// What makes handlers that tell what they are told.
pub fn log_handler() -> (impl Fn(usize) -> Log + Send + Sync + 'static, Told) {
    let (tell, told) = channel();
    let tell = Arc::new(Mutex::new(tell));
    (move |_| Log(tell.lock().unwrap().clone()), Told(told))
}

pub struct Log(Sender<String>);

/// Bytes of the answer to `/flood`: more than the kernel's buffers of both ends take.
pub const FLOOD: usize = 16 << 20;

/// The target, and what is left to be written of a flood.
pub struct Exchange(String, usize);

impl Log {
    fn tell(&self, what: impl Into<String>) {
        // The test may be over.
        let _ = self.0.send(what.into());
    }

    fn begin(&mut self, kind: &str, req: &Request<'_>, res: &mut Response<'_>) -> Option<Exchange> {
        let target = String::from_utf8(req.target.to_vec()).unwrap();
        self.tell(format!("{kind} {target}"));
        match target.as_str() {
            "/early" => res.end("early").unwrap(),
            "/pause" => res.pause(),
            "/keep" => {
                res.keep_reading();
                res.end("early").unwrap();
            }
            "/echo" => res.send_head().unwrap(),
            "/patient" => res.set_timeout(None),
            "/limit" => res.limit_content(Some(3)),
            "/late" => {
                res.write("begun").unwrap();
            }
            _ => {}
        }
        Some(Exchange(target, FLOOD >> 16))
    }
}

impl Handler for Log {
    type Exchange = Exchange;

    fn request(&mut self, req: &Request<'_>, res: &mut Response<'_>) -> Option<Exchange> {
        self.begin("request", req, res)
    }

    fn check_continue(&mut self, req: &Request<'_>, res: &mut Response<'_>) -> Option<Exchange> {
        match req.target {
            b"/default" => {
                res.continue_when_wanted();
                self.request(req, res)
            }
            b"/refuse" => {
                self.tell("refused");
                res.status(403).end("no").unwrap();
                None
            }
            _ => {
                let exchange = self.begin("continue", req, res);
                res.send_continue().unwrap();
                exchange
            }
        }
    }

    fn upgrade(&mut self, req: &Request<'_>, res: &mut Response<'_>) -> Option<Exchange> {
        self.begin("upgrade", req, res)
    }

    fn connect(&mut self, req: &Request<'_>, res: &mut Response<'_>) -> Option<Exchange> {
        let exchange = self.begin("connect", req, res);
        res.tunnel_here(&[("X", "1")]).unwrap();
        exchange
    }

    fn data(&mut self, exchange: &mut Exchange, data: &[u8], res: &mut Response<'_>) {
        self.tell(format!("data {}", data.escape_ascii()));
        if ["/echo", "/raw", "a:1"].contains(&exchange.0.as_str()) {
            res.write(data).unwrap();
        }
    }

    fn end(&mut self, exchange: &mut Exchange, trailers: Fields<'_, '_>, res: &mut Response<'_>) {
        let trailers: Vec<_> = trailers.iter().map(|(n, v)| [n, b"=", v].concat()).collect();
        let text = String::from_utf8(trailers.join(&b","[..])).unwrap();
        self.tell(format!("end {text}").trim_end());
        match exchange.0.as_str() {
            "/echo" | "/late" => res.finish().unwrap(),
            "/wait" | "/pause" | "/patient" => {}
            "/flood" => self.drain(exchange, res),
            "/raw" => {
                // The second time it is the end of what the client says in the other protocol.
                if res.is_head_sent() {
                    res.finish().unwrap();
                } else {
                    res.switch_here(&[("Upgrade", "raw")]).unwrap();
                }
            }
            "/take" => res
                .switch_to(&[("Upgrade", "raw")], |mut upgraded| {
                    use std::io::Write;
                    let leftover = upgraded.leftover().to_vec();
                    upgraded.write_all(&leftover).unwrap();
                })
                .unwrap(),
            "a:1" => res.finish().unwrap(),
            _ => {
                if !res.is_complete() {
                    res.end("done").unwrap();
                }
            }
        }
    }

    fn drain(&mut self, exchange: &mut Exchange, res: &mut Response<'_>) {
        self.tell("drain");
        while exchange.1 > 0 {
            exchange.1 -= 1;
            if !res.write(vec![b'x'; 1 << 16]).unwrap() && exchange.1 > 0 {
                return;
            }
        }
        res.finish().unwrap();
    }

    fn half_closed(&mut self, exchange: &mut Exchange, res: &mut Response<'_>) {
        self.tell("half closed");
        if exchange.0 == "/wait" {
            res.end("still").unwrap();
        }
    }

    fn finished(&mut self, exchange: Exchange) {
        self.tell(format!("finished {}", exchange.0));
    }

    fn aborted(&mut self, exchange: Exchange) {
        self.tell(format!("aborted {}", exchange.0));
    }

    fn connection(&mut self, stream: &Stream) -> bool {
        assert!(stream.tcp().is_some());
        true
    }

    fn drop_connection(&mut self, _: Stream) {
        self.tell("dropped connection");
    }

    fn drop_request(&mut self) {
        self.tell("dropped request");
    }

    fn client_error(&mut self, error: &ClientError<'_>, res: &mut Response<'_>) {
        let ClientError { error, raw, bytes_parsed, .. } = error;
        self.tell(format!("error {:?} after {bytes_parsed}: {}", error.kind(), raw.escape_ascii()));
        if raw.starts_with(b"OWN") {
            res.status(418).end("own answer").unwrap();
        }
    }

    fn stream_error(&mut self, error: &std::io::Error, _: &Stream) {
        self.tell(format!("stream error {:?}", error.kind()));
    }

    fn timeout(&mut self, expired: Expired, exchange: Option<&mut Exchange>, _: &mut Response<'_>) -> bool {
        self.tell(format!("timeout {expired:?}"));
        exchange.is_some_and(|exchange| exchange.0 == "/patient")
    }
}
