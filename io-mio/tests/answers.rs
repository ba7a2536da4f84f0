//! What a handler can say, and how it looks on the wire.

mod common;

use std::io::Read;
#[cfg(target_os = "linux")]
use std::sync::Arc;

use bytes::Bytes;
use common::{Raw, options, serve, serve_with, stop, undated};
use h1wire_mio::proto::{Headers, SendError};
use h1wire_mio::{Handler, Options, Request, Response, Server};

/// What the client gets for a request with this method, from a handler that does this once.
fn answer(
    method: &str,
    f: impl Fn(&mut Response<'_>) -> Result<(), SendError> + Send + Sync + 'static,
) -> String {
    let server = serve(move |_: &Request<'_>, res: &mut Response<'_>| f(res));
    let got = Raw::to(&server).ask(format!("{method} / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
    stop(server);
    undated(&got)
}

#[test]
fn fields_can_be_set_looked_up_and_taken_back_until_the_head_is_sent() {
    let got = answer("GET", |res| {
        let headers = res.headers_mut()?;
        headers.set("X-One", "1")?;
        headers.set_values("Set-Cookie", ["a=1", "b=2"])?;
        headers.set("x-gone", "1")?;
        headers.remove("X-Gone");
        assert_eq!(headers.names(), [&b"x-one"[..], b"set-cookie"]);
        assert_eq!(res.headers().get("x-ONE"), Some(&b"1"[..]));
        res.write_head(201, &[("X-One", "2"), ("x-three", "3")])?;
        assert!(res.is_head_sent());
        assert_eq!(res.headers_mut().unwrap_err(), SendError::WrongState);
        assert_eq!(res.write_head(200, &()), Err(SendError::WrongState));
        res.end("abc")
    });
    assert_eq!(
        got,
        "HTTP/1.1 201 Created\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nX-One: 2\r\nx-three: 3\r\n\
         Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    );
}

#[test]
fn a_reason_phrase_can_be_chosen() {
    let got = answer("GET", |res| res.status(299).reason("So so").end(""));
    assert!(got.starts_with("HTTP/1.1 299 So so\r\n"), "{got}");
}

#[test]
fn answers_that_have_no_content_have_none_whatever_is_written() {
    let got = answer("HEAD", |res| res.end("content"));
    assert_eq!(got, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 7\r\n\r\n");
    for status in [204, 304] {
        let got = answer("GET", move |res| {
            res.status(status).write("content")?;
            res.finish()
        });
        assert!(got.ends_with("\r\n\r\n"), "{got}");
    }
}

#[test]
fn a_304_without_content_says_nothing_of_a_length_wherever_it_is_made() {
    let here = answer("GET", |res| res.status(304).end(""));
    assert_eq!(here, "HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n");
    assert_eq!(answer("GET", |res| res.status(304).end_shared(Bytes::new())), here);
    let elsewhere = answer("GET", |res| {
        let responder = res.responder();
        std::thread::spawn(move || responder.respond(304, Headers::new(), ""));
        Ok(())
    });
    assert_eq!(elsewhere, here);
}

#[test]
fn trailers_come_behind_chunks_and_are_dropped_elsewhere() {
    let got = answer("GET", |res| {
        res.trailer("X-Sum", "1").write("a")?;
        res.finish()
    });
    assert!(got.ends_with("1\r\na\r\n0\r\nX-Sum: 1\r\n\r\n"), "{got}");
    let got = answer("GET", |res| res.trailer("X-Sum", "1").content_length(1).end("a"));
    assert!(got.ends_with("Content-Length: 1\r\n\r\na"), "{got}");
    let got = answer("GET", |res| res.trailer("Content-Length", "1").end("a"));
    assert!(!got.ends_with("0\r\n\r\n"), "a trailer that is not allowed cuts the answer off: {got}");
}

#[test]
fn interim_responses_come_before_the_answer() {
    let got = answer("GET", |res| {
        res.send_processing()?;
        res.send_early_hints(&[("Link", "</a>; rel=preload")])?;
        assert_eq!(res.send_informational(200, &()), Err(SendError::BadStatus));
        res.end("")?;
        assert_eq!(res.send_processing(), Err(SendError::WrongState));
        Ok(())
    });
    let interim =
        "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n";
    assert!(got.starts_with(&format!("{interim}HTTP/1.1 200 OK\r\n")), "{got}");
}

#[test]
fn an_invalid_field_sends_nothing_and_is_answered_with_500() {
    for (name, value) in [("a b", "x"), ("x", "a\r\nb: c"), ("", "x"), ("Content-Length", "3")] {
        let got = answer("GET", move |res| {
            let answered = res.header(name, value).end("abc");
            assert!(answered.is_err() && !res.is_head_sent());
            answered
        });
        assert!(got.starts_with("HTTP/1.1 500 ") && got.matches("HTTP/1.1").count() == 1, "{got}");
    }
}

#[test]
fn a_status_behind_the_head_is_too_late_and_the_answer_is_not_one_that_came_whole() {
    let got = answer("GET", |res| {
        res.write("begun")?;
        assert_eq!(res.status(500).end("failed"), Err(SendError::WrongState));
        assert_eq!(res.report().status, Some(200));
        Err(SendError::WrongState)
    });
    assert!(got.starts_with("HTTP/1.1 200 OK\r\n") && !got.ends_with("0\r\n\r\n"), "{got}");
}

#[test]
fn content_keeps_to_its_declared_length() {
    let got = answer("GET", |res| {
        res.content_length(3).write("ab")?;
        assert_eq!(res.write("cd"), Err(SendError::BodyTooLong));
        assert_eq!(res.finish(), Err(SendError::BodyTooShort));
        assert!(!res.is_complete());
        res.write("c")?;
        assert!(res.is_complete());
        res.write("")?;
        assert_eq!(res.write("d"), Err(SendError::WrongState));
        res.finish()
    });
    assert!(got.ends_with("Content-Length: 3\r\n\r\nabc"), "{got}");
    // A handler that gives up too early has the connection cut, so that the client can tell.
    let got = answer("GET", |res| {
        res.content_length(3).write("ab")?;
        res.finish()
    });
    assert!(got.ends_with("\r\n\r\nab"), "{got}");
}

#[test]
fn a_declared_length_that_is_known_to_be_wrong_before_the_head_is_answered_with_500() {
    type Answer = fn(&mut Response<'_>) -> Result<(), SendError>;
    let wrong: [(Answer, SendError); 7] = [
        (|res| res.content_length(3).end("too long"), SendError::BodyTooLong),
        (|res| res.content_length(10).end("short"), SendError::BodyTooShort),
        (|res| res.content_length(3).write("too long").map(drop), SendError::BodyTooLong),
        (|res| res.content_length(3).finish(), SendError::BodyTooShort),
        (|res| res.content_length(3).end_shared(Bytes::from(vec![b'x'; 100_000])), SendError::BodyTooLong),
        (|res| res.content_length(200_000).end_shared(vec![b'x'; 100_000].into()), SendError::BodyTooShort),
        (|res| res.content_length(3).write_shared(Bytes::from(vec![0; 9])).map(drop), SendError::BodyTooLong),
    ];
    for (f, expected) in wrong {
        let got = answer("GET", move |res| {
            let done = f(res);
            assert_eq!(done, Err(expected));
            assert!(res.report().error.unwrap().starts_with("Content-Length: "));
            done
        });
        assert!(got.starts_with("HTTP/1.1 500 "), "{got}");
    }
    // In answers without content it is the length of another answer.
    let got = answer("HEAD", |res| res.content_length(10).end(""));
    assert!(got.contains("Content-Length: 10\r\n"), "{got}");
    let got = answer("GET", |res| res.status(304).content_length(10).finish());
    assert!(got.contains("304") && got.contains("Content-Length: 10\r\n"), "{got}");
}

#[test]
fn large_content_goes_by_reference_and_arrives_whole() {
    let got = answer("GET", |res| res.end_shared(Bytes::from(vec![b'x'; 300_000])));
    assert!(got.contains("Content-Length: 300000\r\n") && got.matches('x').count() == 300_000);
    let got = answer("GET", |res| {
        for _ in 0..3 {
            res.write_shared(Bytes::from(vec![b'y'; 100_000]))?;
        }
        res.finish()
    });
    assert!(got.matches("186a0\r\n").count() == 3 && got.matches('y').count() == 300_000);
}

#[test]
fn clients_of_http_1_0_get_no_chunks_and_keep_alive_when_they_ask() {
    let server = serve(|req: &Request<'_>, res: &mut Response<'_>| {
        if req.target == b"/stream" {
            res.send_early_hints(&[("Link", "x")])?;
            res.write("a")?;
        }
        res.end("b")
    });
    let got = Raw::to(&server).ask("GET /stream HTTP/1.0\r\n\r\n");
    assert_eq!(undated(&got), "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nab");
    let mut client = Raw::to(&server);
    for _ in 0..2 {
        let got = client.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").until("\r\n\r\nb");
        assert!(got.contains("Connection: keep-alive\r\n"), "{got}");
    }
    stop(server);
}

#[test]
fn the_server_and_the_date_are_as_set() {
    struct Hello;
    impl Handler for Hello {
        type Exchange = ();
        fn request(&mut self, _: &Request<'_>, res: &mut Response<'_>) -> Option<()> {
            res.close_after();
            res.end("").unwrap();
            None
        }
    }
    let ask = |options: Options| {
        let server = serve_with(options, |_| Hello);
        let got = Raw::to(&server).ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        stop(server);
        got
    };
    let got = ask(options(|o| {
        o.policy.set_server("me").unwrap();
        o.policy.send_date = false
    }));
    assert_eq!(got, "HTTP/1.1 200 OK\r\nServer: me\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    let got = ask(Options::default());
    let date = got.lines().find_map(|line| line.strip_prefix("Date: ")).unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let told = h1wire_mio::proto::HttpDate::parse(date.as_bytes(), now).unwrap();
    assert!(told <= now && now - told <= 5, "{date}");
}

#[test]
fn the_servers_name_gives_way_to_that_of_an_answer_and_one_that_cannot_be_sent_is_refused() {
    let named = |name: &str| options(|o| o.policy.set_server(name).unwrap());
    let bind = |name| Server::bind("127.0.0.1:0").unwrap().options(named(name));
    let answer = |_: &Request<'_>, res: &mut Response<'_>| res.header("server", "mine").end("");
    let server = bind("own").start(answer).unwrap();
    let got = Raw::to(&server).ask("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    let names: Vec<_> = got.lines().filter(|line| line.to_lowercase().starts_with("server")).collect();
    assert_eq!(names, ["server: mine"]);
    stop(server);
    let refused = Options::default().policy.set_server("a\r\nb: c");
    assert_eq!(refused, Err(SendError::BadFieldValue("Server".into())));
}

#[test]
fn another_thread_sends_a_whole_answer_waits_for_room_and_learns_of_the_end() {
    let server = serve(|req: &Request<'_>, res: &mut Response<'_>| {
        let responder = res.responder();
        let whole = req.target == b"/whole";
        std::thread::spawn(move || {
            if whole {
                let mut headers = Headers::new();
                headers.set("X", "1").unwrap();
                assert!(responder.respond(202, headers, "later"));
                return;
            }
            let mut written = 0;
            while responder.wait_writable(common::PATIENCE) {
                responder.write(vec![b'z'; 50_000]);
                written += 1;
                assert!(written < 10_000, "nothing stopped the writer");
            }
            assert!(!responder.is_open() && !responder.write("more"));
        });
    });
    let mut client = Raw::to(&server);
    let got = client.send("GET /whole HTTP/1.1\r\nHost: a\r\n\r\n").until("later");
    assert!(got.starts_with("HTTP/1.1 202 Accepted\r\n") && got.contains("\r\nX: 1\r\n"), "{got}");
    client.send("GET /endless HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut some = [0; 4096];
    client.0.read_exact(&mut some).unwrap();
    drop(client);
    common::wait_until("the end", || server.handle().counters().closed == 1);
    stop(server);
}

#[cfg(target_os = "linux")]
#[test]
fn a_head_and_the_small_file_behind_it_leave_together() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let content = std::fs::read_to_string(path).unwrap();
    let (len, file) = (content.len() as u64, Arc::new(std::fs::File::open(path).unwrap()));
    let server = serve(move |_: &Request<'_>, res: &mut Response<'_>| {
        res.content_length(len).write_file(file.clone(), 0, len)?;
        res.finish()
    });
    let mut client = Raw::to(&server);
    let mut together = 0;
    for _ in 0..200 {
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        let mut buffer = [0; 16 * 1024];
        let n = client.0.read(&mut buffer).unwrap();
        let first = str::from_utf8(&buffer[..n]).unwrap();
        if first.ends_with(&content) {
            together += 1;
        } else {
            client.until(&content[content.len() - 20..]);
        }
    }
    // The system waits for the rest for a fifth of a second, within which a busy machine may not get to it.
    assert!(together > 180, "{together} of 200");
    stop(server);
}

#[test]
fn fields_that_only_sound_like_those_the_server_adds_replace_none_of_them() {
    let server = serve(|_: &Request<'_>, res: &mut Response<'_>| {
        res.header("X-Date", "a").header("X-Connection", "b").header("X-Content-Length", "c").end("")
    });
    let got = Raw::to(&server).ask("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert_eq!(got.matches("\r\nDate: ").count(), 1, "{got}");
    assert_eq!(
        undated(&got),
        "HTTP/1.1 200 OK\r\nX-Date: a\r\nX-Connection: b\r\nX-Content-Length: c\r\nConnection: close\r\n\
         Content-Length: 0\r\n\r\n"
    );
    stop(server);
}

#[test]
fn an_answer_knows_how_much_of_it_has_not_left() {
    let got = answer("GET", |res| {
        assert_eq!(res.buffered(), 0);
        res.content_length(300_000).write_shared(Bytes::from(vec![b'x'; 200_000]))?;
        let begun = res.buffered();
        assert!(begun >= 200_000 && res.is_head_sent() && !res.is_complete(), "{begun}");
        res.write(vec![b'x'; 100_000])?;
        assert!(res.buffered() == begun + 100_000 && res.is_complete());
        res.finish()
    });
    assert_eq!(got.matches('x').count(), 300_000);
}
