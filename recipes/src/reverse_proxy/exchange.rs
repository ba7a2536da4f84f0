//! Two machines, wired: what the client says is what the origin is told, and back. Without IO; `Forwarding` decides what
//! is sent on, and the machines how it is framed.

use crate::Result;
use h1wire_proto::{
    Advice, BodyLen, Client, ClientConfig, ClientEvent, Conn, Forwarding, HttpDate, InBuf, OutQueue,
    OwnedFields, OwnedRequest, Phase, Recv, RequestHead, Role, Server, ServerConfig, ServerEvent, Slots,
    Status,
};
use std::time::{SystemTime, UNIX_EPOCH};
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
    edge: Edge,
    slots: Slots,
    pub client: Side<Server>,
    /// The origin, while it is needed or can be used again. It is told things before there is a connection to it.
    pub origin: Option<Side<Client>>,
    /// Nothing more is expected of the client.
    pub over: bool,
    /// Both sides speak another protocol from here on.
    pub switched: bool,
    /// The request that is under way, if it may be sent again: it has no content, does no harm twice, and went over a
    /// connection that was used before and so may have been dead (RFC 9110 section 9.2.2).
    again: Option<OwnedRequest>,
}

/// How messages go on. WebSockets are let through; an offer of anything else, as of HTTP/2, would be a way around whatever
/// is decided here for each request.
struct Edge {
    plain: Forwarding,
    websocket: Forwarding,
}

impl Edge {
    fn of(&self, head: &RequestHead<'_, '_>) -> &Forwarding {
        let offered = head.upgrade && head.fields.view().has_token("upgrade", "websocket");
        if offered { &self.websocket } else { &self.plain }
    }
}

impl Exchange {
    pub fn new(edge: Forwarding, client: TcpStream) -> Self {
        let client = Side::new(Conn::<Server>::new(&ServerConfig::default()), Some(client));
        let edge = Edge { websocket: edge.clone().keep_upgrade(true), plain: edge };
        Self { edge, slots: Slots::new(), client, origin: None, over: false, switched: false, again: None }
    }

    /// Sends on what the client said. An error ends its connection.
    pub fn client_said(&mut self) -> Result {
        let Self {
            edge, slots, client: Side { conn, input, out, head: kept, .. }, origin, over, again, ..
        } = self;
        let mut rest = input.bytes();
        while !*over {
            let refused = match conn.recv(&mut rest, slots) {
                Ok(Recv::Event(ServerEvent::Request(head))) => match edge.of(&head).request(&head) {
                    Ok(sent) => {
                        kept.copy_from(&head.fields);
                        let may_repeat =
                            origin.is_some() && head.body.is_empty() && head.method.is_idempotent();
                        *again = may_repeat.then(|| OwnedRequest::from(&head));
                        let Side { conn, out, .. } = origin.get_or_insert_with(fresh);
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
                        body.end(&edge.plain.trailers(&kept.as_fields(), &trailers), out)?;
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
            conn.respond(Status::new(refused).date(&now()), &(), BodyLen::None, out)?;
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
        self.origin.take_if(|origin| {
            !matches!(origin.conn.advice(), Advice::Continue | Advice::Reuse | Advice::Switched)
        });
        Ok(())
    }

    fn send_back(&mut self) -> Result {
        let Self { edge, slots, client: Side { conn, out, .. }, origin, switched, again, .. } = self;
        let Some(Side { conn: from, input, head: kept, .. }) = origin else { return Ok(()) };
        let mut rest = input.bytes();
        loop {
            match from.recv(&mut rest, slots)? {
                Recv::Event(ClientEvent::Informational(head)) => {
                    conn.send_informational(head.status, &edge.plain.response(&head)?, out)?;
                }
                Recv::Event(ClientEvent::Response(head)) if head.switched => {
                    conn.switch(&edge.websocket.response(&head)?, out)?;
                    *switched = true;
                    break;
                }
                Recv::Event(ClientEvent::Response(head)) => {
                    *again = None;
                    kept.copy_from(&head.fields);
                    let sent = edge.plain.response(&head)?;
                    // A `Date` is added where the origin said none (RFC 9110 section 6.6.1).
                    let date = now();
                    let status = Status::new(head.status).reason(head.reason).date(&date);
                    conn.respond(status, &sent, sent.body_len(), out)?;
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
                        body.end(&edge.plain.trailers(&kept.as_fields(), &trailers), out)?;
                    }
                }
                Recv::NeedInput(_) | Recv::Paused(_) | Recv::Closed => break,
            }
        }
        let left = rest.len();
        input.consume(input.len() - left);
        Ok(())
    }

    /// Nothing more will come of this connection to the origin. If the request may be sent again, it is, once. Else a
    /// client that waits for an answer is told; one that has a part of it cannot be, which is an error.
    pub fn origin_failed(&mut self) -> Result {
        self.origin = None;
        if let Some(request) = self.again.take() {
            self.origin = Some(self.ask_again(&request)?);
            return Ok(());
        }
        if matches!(self.client.conn.phase(), Phase::Body | Phase::Respond) {
            let status = Status::new(502);
            self.client.conn.respond(status.date(&now()), &(), BodyLen::None, &mut self.client.out)?;
        }
        Ok(())
    }

    fn ask_again(&self, request: &OwnedRequest) -> Result<Side<Client>> {
        let head = request.head();
        let sent = self.edge.of(&head).request(&head)?;
        let mut side = fresh();
        side.conn.request(sent.method(), sent.target(), &sent, sent.body_len(), &mut side.out)?;
        Ok(side)
    }
}

/// An origin to which there is no connection yet.
fn fresh() -> Side<Client> {
    Side::new(Conn::<Client>::new(&ClientConfig::default()), None)
}

fn now() -> HttpDate {
    HttpDate::from_unix(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs())
}
