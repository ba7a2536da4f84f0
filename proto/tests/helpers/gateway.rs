//! What binds an intermediary beyond the fields of one message: versions, dates, interim responses, errors.

use h1wire_proto::{
    Advice, BodyLen, Client, ClientConfig, ClientEvent, Conn, Count, Forwarding, HttpDate, Method, Recv,
    RecvErrorKind, ResponseHead, Server, ServerConfig, ServerEvent, Slots, Status, Version,
};

/// A gateway between two connections.
struct Gateway {
    policy: Forwarding,
    inbound: Conn<Server>,
    outbound: Conn<Client>,
}

impl Gateway {
    /// A gateway that received `request`, which has no content, and what it sent to the origin.
    fn new(request: &str) -> (Self, String) {
        let policy = Forwarding::new("edge").unwrap();
        let mut inbound = Conn::<Server>::new(&ServerConfig::default());
        let mut outbound = Conn::<Client>::new(&ClientConfig::default());
        let (mut out, mut slots) = (Vec::new(), Slots::new());
        let Ok(Recv::Event(ServerEvent::Request(head))) = inbound.recv(&mut request.as_bytes(), &mut slots)
        else {
            panic!("a request")
        };
        {
            let sent = policy.request(&head).unwrap();
            outbound.request(sent.method(), sent.target(), &sent, sent.body_len(), &mut out).unwrap();
            // RFC 9112 section 9.3: a proxy does not persist with an HTTP/1.0 client, whatever it asks.
            assert_eq!(sent.closes(), head.version == Version::Http10);
            if sent.closes() {
                inbound.close_after_response();
            }
        }
        (Self { policy, inbound, outbound }, String::from_utf8(out).unwrap())
    }

    /// Gives the responses of the origin to the gateway, and tells what it sent to the client.
    fn answer(&mut self, responses: &str, date: Option<&HttpDate>) -> String {
        let (mut input, mut slots, mut out) = (responses.as_bytes(), Slots::new(), Vec::new());
        loop {
            match self.outbound.recv(&mut input, &mut slots) {
                Ok(Recv::Event(ClientEvent::Informational(head))) => {
                    let sent = self.policy.response(&head).unwrap();
                    self.inbound.send_informational(line(&head), &sent, &mut out).unwrap();
                }
                Ok(Recv::Event(ClientEvent::Response(head))) => {
                    let sent = self.policy.response(&head).unwrap();
                    let line = Status { date, ..line(&head) };
                    self.inbound.respond(line, &sent, sent.body_len(), &mut out).unwrap();
                }
                Ok(Recv::Event(ClientEvent::Data(data))) => {
                    self.inbound.body().unwrap().data(data, &mut out).unwrap();
                }
                Ok(
                    Recv::Event(ClientEvent::End(_)) | Recv::NeedInput(_) | Recv::Closed | Recv::Paused(_),
                ) => break,
                Err(_) => {
                    self.inbound.respond(502, &(), BodyLen::None, &mut out).unwrap();
                    break;
                }
            }
        }
        String::from_utf8(out).unwrap()
    }
}

fn line<'a>(head: &ResponseHead<'a, '_>) -> Status<'a> {
    Status::new(head.status).reason(head.reason)
}

const GET: &str = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";

/// RFC 9112 sections 2.3 and 9.3.
#[test]
fn a_message_goes_on_in_our_own_version_and_an_http_1_0_client_is_not_kept() {
    let (mut gateway, sent) = Gateway::new("GET / HTTP/1.0\r\nHost: h\r\nConnection: keep-alive\r\n\r\n");
    assert_eq!(sent, "GET / HTTP/1.1\r\nHost: h\r\nVia: 1.0 edge\r\n\r\n");
    assert_eq!(
        gateway.answer("HTTP/1.0 204 No Content\r\nConnection: keep-alive\r\n\r\n", None),
        "HTTP/1.1 204 No Content\r\nVia: 1.0 edge\r\nConnection: close\r\n\r\n"
    );
    assert_eq!(gateway.inbound.advice(), Advice::Linger, "it asked to be kept");
}

/// RFC 9112 section 5.2.
#[test]
fn a_folded_value_of_a_response_goes_on_with_a_space() {
    let (mut gateway, _) = Gateway::new(GET);
    assert_eq!(
        gateway.answer("HTTP/1.1 204 No Content\r\nX: a\r\n \tb\r\n\r\n", None),
        "HTTP/1.1 204 No Content\r\nX: a b\r\nVia: 1.1 edge\r\n\r\n"
    );
}

/// RFC 9110 section 6.6.1.
#[test]
fn a_response_without_a_date_goes_on_with_the_time_it_came_at() {
    let date = HttpDate::from_unix(0);
    let (mut gateway, _) = Gateway::new(GET);
    assert_eq!(
        gateway.answer("HTTP/1.1 204 No Content\r\n\r\n", Some(&date)),
        "HTTP/1.1 204 No Content\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\nVia: 1.1 edge\r\n\r\n"
    );
    let (mut gateway, _) = Gateway::new(GET);
    assert_eq!(
        gateway.answer("HTTP/1.1 204 No Content\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n", Some(&date)),
        "HTTP/1.1 204 No Content\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nVia: 1.1 edge\r\n\r\n"
    );
}

/// RFC 9110 section 15.2.
#[test]
fn interim_responses_go_on_as_they_come() {
    let (mut gateway, _) = Gateway::new(GET);
    assert_eq!(
        gateway.answer(
            "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nConnection: X\r\nX: y\r\n\r\nHTTP/1.1 199 Odd\r\n\r\n\
             HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
            None
        ),
        "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nVia: 1.1 edge\r\n\r\nHTTP/1.1 199 Odd\r\nVia: 1.1 edge\r\n\r\n\
         HTTP/1.1 200 OK\r\nVia: 1.1 edge\r\nContent-Length: 2\r\n\r\nok"
    );
}

/// RFC 9112 section 6.3: the connection to the origin ends, and the client is answered 502.
#[test]
fn a_response_that_cannot_be_framed_is_a_502_and_ends_its_connection() {
    let (mut gateway, _) = Gateway::new(GET);
    let bad = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\na";
    assert_eq!(gateway.answer(bad, None), "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n");
    assert_eq!((gateway.outbound.advice(), gateway.inbound.advice()), (Advice::Close, Advice::Reuse));
    let error = gateway.outbound.recv(&mut &b"a"[..], &mut Slots::new()).unwrap_err();
    assert_eq!(error.kind(), RecvErrorKind::ConflictingContentLength);
    let again =
        gateway.outbound.request(Method::Get, b"/", &[("Host", "h")], BodyLen::None, &mut Count::default());
    assert!(again.is_err());
}
