//! The corpus of the machine through a live server: whole, cut in two, and byte by byte, its answers are those that the
//! machine alone gives.

mod common;

#[path = "../../proto/tests/corpus/case.rs"]
#[allow(dead_code)]
mod case;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Instant;

use case::Case;
use common::{PATIENCE, options, serve_with, stop};
use h1wire_mio::proto::{Conn, Expect, Fields, Method, Recv, RequestHead, Server, ServerEvent, Slots};
use h1wire_mio::{Handler, Options, Request, Response, Running};

/// What is said about a request, to tell whether it was understood.
#[derive(Default)]
struct Summary(Vec<u8>);

impl Summary {
    fn head(head: &RequestHead<'_, '_>) -> Self {
        let mut text = [head.method.as_bytes(), b" ", head.target, b"\n"].concat();
        head.fields.iter().for_each(|(name, value)| text.extend([name, b"=", value, b"\n"].concat()));
        Self(text)
    }

    fn data(&mut self, data: &[u8]) {
        self.0.extend_from_slice(data);
    }

    fn end(&mut self, trailers: Fields<'_, '_>) {
        trailers.iter().for_each(|(name, value)| self.0.extend([b"\n", name, b"=", value].concat()));
    }
}

struct Tell;

impl Handler for Tell {
    type Exchange = Summary;

    fn request(&mut self, req: &Request<'_>, _: &mut Response<'_>) -> Option<Summary> {
        Some(Summary::head(req))
    }

    fn connect(&mut self, _: &Request<'_>, res: &mut Response<'_>) -> Option<Summary> {
        res.status(403).end("").unwrap();
        None
    }

    fn data(&mut self, summary: &mut Summary, data: &[u8], _: &mut Response<'_>) {
        summary.data(data);
    }

    fn end(&mut self, summary: &mut Summary, trailers: Fields<'_, '_>, res: &mut Response<'_>) {
        summary.end(trailers);
        res.end(&summary.0).unwrap();
    }
}

/// The answers of the machine alone.
fn machine(case: &Case) -> Vec<u8> {
    let mut conn = Conn::<Server>::new(&case.server(true));
    let (mut slots, mut out, mut input, mut eof) = (Slots::new(), Vec::new(), &case.bytes[..], false);
    let mut summary = None;
    loop {
        match conn.recv(&mut input, &mut slots) {
            Ok(Recv::Event(ServerEvent::Request(head))) => {
                summary = None;
                if head.method == Method::Connect {
                    conn.respond_with(403, &(), b"", &mut out).unwrap();
                } else if head.expect == Expect::Other {
                    conn.respond_with(417, &(), b"", &mut out).unwrap();
                } else if head.body.is_empty() {
                    conn.respond_with(200, &(), &Summary::head(&head).0, &mut out).unwrap();
                } else {
                    summary = Some(Summary::head(&head));
                }
            }
            Ok(Recv::Event(ServerEvent::Data(data))) => {
                summary.iter_mut().for_each(|summary| summary.data(data));
            }
            Ok(Recv::Event(ServerEvent::End(trailers))) => {
                if let Some(mut summary) = summary.take() {
                    summary.end(trailers);
                    conn.respond_with(200, &(), &summary.0, &mut out).unwrap();
                }
            }
            Ok(Recv::NeedInput(_)) => {
                assert!(!eof, "{}", case.title);
                eof = true;
                conn.recv_eof();
            }
            Ok(Recv::Paused(pause)) => panic!("{}: {pause:?}", case.title),
            Ok(Recv::Closed) => return out,
            Err(error) => {
                let _ = conn.respond_error(&error, None, &mut out);
                return out;
            }
        }
    }
}

/// The answers of a server to these pieces, each sent when the one before was read.
fn live(server: &Running, pieces: &[&[u8]]) -> Vec<u8> {
    let received = || server.handle().counters().bytes_received;
    let (before, mut sent) = (received(), 0);
    let mut stream = TcpStream::connect(server.local_addr().unwrap()).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let closed = server.handle().counters().closed;
    for piece in pieces {
        if stream.write_all(piece).is_err() {
            break;
        }
        sent += piece.len() as u64;
        let start = Instant::now();
        while received() < before + sent && server.handle().counters().closed == closed {
            assert!(start.elapsed() < PATIENCE, "the server does not read");
            std::thread::yield_now();
        }
    }
    let _ = stream.shutdown(Shutdown::Write);
    let mut got = Vec::new();
    // A reset after the last answer does no harm.
    let _ = stream.read_to_end(&mut got);
    got
}

/// Interim responses come or not, depending on when the content does.
fn without_continue(answers: &[u8]) -> String {
    answers.escape_ascii().to_string().replace(r"HTTP/1.1 100 Continue\r\n\r\n", "")
}

#[test]
fn every_case_is_answered_over_a_socket_as_by_the_machine_however_it_is_cut() {
    let cases: Vec<_> = case::all().into_iter().filter(Case::is_server).collect();
    assert!(cases.len() > 100, "{} cases", cases.len());
    for case in cases {
        let options: Options = options(|o| {
            o.policy.protocol = case.server(true);
            (o.policy.send_date, o.policy.advertise_keep_alive) = (false, false);
        });
        let server = serve_with(options, |_| Tell);
        let expected = without_continue(&machine(&case));
        let bytes = &case.bytes[..];
        // Of a long one, not every byte needs a packet of its own.
        let small: Vec<_> = bytes.chunks(bytes.len() / 200 + 1).collect();
        let (first, second) = bytes.split_at(bytes.len() / 2);
        for pieces in [&[bytes][..], &[first, second], &small] {
            let got = without_continue(&live(&server, pieces));
            assert_eq!(got, expected, "{} in {} pieces", case.title, pieces.len());
        }
        stop(server);
    }
}
