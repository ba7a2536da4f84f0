//! `may_minihttp` with one worker. It does not know chunked uploads.

use std::io;
use std::net::SocketAddr;

use may_minihttp::{HttpService, HttpServiceFactory, Request, Response};

pub(super) fn serve(address: SocketAddr) -> io::Result<()> {
    may::config().set_workers(1);
    Factory.start(address)?.join().map_err(|_| io::Error::other("the listener panicked"))
}

struct Factory;
impl HttpServiceFactory for Factory {
    type Service = Service;
    fn new_service(&self, _: usize) -> Service {
        Service
    }
}

struct Service;
impl HttpService for Service {
    fn call(&mut self, request: Request<'_, '_, '_>, response: &mut Response<'_>) -> io::Result<()> {
        let content = super::content(request.path().as_bytes());
        if request.method() == "POST" {
            io::copy(&mut request.body(), &mut io::sink())?;
        }
        response.header("Content-Type: text/plain");
        response.body(content);
        Ok(())
    }
}
