//! `actix-web` with one worker and its defaults.

use std::io;
use std::net::SocketAddr;

use actix_web::http::header::{CONTENT_TYPE, HeaderValue, SERVER};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, error, web};
use futures_util::StreamExt;

pub(super) fn serve(address: SocketAddr) -> io::Result<()> {
    actix_web::rt::System::new().block_on(
        HttpServer::new(|| App::new().default_service(web::to(answer)))
            .workers(1)
            .backlog(16384)
            .max_connections(20_000)
            .bind(address)?
            .run(),
    )
}

async fn answer(request: HttpRequest, mut upload: web::Payload) -> Result<HttpResponse, error::PayloadError> {
    while let Some(bytes) = upload.next().await {
        bytes?;
    }
    let mut response = HttpResponse::Ok();
    response.insert_header((SERVER, HeaderValue::from_static(super::SERVER)));
    response.insert_header((CONTENT_TYPE, HeaderValue::from_static(super::CONTENT_TYPE)));
    Ok(response.body(super::content(request.path().as_bytes())))
}
