//! Where a request goes, and what it says of itself.

use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use h1wire_mio::client::{ErrorKind, Options, Request};
use h1wire_mio::proto::pool::Family;

use crate::own::{Own, Told};
use crate::script::{Peer, Script};

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// The head that a request comes to.
fn asked(request: impl FnOnce(&Script) -> Request) -> String {
    let (tell, told) = std::sync::mpsc::channel();
    let server = Script::once(move |peer| {
        tell.send(peer.request()).unwrap();
        peer.send(OK);
    });
    let told_client = Own::new(Options::default()).ask(request(&server));
    assert_eq!(told_client.text(), "ok", "{told_client:?}");
    server.join();
    told.recv().unwrap()
}

fn fail(request: Request) -> Told {
    let told = Own::new(Options::default()).ask(request);
    assert!(told.error.is_some(), "{told:?}");
    told
}

#[test]
fn credentials_come_from_the_url_or_the_option_unless_the_field_is_set() {
    let with = |server: &Script| Request::get(server.url("/").replace("http://", "http://u:p%20@"));
    assert!(asked(with).contains("\r\nAuthorization: Basic dTpwIA==\r\n"));
    assert!(asked(|server| Request::get(server.url("/")).auth("a", "b")).contains("Basic YTpi\r\n"));
    let own = asked(|server| with(server).header("authorization", "mine"));
    assert!(own.contains("\r\nauthorization: mine\r\n") && !own.contains("Basic"), "{own}");
}

#[test]
fn host_and_port_options_win_over_the_url_and_the_path_stands_as_it_is() {
    let head = asked(|server| {
        Request::get("http://h.invalid/").host("127.0.0.1").port(server.addr.port()).path("/a%zz?")
    });
    assert!(head.starts_with("GET /a%zz? HTTP/1.1\r\nHost: 127.0.0.1:"), "{head}");
}

#[test]
fn the_fields_that_are_added_can_be_replaced_or_left_out() {
    let head =
        asked(|server| Request::get(server.url("/")).header("Host", "me").header("Connection", "close"));
    assert!(head.contains("\r\nHost: me\r\n") && head.contains("\r\nConnection: close\r\n"), "{head}");
    let head = asked(|server| Request::get(server.url("/")).default_headers(false).header("host", "me"));
    assert_eq!(head, "GET / HTTP/1.1\r\nhost: me\r\n\r\n");
    assert!(matches!(
        Own::new(Options::default())
            .client
            .start(Request::get("http://h/").set_host(false), 0)
            .unwrap_err()
            .kind(),
        ErrorKind::Refused(_)
    ));
}

#[test]
fn fields_of_all_requests_give_way_to_their_own() {
    let server = Script::answers([OK]);
    let mut options = Options::default();
    options.fields.append("User-Agent", "all").unwrap();
    options.fields.append("X", "all").unwrap();
    let (tell, told) = std::sync::mpsc::channel();
    let seen = Script::once(move |peer| {
        tell.send(peer.request()).unwrap();
        peer.send(OK);
    });
    Own::new(options).ask(Request::get(seen.url("/")).header("user-agent", "own"));
    let head = told.recv().unwrap();
    assert!(head.contains("\r\nuser-agent: own\r\n") && head.contains("\r\nX: all\r\n"), "{head}");
    assert!(!head.contains("User-Agent"), "{head}");
    Own::new(Options::default()).ask(Request::get(server.url("/")));
    server.join();
    seen.join();
}

#[test]
fn the_lookup_hook_resolves_names_off_the_loop_and_its_error_is_one_of_dns() {
    let asks = Arc::new(AtomicUsize::new(0));
    let (counted, here) = (asks.clone(), std::thread::current().id());
    asked(|server| {
        let addr = server.addr;
        Request::get(format!("http://service.invalid:{}/", addr.port())).lookup(move |host, port| {
            assert_eq!((host, port), ("service.invalid", addr.port()));
            assert_ne!(std::thread::current().id(), here);
            counted.fetch_add(1, Ordering::Relaxed);
            Ok(vec![addr])
        })
    });
    assert_eq!(asks.load(Ordering::Relaxed), 1);
    let told =
        fail(Request::get("http://service.invalid/").lookup(|_, _| Err(io::Error::other("no such name"))));
    let error = told.error.unwrap();
    assert!(matches!(error.kind(), ErrorKind::Dns(e) if e.to_string() == "no such name"), "{error:?}");
    assert!(error.into_request().is_some(), "nothing was sent");
    let told = fail(Request::get("http://service.invalid/").lookup(|_, _| panic!("as a hook may")));
    assert!(matches!(told.error.unwrap().kind(), ErrorKind::Dns(_)));
}

