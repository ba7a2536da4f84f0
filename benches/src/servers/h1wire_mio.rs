//! The event-loop server of this workspace. Files are sent by the crate `serve`.

use std::io;
use std::net::SocketAddr;

use bytes::Bytes;
use h1wire_mio::proto::Fields;
use h1wire_mio::{Handler, Options, Request, Response, Server};
use h1wire_serve::Files;

pub(super) fn serve(address: SocketAddr) -> io::Result<()> {
    run(Server::bind(address)?)
}

#[cfg(feature = "tls")]
pub(super) fn serve_tls(address: SocketAddr) -> io::Result<()> {
    run(Server::bind(address)?.tls(crate::tls::server_config()?))
}

fn run(server: Server) -> io::Result<()> {
    let mut options = Options::default();
    options.policy.set_server(super::SERVER).map_err(io::Error::from)?;
    // The others do not advertise it either.
    options.policy.advertise_keep_alive = false;
    let answers = Answers { files: Files::new(super::folder()?)? };
    server.options(options).start_with(move |_| answers.clone())?.join().map(drop)
}

/// Answers a request when all of it was read.
#[derive(Clone)]
struct Answers {
    files: Files,
}

/// Content from this size on is sent by reference.
const SHARED: usize = 4096;

impl Handler for Answers {
    type Exchange = &'static str;

    fn request(&mut self, req: &Request<'_>, res: &mut Response<'_>) -> Option<&'static str> {
        if req.target == b"/file" {
            self.files.request(req, res);
            return None;
        }
        let content = super::content(req.target);
        if !req.body.is_empty() {
            return Some(content);
        }
        answer(content, res);
        None
    }

    fn end(&mut self, content: &mut &'static str, _: Fields<'_, '_>, res: &mut Response<'_>) {
        answer(content, res);
    }
}

fn answer(content: &'static str, res: &mut Response<'_>) {
    res.header("Content-Type", super::CONTENT_TYPE);
    let answered = if content.len() < SHARED {
        res.end(content)
    } else {
        res.end_shared(Bytes::from_static(content.as_bytes()))
    };
    if answered.is_err() {
        res.abort();
    }
}
