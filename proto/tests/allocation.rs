//! No allocation for a message once everything has grown to its size: both roles, kept-alive and pipelined, with and
//! without content. Allocations are counted for each thread, so tests do not disturb one another.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use h1wire_proto::{
    Advice, BodyLen, Client, ClientConfig, ClientEvent, Conn, DateCache, Headers, InBuf, Method, Out,
    OutQueue, Prepared, Recv, Server, ServerConfig, ServerEvent, Slots, Status,
};

struct Counting;

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
    /// Bytes moved because memory grew. It is never made to grow where it is: that is luck, and differs by allocator.
    static MOVED: Cell<usize> = const { Cell::new(0) };
}

fn count() {
    // A thread that ends may allocate after its locals are gone; nobody asks for its count.
    let _ = COUNT.try_with(|count| count.set(count.get() + 1));
}

// SAFETY: every call is handed on to the system's allocator as it came, or is the default; counting allocates nothing.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of `dealloc`, and the memory is the system's.
        unsafe { System.dealloc(memory, layout) }
    }
    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let _ = MOVED.try_with(|moved| moved.set(moved.get() + layout.size()));
        // SAFETY: the caller keeps the contract of `realloc`, which is that of these three.
        unsafe {
            let moved = self.alloc(Layout::from_size_align_unchecked(size, layout.align()));
            if !moved.is_null() {
                moved.copy_from_nonoverlapping(memory, layout.size().min(size));
                self.dealloc(memory, layout);
            }
            moved
        }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// Runs `round` until everything has grown, then counts the allocations of many more.
fn steady(mut round: impl FnMut()) -> u64 {
    (0..20).for_each(|_| round());
    let before = COUNT.get();
    (0..200).for_each(|_| round());
    COUNT.get() - before
}

#[test]
fn the_count_notices_an_allocation() {
    assert_eq!(steady(|| drop(std::hint::black_box(Box::new(1)))), 200);
    assert_eq!(steady(|| ()), 0);
}

const REQUESTS: [&str; 5] = [
    "GET /a?b HTTP/1.1\r\nHost: a\r\nUser-Agent: x\r\nAccept: */*\r\nConnection: keep-alive\r\n\r\n",
    "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\nhello world",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;a=b\r\n world\r\n0\r\nX: y\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nok",
];

/// How a server answers: every way in turn.
#[derive(Clone, Copy)]
enum Answer {
    Empty,
    Whole,
    Length,
    Chunked,
}

struct ServerSide {
    conn: Conn<Server>,
    slots: Slots,
    dates: DateCache,
    common: Prepared,
    fields: Headers,
}

impl ServerSide {
    fn new() -> Self {
        Self {
            conn: Conn::<Server>::new(&ServerConfig::default()),
            slots: Slots::new(),
            dates: DateCache::new(),
            common: Prepared::new(&[("Server", "s")]).unwrap(),
            fields: Headers::new(),
        }
    }

    /// Receives everything in `input`, and answers each request in this way. The bytes that are left.
    fn serve<O: Out>(&mut self, mut input: &[u8], answer: Answer, out: &mut O) -> usize {
        loop {
            match self.conn.recv(&mut input, &mut self.slots).expect("good requests") {
                Recv::Event(ServerEvent::Request(head)) => {
                    std::hint::black_box(head.fields.get("accept"));
                    if self.conn.wants_continue() {
                        self.conn.send_informational(100, &(), out).unwrap();
                    }
                }
                Recv::Event(ServerEvent::Data(data)) => assert!(!data.is_empty()),
                Recv::Event(ServerEvent::End(trailers)) => assert!(trailers.len() < 2),
                Recv::NeedInput(_) => return input.len(),
                Recv::Paused(_) => self.answer(answer, out),
                Recv::Closed => panic!("closed"),
            }
        }
    }

