//! The options of a request: where it goes, and as whom.

use std::io::{self, Write as _};
use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use h1wire_std::proto::pool::Family;
use h1wire_std::{Agent, ErrorKind, Proxies, Proxy, Request};

use crate::script::{Peer, Script};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// A server that answers one request, and what it was asked.
fn asked(request: impl FnOnce(&Script) -> Request) -> String {
    let (tell, heard) = std::sync::mpsc::channel();
    let server = Script::once(move |peer| {
        tell.send(peer.request()).unwrap();
        peer.send(OK.as_bytes());
    });
    let request = request(&server).one_shot();
    assert_eq!(request.send().unwrap().text().unwrap(), "ok");
    server.join();
    heard.recv().unwrap()
}

#[test]
fn credentials_come_from_the_url_or_the_option_unless_the_field_is_set() {
    let with_user = |server: &Script| server.url("/").replace("http://", "http://user:pa%3Ass@");
    let head = asked(|server| Request::get(with_user(server)));
    assert!(head.contains("\r\nAuthorization: Basic dXNlcjpwYTpzcw==\r\n"), "{head}");
    let head = asked(|server| Request::get(with_user(server)).auth("a", "b"));
    assert!(head.contains("\r\nAuthorization: Basic YTpi\r\n"), "{head}");
    let head = asked(|server| Request::get(with_user(server)).header("authorization", "Own x"));
    assert!(head.contains("\r\nauthorization: Own x\r\n") && !head.contains("Basic"), "{head}");
}

#[test]
fn host_and_port_options_win_over_the_url() {
    let head =
        asked(|server| Request::get("http://nowhere.invalid/x").host("127.0.0.1").port(server.addr.port()));
    assert!(head.starts_with("GET /x HTTP/1.1\r\nHost: 127.0.0.1:"), "{head}");
}

#[test]
fn the_default_port_is_used_and_left_out_of_the_host_field() {
    let head = asked(|server| Request::get("http://127.0.0.1/").default_port(server.addr.port()));
    assert!(head.contains("\r\nHost: 127.0.0.1\r\n"), "{head}");
}

#[test]
fn the_fields_that_are_added_can_be_replaced_or_left_out() {
    let head = asked(|server| Request::get(server.url("/")).set_host(false).header("Host", "own"));
    assert!(head.contains("\r\nHost: own\r\n") && head.matches("Host:").count() == 1, "{head}");
    let head = asked(|server| Request::get(server.url("/")).default_headers(false).header("Host", "own"));
    assert_eq!(head, "GET / HTTP/1.1\r\nHost: own\r\n\r\n");
    let head = asked(|server| Request::get(server.url("/")).header("Connection", "close"));
    assert_eq!(head.matches("onnection:").count(), 1, "{head}");
}

#[test]
fn the_lookup_hook_resolves_names_and_its_error_is_one_of_dns() {
    let asks = Arc::new(AtomicUsize::new(0));
    let counted = asks.clone();
    asked(|server| {
        let addr = server.addr;
        Request::get(format!("http://service.invalid:{}/", addr.port())).lookup(move |host, port| {
            assert_eq!((host, port), ("service.invalid", addr.port()));
            counted.fetch_add(1, Ordering::Relaxed);
            Ok(vec![addr])
        })
    });
    assert_eq!(asks.load(Ordering::Relaxed), 1);
    let error = Request::get("http://service.invalid/")
        .one_shot()
        .lookup(|_, _| Err(io::Error::other("no such name")))
        .send()
        .unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::Dns(e) if e.to_string() == "service.invalid: no such name"),
        "{error:?}"
    );
    assert!(error.into_request().is_some(), "nothing was sent");
}

#[test]
fn an_address_that_refuses_gives_way_to_the_next_of_either_family() {
    // Bound and dropped: nobody listens there now.
    let refused = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    asked(|server| {
        let addr = server.addr;
        let all = vec![refused, "[::1]:1".parse().unwrap(), addr];
        Request::get("http://service.invalid/").lookup(move |_, _| Ok(all.clone()))
    });
    let error = Request::get("http://service.invalid/")
        .one_shot()
        .lookup(move |_, _| Ok(vec![refused]))
        .send()
        .unwrap_err();
    let refused =
        matches!(error.kind(), ErrorKind::Connect(e) if e.kind() == io::ErrorKind::ConnectionRefused);
    assert!(refused, "{error:?}");
}

#[test]
fn an_address_that_is_silent_does_not_keep_the_next_one_waiting() {
    use socket2::{Domain, Socket, Type};
    // A queue that is full: the system drops what comes, and whoever connects hears nothing.
    let deaf = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    deaf.bind(&"127.0.0.1:0".parse::<std::net::SocketAddr>().unwrap().into()).unwrap();
    deaf.listen(0).unwrap();
    let silent = deaf.local_addr().unwrap().as_socket().unwrap();
    let mut queued = Vec::new();
    while let Ok(socket) = std::net::TcpStream::connect_timeout(&silent, std::time::Duration::from_millis(50))
    {
        queued.push(socket);
    }
    asked(|server| {
        let all = vec![silent, server.addr];
        Request::get("http://service.invalid/").lookup(move |_, _| Ok(all.clone()))
    });
    let request = Request::get(format!("http://{silent}/")).one_shot();
    let error = request.connect_timeout(std::time::Duration::from_millis(50)).send().unwrap_err();
    assert!(error.is_timeout(), "{error:?}");
}

#[test]
fn a_family_excludes_the_other() {
    asked(|server| {
        let addr = server.addr;
        let lookup = move |_: &str, _| Ok(vec!["[::1]:1".parse().unwrap(), addr]);
        Request::get("http://service.invalid/").family(Family::V4).lookup(lookup)
    });
    let error = Request::get("http://service.invalid/")
        .one_shot()
        .family(Family::V6)
        .lookup(|_, _| Ok(vec!["127.0.0.1:1".parse().unwrap()]))
        .send()
        .unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Dns(_)), "{error:?}");
}

