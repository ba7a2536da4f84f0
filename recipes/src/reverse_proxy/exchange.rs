//! Two machines, wired: what the client says is what the origin is told, and back. Without IO; `Forwarding` decides what
//! is sent on, and the machines how it is framed.

use crate::Result;
use h1wire_proto::{
    Advice, BodyLen, Client, ClientConfig, ClientEvent, Conn, Forwarding, InBuf, OutQueue, OwnedFields,
    Phase, Recv, Role, Server, ServerConfig, ServerEvent, Slots, Status,
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
    head: OwnedFields,
}

impl<R: Role> Side<R> {
    fn new(conn: Conn<R>, stream: Option<TcpStream>) -> Self {
        let (input, out, head) = (InBuf::new(), OutQueue::new(), OwnedFields::new());
        Self { conn, input, out, stream, ended: false, head }
    }
}

/// A gateway for one client.
pub struct Exchange {
    edge: Forwarding,
    slots: Slots,
    pub client: Side<Server>,
    /// The origin, while it is needed or can be used again. It is told things before there is a connection to it.
    pub origin: Option<Side<Client>>,
    /// Nothing more is expected of the client.
    pub over: bool,
}

impl Exchange {
    pub fn new(edge: Forwarding, client: TcpStream) -> Self {
        let client = Side::new(Conn::<Server>::new(&ServerConfig::default()), Some(client));
        Self { edge, slots: Slots::new(), client, origin: None, over: false }
    }

    /// Sends on what the client said. An error ends its connection.
    pub fn client_said(&mut self) -> Result {
        let Self { edge, slots, client: Side { conn, input, out, head: kept, .. }, origin, over } = self;
        let mut rest = input.bytes();
        while !*over {
            let refused = match conn.recv(&mut rest, slots) {
                Ok(Recv::Event(ServerEvent::Request(head))) => match edge.request(&head) {
                    Ok(sent) => {
                        kept.copy_from(&head.fields);
                        let new = || Side::new(Conn::<Client>::new(&ClientConfig::default()), None);
                        let Side { conn, out, .. } = origin.get_or_insert_with(new);
                        match conn.request(sent.method(), sent.target(), &sent, sent.body_len(), out) {
                            Ok(()) => continue,
                            Err(_) => 400,
                        }
                    }
                    // What only this gateway could answer, it does not.
                    Err(refused) => refused.status().unwrap_or(405),
                },
                Ok(Recv::Event(ServerEvent::Data(data))) => {
                    if let Some(Side { conn, out, .. }) = origin
                        && let Some(mut body) = conn.body()
                    {
                        body.data(data, out)?;
                    }
                    continue;
                }
                Ok(Recv::Event(ServerEvent::End(trailers))) => {
                    if let Some(Side { conn, out, .. }) = origin
                        && let Some(body) = conn.body()
                    {
                        body.end(&edge.trailers(&kept.as_fields(), &trailers), out)?;
                    }
                    continue;
                }
                Ok(Recv::NeedInput(_) | Recv::Paused(_)) => break,
                closed => {
                    *over = true;
                    let Err(error) = closed else { break };
                    *origin = None;
                    error.status()
                }
            };
            conn.respond(refused, &(), BodyLen::None, out)?;
        }
        let left = rest.len();
        input.consume(input.len() - left);
        Ok(())
    }

    /// Sends back what the origin said. An error ends the client's connection.
    pub fn origin_said(&mut self) -> Result {
        if self.send_back().is_err() {
            return self.origin_failed();
        }
        self.origin.take_if(|origin| !matches!(origin.conn.advice(), Advice::Continue | Advice::Reuse));
        Ok(())
    }

    fn send_back(&mut self) -> Result {
        let Self { edge, slots, client: Side { conn, out, .. }, origin, .. } = self;
        let Some(Side { conn: from, input, head: kept, .. }) = origin else { return Ok(()) };
        let mut rest = input.bytes();
        loop {
            match from.recv(&mut rest, slots)? {
                Recv::Event(ClientEvent::Informational(head)) => {
                    conn.send_informational(head.status, &edge.response(&head)?, out)?;
                }
                Recv::Event(ClientEvent::Response(head)) => {
                    kept.copy_from(&head.fields);
                    let sent = edge.response(&head)?;
                    conn.respond(Status::new(head.status).reason(head.reason), &sent, sent.body_len(), out)?;
                    // An answer to HEAD has a length and no content.
                    if let (true, Some(body)) = (head.body.is_empty(), conn.body()) {
                        body.end(&(), out)?;
                    }
                }
                Recv::Event(ClientEvent::Data(data)) => {
                    if let Some(mut body) = conn.body() {
                        body.data(data, out)?;
                    }
                }
                Recv::Event(ClientEvent::End(trailers)) => {
                    if let Some(body) = conn.body() {
                        body.end(&edge.trailers(&kept.as_fields(), &trailers), out)?;
                    }
                }
                Recv::NeedInput(_) | Recv::Paused(_) | Recv::Closed => break,
            }
        }
        let left = rest.len();
        input.consume(input.len() - left);
        Ok(())
    }

    /// Nothing more will come of the origin. A client that waits for an answer is told; one that has a part of it cannot
    /// be, which is an error.
    pub fn origin_failed(&mut self) -> Result {
        self.origin = None;
        if matches!(self.client.conn.phase(), Phase::Body | Phase::Respond) {
            self.client.conn.respond(502, &(), BodyLen::None, &mut self.client.out)?;
        }
        Ok(())
    }
}