    fn answer<O: Out>(&mut self, answer: Answer, out: &mut O) {
        let status = Status::new(200).date(self.dates.at(784_111_777));
        self.fields.clear();
        self.fields.set("Content-Type", "text/plain").unwrap();
        self.fields.append("X", "y").unwrap();
        let fields = (&self.common, &self.fields);
        match answer {
            Answer::Empty => self.conn.respond(status, &fields, BodyLen::None, out).unwrap(),
            Answer::Whole => self.conn.respond_with(status, &fields, b"hello", out).unwrap(),
            Answer::Length => self.conn.respond(status, &fields, BodyLen::Exact(4000), out).unwrap(),
            Answer::Chunked => self.conn.respond(status, &fields, BodyLen::Unknown, out).unwrap(),
        }
        for _ in 0..2 {
            if let Some(mut body) = self.conn.body() {
                body.data(&[b'x'; 2000], out).unwrap();
            }
        }
        if let Some(body) = self.conn.body() {
            body.end(&[("T", "v")], out).unwrap();
        }
        assert_eq!(self.conn.advice(), Advice::Reuse);
    }
}

const ANSWERS: [Answer; 4] = [Answer::Empty, Answer::Whole, Answer::Length, Answer::Chunked];

#[test]
fn a_server_allocates_nothing_for_a_request_and_its_answer() {
    for request in REQUESTS {
        for answer in ANSWERS {
            let (mut server, mut out) = (ServerSide::new(), Vec::new());
            let allocated = steady(|| {
                out.clear();
                assert_eq!(server.serve(request.as_bytes(), answer, &mut out), 0);
                assert!(!out.is_empty());
            });
            assert_eq!(allocated, 0, "{request}");
        }
    }
}

#[test]
fn a_server_allocates_nothing_for_pipelined_requests() {
    let bytes = REQUESTS.concat().repeat(4);
    let (mut server, mut out) = (ServerSide::new(), Vec::new());
    let allocated = steady(|| {
        out.clear();
        assert_eq!(server.serve(bytes.as_bytes(), Answer::Chunked, &mut out), 0);
    });
    assert_eq!(allocated, 0);
}

/// Heads that come in pieces are kept in an input buffer, whose memory comes from a spare and goes back to it.
#[test]
fn a_server_allocates_nothing_for_requests_in_pieces() {
    let bytes = REQUESTS.concat();
    for size in [1, 7, 100] {
        let (mut server, mut out) = (ServerSide::new(), Vec::new());
        let (mut held, mut spare) = (InBuf::new(), Vec::new());
        let allocated = steady(|| {
            out.clear();
            for piece in bytes.as_bytes().chunks(size) {
                let input = held.join(piece, 8192).expect("within the limits");
                let left = server.serve(input, Answer::Whole, &mut out);
                held.keep_with(left, piece, &mut spare);
            }
        });
        assert_eq!(allocated, 0, "pieces of {size}");
    }
}

#[test]
fn a_vectored_queue_allocates_nothing_for_answers_that_are_sent() {
    let (mut server, mut queue) = (ServerSide::new(), OutQueue::<bytes::Bytes>::new());
    let allocated = steady(|| {
        for answer in ANSWERS {
            server.serve(REQUESTS[0].as_bytes(), answer, &mut queue);
        }
        while !queue.is_empty() {
            let mut slices = [&b""[..]; 8];
            let n = queue.slices(&mut slices);
            let sent = slices[..n].iter().map(|slice| slice.len()).sum();
            queue.advance(sent);
        }
    });
    assert_eq!(allocated, 0);
}

const RESPONSES: [&str; 6] = [
    "HTTP/1.1 204 No Content\r\nDate: x\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 11\r\nContent-Type: text/plain\r\n\r\nhello world",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;a=b\r\n world\r\n0\r\nX: y\r\n\r\n",
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "HTTP/1.1 200 OK\r\nX: a\r\n folded\r\nContent-Length: 2\r\n\r\nok",
];

