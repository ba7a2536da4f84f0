//! `actix-http`: a whole HTTP/1 connection over a transport in memory.
//!
//! Its `Date` needs a runtime to exist, but the connection is polled by hand, so that no scheduling is charged to
//! it. Its timeouts are off for the same reason: outside a running runtime each would cost a system call.

use std::hint::black_box;
use std::rc::Rc;
use std::time::Duration;

use actix_http::header::{CONTENT_TYPE, HeaderValue, SERVER};
use actix_http::{Error, HttpService, KeepAlive, Request, Response, StatusCode};
use actix_service::{Service, ServiceFactory, fn_service};
use bytes::Bytes;
use futures_util::StreamExt;

use super::memory::{Memory, drive};
use crate::{Input, Run, inputs};

pub(crate) fn cycle(input: &'static Input) -> Run {
    let runtime = actix_rt::Runtime::new().expect("a runtime");
    let service = runtime.block_on(async {
        let factory = HttpService::build()
            .keep_alive(KeepAlive::Os)
            .client_request_timeout(Duration::ZERO)
            .h1(fn_service(answer));
        Rc::new(factory.new_service(()).await.expect("a service"))
    });
    Box::new(move |messages| {
        let service = Rc::clone(&service);
        runtime.block_on(async move {
            drive(service.call((Memory::client(input, messages), None))).expect("a connection");
        });
    })
}

async fn answer(mut request: Request) -> Result<Response<Bytes>, Error> {
    let mut content = request.take_payload();
    while let Some(bytes) = content.next().await {
        black_box(bytes.expect("well-formed content"));
    }
    let mut response = Response::with_body(StatusCode::OK, Bytes::from_static(inputs::RESP_BODY));
    response.headers_mut().insert(SERVER, HeaderValue::from_static(super::SERVER));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(super::CONTENT_TYPE));
    Ok(response)
}
