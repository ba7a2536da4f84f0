//! How connections end where something is missing, unread or late, and what a peer holds of this process meanwhile.

mod common;

use std::io::{ErrorKind, Read, Write};
use std::sync::Arc;

use common::{Raw, options, serve, serve_with, stop, wait_until};
use h1wire_mio::proto::{Fields, SendError};
use h1wire_mio::{Handler, Options, Request, Response};

/// Answers with what it is sent, and begins to as soon as it has the head.
struct Echo;

impl Handler for Echo {
    type Exchange = ();

    fn request(&mut self, _: &Request<'_>, res: &mut Response<'_>) -> Option<()> {
        res.send_head().unwrap();
        Some(())
    }

    fn data(&mut self, (): &mut (), data: &[u8], res: &mut Response<'_>) {
        res.write(data).unwrap();
    }

    fn end(&mut self, (): &mut (), _: Fields<'_, '_>, res: &mut Response<'_>) {
        res.finish().unwrap();
    }
}

#[test]
fn a_handler_that_answers_before_the_content_is_there_has_it_asked_for() {
    let server = serve_with(Options::default(), |_| Echo);
    let mut client = Raw::to(&server);
    client.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
    let head = client.until("chunked\r\n\r\n");
    assert!(head.starts_with("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n"), "{head}");
    assert_eq!(client.send("hello").until("0\r\n\r\n"), "5\r\nhello\r\n0\r\n\r\n");
    stop(server);
}

#[test]
fn content_that_breaks_off_before_an_http_1_0_client_ends_in_a_reset() {
    let breaks: [fn(&mut Response<'_>); 3] =
        [|res| res.abort(), |res| res.fail("half-way"), |_| panic!("half-way")];
    for how in breaks {
        let server = serve(move |_: &Request<'_>, res: &mut Response<'_>| {
            res.write("a part").unwrap();
            how(res);
        });
        let mut client = Raw::to(&server);
        client.send("GET / HTTP/1.0\r\n\r\n");
        let mut got = Vec::new();
        let error = client.0.read_to_end(&mut got).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        stop(server);
    }
}

#[test]
fn an_answer_arrives_although_much_more_was_sent_than_is_read() {
    let server = serve_with(
        options(|o| (o.policy.discard_limit, o.policy.linger_limit) = (Some(1_000), Some(10_000))),
        |_| Refuses,
    );
    for _ in 0..20 {
        let mut client = Raw::to(&server);
        let mut writing = client.0.try_clone().unwrap();
        let upload = std::thread::spawn(move || {
            let _ = writing.write_all(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 5000000\r\n\r\n");
            // Until the server's window is full, or it closed.
            let _ = writing.set_write_timeout(Some(std::time::Duration::from_millis(50)));
            let _ = writing.write_all(&[b'x'; 5_000_000]);
        });
        upload.join().unwrap();
        assert!(client.until("\r\n\r\n").starts_with("HTTP/1.1 413 "));
    }
    stop(server);
}

/// Answers at once, without a look at the content.
struct Refuses;

impl Handler for Refuses {
    type Exchange = ();

    fn request(&mut self, _: &Request<'_>, res: &mut Response<'_>) -> Option<()> {
        res.status(413).end("").unwrap();
        None
    }
}

#[cfg(target_os = "linux")]
#[test]
fn one_byte_of_urgent_data_in_a_head_is_read_like_the_others() {
    let server = serve(|req: &Request<'_>, res: &mut Response<'_>| res.end(req.target()));
    for _ in 0..10 {
        let mut client = Raw::to(&server);
        client.send("GET /ab");
        let socket = socket2::SockRef::from(&client.0);
        socket.send_out_of_band(b"c").unwrap();
        let got = client.send("d HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").rest();
        assert!(got.ends_with("/abcd"), "{got}");
    }
    stop(server);
}

#[cfg(target_os = "linux")]
#[test]
fn files_that_wait_for_clients_who_do_not_read_hold_few_descriptors() {
    const CLIENTS: usize = 40;
    let path = std::env::temp_dir().join(format!("h1wire-mio-endings-{}", std::process::id()));
    std::fs::write(&path, vec![b'x'; 20 << 20]).unwrap();
    let file = path.clone();
    let server = serve(move |_: &Request<'_>, res: &mut Response<'_>| -> Result<(), SendError> {
        let file = Arc::new(std::fs::File::open(&file).unwrap());
        res.content_length(20 << 20).write_file(file, 0, 20 << 20)?;
        res.finish()
    });
    let name = path.file_name().unwrap().to_owned();
    let open = || {
        let fds = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
        fds.filter(|fd| std::fs::read_link(fd.path()).is_ok_and(|to| to.file_name() == Some(&name))).count()
    };
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        let mut client = Raw::to(&server);
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(40));
        clients.push(client);
    }
    wait_until("a file for each", || open() >= CLIENTS);
    assert!(open() <= 2 * CLIENTS, "{} descriptors", open());
    let mut first = [0; 15];
    clients[0].0.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"HTTP/1.1 200 OK");
    drop(clients);
    stop(server);
    std::fs::remove_file(&path).unwrap();
}
