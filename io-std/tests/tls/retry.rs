//! Kept sessions that end at any byte of an answer, with a goodbye or without: a request is repeated only where nothing
//! of its answer came.

use std::io::Write;
use std::net::TcpListener;
use std::thread;

use h1wire_std::rustls::{ServerConnection, Stream as TlsPipe};

use crate::authority::{Authority, OK, PATIENCE, request, url};

#[test]
fn a_kept_session_that_ends_is_retried_before_a_byte_of_the_answer_and_an_error_behind_one() {
    let authority = Authority::new();
    for (goodbye, cut) in (0..OK.len()).step_by(6).flat_map(|cut| [(false, cut), (true, cut)]) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (addr, config) = (listener.local_addr().unwrap(), authority.server.clone());
        let server = thread::spawn(move || {
            let session = |answers: &[&[u8]]| {
                let (mut socket, _) = listener.accept().unwrap();
                socket.set_read_timeout(Some(PATIENCE)).unwrap();
                let mut session = ServerConnection::new(config.clone()).unwrap();
                let mut pipe = TlsPipe::new(&mut session, &mut socket);
                let mut heads = String::new();
                for answer in answers {
                    heads.push_str(&request(&mut pipe));
                    pipe.write_all(answer).unwrap();
                }
                if goodbye {
                    pipe.conn.send_close_notify();
                }
                pipe.flush().unwrap();
                heads
            };
            session(&[OK, &OK[..cut]]) + &session(&[OK])
        });
        let agent = authority.agent().build();
        assert_eq!(agent.get(url(addr)).send().unwrap().text().unwrap(), "ok");
        let second = agent.get(url(addr) + "second").send();
        let text = second.map_err(std::io::Error::from).and_then(|mut response| response.text());
        assert_eq!(text.is_ok(), cut == 0, "{goodbye} {cut}: {text:?}");
        if cut > 0 {
            assert_eq!(agent.get(url(addr)).send().unwrap().text().unwrap(), "ok");
        }
        let heads = server.join().unwrap();
        assert_eq!(heads.matches("GET /second ").count(), if cut == 0 { 2 } else { 1 }, "{goodbye} {cut}");
    }
}
