//! Servers of others.

use std::io::{BufRead, BufReader, Write, stderr};
use std::process::{Child, Command, Stdio};

use h1wire_mio::client::Request;

use crate::own::Own;

/// Ends with the test.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn files_of_python_arrive_whole_over_connections_that_are_kept_or_not() {
    let folder = std::env::temp_dir().join(format!("h1wire-mio-python-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file: Vec<u8> = (0..1_000_000u32).map(|n| (n % 249) as u8).collect();
    std::fs::write(folder.join("file"), &file).unwrap();
    for protocol in ["HTTP/1.0", "HTTP/1.1"] {
        let mut python = Command::new("python3");
        python.args(["-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--protocol", protocol]);
        python.current_dir(&folder).stdout(Stdio::piped()).stderr(Stdio::null());
        let Ok(mut child) = python.spawn() else {
            let _ = writeln!(stderr(), "skipped: there is no python3");
            return;
        };
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let _ended = Ended(child);
        // Serving HTTP on 127.0.0.1 port 43210 (http://127.0.0.1:43210/) ...
        let Some(url) = line.split(['(', ')']).nth(1) else {
            let _ = writeln!(stderr(), "skipped: this python3 does not say where it serves: {line:?}");
            return;
        };
        let mut own = Own::keeping();
        for n in 0..5 {
            let told = own.ask(Request::get(format!("{url}file")));
            assert!(told.status == 200 && told.content == file, "{protocol} {:?}", told.events);
            assert_eq!(told.reused, [n > 0 && protocol == "HTTP/1.1"]);
            let told = own.ask(Request::new("HEAD", format!("{url}file")));
            assert_eq!((told.status, told.header("content-length")), (200, Some("1000000")));
            assert_eq!(own.ask(Request::get(format!("{url}nothing"))).status, 404);
            assert_eq!(own.ask(Request::new("POST", url).content("x")).status, 501);
            own.client.close_idle();
            own.ask(Request::new("HEAD", url));
        }
    }
    std::fs::remove_dir_all(&folder).unwrap();
}
