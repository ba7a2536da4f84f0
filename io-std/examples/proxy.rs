//! A forwarding proxy, for `http` in absolute form and for everything else by `CONNECT`.
//!
//! What is sent on is decided by `h1wire_proto::Forwarding` alone: hop-by-hop fields stay here, framing is rebuilt from
//! what was understood and never copied, `Via` is added, loops are found. This file moves bytes from one side to the
//! other.
//!
//! ```text
//! proxy [ADDRESS [NAME]]      (default 127.0.0.1:3128 proxy)
//! curl -x 127.0.0.1:3128 http://example.org/
//! ```
//!
//! It lets anybody connect anywhere. Do not run it where that matters.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use h1wire_std::proto::{BodyLen, Forwarding, Headers, Method, NotForwarded, OwnedFields, SendError, Target};
use h1wire_std::server::{Request, Response, Running, Upgraded};
use h1wire_std::{Agent, Error, ErrorKind, Response as Answer, Server, Upload};

fn main() -> io::Result<()> {
    let mut args = std::env::args().skip(1);
    let address = args.next().unwrap_or("127.0.0.1:3128".into());
    let running = start(&address, &args.next().unwrap_or("proxy".into()))?;
    eprintln!("listening on {address}");
    running.join().map(drop)
}

/// Starts the proxy, known as `name` to others.
pub fn start(address: &str, name: &str) -> io::Result<Running> {
    let forwarding = Forwarding::new(name).map_err(io::Error::other)?;
    let agent = Agent::builder().keep_alive(true).timeout(Duration::from_secs(60)).build();
    Server::bind(address)?.on_connect(connect).start(move |request, response| {
        let result = forward(&agent, &forwarding, request, response);
        // What the client did wrong is answered by the server.
        if let Err(error) = &result
            && (Error::of(error).is_some() || error.kind() == io::ErrorKind::Other)
            && !response.is_head_sent()
        {
            return refuse(response, status_of(error), &error.to_string());
        }
        // With the head sent, to end the connection is the only way left to say that this is not all.
        result
    })
}

/// Sends a request on, and its response back.
fn forward(
    agent: &Agent,
    forwarding: &Forwarding,
    request: &mut Request<'_>,
    response: &mut Response<'_>,
) -> io::Result<()> {
    let head = *request.head();
    let sent = match forwarding.request(&head) {
        Ok(sent) => sent,
        Err(NotForwarded::FinalRecipient) => return last_hop(request, response),
        Err(why) => return refuse(response, why.status().unwrap_or(400), &why.to_string()),
    };
    // What is meant for TLS does not go out without (RFC 9110 section 4.2.2). Clients ask for a tunnel.
    if sent.scheme().is_some_and(|scheme| !scheme.eq_ignore_ascii_case(b"http")) {
        return refuse(response, 501, "only http is forwarded, use CONNECT");
    }
    if sent.closes() {
        response.close_after();
    }
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut onward = agent
        .request(&text(sent.method().as_bytes()), format!("http://{}/", text(sent.host())))
        .path(&text(sent.target()))
        .default_headers(false);
    onward.headers_mut().append_all(&sent).map_err(io::Error::other)?;

    let (say, words) = channel();
    let (interim, policy) = (say.clone(), forwarding.clone());
    onward = onward.on_informational(move |head| {
        let mut fields = Headers::new();
        // 100 is between the server and us: the client was told when its content was read.
        if head.status != 100 && policy.response(head).is_ok_and(|back| fields.append_all(&back).is_ok()) {
            let _ = interim.send(Word::Interim(head.status, fields));
        }
    });
    // Whoever waits for the server cannot speak to the client meanwhile: that takes one more thread.
    let wait = |ask: Box<dyn FnOnce() -> Result<Answer, Error> + Send>| {
        let answered = move || drop(say.send(Word::Final(Box::new(ask()))));
        thread::Builder::new().name("onward".into()).spawn(answered)
    };
    match sent.body_len() {
        BodyLen::None => wait(Box::new(|| onward.send()))?,
        BodyLen::Exact(0) => wait(Box::new(|| onward.send_bytes(b"")))?,
        len => {
            if let BodyLen::Exact(n) = len {
                onward = onward.header("Content-Length", n.to_string());
            }
            let mut upload = onward.start()?;
            send_content(request, &mut upload, &words, response)?;
            let mut trailers = Headers::new();
            let sent = forwarding.trailers(&head.fields, &request.trailers());
            trailers.append_all(&sent).map_err(io::Error::other)?;
            wait(Box::new(move || upload.finish_with_trailers(&trailers)))?
        }
    };
    let mut answer = loop {
        match words.recv().map_err(io::Error::other)? {
            Word::Interim(status, fields) => response.send_informational(status, &fields)?,
            Word::Final(answer) => break (*answer)?,
        }
    };

    let mut kept = OwnedFields::new();
    kept.copy_from(&answer.fields());
    let back = {
        let head = answer.head();
        let back = forwarding.response(&head).map_err(io::Error::other)?;
        if let BodyLen::Exact(n) = back.body_len() {
            response.content_length(n);
        }
        response.reason(head.reason);
        response.write_head(back.status(), &back)
    };
    back?;
    io::copy(&mut answer, response)?;
    for (name, value) in forwarding.trailers(&kept.as_fields(), &answer.trailers()).iter() {
        response.trailer(name, value);
    }
    response.finish()
}

