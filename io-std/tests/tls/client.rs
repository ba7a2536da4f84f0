//! The client: trust, names, reuse, tunnels, aborts and time limits.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use h1wire_std::rustls::{ServerConfig, ServerConnection, Stream as TlsPipe};
use h1wire_std::{Agent, ErrorKind, Proxies, Proxy, Timeout};

use crate::authority::{Authority, OK, PATIENCE, request, url};

#[test]
fn an_https_url_is_got_over_a_trusted_session_that_is_kept() {
    let authority = Authority::new();
    let (addr, server) = authority.serve(|pipe| {
        for _ in 0..3 {
            let head = request(pipe);
            let port = pipe.sock.local_addr().unwrap().port();
            assert!(head.contains(&format!("\r\nHost: localhost:{port}\r\n")), "{head}");
            pipe.write_all(OK).unwrap();
        }
        assert_eq!(pipe.conn.alpn_protocol(), Some(&b"http/1.1"[..]));
        assert_eq!(pipe.conn.server_name(), Some("localhost"));
        // The client says goodbye.
        assert_eq!(pipe.read(&mut [0; 9]).unwrap(), 0);
    });
    let agent = authority.agent().build();
    for reused in [false, true, true] {
        let mut response = agent.get(url(addr)).send().unwrap();
        // Session tickets that come meanwhile do not make an idle connection suspicious.
        assert_eq!((response.is_reused(), response.text().unwrap().as_str()), (reused, "ok"));
        assert_eq!(agent.totals().idle, 1);
    }
    assert!(agent.origins()[0].name.contains(":tls:"), "{:?}", agent.origins());
    agent.destroy();
    server.join().unwrap();
}

#[test]
fn a_certificate_that_is_not_trusted_or_is_another_hosts_is_an_error_of_tls() {
    let authority = Authority::new();
    let refuse = |agent: Agent, host: &str, name: Option<&str>| {
        let (addr, server) = authority.serve(|pipe| {
            let _ = pipe.read(&mut [0]);
        });
        let host = host.to_owned();
        let request =
            agent.get(format!("https://{host}:{}/", addr.port())).lookup(move |_, _| Ok(vec![addr]));
        let request = match name {
            Some(name) => request.server_name(name),
            None => request,
        };
        let result = request.send();
        server.join().unwrap();
        result.unwrap_err()
    };
    let error = refuse(Agent::new(), "localhost", None);
    assert!(matches!(error.kind(), ErrorKind::Tls(_)), "{error:?}");
    assert!(error.retry().is_safe() && error.into_request().is_some(), "nothing was sent");
    let error = refuse(authority.agent().build(), "wrong.test", None);
    assert!(matches!(error.kind(), ErrorKind::Tls(_)), "{error:?}");
    // With the right name asked for, it is trusted, and fails only because nobody answers.
    let error = refuse(authority.agent().build(), "wrong.test", Some("other.test"));
    assert!(matches!(error.kind(), ErrorKind::HangUp(_) | ErrorKind::Socket(_)), "{error:?}");
}

#[test]
fn large_uploads_and_downloads_pass_and_an_early_answer_is_heard() {
    let authority = Authority::new();
    let (addr, server) = authority.serve(|pipe| {
        request(pipe);
        let mut content = vec![0; 2_000_000];
        pipe.read_exact(&mut content).unwrap();
        pipe.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n").unwrap();
        pipe.write_all(&content).unwrap();
    });
    let content: Vec<u8> = (0..2_000_000u32).map(|i| (i % 241) as u8).collect();
    let mut response = authority.agent().build().request("PUT", url(addr)).send_bytes(&content).unwrap();
    let mut got = Vec::new();
    response.read_to_end(&mut got).unwrap();
    assert!(got == content);
    server.join().unwrap();

    let (go, over) = channel::<()>();
    let (addr, server) = authority.serve(move |pipe| {
        request(pipe);
        pipe.write_all(b"HTTP/1.1 413 No\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno").unwrap();
        over.recv_timeout(PATIENCE).unwrap();
    });
    let mut upload = authority.agent().build().request("PUT", url(addr)).start().unwrap();
    while upload.write_all(&[0; 1 << 16]).is_ok() {
        assert!(upload.written() < 1 << 30);
    }
    let mut response = upload.finish().unwrap();
    assert_eq!((response.status(), response.text().unwrap().as_str()), (413, "no"));
    go.send(()).unwrap();
    server.join().unwrap();
}

/// The answer lies in the session, where no socket tells of it, when the client has more to write.
#[test]
fn an_early_answer_is_heard_in_the_middle_of_one_large_write() {
    let authority = Authority::new();
    let (go, over) = channel::<()>();
    let (addr, server) = authority.serve(move |pipe| {
        request(pipe);
        pipe.write_all(b"HTTP/1.1 413 No\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno").unwrap();
        over.recv_timeout(PATIENCE).unwrap();
    });
    let request = authority.agent().build().request("PUT", url(addr)).timeout(PATIENCE / 2);
    let mut response = request.send_bytes(vec![0; 32 << 20]).unwrap();
    assert_eq!((response.status(), response.text().unwrap().as_str()), (413, "no"));
    go.send(()).unwrap();
    server.join().unwrap();
}

