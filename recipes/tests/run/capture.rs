//! Reading a packet capture. The captures are made here, packet by packet.

use etherparse::PacketBuilder;
use h1wire_recipes::capture::read;

const CLIENT: u16 = 40_000;
const SERVER: u16 = 80;

/// A pcap file in the making, and where both sides of its one connection are in their streams.
struct File {
    bytes: Vec<u8>,
    /// Near the end, so that the numbers wrap around.
    client_at: u32,
    server_at: u32,
}

impl File {
    /// With a handshake in it.
    fn new() -> Self {
        let mut bytes = Vec::new();
        for word in [0xa1b2_c3d4u32, 0x0002_0004, 0, 0, 65535, 1] {
            bytes.extend_from_slice(&word.to_le_bytes());
        }
        let mut file = Self { bytes, client_at: u32::MAX - 20, server_at: 7 };
        file.packet(true, file.client_at, "S", b"");
        file.packet(false, file.server_at, "SA", b"");
        file.client_at = file.client_at.wrapping_add(1);
        file.server_at += 1;
        file
    }

    fn packet(&mut self, by_client: bool, at: u32, flags: &str, payload: &[u8]) {
        let (from, to) = if by_client { (CLIENT, SERVER) } else { (SERVER, CLIENT) };
        let (near, far) =
            ([10, 0, 0, if by_client { 1 } else { 2 }], [10, 0, 0, if by_client { 2 } else { 1 }]);
        let mut builder =
            PacketBuilder::ethernet2([2; 6], [4; 6]).ipv4(near, far, 64).tcp(from, to, at, 1000);
        for flag in flags.bytes() {
            builder = match flag {
                b'S' => builder.syn(),
                b'F' => builder.fin(),
                _ => builder.ack(0),
            };
        }
        let mut packet = Vec::new();
        builder.write(&mut packet, payload).unwrap();
        for word in [0, 0, packet.len() as u32, packet.len() as u32] {
            self.bytes.extend_from_slice(&word.to_le_bytes());
        }
        self.bytes.extend_from_slice(&packet);
    }

    fn client(&mut self, payload: &str) {
        self.packet(true, self.client_at, "A", payload.as_bytes());
        self.client_at = self.client_at.wrapping_add(payload.len() as u32);
    }

    fn server(&mut self, payload: &str) {
        self.packet(false, self.server_at, "A", payload.as_bytes());
        self.server_at += payload.len() as u32;
    }

    /// What is shown of it.
    fn shown(&self) -> Vec<String> {
        let capture = read(&self.bytes).unwrap();
        assert_eq!((capture.conversations.len(), capture.skipped), (1, 0));
        let text = capture.conversations[0].to_string();
        let mut lines = text.lines().map(|line| line.trim_start().to_owned());
        assert_eq!(lines.next().unwrap(), "10.0.0.1:40000 -> 10.0.0.2:80");
        lines.collect()
    }
}

#[test]
fn exchanges_are_found_in_order_whatever_they_look_like() {
    let mut file = File::new();
    // Pipelined, and the first response says a length that only its request explains away.
    file.client("HEAD /a HTTP/1.1\r\nHost: h\r\n\r\nGET /b HTTP/1.1\r\nHost: h\r\n\r\n");
    file.server(
        "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nHTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno",
    );
    file.client("POST /c HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n");
    file.server("HTTP/1.1 100 Continue\r\n\r\n");
    file.client("5\r\nhello\r\n0\r\nA: b\r\n\r\n");
    file.server("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n");
    file.client("GET /d HTTP/1.0\r\n\r\n");
    file.server("HTTP/1.1 200 OK\r\n\r\nuntil the end");
    // Each end, and that it was heard.
    file.packet(false, file.server_at, "FA", b"");
    file.packet(true, file.client_at, "FA", b"");
    file.packet(false, file.server_at + 1, "A", b"");
    file.packet(true, file.client_at.wrapping_add(1), "A", b"");
    file.packet(true, file.client_at, "FA", b"");
    assert_eq!(
        file.shown(),
        [
            "HEAD /a (0 bytes) 200 (0 bytes)",
            "GET /b (0 bytes) 404 (2 bytes)",
            "POST /c (5 bytes) 100 103 204 (0 bytes)",
            "GET /d (0 bytes) 200 (13 bytes)"
        ]
    );
}

#[test]
fn segments_may_come_twice_too_early_and_in_pieces() {
    let mut file = File::new();
    let request = b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n";
    let at = file.client_at;
    let part = |file: &mut File, range: std::ops::Range<usize>| {
        file.packet(true, at.wrapping_add(range.start as u32), "A", &request[range]);
    };
    part(&mut file, 20..28);
    part(&mut file, 0..5);
    part(&mut file, 3..12);
    part(&mut file, 0..5);
    file.packet(true, file.client_at.wrapping_sub(1), "S", b"");
    file.packet(false, file.server_at, "A", b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n!");
    assert_eq!(file.shown(), ["bytes of the client are missing"]);
    // An acknowledgement has nothing to wait with.
    file.packet(true, at.wrapping_add(5000), "A", b"");
    part(&mut file, 10..21);
    assert_eq!(file.shown(), ["GET /a (0 bytes) 200 (1 bytes)"]);
}

#[test]
fn what_is_not_followed_further_is_said() {
    let mut file = File::new();
    file.client("GET /chat HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
    assert_eq!(file.shown(), ["GET /chat (0 bytes) (0 bytes)", "the capture ends in the middle"]);
    file.server(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n\u{1}frame",
    );
    assert_eq!(
        file.shown(),
        ["GET /chat (0 bytes) 101 (0 bytes)", "client: what follows is another protocol"]
    );

    let mut file = File::new();
    file.client("GET / HTTP/1.1\nHost: h\r\n\r\n");
    assert_eq!(file.shown(), ["client: LF without CR at byte 14 (RFC 9112 section 2.2)"]);

    let mut file = File::new();
    file.server("HTTP/1.1 408 Request Timeout\r\n\r\n");
    assert_eq!(file.shown(), ["the server was not asked what it says"]);

    // Without its beginning, nobody knows what a connection says.
    let mut file = File::new();
    file.bytes.truncate(24);
    file.client("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    let capture = read(&file.bytes).unwrap();
    assert_eq!((capture.conversations.len(), capture.skipped), (0, 1));
}

#[test]
fn a_file_that_ends_anywhere_is_read_as_far_as_it_goes() {
    let mut file = File::new();
    file.client("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    for end in 24..file.bytes.len() {
        assert_eq!(
            read(&file.bytes[..end]).unwrap().conversations.iter().flat_map(|c| c.exchanges()).count(),
            0
        );
    }
    assert!(read(&file.bytes[..23]).is_err() && read(b"\x0a\x0d\x0d\x0a and twenty more bytes").is_err());
}
