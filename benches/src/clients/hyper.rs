//! `hyper`'s connection on tokio's single-threaded runtime, one request after the other.

use std::error::Error;
use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, HOST, HeaderValue};
use hyper::{Request, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::runtime::Builder;

use super::{Fetch, check};

pub(super) fn start(address: SocketAddr) -> Result<Fetch, Box<dyn Error>> {
    let runtime = Builder::new_current_thread().enable_io().build()?;
    let mut sender = runtime.block_on(async {
        let socket = TcpStream::connect(address).await?;
        socket.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(socket)).await?;
        tokio::spawn(connection);
        Ok::<_, Box<dyn Error>>(sender)
    })?;
    let host = HeaderValue::try_from(address.to_string())?;
    Ok(Box::new(move || {
        runtime.block_on(async {
            let mut request = Request::new(Empty::<Bytes>::new());
            *request.uri_mut() = Uri::from_static(super::TARGET);
            request.headers_mut().insert(HOST, host.clone());
            request.headers_mut().insert(ACCEPT, HeaderValue::from_static(super::ACCEPT));
            sender.ready().await?;
            let response = sender.send_request(request).await?;
            check(&response.into_body().collect().await?.to_bytes())
        })
    }))
}
