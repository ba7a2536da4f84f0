//! Exhaustive tables: every byte, every pair of bytes and every pair of framing fields, in every place where it matters,
//! against short functions written down from the text of the RFCs.

mod framing;
mod line_ends;
mod places;

use h1wire_proto::{
    BodyLen, Client, ClientConfig, ClientEvent, Conn, Count, Fields, Method, Need, Recv, RecvError,
    RequestHead, ResponseHead, Server, ServerConfig, ServerEvent, Slots,
};

/// What a machine made of a stream.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Seen {
    /// A complete head or message, as the caller describes it.
    Complete(String),
    /// More is wanted.
    More,
    Bad(RecvError),
}

impl Seen {
    fn is_bad(&self) -> bool {
        matches!(self, Self::Bad(_))
    }
}

/// Reused by every run of a thread.
#[derive(Default)]
struct Runner {
    slots: Slots,
}

impl Runner {
    /// The head of a request, as `tell` describes it.
    fn request(&mut self, bytes: &[u8], tell: impl FnOnce(&RequestHead<'_, '_>) -> String) -> Seen {
        let mut conn = Conn::<Server>::new(&ServerConfig::default());
        match conn.recv(&mut &bytes[..], &mut self.slots) {
            Ok(Recv::Event(ServerEvent::Request(head))) => Seen::Complete(tell(&head)),
            Ok(Recv::NeedInput(Need::Head)) => Seen::More,
            Err(error) => Seen::Bad(error),
            other => panic!("{other:?} of {}", bytes.escape_ascii()),
        }
    }

    /// The head of a response to `method`, as `tell` describes it.
    fn response(
        &mut self,
        method: Method<'_>,
        bytes: &[u8],
        tell: impl FnOnce(&ResponseHead<'_, '_>) -> String,
    ) -> Seen {
        let mut conn = Conn::<Client>::new(&ClientConfig::default());
        let target: &[u8] = if method == Method::Connect { b"a:1" } else { b"/" };
        conn.request(method, target, &[("Host", "a")], BodyLen::None, &mut Count::default()).unwrap();
        match conn.recv(&mut &bytes[..], &mut self.slots) {
            Ok(Recv::Event(ClientEvent::Response(head) | ClientEvent::Informational(head))) => {
                Seen::Complete(tell(&head))
            }
            Ok(Recv::NeedInput(Need::Head)) => Seen::More,
            Err(error) => Seen::Bad(error),
            other => panic!("{other:?} of {}", bytes.escape_ascii()),
        }
    }

    /// Chunked content with its trailers: `content|name: value|…`.
    fn chunked(&mut self, content: &[u8]) -> Seen {
        let mut conn = Conn::<Server>::new(&ServerConfig::default());
        let head = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert!(matches!(conn.recv(&mut &head[..], &mut self.slots), Ok(Recv::Event(_))));
        let (mut input, mut text) = (content, String::new());
        loop {
            match conn.recv(&mut input, &mut self.slots) {
                Ok(Recv::Event(ServerEvent::Data(data))) => text.push_str(&data.escape_ascii().to_string()),
                Ok(Recv::Event(ServerEvent::End(trailers))) => break Seen::Complete(text + &lines(trailers)),
                Ok(Recv::NeedInput(_)) => break Seen::More,
                Err(error) => break Seen::Bad(error),
                other => panic!("{other:?} of {}", content.escape_ascii()),
            }
        }
    }

    /// The size a chunk line announces, if it is one.
    fn chunk_size(&mut self, line: &[u8]) -> Option<u64> {
        let mut conn = Conn::<Server>::new(&ServerConfig::default());
        let head = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert!(matches!(conn.recv(&mut &head[..], &mut self.slots), Ok(Recv::Event(_))));
        match conn.recv(&mut &line[..], &mut self.slots) {
            Ok(Recv::NeedInput(Need::Content(size))) => size,
            Ok(Recv::NeedInput(Need::Framing)) => Some(0),
            Err(_) => None,
            other => panic!("{other:?} of {}", line.escape_ascii()),
        }
    }
}

/// `|name: value` for each field.
fn lines(fields: Fields<'_, '_>) -> String {
    fields.iter().map(|(name, value)| format!("|{}: {}", name.escape_ascii(), value.escape_ascii())).collect()
}

/// RFC 9110 section 5.6.2.
fn is_token(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b)
}

/// What may stand in a field value or a reason: HTAB, SP, VCHAR, obs-text (RFC 9110 section 5.5).
fn is_text(b: u8) -> bool {
    matches!(b, b'\t' | b' '..=b'~' | 0x80..)
}

fn trim(value: &[u8]) -> &[u8] {
    let blank = |b: &u8| matches!(b, b' ' | b'\t');
    let start = value.iter().position(|b| !blank(b)).unwrap_or(value.len());
    let end = value.iter().rposition(|b| !blank(b)).map_or(start, |at| at + 1);
    &value[start..end]
}
