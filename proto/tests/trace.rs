//! The trace example: what it shows a person, what it takes on the command line, and what a batch makes of bad lines.
//!
//! Expected traces are written out, so that this file also shows what to expect of the tool.

#[path = "../examples/trace/args.rs"]
#[allow(dead_code)]
mod args;
#[path = "../examples/trace/batch.rs"]
#[allow(dead_code)]
mod batch;
#[path = "../examples/trace/excerpt.rs"]
mod excerpt;
#[path = "../examples/trace/page.rs"]
mod page;
#[path = "../examples/trace/paint.rs"]
mod paint;
#[path = "../examples/trace/show.rs"]
mod show;

use args::{Args, Color, Side};
use batch::BatchError;
use h1wire_proto::{ClientConfig, ClientLeniency, ServerConfig, ServerLeniency};
use paint::Paint;
use show::{Role, Stream, Verdict, show};

fn server() -> Role {
    Role::Server(ServerConfig::default())
}

fn client(methods: Option<&[&str]>) -> Role {
    let methods = methods.map(|names| names.iter().map(|name| name.to_string()).collect());
    Role::Client(ClientConfig::default(), methods)
}

fn trace(stream: &Stream<'_>, paint: Paint) -> (Verdict, String) {
    let mut out = Vec::new();
    let verdict = show(stream, paint, &mut out).expect("a vector takes everything");
    (verdict, String::from_utf8(out).expect("bytes of a peer are escaped"))
}

/// Checks the trace of `bytes`, whole and given byte by byte. Content comes in other pieces then, so only streams
/// without content are checked in pieces.
#[track_caller]
fn shows(role: Role, bytes: &[u8], verdict: Verdict, wanted: &str) {
    let mut stream = Stream { bytes, role, split: usize::MAX, eof: true };
    let (got, text) = trace(&stream, Paint(false));
    assert!(text == wanted, "got:\n{text}\nwanted:\n{wanted}");
    assert_eq!(got, verdict);
    if !text.contains("  data ") {
        stream.split = 1;
        assert_eq!(trace(&stream, Paint(false)), (verdict, text));
    }
}

#[test]
fn a_good_request_is_shown_line_by_line_with_what_it_means() {
    shows(
        server(),
        b"\r\nGET /a?b HTTP/1.1\r\nHost: example.com\r\nX-Odd:\t \xff\t\r\n\r\n",
        Verdict::Complete,
        r#"       0  skipped   \r\n
       2  request   GET /a?b HTTP/1.1
      21  field     Host: example.com
      40  field     X-Odd: \xff
          framing   no content; the connection persists
      54  end       the message is complete
          answered  204 No Content, to read on
      54  closed    nothing that may still come is looked at
          advice    close
"#,
    );
}

#[test]
fn a_smuggling_attempt_is_stopped_at_the_field_that_makes_it_one() {
    shows(
        server(),
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n\
          0\r\n\r\nGET /admin HTTP/1.1\r\nHost: a\r\n\r\n",
        Verdict::Bad,
        r#"       0  read      POST / HTTP/1.1\r\n
      17  read      Host: a\r\n
      26  read      Content-Length: 5\r\n
      64  error     LengthAndEncoding in line 4, column 20
                    | Transfer-Encoding: chunked\r\n
                    |                    ^
                    Content-Length beside Transfer-Encoding at byte 64 (RFC 9112 section 6.3)
          rule      RFC 9112 section 6.3
          status    400 Bad Request
          answered  HTTP/1.1 400 Bad Request
                    Connection: close
                    Content-Length: 0
          advice    stop sending, read on until the client closes, then close
"#,
    );
}

#[test]
fn chunks_and_trailers_are_shown_where_they_lie() {
    shows(
        server(),
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n\
          5;a=b\r\nhello\r\n6\r\n\x01\x02\xff\xfe\x04\x05\r\n0\r\nX-Sum: 1\r\n\r\nGET",
        Verdict::Incomplete,
        r#"       0  request   POST / HTTP/1.1
      17  field     Host: a
      26  field     Transfer-Encoding: chunked
      54  field     Expect: 100-continue
          framing   content in chunks; the connection persists
          expect    waits for 100 before it sends the content
      78  chunk     5;a=b
      85  data      5 bytes "hello"
      92  chunk     6
      95  data      6 bytes 01 02 ff fe 04 05
     103  chunk     0
     106  trailer   X-Sum: 1
     118  end       the content and its trailers are complete
          answered  204 No Content, to read on
     121  error     UnexpectedEof in line 13, column 4
                    | GET
                    |    ^
                    connection ended inside a message at byte 121 (RFC 9112 section 8)
          rule      RFC 9112 section 8
          status    400 Bad Request
          answered  HTTP/1.1 400 Bad Request
                    Connection: close
                    Content-Length: 0
          advice    close
"#,
    );
}