#[test]
fn content_until_close_that_ends_without_a_goodbye_is_cut_off() {
    let authority = Authority::new();
    for goodbye in [true, false] {
        let (addr, server) = authority.serve(move |pipe| {
            request(pipe);
            pipe.write_all(b"HTTP/1.1 200 OK\r\n\r\nall of it?").unwrap();
            if goodbye {
                pipe.conn.send_close_notify();
                pipe.conn.complete_io(pipe.sock).unwrap();
            }
        });
        let mut response = authority.agent().build().get(url(addr)).send().unwrap();
        let mut text = String::new();
        let end = response.read_to_string(&mut text);
        assert_eq!((end.is_ok(), response.is_complete()), (goodbye, goodbye), "{end:?}");
        server.join().unwrap();
    }
}

#[test]
fn tls_has_time_limits_and_can_be_aborted() {
    // Accepts and says nothing.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let agent = Authority::new().agent().build();
    let error = agent.get(url(addr)).connect_timeout(Duration::from_millis(50)).send().unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Timeout(Timeout::Connect)), "{error:?}");

    let authority = Authority::new();
    let (asked, wait) = channel();
    let (addr, server) = authority.serve(move |pipe| {
        request(pipe);
        asked.send(()).unwrap();
        let _ = pipe.read(&mut [0]);
    });
    let agent = authority.agent().build();
    let mut request = agent.get(url(addr));
    let abort = request.abort_handle();
    let client = thread::spawn(move || request.send().unwrap_err());
    wait.recv_timeout(PATIENCE).unwrap();
    abort.abort();
    assert!(client.join().unwrap().is_aborted());
    server.join().unwrap();
}

#[test]
fn https_goes_through_the_tunnel_of_a_proxy() {
    let authority = Authority::new();
    let (addr, server) = authority.serve(|pipe| {
        assert!(request(pipe).starts_with("GET /secret HTTP/1.1\r\n"));
        pipe.write_all(OK).unwrap();
    });
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = listener.local_addr().unwrap();
    let relay = thread::spawn(move || {
        let (mut near, _) = listener.accept().unwrap();
        let head = request(&mut near);
        assert!(head.starts_with("CONNECT localhost:7 HTTP/1.1\r\n"), "{head}");
        near.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
        let mut far = TcpStream::connect(addr).unwrap();
        let (mut from, mut to) = (far.try_clone().unwrap(), near.try_clone().unwrap());
        let back = thread::spawn(move || drop(std::io::copy(&mut from, &mut to)));
        let _ = std::io::copy(&mut near, &mut far);
        let _ = far.shutdown(std::net::Shutdown::Both);
        back.join().unwrap();
    });
    let proxies = Proxies::all(Proxy::parse(&proxy.to_string()).unwrap());
    let agent = authority.agent().proxies(proxies).build();
    let mut response = agent.get("https://localhost:7/secret").send().unwrap();
    assert_eq!(response.text().unwrap(), "ok");
    drop(response);
    drop(agent);
    server.join().unwrap();
    relay.join().unwrap();
}

#[test]
fn records_that_drip_do_not_extend_a_limit() {
    let authority = Authority::new();
    let (addr, server) = authority.serve(|pipe| {
        request(pipe);
        pipe.conn.writer().write_all(&[b'x'; 16_000]).unwrap();
        let mut record = Vec::new();
        pipe.conn.write_tls(&mut record).unwrap();
        for byte in record {
            if pipe.sock.write_all(&[byte]).is_err() {
                return;
            }
            thread::sleep(Duration::from_millis(1));
        }
        panic!("the client waited for all of it");
    });
    let agent = authority.agent().build();
    let error = agent.get(url(addr)).total_timeout(Duration::from_millis(200)).send().unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Timeout(Timeout::Total)), "{error:?}");
    server.join().unwrap();
}

/// Whom the system trusts is said by a variable, and that is the process's: this test is run by the next in another.
#[cfg(feature = "tls-platform")]
#[test]
#[ignore = "run by the test of the platform's verifier"]
fn platform_child() {
    let url = std::env::var("H1WIRE_TEST_URL").unwrap();
    let agent = Agent::builder().tls_config(Arc::new(h1wire_std::tls_platform_config().unwrap())).build();
    assert_eq!(agent.get(url).send().unwrap().text().unwrap(), "ok");
    // Nobody but the system trusts it.
    let url = std::env::var("H1WIRE_TEST_OTHER").unwrap();
    let error = Agent::new().get(url).send().unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Tls(_)), "{error:?}");
}

