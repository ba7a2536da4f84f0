//! What errors and other things that are printed say: where to, why, and no secrets.

use std::error::Error as _;
use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, TcpListener};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use h1wire_std::{Agent, ErrorKind, Proxies, Proxy, Request, Transport};

use crate::script::Script;

#[test]
fn an_error_names_what_was_asked_for_and_the_address_that_refused() {
    let refused = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = h1wire_std::get(format!("http://user:secret@{refused}/a?token=secret")).unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with(&format!("GET http://{refused}/a: could not connect to {refused}: ")), "{text}");
    assert!(!text.contains("secret") && !format!("{error:?}").contains("secret"));
    assert_eq!(error.request_line(), format!("GET http://{refused}/a"));
    assert!(matches!(error.kind(), ErrorKind::Connect(e) if e.kind() == io::ErrorKind::ConnectionRefused));

    let error = Request::get("http://h/").socket_path("/nowhere/at/all").one_shot().send().unwrap_err();
    assert!(error.to_string().contains("could not connect to /nowhere/at/all: "), "{error}");
}

#[test]
fn a_chain_of_errors_says_nothing_twice() {
    let refused = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let server = Script::answers(["HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"]);
    for url in [format!("http://{refused}/"), server.url("/"), "http://h h/".into(), "http://[::1".into()] {
        let error = h1wire_std::get(&url).unwrap_err();
        let (mut text, mut source) = (error.to_string(), error.source());
        while let Some(error) = source {
            let next = error.to_string();
            assert!(!text.contains(&next), "{text:?} {next:?}");
            (text, source) = (next, error.source());
        }
    }
    server.join();
}

#[test]
fn the_kind_of_an_error_is_one_itself() -> Result<(), Box<dyn std::error::Error>> {
    let name = || -> Result<String, Box<dyn std::error::Error>> {
        Ok(Request::get("http://h/").socket_path("/x").host("h").origin_name()?)
    };
    assert_eq!(name().unwrap_err().to_string(), "a socket path excludes a host and a port");
    assert_eq!(Request::get("http://h/").origin_name()?, "h:80:");
    Ok(())
}

#[test]
fn nothing_that_is_printed_shows_credentials_and_equal_ones_share_connections() {
    let proxies = |password: &str| {
        Proxies::all(Proxy::parse(&format!("http://user:{password}@proxy.invalid:3128")).unwrap())
    };
    let request = |password: &str| {
        Request::get("http://me:hush@h/?token=hush")
            .header("Authorization", "Bearer hush")
            .tunnel(true)
            .proxies(proxies(password))
    };
    let shown = format!("{:?} {}", request("hush"), request("hush").origin_name().unwrap());
    assert!(!shown.contains("hush") && !shown.contains("user"), "{shown}");
    assert!(!format!("{:?}", proxies("hush")).contains("hush"));
    let name = |password| request(password).origin_name().unwrap();
    assert_eq!(name("one"), name("another"), "nor is anything made of them that could be guessed from");
}

/// A stream that says how long its reads were to wait, and ends.
struct Patient(Arc<Mutex<Vec<Option<Duration>>>>);

impl Read for Patient {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Ok(0)
    }
}
impl Write for Patient {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        Ok(buf.len())
    }
    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        Ok(slices.iter().map(|slice| slice.len()).sum())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
impl Transport for Patient {
    fn set_read_timeout(&mut self, limit: Option<Duration>) -> io::Result<()> {
        self.0.lock().unwrap().push(limit);
        Ok(())
    }
    fn set_write_timeout(&mut self, _: Option<Duration>) -> io::Result<()> {
        Ok(())
    }
    fn shutdown(&mut self, _: Shutdown) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_silent_server_is_not_waited_for_for_ever_unless_that_is_asked_for() {
    let waited = |request: fn(Request) -> Request| {
        let waits = Arc::new(Mutex::new(Vec::new()));
        let noted = waits.clone();
        let agent = Agent::builder().create_connection(move |_| Ok(Box::new(Patient(noted.clone())))).build();
        let error = request(agent.get("http://h/")).send().unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::HangUp(_)), "{error:?}");
        waits.lock().unwrap().last().copied()
    };
    let limit = waited(|request| request).flatten().expect("a limit");
    assert!(limit <= Duration::from_secs(120) && limit > Duration::from_secs(100), "{limit:?}");
    // None was ever set: none is what a stream has from the beginning.
    assert_eq!(waited(|request| request.timeout(None)), None);
}