#[test]
fn interim_responses_and_the_request_each_response_answers_are_told() {
    shows(
        client(None),
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc\
          HTTP/1.1 200 OK\r\n\r\nto the end",
        Verdict::Complete,
        r#"          asked     GET
       0  interim   HTTP/1.1 103 Early Hints
      26  field     Link: </a>
          framing   another response to the same request follows
      40  response  HTTP/1.1 200 OK
      57  field     Content-Length: 3
          framing   3 bytes of content, by Content-Length; the connection persists
      78  data      3 bytes "abc"
      81  end       the message is complete
          asked     GET
      81  response  HTTP/1.1 200 OK
          framing   content until the connection closes; the connection closes after this exchange
     100  data      10 bytes "to the end"
     110  end       the message is complete
     110  closed    nothing that may still come is looked at
          advice    close
"#,
    );
}

#[test]
fn a_response_is_framed_by_the_request_it_answers() {
    shows(
        client(Some(&["HEAD"])),
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc",
        Verdict::Bad,
        r#"          asked     HEAD
       0  response  HTTP/1.1 200 OK
      17  field     Content-Length: 3
          framing   no content; the connection persists
      38  end       the message is complete
      38  error     UnsolicitedResponse in line 4, column 1
                    | abc
                    | ^
                    bytes without an outstanding request at byte 38 (RFC 9112 section 9.2)
          rule      RFC 9112 section 9.2
          status    400 Bad Request; a gateway answers 502 (RFC 9112 section 6.3)
          advice    close
"#,
    );
}

#[test]
fn the_caret_stands_under_the_byte_that_is_wrong() {
    shows(
        server(),
        b"GET / HTTP/1.1\r\nHost: a\r\n\tX: \x00b\r\nY: \x01\r\n\r\n",
        Verdict::Bad,
        r#"       0  read      GET / HTTP/1.1\r\n
      16  read      Host: a\r\n
      25  error     ObsFold in line 3, column 1
                    | \tX: \x00b\r\n
                    | ^^
                    folded field value at byte 25 (RFC 9112 section 5.2)
          rule      RFC 9112 section 5.2
          status    400 Bad Request
          answered  HTTP/1.1 400 Bad Request
                    Connection: close
                    Content-Length: 0
          advice    stop sending, read on until the client closes, then close
"#,
    );
}

#[test]
fn a_tunnel_and_what_is_left_for_it_are_shown() {
    shows(
        client(Some(&["CONNECT"])),
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n\x16\x03\x01\x02\x00",
        Verdict::Complete,
        r#"          asked     CONNECT
       0  response  HTTP/1.1 200 OK
      17  field     Content-Length: 3
      38  switch    the next bytes belong to another protocol
      38  left      5 bytes 16 03 01 02 00
"#,
    );
}

#[test]
fn bytes_that_end_inside_content_of_an_open_connection_are_waited_for() {
    let bytes = b"POST / HTTP/1.0\r\nContent-Length: 9\r\n\r\nabc";
    let stream = Stream { bytes, role: server(), split: 2, eof: false };
    let (verdict, text) = trace(&stream, Paint(false));
    assert_eq!(verdict, Verdict::Incomplete);
    assert!(text.ends_with("      41  waiting   for 6 bytes of content\n"), "{text}");
}

#[test]
fn a_long_line_is_cut_around_its_caret() {
    let bytes = format!("GET /{}\"{} HTTP/1.1\r\n", "a".repeat(200), "b\\".repeat(100));
    let bytes = bytes.replace('"', "\x7f");
    let line = excerpt::line(bytes.as_bytes(), 205);
    assert_eq!((line.number, line.column), (1, 206));
    assert!(line.text.starts_with("...aaa") && line.text.ends_with(r"\\b\\b..."), "{}", line.text);
    let at = line.caret.find('^').unwrap();
    assert_eq!(&line.text[at..at + 4], r"\x7f");
    assert_eq!(line.caret.trim_start(), "^^^^");
    assert_eq!(excerpt::line(b"a\r\n", 99).number, 2);
}

/// Removes what colours add.
fn without_colours(text: &str) -> String {
    let mut pieces = text.split("\x1b[");
    let first = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(first, |text, piece| text + piece.split_once('m').expect("a colour ends with m").1)
}