#[cfg(all(feature = "tls-platform", target_os = "linux"))]
#[test]
fn the_platforms_verifier_trusts_whom_the_system_trusts() {
    let authority = Authority::new();
    let (trusted, server) = authority.serve(|pipe| {
        request(pipe);
        pipe.write_all(OK).unwrap();
        let _ = pipe.read(&mut [0]);
    });
    let (other, doubted) = authority.serve(|pipe| {
        let _ = pipe.read(&mut [0]);
    });
    let roots = std::env::temp_dir().join(format!("h1wire-roots-{}.pem", std::process::id()));
    std::fs::write(&roots, &authority.pem).unwrap();
    let child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "client::platform_child", "--ignored"])
        .env("SSL_CERT_FILE", &roots)
        .env_remove("SSL_CERT_DIR")
        .env("H1WIRE_TEST_URL", url(trusted))
        .env("H1WIRE_TEST_OTHER", url(other))
        .output()
        .unwrap();
    std::fs::remove_file(&roots).unwrap();
    let text = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success() && text.contains("1 passed"), "{text}");
    server.join().unwrap();
    doubted.join().unwrap();
}

#[test]
fn an_idle_session_whose_server_said_goodbye_is_never_used() {
    let authority = Authority::new();
    let mut config = ServerConfig::clone(&authority.server);
    // Without tickets, what can be read of an idle connection is the goodbye.
    config.send_tls13_tickets = 0;
    for with_the_answer in [true, false] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (addr, config) = (listener.local_addr().unwrap(), Arc::new(config.clone()));
        let (idle, wait) = channel::<()>();
        let server = thread::spawn(move || {
            let (mut first, _) = listener.accept().unwrap();
            let mut session = ServerConnection::new(config.clone()).unwrap();
            let mut pipe = TlsPipe::new(&mut session, &mut first);
            request(&mut pipe);
            pipe.conn.writer().write_all(OK).unwrap();
            if !with_the_answer {
                pipe.flush().unwrap();
                wait.recv_timeout(PATIENCE).unwrap();
            }
            pipe.conn.send_close_notify();
            let mut records = Vec::new();
            while pipe.conn.wants_write() {
                pipe.conn.write_tls(&mut records).unwrap();
            }
            pipe.sock.write_all(&records).unwrap();
            // Not the end of the connection beneath.
            let (mut second, _) = listener.accept().unwrap();
            let mut session = ServerConnection::new(config).unwrap();
            let mut pipe = TlsPipe::new(&mut session, &mut second);
            request(&mut pipe);
            pipe.write_all(OK).unwrap();
        });
        // Another handle of the same socket, to know when it is readable without the agent's help.
        let socket = Arc::new(Mutex::new(None));
        let kept = socket.clone();
        let agent = authority.agent().sweep(None).keep_connection(move |stream| {
            let fd = stream.poll_fd().unwrap().try_clone_to_owned().unwrap();
            *kept.lock().unwrap() = Some(TcpStream::from(fd));
            true
        });
        let agent = agent.build();
        assert_eq!(agent.get(url(addr)).send().unwrap().text().unwrap(), "ok");
        if !with_the_answer {
            idle.send(()).unwrap();
            let socket = socket.lock().unwrap().take().unwrap();
            assert_eq!(socket.peek(&mut [0]).unwrap(), 1);
        }
        let mut response = agent.request("POST", url(addr)).automatic_retry(false).send().unwrap();
        assert!(!response.is_reused());
        assert_eq!(response.text().unwrap(), "ok");
        server.join().unwrap();
    }
}

#[test]
fn requests_through_a_tunnel_share_one_session_within_the_limit() {
    const EACH: usize = 8;
    let authority = Authority::new();
    let (addr, server) = authority.serve(|pipe| {
        for _ in 0..EACH {
            request(pipe);
            pipe.write_all(OK).unwrap();
        }
        assert_eq!(pipe.read(&mut [0; 9]).unwrap(), 0);
    });
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    let via = Proxy::parse(&proxy.local_addr().unwrap().to_string()).unwrap();
    // One tunnel; who asks for another waits for ever.
    let relay = thread::spawn(move || {
        let (mut near, _) = proxy.accept().unwrap();
        assert!(request(&mut near).starts_with("CONNECT localhost:7 HTTP/1.1\r\n"));
        let mut far = TcpStream::connect(addr).unwrap();
        near.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
        let (mut from, mut to) = (far.try_clone().unwrap(), near.try_clone().unwrap());
        let back = thread::spawn(move || drop(std::io::copy(&mut from, &mut to)));
        let _ = std::io::copy(&mut near, &mut far);
        let _ = far.shutdown(std::net::Shutdown::Both);
        back.join().unwrap();
        proxy.set_nonblocking(true).unwrap();
        assert!(proxy.accept().is_err(), "one connection and no more");
    });
    let agent = authority.agent().max_connections(1).proxies(Proxies::all(via)).build();
    thread::scope(|scope| {
        for _ in 0..EACH {
            scope.spawn(|| {
                let mut response = agent.get("https://localhost:7/").total_timeout(PATIENCE).send().unwrap();
                assert_eq!(response.text().unwrap(), "ok");
            });
        }
    });
    assert_eq!(agent.totals().idle, 1);
    agent.destroy();
    server.join().unwrap();
    relay.join().unwrap();
}