/// What is heard from the server: interim responses, which are the client's (RFC 9110 section 15.2) and are passed on
/// as they come, and at last the response.
enum Word {
    Interim(u16, Headers),
    Final(Box<Result<Answer, Error>>),
}

/// Sends the content on, as far as the server wants it. What it says meanwhile is passed on between two pieces.
fn send_content(
    request: &mut Request<'_>,
    upload: &mut Upload,
    words: &Receiver<Word>,
    response: &mut Response<'_>,
) -> io::Result<()> {
    let mut buf = vec![0; 64 * 1024];
    loop {
        let n = request.read(&mut buf)?;
        if n == 0 {
            return Ok(());
        }
        // The content may be slow, and the next piece far.
        let sent = upload.write_all(&buf[..n]).and_then(|()| upload.flush());
        for word in words.try_iter() {
            if let Word::Interim(status, fields) = word {
                response.send_informational(status, &fields)?;
            }
        }
        match sent {
            Err(_) if upload.is_answered() => return Ok(()),
            sent => sent?,
        }
    }
}

/// What the client is told about a request that failed on its way.
fn status_of(error: &io::Error) -> u16 {
    match Error::of(error).map(Error::kind) {
        Some(ErrorKind::Timeout(_)) => 504,
        Some(ErrorKind::Invalid(_) | ErrorKind::Refused(_)) => 400,
        Some(ErrorKind::Content(_)) => 400,
        _ => 502,
    }
}

fn refuse(response: &mut Response<'_>, status: u16, why: &str) -> io::Result<()> {
    response.status(status).header("Content-Type", "text/plain").end(format!("{why}\n"))
}

/// `Max-Forwards` is used up: this is the last hop (RFC 9110 section 7.6.2).
fn last_hop(request: &mut Request<'_>, response: &mut Response<'_>) -> io::Result<()> {
    if request.method() != Method::Trace {
        return response.header("Allow", "GET, HEAD, POST, PUT, DELETE, CONNECT, OPTIONS, TRACE").end("");
    }
    // RFC 9110 section 9.3.8: what was received, less what is secret.
    let mut echo = format!("TRACE {} HTTP/1.1\r\n", request.target().escape_ascii()).into_bytes();
    for (name, value) in request.fields() {
        let secret = ["authorization", "cookie", "proxy-authorization"];
        if !secret.iter().any(|s| name.eq_ignore_ascii_case(s.as_bytes())) {
            echo.extend([name, b": ", value, b"\r\n"].concat());
        }
    }
    response.header("Content-Type", "message/http").end(echo)
}

/// Opens a tunnel.
fn connect(request: &mut Request<'_>, response: &mut Response<'_>) -> io::Result<()> {
    let Ok(Target::Authority { host, port }) = Target::parse(Method::Connect, request.target()) else {
        return refuse(response, 400, &SendError::BadTarget.to_string());
    };
    let host = String::from_utf8_lossy(host);
    let far = match reach(host.trim_matches(['[', ']']), port) {
        Ok(far) => far,
        Err(error) if error.kind() == io::ErrorKind::TimedOut => {
            return refuse(response, 504, "nobody there");
        }
        Err(error) => return refuse(response, 502, &error.to_string()),
    };
    let near = response.tunnel()?;
    // A tunnel may stay for long, and the server's threads are few.
    thread::Builder::new().name("tunnel".into()).spawn(move || drop(relay(near, &far)))?;
    Ok(())
}

/// Connects to the first address that can be. An address that is silent is not to hold one of the server's threads for
/// as long as the system is patient.
fn reach(host: &str, port: u16) -> io::Result<TcpStream> {
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in (host, port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, Duration::from_secs(10)) {
            Ok(far) => return Ok(far),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Moves bytes both ways until both ends have ended.
fn relay(near: Upgraded, far: &TcpStream) -> io::Result<()> {
    let (stream, first) = near.into_parts();
    let fd = stream.poll_fd().ok_or(io::ErrorKind::Unsupported)?;
    let near = TcpStream::from(fd.try_clone_to_owned()?);
    near.set_read_timeout(None)?;
    near.set_write_timeout(None)?;
    thread::scope(|scope| {
        let back = scope.spawn(|| pump(far, &near, b""));
        let there = pump(&near, far, &first);
        back.join().unwrap_or(Ok(())).and(there)
    })
}

fn pump(mut from: &TcpStream, mut to: &TcpStream, first: &[u8]) -> io::Result<()> {
    let moved = to.write_all(first).and_then(|()| io::copy(&mut from, &mut to));
    // The other direction goes on after an end, and not after an error.
    let how = if moved.is_ok() { Shutdown::Write } else { Shutdown::Both };
    let _ = to.shutdown(how);
    if moved.is_err() {
        let _ = from.shutdown(Shutdown::Both);
    }
    moved.map(drop)
}
