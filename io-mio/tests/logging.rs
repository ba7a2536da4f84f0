//! What the feature `log` says.
#![cfg(feature = "log")]

mod common;

use std::sync::Mutex;

use common::{Raw, serve, stop, wait_until};
use h1wire_mio::{Request, Response};

static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

struct Lines;

impl log::Log for Lines {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        if record.target() == "h1wire_mio" {
            LINES.lock().unwrap().push(format!("{} {}", record.level(), record.args()));
        }
    }

    fn flush(&self) {}
}

#[test]
fn a_line_names_connection_request_status_and_error() {
    log::set_boxed_logger(Box::new(Lines)).unwrap();
    log::set_max_level(log::LevelFilter::Info);
    let server = serve(|req: &Request<'_>, res: &mut Response<'_>| match req.target() {
        b"/fine" => res.end("").map_err(|error| error.to_string()),
        _ => Err("out of order".to_owned()),
    });
    let mut client = Raw::to(&server);
    client.send("GET /fine HTTP/1.1\r\nHost: a\r\n\r\n").until("\r\n\r\n");
    let addr = client.0.local_addr().unwrap();
    client.send("GET /bad HTTP/1.1\r\nHost: a\r\n\r\n").until("\r\n\r\n");
    client.send("nonsense\r\n\r\n").rest();
    wait_until("two lines", || LINES.lock().unwrap().len() == 2);
    let lines = LINES.lock().unwrap().clone();
    let begin = format!("connection 1 from {addr}: request");
    assert_eq!(lines[0], format!("WARN {begin} 2 (500): the handler failed: out of order"));
    assert!(
        lines[1].starts_with(&format!("INFO {begin} 3 (400): the client broke the protocol: ")),
        "{lines:?}"
    );
    stop(server);
}
