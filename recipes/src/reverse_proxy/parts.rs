//! What the two sides of the proxy are made of: a machine with its bytes, and what is let through.

use crate::Result;
use h1wire_proto::{
    Client, ClientConfig, Conn, EndToEnd, Forwarding, InBuf, OutQueue, OwnedFields, OwnedRequest,
    RequestHead, Role,
};
use tokio::net::TcpStream;

/// A machine, and the bytes on their way from and to its peer.
pub struct Side<R: Role> {
    pub conn: Conn<R>,
    pub input: InBuf,
    pub out: OutQueue,
    pub stream: Option<TcpStream>,
    pub ended: bool,
    /// The fields that came last, for `Connection` says which of the trailers stay here, too.
    pub head: OwnedFields,
}

impl<R: Role> Side<R> {
    pub fn new(conn: Conn<R>, stream: Option<TcpStream>) -> Self {
        let (input, out, head) = (InBuf::new(), OutQueue::new(), OwnedFields::new());
        Self { conn, input, out, stream, ended: false, head }
    }

    /// Says a piece of content, if some is under way.
    pub fn data(&mut self, data: &[u8]) -> Result {
        match self.conn.body() {
            Some(mut body) => Ok(body.data(data, &mut self.out)?),
            None => Ok(()),
        }
    }

    /// Says the end of it.
    pub fn end(&mut self, trailers: &EndToEnd<'_>) -> Result {
        match self.conn.body() {
            Some(body) => Ok(body.end(trailers, &mut self.out)?),
            None => Ok(()),
        }
    }
}

/// How messages go on. WebSockets are let through; an offer of anything else, as of HTTP/2, would be a way around whatever
/// is decided here for each request.
pub struct Edge {
    pub plain: Forwarding,
    pub websocket: Forwarding,
}

impl Edge {
    pub fn new(plain: Forwarding) -> Self {
        Self { websocket: plain.clone().keep_upgrade(true), plain }
    }

    pub fn of(&self, head: &RequestHead<'_, '_>) -> &Forwarding {
        let offered = head.upgrade && head.fields.view().has_token("upgrade", "websocket");
        if offered { &self.websocket } else { &self.plain }
    }

    /// The same once more, for a fresh connection.
    pub fn ask_again(&self, request: &OwnedRequest) -> Result<Side<Client>> {
        let head = request.head();
        let sent = self.of(&head).request(&head)?;
        let mut side = fresh();
        side.conn.request(sent.method(), sent.target(), &sent, sent.body_len(), &mut side.out)?;
        Ok(side)
    }
}

/// An origin to which there is no connection yet.
pub fn fresh() -> Side<Client> {
    Side::new(Conn::<Client>::new(&ClientConfig::default()), None)
}