/// Sends a request of each kind in turn.
fn ask(conn: &mut Conn<Client>, n: usize, out: &mut Vec<u8>) {
    let fields = [("Host", "a"), ("Accept", "*/*")];
    let (method, length) = match n % 3 {
        0 => (Method::Get, BodyLen::None),
        1 => (Method::Put, BodyLen::Exact(5)),
        _ => (Method::Delete, BodyLen::Unknown),
    };
    conn.request(method, b"/a?b", &fields, length, out).unwrap();
    if let Some(mut body) = conn.body() {
        body.data(b"hello", out).unwrap();
    }
    if let Some(body) = conn.body() {
        body.end(&[("T", "v")], out).unwrap();
    }
}

fn listen(conn: &mut Conn<Client>, mut input: &[u8], slots: &mut Slots) {
    loop {
        match conn.recv(&mut input, slots).expect("good responses") {
            Recv::Event(ClientEvent::Data(data)) => assert!(!data.is_empty()),
            Recv::Event(_) => {}
            Recv::NeedInput(_) if input.is_empty() => return,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_client_allocates_nothing_for_a_request_and_its_response() {
    for response in RESPONSES {
        for n in 0..3 {
            let mut conn = Conn::<Client>::new(&ClientConfig::default());
            let (mut slots, mut out) = (Slots::new(), Vec::new());
            let allocated = steady(|| {
                out.clear();
                ask(&mut conn, n, &mut out);
                listen(&mut conn, response.as_bytes(), &mut slots);
                assert_eq!(conn.advice(), Advice::Reuse);
            });
            assert_eq!(allocated, 0, "{response}");
        }
    }
}

#[test]
fn a_client_allocates_nothing_for_pipelined_requests() {
    let config = ClientConfig { pipeline_depth: 12, ..ClientConfig::default() };
    let mut conn = Conn::<Client>::new(&config);
    let (mut slots, mut out, bytes) = (Slots::new(), Vec::new(), RESPONSES.concat().repeat(2));
    let allocated = steady(|| {
        out.clear();
        (0..12).for_each(|n| ask(&mut conn, n, &mut out));
        assert_eq!(conn.outstanding(), 12);
        listen(&mut conn, bytes.as_bytes(), &mut slots);
        assert_eq!((conn.advice(), conn.outstanding()), (Advice::Reuse, 0));
    });
    assert_eq!(allocated, 0);
}

#[test]
fn refusing_bad_input_allocates_nothing() {
    let bad = ["G@T", "GET / HTTP/1.1\n", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 2\r\n\r\n"];
    let (mut slots, mut out) = (Slots::new(), Vec::new());
    let allocated = steady(|| {
        for input in bad {
            out.clear();
            let mut conn = Conn::<Server>::new(&ServerConfig::default());
            let error = conn.recv(&mut input.as_bytes(), &mut slots).unwrap_err();
            conn.respond_error(&error, None, &mut out).unwrap();
        }
    });
    assert_eq!(allocated, 0);
}

/// A peer may send a byte, have one consumed, and so on, with as much held as may be.
#[test]
fn input_that_drips_moves_no_more_memory_than_bytes_came() {
    const CAP: usize = 10_000;
    const DRIPS: usize = 30_000;
    for held in [CAP / 3, CAP - 1] {
        let (mut joined, mut read) = (InBuf::new(), InBuf::new());
        joined.keep(held, &[0; CAP]);
        read.spare(held, CAP).fill(0);
        read.filled(held);
        let before = MOVED.get();
        for _ in 0..DRIPS {
            assert_eq!(joined.join(b"x", CAP).map(<[u8]>::len), Some(held + 1));
            joined.keep(held, b"x");
            assert_eq!(read.spare(1, CAP).len(), 1);
            read.filled(1);
            read.consume(1);
            assert!(joined.capacity() <= 2 * held && read.capacity() <= 2 * held);
        }
        let moved = MOVED.get() - before;
        assert!(moved < DRIPS, "{moved} bytes of {held} held, for {DRIPS} that came");
    }
}