#[test]
fn every_vector_is_shown_without_a_byte_that_a_terminal_would_act_on() {
    for file in ["rfc", "attacks"] {
        let path = format!("{}/tests/vectors/{file}.jsonl", env!("CARGO_MANIFEST_DIR"));
        for line in std::fs::read_to_string(path).unwrap().lines() {
            let case = batch::Case::from_json(&serde_json::from_str(line).unwrap()).unwrap();
            for (role, split) in
                [(server(), usize::MAX), (client(None), usize::MAX), (server(), 1), (client(None), 3)]
            {
                let stream = Stream { bytes: &case.input, role, split, eof: case.eof };
                let (verdict, plain) = trace(&stream, Paint(false));
                assert!(plain.bytes().all(|b| b == b'\n' || (b' '..=b'~').contains(&b)), "{plain}");
                let (again, coloured) = trace(&stream, Paint(true));
                assert_eq!((again, without_colours(&coloured)), (verdict, plain));
                assert!(coloured.contains("\x1b["));
            }
        }
    }
}

fn parse(line: &str) -> Result<Args, String> {
    Args::parse(line.split_whitespace().map(Into::into))
}

#[test]
fn the_command_line_is_understood() {
    let args = parse("--client --methods GET,HEAD --lenient bare_lf,leading_crlf --split=3 --color never x")
        .unwrap();
    assert_eq!(args.side, Some(Side::Client));
    assert_eq!(args.methods, Some(vec!["GET".to_owned(), "HEAD".to_owned()]));
    assert_eq!(args.client_leniency(), ClientLeniency::STRICT.bare_lf().leading_crlf());
    assert_eq!((args.split, args.color), (3, Color::Never));
    assert_eq!(args.file, Some("x".into()));
    let args = parse("--lenient insecure").unwrap();
    assert_eq!(args.server_leniency(), ServerLeniency::INSECURE);
    assert_eq!(args.client_leniency(), ClientLeniency::INSECURE);
    assert!(args.is_client(b"HTTP/1.1 200 OK") && !args.is_client(b"GET / HTTP/1.1"));
    assert_eq!(args.color, Color::Auto);
    assert!(args::help().contains("space_before_colon"));
}

#[test]
fn a_command_line_that_makes_no_sense_is_refused_with_the_reason() {
    for (line, why) in [
        ("--server --client", "exclude each other"),
        ("--split 0", "from 1"),
        ("--split", "needs a value"),
        ("--lenient obs_folds", "`obs_folds`"),
        ("--client --lenient obs_fold", "`obs_fold`"),
        ("--methods G@T", "`G@T`"),
        ("--server --methods GET", "for responses"),
        ("--batch --client", "own role"),
        ("--color blue", "`blue`"),
        ("--colour", "--colour"),
        ("--batch=yes", "no value"),
        ("a b", "second file"),
    ] {
        let error = parse(line).expect_err(line);
        assert!(error.contains(why), "{line}: {error}");
    }
}

#[test]
fn a_batch_stops_at_a_line_that_is_no_case_and_says_which() {
    let good = r#"{"id": "a", "kind": "request", "input_hex": "47"}"#;
    let run = |lines: &str| {
        let mut out = Vec::new();
        let (server, client) = batch::wide();
        let result = batch::run(lines.as_bytes(), &mut out, usize::MAX, &server, &client);
        (result, String::from_utf8(out).unwrap())
    };
    let (result, out) = run(&format!("{good}\n\n{good}\n"));
    assert!(result.is_ok());
    assert_eq!(out.matches(r#""verdict":"incomplete""#).count(), 2, "{out}");
    for (bad, why) in [
        ("{", "EOF"),
        ("[]", "`kind`"),
        (r#"{"id": "a", "kind": "reply", "input_hex": ""}"#, "`reply`"),
        (r#"{"id": "a", "kind": "request", "input_hex": "4"}"#, "hexadecimal"),
        (r#"{"id": "a", "kind": "request", "input_hex": "+4"}"#, "hexadecimal"),
        (r#"{"id": "a", "kind": "request"}"#, "`input_hex`"),
        (r#"{"kind": "request", "input_hex": ""}"#, "`id`"),
        (r#"{"id": "a", "kind": "response", "input_hex": "", "request_methods": ["G T"]}"#, "not a method"),
    ] {
        let (result, out) = run(&format!("{good}\n{bad}\n{good}\n"));
        assert_eq!(out.lines().count(), 1);
        match result {
            Err(BatchError::Line(2, reason)) => assert!(reason.contains(why), "{reason}"),
            other => panic!("{bad}: {other:?}"),
        }
    }
}