#[test]
fn a_name_that_hangs_costs_its_own_request_and_no_other() {
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let mut own = Own::new(Options::default());
    let hanging = Request::get("http://slow.invalid/").connect_timeout(Some(Duration::from_millis(50)));
    let hanging = own.start(hanging.lookup(move |_, _| {
        let _ = wait.lock().unwrap().recv();
        Err(io::Error::other("too late"))
    }));
    let server = Script::answers([OK]);
    let addr = server.addr;
    assert_eq!(
        own.ask(Request::get("http://quick.invalid/").lookup(move |_, _| Ok(vec![addr]))).text(),
        "ok"
    );
    let told = own.finish(hanging);
    assert_eq!(told.events, ["socket", "timeout", "error", "close"]);
    assert_eq!(told.failed(), "Some(Timeout(Connect))");
    drop(go);
    server.join();
}

#[test]
fn an_address_that_refuses_gives_way_to_the_next_of_either_family() {
    // Bound and dropped: nobody listens there now.
    let refused = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    asked(|server| {
        let all = vec![refused, "[::1]:1".parse().unwrap(), server.addr];
        Request::get("http://service.invalid/").lookup(move |_, _| Ok(all.clone()))
    });
    let told = fail(Request::get("http://service.invalid/").lookup(move |_, _| Ok(vec![refused])));
    let error = told.error.unwrap();
    assert!(
        matches!(error.kind(), ErrorKind::Connect(e) if e.kind() == io::ErrorKind::ConnectionRefused),
        "{error:?}"
    );
}

/// An address that hears and does not answer, while what is returned lives.
pub fn silent() -> (std::net::SocketAddr, impl Sized) {
    use socket2::{Domain, Socket, Type};
    // A queue that is full: the system drops what comes, and whoever connects hears nothing.
    let deaf = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    deaf.bind(&"127.0.0.1:0".parse::<std::net::SocketAddr>().unwrap().into()).unwrap();
    deaf.listen(0).unwrap();
    let silent = deaf.local_addr().unwrap().as_socket().unwrap();
    let mut queued = Vec::new();
    while let Ok(socket) = std::net::TcpStream::connect_timeout(&silent, Duration::from_millis(50)) {
        queued.push(socket);
    }
    (silent, (deaf, queued))
}

#[test]
fn an_address_that_is_silent_does_not_keep_the_next_one_waiting() {
    let (silent, _kept) = silent();
    let began = Instant::now();
    asked(|server| {
        let all = vec![silent, server.addr];
        Request::get("http://service.invalid/").lookup(move |_, _| Ok(all.clone()))
    });
    assert!(began.elapsed() >= Duration::from_millis(250), "the first has its time");
    let told =
        fail(Request::get(format!("http://{silent}/")).connect_timeout(Some(Duration::from_millis(50))));
    assert_eq!(told.failed(), "Some(Timeout(Connect))");
}

#[test]
fn a_family_excludes_the_other() {
    asked(|server| {
        let addr = server.addr;
        let lookup = move |_: &str, _| Ok(vec!["[::1]:1".parse().unwrap(), addr]);
        Request::get("http://service.invalid/").family(Family::V4).lookup(lookup)
    });
    let request = Request::get("http://service.invalid/").family(Family::V6);
    let told = fail(request.lookup(|_, _| Ok(vec!["127.0.0.1:1".parse().unwrap()])));
    assert!(matches!(told.error.unwrap().kind(), ErrorKind::Dns(_)));
}

#[test]
fn the_local_address_and_port_can_be_chosen() {
    let free = TcpListener::bind("127.0.0.3:0").unwrap().local_addr().unwrap().port();
    let server = Script::once(move |peer| {
        assert_eq!(peer.socket.peer_addr().unwrap(), format!("127.0.0.3:{free}").parse().unwrap());
        peer.request();
        peer.send(OK);
    });
    let request = Request::get(server.url("/")).local_address("127.0.0.3".parse().unwrap()).local_port(free);
    assert_eq!(Own::new(Options::default()).ask(request).text(), "ok");
    server.join();
    let told = fail(Request::get("http://127.0.0.1:1/").local_address("192.0.2.1".parse().unwrap()));
    assert!(matches!(told.error.unwrap().kind(), ErrorKind::Connect(_)));
}

