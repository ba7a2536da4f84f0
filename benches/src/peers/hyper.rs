//! `hyper`: a whole connection over a transport in memory, with default settings and no runtime.

use std::cell::Cell;
use std::hint::black_box;
use std::pin::{Pin, pin};
use std::task::Poll;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Incoming;
use hyper::header::{ACCEPT, CONTENT_TYPE, HOST, HeaderValue, SERVER};
use hyper::service::service_fn;
use hyper::{Request, Response, client, server};

use super::memory::{Memory, drive};
use crate::{Input, Run, inputs};

pub(crate) fn cycle(input: &'static Input) -> Run {
    Box::new(move |messages| {
        let answered = Cell::new(0);
        let service = service_fn(|request| {
            answered.set(answered.get() + 1);
            answer(request)
        });
        let transport = Memory::client(input, messages);
        drive(server::conn::http1::Builder::new().serve_connection(transport, service))
            .expect("a connection");
        assert_eq!(answered.get(), messages);
    })
}

async fn answer(request: Request<Incoming>) -> hyper::Result<Response<Full<Bytes>>> {
    read(request.into_body()).await?;
    let mut response = Response::new(Full::new(Bytes::from_static(inputs::RESP_BODY)));
    response.headers_mut().insert(SERVER, HeaderValue::from_static(super::SERVER));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(super::CONTENT_TYPE));
    Ok(response)
}

async fn read(mut body: Incoming) -> hyper::Result<()> {
    while let Some(frame) = body.frame().await {
        black_box(frame?);
    }
    Ok(())
}

pub(crate) fn response(input: &'static Input) -> Run {
    Box::new(move |messages| {
        drive(async {
            let transport = Memory::server(input, messages);
            let (mut sender, connection) =
                client::conn::http1::handshake(transport).await.expect("a connection");
            let mut connection = pin!(connection);
            for _ in 0..messages {
                let mut request = Request::new(Empty::<Bytes>::new());
                request.headers_mut().insert(HOST, HeaderValue::from_static("server"));
                request.headers_mut().insert(ACCEPT, HeaderValue::from_static("text/plain"));
                let exchange = async {
                    sender.ready().await?;
                    read(sender.send_request(request).await?.into_body()).await
                };
                beside(connection.as_mut(), exchange).await.expect("a response");
            }
        });
    })
}

/// Polls `background` along with `future` until the latter is ready.
async fn beside<B: Future, F: Future>(mut background: Pin<&mut B>, future: F) -> F::Output {
    let mut future = pin!(future);
    let mut running = true;
    std::future::poll_fn(move |context| {
        if let Poll::Ready(output) = future.as_mut().poll(context) {
            return Poll::Ready(output);
        }
        running = running && background.as_mut().poll(context).is_pending();
        future.as_mut().poll(context)
    })
    .await
}
