//! The example `proxy`, between our client and our server: what is sent on, what stays, what is refused.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::time::Duration;

use h1wire_std::server::Running;
use h1wire_std::{Agent, Proxies, Proxy, Request, Server};

#[path = "../examples/proxy/main.rs"]
#[allow(dead_code)]
mod example;

/// An origin that echoes what it was asked, and a proxy before it.
struct Chain {
    origin: Running,
    proxy: Running,
    agent: Agent,
}

impl Chain {
    fn new() -> Self {
        let origin = Server::bind("127.0.0.1:0").unwrap().start(|request, response| {
            let mut seen = format!("{} {}\n", request.method(), request.target().escape_ascii());
            for (name, value) in request.fields() {
                seen.push_str(&format!("{}: {}\n", name.escape_ascii(), value.escape_ascii()));
            }
            let mut content = String::new();
            request.read_to_string(&mut content)?;
            for (name, value) in request.trailers() {
                content.push_str(&format!("\n{}: {}", name.escape_ascii(), value.escape_ascii()));
            }
            response
                .send_informational(103, &[("Link", "</style>"), ("Connection", "X-Hop"), ("X-Hop", "1")])?;
            response.header("Connection", "X-Hop").header("X-Hop", "1").header("X-End", "2");
            if request.target().starts_with(b"/chunks") {
                response.trailer("X-Sum", "3");
                response.write_all(seen.as_bytes())?;
                response.flush()?;
                response.write_all(content.as_bytes())?;
                return response.finish();
            }
            response.end(seen + "\n" + &content)
        });
        let (origin, proxy) = (origin.unwrap(), example::start("127.0.0.1:0", "edge").unwrap());
        let to = Proxy::parse(&proxy.local_addr().unwrap().to_string()).unwrap();
        let agent = Agent::builder().keep_alive(true).proxies(Proxies::all(to)).build();
        Self { origin, proxy, agent }
    }

    fn address(&self) -> SocketAddr {
        self.origin.local_addr().unwrap()
    }

    fn request(&self, method: &str, path: &str) -> Request {
        self.agent.request(method, format!("http://{}{path}", self.address()))
    }
}

/// Everything the proxy says to a client that sends `request`, until it closes.
fn said(chain: &Chain, request: &str) -> String {
    let mut client = TcpStream::connect(chain.proxy.local_addr().unwrap()).unwrap();
    client.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    client.write_all(request.as_bytes()).unwrap();
    let mut said = String::new();
    client.read_to_string(&mut said).unwrap();
    said
}

impl Drop for Chain {
    fn drop(&mut self) {
        self.agent.destroy();
        self.proxy.shutdown(Duration::from_secs(1));
        self.origin.shutdown(Duration::from_secs(1));
    }
}

/// RFC 9110 section 4.2.2.
#[test]
fn what_is_meant_for_tls_is_not_sent_on_without() {
    let chain = Chain::new();
    let mut client = TcpStream::connect(chain.proxy.local_addr().unwrap()).unwrap();
    let address = chain.address();
    write!(client, "GET https://{address}/ HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 501 "), "{answer}");
    assert_eq!(chain.origin.handle().counters().requests, 0);
}

#[test]
fn end_to_end_fields_pass_and_those_of_the_connection_stay() {
    let chain = Chain::new();
    let mut response = chain
        .request("GET", "/a?b")
        .header("Connection", "keep-alive, X-Mine")
        .header("X-Mine", "1")
        .header("X-Theirs", "2")
        .header("Proxy-Authorization", "Basic secret")
        .send()
        .unwrap();
    let seen = response.text().unwrap();
    let expected = format!("GET /a?b\nHost: {}\nX-Theirs: 2\nVia: 1.1 edge\n\n", chain.address());
    assert_eq!(seen, expected);
    assert!(response.header("x-hop").is_none());
    assert_eq!(response.header("x-end").as_deref(), Some(&b"2"[..]));
    assert_eq!(response.header("via").as_deref(), Some(&b"1.1 edge"[..]));
}

#[test]
fn content_of_either_framing_passes_with_its_framing_rebuilt() {
    let chain = Chain::new();
    let mut known = chain.request("PUT", "/").send_bytes("hello").unwrap();
    let seen = known.text().unwrap();
    assert!(seen.contains("\nContent-Length: 5\n") && seen.ends_with("\n\nhello"), "{seen}");
    assert!(known.content_length().is_some());
    let mut upload = chain.request("PUT", "/chunks").header("Connection", "X-Mine").start().unwrap();
    upload.write_all(b"hello").unwrap();
    let mut response = upload.finish_with_trailers(&[("X-Check", "9"), ("X-Mine", "1")]).unwrap();
    let seen = response.text().unwrap();
    assert!(seen.contains("\nTransfer-Encoding: chunked\n"), "{seen}");
    assert!(seen.ends_with("\nhello\nX-Check: 9"), "{seen}");
    assert_eq!(response.content_length(), None);
    assert_eq!(response.trailers().get("x-sum"), Some(&b"3"[..]));
}

