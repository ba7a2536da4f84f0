//! Every malformed response of the public suites, over a live socket: a clear error, no hang, no reuse.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use h1wire_std::{Agent, Error, ErrorKind};

use crate::script::{PATIENCE, Peer};
use crate::vectors;

#[test]
fn every_malformed_response_is_a_clear_error_without_a_hang_or_reuse() {
    let Some(cases) = vectors::malformed() else { return };
    let cases = Arc::new(cases);
    assert!(cases.len() > 50, "{}", cases.len());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    for keep_open in [false, true] {
        let (served, server) = (cases.clone(), listener.try_clone().unwrap());
        let server = thread::spawn(move || {
            for (id, _, bytes) in &*served {
                let mut peer = Peer::accept(&server);
                peer.request();
                let _ = peer.socket.write_all(bytes);
                if keep_open {
                    assert!(
                        !peer.end().windows(4).any(|w| w == b"HTTP"),
                        "{id}: the connection was used again"
                    );
                }
            }
        });
        let agent = Agent::builder().keep_alive(true).build();
        let mut rejected = 0;
        for (id, method, _) in &*cases {
            let path = if method == "CONNECT" { "h:1" } else { "/" };
            // Limits that begin when there is a connection: one that is still being made would be counted below.
            let limit = if keep_open { Duration::from_millis(100) } else { PATIENCE };
            let request = agent.request(method, &*url).path(path).response_timeout(limit).read_timeout(limit);
            let error = match request.send() {
                Err(error) => Some(error),
                Ok(mut response) => response
                    .read_to_end(&mut Vec::new())
                    .err()
                    .map(|error| *error.into_inner().unwrap().downcast::<Error>().unwrap()),
            };
            if let Some(error) = error {
                rejected += 1;
                let clear = matches!(error.kind(), ErrorKind::Parse(_) | ErrorKind::HangUp(_))
                    || keep_open && error.is_timeout();
                assert!(clear, "{id}: {error:?}");
                assert!(!error.to_string().is_empty());
            }
            assert_eq!(agent.totals().busy, 0, "{id}");
            agent.destroy();
        }
        server.join().unwrap();
        assert!(rejected * 10 > cases.len() * 9, "{rejected} of {}", cases.len());
    }
}