#[test]
fn the_local_address_and_port_can_be_chosen() {
    let free = std::net::TcpListener::bind("127.0.0.3:0").unwrap().local_addr().unwrap().port();
    let server = Script::once(move |peer| {
        assert_eq!(peer.socket.peer_addr().unwrap(), format!("127.0.0.3:{free}").parse().unwrap());
        peer.request();
        peer.send(OK.as_bytes());
    });
    let request =
        Request::get(server.url("/")).one_shot().local_address("127.0.0.3".parse().unwrap()).local_port(free);
    assert!(request.origin_name().unwrap().contains(":127.0.0.3:"));
    let response = request.send().unwrap();
    assert_eq!(response.local_addr().unwrap().to_string(), format!("127.0.0.3:{free}"));
    server.join();
    let error = Request::get("http://127.0.0.1:1/")
        .one_shot()
        .local_address("192.0.2.1".parse().unwrap())
        .send()
        .unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Connect(_)), "{error:?}");
}

#[test]
fn a_unix_socket_is_kept_and_used_again() {
    let path = std::env::temp_dir().join(format!("h1wire-std-{}.sock", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let listener = UnixListener::bind(&path).unwrap();
    let server = thread::spawn(move || {
        use std::io::{Read, Write};
        let (mut socket, _) = listener.accept().unwrap();
        let mut buf = [0; 4096];
        for _ in 0..2 {
            let n = socket.read(&mut buf).unwrap();
            let head = String::from_utf8_lossy(&buf[..n]).into_owned();
            assert!(head.starts_with("GET /x HTTP/1.1\r\nHost: localhost\r\n"), "{head}");
            socket.write_all(OK.as_bytes()).unwrap();
        }
    });
    // A proxy is not on the way to a socket of this machine.
    let nobody = Proxies::all(Proxy::parse("127.0.0.1:1").unwrap());
    let agent = Agent::builder().keep_alive(true).proxies(nobody).build();
    for reused in [false, true] {
        let mut response = agent.get("http://localhost/x").socket_path(&path).send().unwrap();
        assert_eq!((response.is_reused(), response.peer_addr()), (reused, None));
        assert_eq!(response.text().unwrap(), "ok");
    }
    server.join().unwrap();
    let error = Request::get("http://localhost/").socket_path(&path).port(1).send().unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Invalid(_)), "{error:?}");
    std::fs::remove_file(&path).unwrap();
    let error = Request::get("http://localhost/").one_shot().socket_path(&path).send().unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Connect(_)), "{error:?}");
}

/// A zone is for this machine alone (RFC 9844).
#[test]
fn an_ipv6_host_is_reached_and_named_with_brackets_and_without_its_zone() {
    for host in ["[::1]", "::1", "::1%1"] {
        let Ok(listener) = std::net::TcpListener::bind("[::1]:0") else {
            let _ = writeln!(io::stderr(), "skipped: this machine has no IPv6 loopback");
            return;
        };
        let addr = listener.local_addr().unwrap();
        let server = thread::spawn(move || {
            let mut peer = Peer::accept(&listener);
            assert!(peer.request().contains(&format!("\r\nHost: [::1]:{}\r\n", addr.port())));
            peer.send(OK.as_bytes());
        });
        let request = match host.starts_with('[') {
            true => Request::get(format!("http://{host}:{}/", addr.port())),
            false => Request::get("http://a.example/").host(host).port(addr.port()),
        };
        assert_eq!(request.one_shot().send().unwrap().text().unwrap(), "ok", "{host}");
        server.join().unwrap();
    }
}

#[test]
fn socket_options_are_set_on_the_connection() {
    use socket2::SockRef;
    use std::time::Duration;
    let seen = Arc::new(AtomicUsize::new(0));
    let counted = seen.clone();
    let server = Script::answers([OK]);
    let agent = Agent::builder()
        .keep_alive(true)
        .tcp_keep_alive(Duration::from_secs(7))
        .keep_connection(move |stream| {
            let fd = stream.poll_fd().unwrap();
            let socket = SockRef::from(&fd);
            assert!(socket.tcp_nodelay().unwrap() && socket.keepalive().unwrap());
            assert_eq!(socket.tcp_keepalive_time().unwrap(), Duration::from_secs(7));
            counted.fetch_add(1, Ordering::Relaxed);
            true
        })
        .build();
    agent.get(server.url("/")).send().unwrap().text().unwrap();
    assert_eq!(seen.load(Ordering::Relaxed), 1);
    server.join();
}

#[test]
fn a_host_is_taken_whole_and_one_that_is_none_is_refused() {
    let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
    let get = |url| {
        let hosts = seen.clone();
        let request = Request::get(url).one_shot().lookup(move |host, _| {
            hosts.lock().unwrap().push(host.to_owned());
            Err(io::Error::other("asked"))
        });
        request.send().unwrap_err()
    };
    assert!(matches!(get("http://example.org%2dx.example.net/").kind(), ErrorKind::Dns(_)));
    // A name that may be asked for, but no host for the field (RFC 3986 section 3.2.2).
    let error = get("http://example.org%60x.example.net/");
    assert!(matches!(error.kind(), ErrorKind::Refused(_)) && error.into_request().is_some());
    assert_eq!(*seen.lock().unwrap(), ["example.org-x.example.net"]);
    for url in
        ["http://[www.example.org]/", "http://example.org%2f.example.net/", "http://a%20b/", "http://a%00b/"]
    {
        let error = Request::get(url).one_shot().send().unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Invalid(_)), "{url}: {error:?}");
    }
}
