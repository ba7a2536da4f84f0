//! Clients of other makes. Where one is not installed, its test says so and ends.

use std::io::{Read, Write, stderr};
use std::process::{Command, Stdio};
use std::time::Duration;

use h1wire_std::server::Running;

use crate::peer::{echo, server};

fn mirror() -> Running {
    server()
        .on_upgrade(["echo"], |_, res| {
            let mut upgraded = res.switch(&[("Upgrade", "echo")])?;
            let mut buf = [0; 5];
            upgraded.read_exact(&mut buf)?;
            upgraded.write_all(&buf)
        })
        .start(|req, res| {
            res.header("x-method", req.method().as_bytes());
            match req.target() {
                b"/stream" => {
                    for i in 0..5 {
                        write!(res, "{i} ")?;
                        res.flush()?;
                    }
                    res.trailer("x-sum", "10");
                    res.finish()
                }
                b"/hints" => {
                    res.send_early_hints(&[("Link", "</a>")])?;
                    res.end("hinted")
                }
                _ => echo(req, res),
            }
        })
        .unwrap()
}

/// What a program prints, or nothing where it is not installed.
fn run(program: &str, args: &[&str], input: &[u8]) -> Option<String> {
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let Ok(mut child) = command.spawn() else {
        let _ = writeln!(stderr(), "skipped: {program} is not installed");
        return None;
    };
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {args:?}: {errors}");
    Some(String::from_utf8(output.stdout).unwrap())
}

fn curl(args: &[&str], input: &[u8]) -> Option<String> {
    run("curl", &[&["-sS", "-m", "10", "--http1.1"], args].concat(), input)
}

#[test]
fn curl_gets_posts_expects_and_reuses() {
    let server = mirror();
    let url = format!("http://{}/", server.local_addr().unwrap());
    let large = "x".repeat(2_000_000);
    let Some(sized) = curl(&["--data-binary", "@-", &url], large.as_bytes()) else { return };
    assert!(sized == large);
    let chunked = curl(&["-T", "-", "-H", "Expect: 100-continue", &url], large.as_bytes());
    assert!(chunked.unwrap() == large);
    assert_eq!(curl(&[&format!("{url}stream")], b"").unwrap(), "0 1 2 3 4 ");
    assert_eq!(curl(&["--http1.0", &format!("{url}stream")], b"").unwrap(), "0 1 2 3 4 ");
    let head = curl(&["-I", &url], b"").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.contains("x-method: HEAD\r\n"), "{head}");
    let before = server.handle().counters();
    curl(&[&url, &url, &url], b"").unwrap();
    let after = server.handle().counters();
    assert_eq!((after.accepted - before.accepted, after.requests - before.requests), (1, 3));
    assert_eq!((after.protocol_errors, after.handler_errors), (0, 0));
}

const NODE: &str = r#"
const http = require('http');
const [host, port] = process.argv[1].split(':');
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
const ask = (options, content) => new Promise((resolve, reject) => {
  const seen = [];
  const req = http.request({ host, port, agent, ...options }, res => {
    let text = '';
    res.on('data', d => text += d);
    res.on('end', () => resolve([res.statusCode, text, JSON.stringify(res.trailers), seen.join(), req.reusedSocket]));
  });
  req.on('continue', () => { seen.push('continue'); req.end(content); });
  req.on('information', info => seen.push(info.statusCode));
  req.on('upgrade', (res, socket) => {
    socket.on('data', d => { socket.end(); resolve([res.statusCode, String(d)]); });
    socket.write('hello');
  });
  req.on('error', reject);
  if (!options.headers || !options.headers.Expect) req.end(content);
});
(async () => {
  const print = answer => console.log(answer.join(' '));
  print(await ask({ method: 'GET', path: '/stream' }));
  print(await ask({ method: 'POST', path: '/' }, 'content'));
  print(await ask({ method: 'POST', path: '/', headers: { Expect: '100-continue', 'Content-Length': 4 } }, 'late'));
  print(await ask({ path: '/hints' }));
  print(await ask({ path: '/', headers: { Connection: 'Upgrade', Upgrade: 'echo' } }));
  agent.destroy();
})().catch(error => { console.error(error); process.exit(1); });
"#;

#[test]
fn nodes_client_streams_expects_reuses_and_upgrades() {
    let server = mirror();
    let addr = server.local_addr().unwrap().to_string();
    let Some(printed) = run("node", &["-e", NODE, &addr], b"") else { return };
    assert_eq!(
        printed.lines().collect::<Vec<_>>(),
        [
            r#"200 0 1 2 3 4  {"x-sum":"10"}  false"#,
            "200 content {}  true",
            "200 late {} continue,100 true",
            "200 hinted {} 103 true",
            "101 hello",
        ]
    );
    assert_eq!(server.handle().counters().protocol_errors, 0);
}

#[test]
fn ureq_reuses_its_connection() {
    let server = mirror();
    let url = format!("http://{}/", server.local_addr().unwrap());
    let config = ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(10))).build();
    let agent = ureq::Agent::new_with_config(config);
    for _ in 0..3 {
        let mut answer = agent.post(&url).send("content").unwrap();
        assert_eq!(answer.headers()["x-method"], "POST");
        assert_eq!(answer.body_mut().read_to_string().unwrap(), "content");
        let mut answer = agent.get(format!("{url}stream")).call().unwrap();
        assert_eq!(answer.body_mut().read_to_string().unwrap(), "0 1 2 3 4 ");
    }
    let stats = server.handle().counters();
    assert_eq!((stats.accepted, stats.requests, stats.protocol_errors), (1, 6, 0));
}