#[test]
fn an_answer_to_head_says_the_length_and_has_no_content() {
    let chain = Chain::new();
    let mut response = chain.request("HEAD", "/").send().unwrap();
    assert!(response.header("content-length").is_some());
    assert_eq!(response.text().unwrap(), "");
    assert_eq!(chain.request("GET", "/").send().unwrap().status(), 200);
}

/// RFC 9110 section 7.6.1.
#[test]
fn interim_responses_leave_the_fields_of_their_connection_behind() {
    let chain = Chain::new();
    let address = chain.address();
    let said =
        said(&chain, &format!("GET http://{address}/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
    let interim = "HTTP/1.1 103 Early Hints\r\nLink: </style>\r\nVia: 1.1 edge\r\n\r\nHTTP/1.1 200 OK\r\n";
    assert!(said.starts_with(interim), "{said}");
}

/// RFC 9112 section 9.3.
#[test]
fn a_client_of_http_1_0_is_not_kept_even_if_it_asks() {
    let chain = Chain::new();
    let address = chain.address();
    let said = said(&chain, &format!("GET http://{address}/ HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
    assert!(said.starts_with("HTTP/1.1 200 OK\r\n") && said.contains("\r\nConnection: close\r\n"), "{said}");
}

#[test]
fn interim_responses_reach_the_client_as_they_come() {
    const PATIENCE: Duration = Duration::from_secs(20);
    // The origin goes on when the client has seen what it said.
    let (told, hear) = channel();
    let hear = Mutex::new(hear);
    let origin = Server::bind("127.0.0.1:0").unwrap().start(move |request, response| {
        let seen = || assert_eq!(hear.lock().unwrap().recv_timeout(PATIENCE), Ok(103));
        if !request.is_complete() {
            let mut piece = [0; 5];
            request.read_exact(&mut piece)?;
            response.send_early_hints(&[("Link", "</first>")])?;
            request.read_exact(&mut piece)?;
            seen();
            io::copy(request, &mut io::sink())?;
        }
        response.send_early_hints(&[("Link", "</last>")])?;
        seen();
        response.end("done")
    });
    let (origin, proxy) = (origin.unwrap(), example::start("127.0.0.1:0", "edge").unwrap());
    let to = Proxy::parse(&proxy.local_addr().unwrap().to_string()).unwrap();
    let agent = Agent::builder().proxies(Proxies::all(to)).build();
    let ask = |method| {
        let told = told.clone();
        let url = format!("http://{}/", origin.local_addr().unwrap());
        agent.request(method, url).on_informational(move |head| told.send(head.status).unwrap())
    };
    assert_eq!(ask("GET").send().unwrap().text().unwrap(), "done");
    let mut upload = ask("PUT").start().unwrap();
    for _ in 0..2 {
        upload.write_all(b"hello").unwrap();
        upload.flush().unwrap();
    }
    assert_eq!(upload.finish().unwrap().text().unwrap(), "done");
    for server in [&proxy, &origin] {
        server.shutdown(Duration::from_secs(1));
    }
}

#[test]
fn loops_dead_servers_and_the_last_hop_are_answered_by_the_proxy() {
    let chain = Chain::new();
    let status = |request: Request| request.send().unwrap().status();
    assert_eq!(status(chain.request("GET", "/").header("Via", "1.1 edge")), 508);
    assert_eq!(status(chain.agent.get("http://127.0.0.1:1/")), 502);
    let last = chain.request("OPTIONS", "/").header("Max-Forwards", "0").send().unwrap();
    assert!(last.header("allow").is_some());
    let mut trace =
        chain.request("TRACE", "/").header("Max-Forwards", "0").header("Cookie", "secret").send().unwrap();
    let echo = trace.text().unwrap();
    assert!(echo.starts_with("TRACE http://") && !echo.contains("secret"), "{echo}");
}

#[test]
fn a_tunnel_carries_requests_of_its_own() {
    let chain = Chain::new();
    for reused in [false, true] {
        let mut response = chain.request("GET", "/t").tunnel(true).send().unwrap();
        assert_eq!(response.is_reused(), reused);
        assert!(!response.text().unwrap().contains("Via"), "the proxy does not see it");
    }
    let refused = chain.agent.get("http://127.0.0.1:1/").tunnel(true).send().unwrap_err();
    assert!(matches!(refused.kind(), h1wire_std::ErrorKind::Proxy(502)), "{refused:?}");
}
