//! The tokio server.

use crate::{talk, undated};
use bytes::Bytes;
use h1wire_recipes::Result;
use h1wire_recipes::tokio_server::{Request, serve_connection};
use std::net::TcpStream;

/// Sends content back by reference.
async fn echo(request: Request) -> (u16, Vec<Bytes>) {
    assert!(request.head.is_shared());
    // Heads and content go where the task goes.
    let answer = tokio::spawn(async move {
        if request.head.head().body.is_empty() {
            (404, vec![Bytes::from(request.head.target().to_vec())])
        } else {
            (200, request.content)
        }
    });
    answer.await.unwrap()
}

fn serve(stream: TcpStream) -> Result {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        stream.set_nonblocking(true)?;
        let served = tokio::spawn(serve_connection(tokio::net::TcpStream::from_std(stream)?, echo));
        served.await?
    })
}

#[test]
fn content_larger_than_any_buffer_comes_back_by_reference() {
    let large = "0123456789abcdef".repeat(30_000);
    let request = format!(
        "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{large}",
        large.len()
    );
    let answer = talk(&request, serve);
    let head = format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", large.len());
    assert!(answer == head + &large, "{}", undated(&answer.as_bytes()[..answer.len().min(300)]));
}

#[test]
fn pipelined_requests_are_answered_in_order_and_content_is_limited() {
    let answer = talk(
        "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n\
         POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n\
         POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1048577\r\n\r\nabc",
        serve,
    );
    assert_eq!(
        answer,
        "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n/1\
         HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc\
         HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    );
}
