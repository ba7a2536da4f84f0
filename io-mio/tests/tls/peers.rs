//! Clients that others wrote.

use std::io::{Write, stderr};
use std::process::{Command, Stdio};

use h1wire_mio::{Request, Response};

use crate::Authority;
use crate::common::stop;

#[test]
fn curl_trusts_reuses_uploads_and_sees_the_end() {
    let authority = Authority::new();
    let server = authority
        .server()
        .start(|req: &Request<'_>, res: &mut Response<'_>| res.header("X-Target", req.target).end("hello\n"))
        .unwrap();
    let pem = std::env::temp_dir().join(format!("h1wire-mio-tls-{}.pem", std::process::id()));
    std::fs::write(&pem, &authority.pem).unwrap();
    let url = |path: &str| format!("https://localhost:{}/{path}", server.local_addr().unwrap().port());
    let curl = |args: &[&str]| {
        let output = Command::new("curl")
            .args(["-sS", "-4", "-i", "--cacert"])
            .arg(&pem)
            .args(args)
            .stdin(Stdio::null())
            .output();
        let output = match output {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                let _ = writeln!(stderr(), "skipped: curl is not installed");
                return None;
            }
            output => output.unwrap(),
        };
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "curl failed: {out}{err}");
        Some(out.into_owned())
    };
    let Some(out) = curl(&[&url("1"), &url("2")]) else { return stop(server) };
    assert!(out.matches("hello\n").count() == 2 && out.contains("X-Target: /2"), "{out}");
    assert_eq!(server.handle().counters().accepted, 1, "both in one connection");
    for version in [["--tlsv1.2", "--tls-max", "1.2"], ["--tlsv1.3", "--tls-max", "1.3"]] {
        let out = curl(&[&version[..], &["-0", &url("old")]].concat()).unwrap();
        assert!(out.ends_with("hello\n"), "{out}");
    }
    let content = "@".to_owned() + &pem.display().to_string();
    let out = curl(&["--data-binary", &content, &url("up")]).unwrap();
    assert!(out.ends_with("hello\n"), "{out}");
    std::fs::remove_file(&pem).unwrap();
    stop(server);
}
