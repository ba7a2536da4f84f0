//! The blocking server asks for no memory while it answers requests. Alone in its test: the whole process is counted.
#![cfg(unix)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use h1wire_std::Server;

static TAKEN: AtomicU64 = AtomicU64::new(0);

struct Counting;

#[expect(unsafe_code, reason = "an allocator is an unsafe trait; every call is handed to the system's")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        TAKEN.fetch_add(1, SeqCst);
        unsafe { System.alloc(layout) }
    }
    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        TAKEN.fetch_add(1, SeqCst);
        unsafe { System.realloc(at, layout, size) }
    }
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const REQUESTS: [&[u8]; 4] = [
    b"GET / HTTP/1.1\r\nHost: a\r\nAccept: */*\r\nUser-Agent: test\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    b"GET /streamed HTTP/1.1\r\nHost: a\r\n\r\n",
];

#[test]
fn requests_of_all_kinds_are_answered_without_asking_for_memory() {
    let server = Server::bind("127.0.0.1:0").unwrap().threads(1).start(|req, res| {
        let mut buf = [0; 64];
        let n = req.read(&mut buf)?;
        std::io::copy(req, &mut std::io::sink())?;
        res.header("content-type", "text/plain");
        if req.target() == b"/streamed" {
            res.write_all(b"streamed")?;
            res.flush()?;
        }
        res.end(&buf[..n])
    });
    let server = server.unwrap();
    let mut peer = TcpStream::connect(server.local_addr().unwrap()).unwrap();
    peer.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut seen = [0; 4096];
    let mut round = |rounds: u32| {
        let before = TAKEN.load(SeqCst);
        for _ in 0..rounds {
            for request in REQUESTS {
                peer.write_all(request).unwrap();
                let mut len = 0;
                while !is_complete(&seen[..len]) {
                    let n = peer.read(&mut seen[len..]).unwrap();
                    assert!(n > 0);
                    len += n;
                }
            }
        }
        TAKEN.load(SeqCst) - before
    };
    round(20);
    // The connection may be left to the watching thread now and then, which is not free.
    let taken = round(500);
    let parked = server.handle().parked();
    assert!(taken <= 8 * parked, "{taken} for 2000 requests, parked {parked} times");
}

fn is_complete(answer: &[u8]) -> bool {
    let Some(at) = answer.windows(4).position(|w| w == b"\r\n\r\n") else { return false };
    let (head, content) = answer.split_at(at + 4);
    let head = std::str::from_utf8(head).unwrap();
    match head.split("Content-Length: ").nth(1) {
        Some(length) => content.len() == length.split("\r\n").next().unwrap().parse::<usize>().unwrap(),
        None => content.ends_with(b"0\r\n\r\n"),
    }
}
