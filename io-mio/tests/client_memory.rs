//! How much memory the client asks for. Alone in its test: the whole process is counted.

#[path = "client/own.rs"]
#[allow(dead_code)]
mod own;
#[path = "../../io-std/tests/client/script.rs"]
#[allow(dead_code)]
mod script;

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::SeqCst};

use h1wire_mio::client::{Call, Caller, ClientLoop, Event, Options, Request};
use mio::{Events, Poll, Token, Waker};

static ASKED: AtomicU64 = AtomicU64::new(0);
static HELD: AtomicI64 = AtomicI64::new(0);

struct Counting;

#[expect(unsafe_code, reason = "an allocator is an unsafe trait; every call is handed to the system's")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ASKED.fetch_add(1, SeqCst);
        HELD.fetch_add(layout.size() as i64, SeqCst);
        unsafe { System.alloc(layout) }
    }
    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ASKED.fetch_add(1, SeqCst);
        HELD.fetch_add(size as i64 - layout.size() as i64, SeqCst);
        unsafe { System.realloc(at, layout, size) }
    }
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size() as i64, SeqCst);
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Keeps the request of each call, and counts what comes.
#[derive(Default)]
struct Count {
    requests: Vec<Request>,
    bytes: usize,
    ends: usize,
}

impl Caller for Count {
    type State = ();

    fn event(&mut self, (): &mut (), event: Event<'_>, call: &mut Call<'_>) {
        match event {
            Event::Data(data) => self.bytes += data.len(),
            Event::Close => {
                self.ends += 1;
                self.requests.extend(call.take_request());
            }
            _ => {}
        }
    }
}

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX: y\r\n\r\nhello";

/// Answers one request on each connection when there are so many of them, for each number; and then every request on any
/// of them, for which it asks for no memory.
fn serve(listener: TcpListener, numbers: [usize; 2]) -> std::thread::JoinHandle<()> {
    std::thread::spawn(move || {
        let mut peers: Vec<std::net::TcpStream> = Vec::with_capacity(numbers[1]);
        let mut buf = [0; 4096];
        for number in numbers {
            while peers.len() < number {
                peers.push(listener.accept().unwrap().0);
            }
            for peer in &mut peers {
                let n = peer.read(&mut buf).unwrap();
                assert!(buf[..n].ends_with(b"\r\n\r\n"), "in one piece, as it was sent");
            }
            peers.iter_mut().for_each(|peer| peer.write_all(OK).unwrap());
        }
        peers.iter().for_each(|peer| peer.set_nonblocking(true).unwrap());
        let mut open = true;
        while open {
            for peer in &mut peers {
                match peer.read(&mut buf) {
                    Ok(0) => open = false,
                    Ok(_) => peer.write_all(OK).unwrap(),
                    Err(_) => {}
                }
            }
        }
    })
}

struct Loop {
    client: ClientLoop<Count>,
    poll: Poll,
    events: Events,
}

impl Loop {
    fn new(options: Options) -> Self {
        let poll = Poll::new().unwrap();
        let waker = Arc::new(Waker::new(poll.registry(), Token(0)).unwrap());
        let client = ClientLoop::new(poll.registry(), waker, Token(1), options, Count::default()).unwrap();
        Self { client, poll, events: Events::with_capacity(1024) }
    }

    fn until(&mut self, ends: usize) {
        while self.client.caller().ends < ends {
            self.poll.poll(&mut self.events, self.client.timeout()).unwrap();
            for event in &self.events {
                self.client.event(event);
            }
            self.client.turn();
        }
    }
}

#[test]
fn requests_in_steady_state_ask_for_no_memory_and_an_idle_connection_holds_at_most_300_bytes() {
    // In powers of two, so that tables that double are full.
    const FEW: usize = 128;
    const MANY: usize = 1024;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let server = serve(listener, [FEW, MANY]);
    let mut options = Options::default();
    (options.pool.max_idle, options.pool.scheduling) = (None, h1wire_mio::proto::pool::Scheduling::Lifo);
    let mut own = Loop::new(options);
    let open = |own: &mut Loop, all: usize| {
        // All at once, so that each has a connection of its own.
        for _ in 0..all {
            own.client.start(Request::get(&url), ()).unwrap();
        }
        let ends = own.client.caller().ends + all;
        own.until(ends);
        own.client.caller().requests.truncate(1);
        own.client.caller().requests.shrink_to_fit();
        assert_eq!(own.client.totals().idle, all);
        HELD.load(SeqCst)
    };
    let few = open(&mut own, FEW);
    let many = open(&mut own, MANY);
    let each = (many - few) / (MANY - FEW) as i64;
    assert!(each <= 300, "{each} bytes for each connection");

    let round = |own: &mut Loop, rounds: usize| {
        let before = ASKED.load(SeqCst);
        for _ in 0..rounds {
            let request = own.client.caller().requests.pop().unwrap();
            let request = request.renew("GET", "/again").header("Accept", "*/*");
            own.client.start(request, ()).unwrap();
            let ends = own.client.caller().ends + 1;
            own.until(ends);
        }
        ASKED.load(SeqCst) - before
    };
    round(&mut own, 20);
    let asked = round(&mut own, 200);
    assert_eq!(asked, 0, "allocations in 200 requests");
    drop(own);
    server.join().unwrap();
}