#[cfg(unix)]
#[test]
fn a_unix_socket_is_kept_and_used_again() {
    use std::io::{Read, Write};
    let path = std::env::temp_dir().join(format!("h1wire-mio-client-{}.sock", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let server = std::thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let mut buf = [0; 4096];
        for _ in 0..2 {
            let n = socket.read(&mut buf).unwrap();
            let head = String::from_utf8_lossy(&buf[..n]).into_owned();
            assert!(head.starts_with("GET /x HTTP/1.1\r\nHost: localhost\r\n"), "{head}");
            socket.write_all(OK).unwrap();
        }
    });
    let mut own = Own::keeping();
    for reused in [false, true] {
        let told = own.ask(Request::get("http://localhost/x").socket_path(&path));
        assert_eq!((told.reused, told.content), (vec![reused], b"ok".to_vec()));
    }
    server.join().unwrap();
    let both = Request::get("http://localhost/").socket_path(&path).port(1);
    assert!(matches!(own.client.start(both, 0).unwrap_err().kind(), ErrorKind::Invalid(_)));
    std::fs::remove_file(&path).unwrap();
    let told = Own::keeping().ask(Request::get("http://localhost/").socket_path(&path));
    assert!(matches!(told.error.unwrap().kind(), ErrorKind::Connect(_)));
}

#[test]
fn an_ipv6_host_is_reached_and_named_with_brackets() {
    let Ok(listener) = TcpListener::bind("[::1]:0") else { return };
    let addr = listener.local_addr().unwrap();
    let server = std::thread::spawn(move || {
        let mut peer = Peer::accept(&listener);
        assert!(peer.request().contains(&format!("\r\nHost: [::1]:{}\r\n", addr.port())));
        peer.send(OK);
    });
    assert_eq!(Own::new(Options::default()).ask(Request::get(format!("http://{addr}/"))).text(), "ok");
    server.join().unwrap();
}

#[test]
fn connections_can_be_any_stream_and_may_fail_with_an_own_error() {
    let server = Script::answers([OK]);
    let addr = server.addr;
    let made = Request::get("http://nowhere.invalid/").create_connection(move |origin| {
        assert_eq!(origin.host(), Some("nowhere.invalid"));
        let socket = std::net::TcpStream::connect(addr)?;
        socket.set_nonblocking(true)?;
        Ok(mio::net::TcpStream::from_std(socket).into())
    });
    assert_eq!(Own::keeping().ask(made).text(), "ok");
    server.join();
    for panics in [false, true] {
        let request = Request::get("http://h/").create_connection(move |_| {
            assert!(!panics, "as a hook may");
            Err("not today".into())
        });
        let told = fail(request);
        assert_eq!(told.events, ["socket", "error", "close"]);
        assert!(matches!(told.error.unwrap().kind(), ErrorKind::Hook(_)));
    }
}

#[test]
fn what_is_no_http_url_or_cannot_be_sent_is_refused_before_anything_goes_out_and_comes_back() {
    let mut own = Own::keeping();
    for url in ["", "h", "ftp://h/", "http://", "http://a b/", "https://h/"] {
        let error = own.client.start(Request::get(url), 0).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Invalid(_)), "{url} {error:?}");
        assert!(error.into_request().is_some());
    }
    let get = || Request::get("http://127.0.0.1:1/");
    let refused = [
        Request::new("A B", "http://127.0.0.1:1/"),
        get().path("/a b"),
        get().header("a b", "c"),
        get().header("a", "b\r\nc: d"),
        Request::new("PUT", "http://127.0.0.1:1/").header("Content-Length", "+5").streamed(),
    ];
    for request in refused {
        let error = own.client.start(request, 0).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Refused(_)), "{error:?}");
    }
    assert_eq!((own.client.calls(), own.counts()), (0, (0, 0)));
}

#[test]
fn a_connection_with_a_resolver_of_its_own_is_not_kept_for_requests_that_cannot_come() {
    let (tell, told) = std::sync::mpsc::channel();
    let server = Script::once(move |peer| {
        tell.send(peer.request()).unwrap();
        peer.send(OK);
        assert_eq!(peer.end(), b"");
    });
    let (mut own, addr) = (Own::keeping(), server.addr);
    own.ask(Request::get("http://service.invalid/").lookup(move |_, _| Ok(vec![addr])));
    assert!(told.recv().unwrap().contains("\r\nConnection: close\r\n"));
    assert_eq!(own.counts(), (0, 0));
    server.join();
}
