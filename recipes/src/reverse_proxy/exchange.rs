//! Two machines, wired: what the client says is what the origin is told, and back. Without IO; `Forwarding` decides what
//! is sent on, and the machines how it is framed.

use super::parts::{Edge, Side, fresh};
use crate::Result;
use crate::own_io::date;
use h1wire_proto::{
    Advice, BodyLen, Client, ClientEvent, Conn, Forwarding, OwnedRequest, Phase, Recv, Server, ServerConfig,
    ServerEvent, Slots, Status,
};
use tokio::net::TcpStream;

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
    /// The request under way, if it may be sent once more: a reused connection may have been dead (RFC 9110 section 9.2.2).
    again: Option<OwnedRequest>,
}

impl Exchange {
    pub fn new(edge: Forwarding, client: TcpStream) -> Self {
        let client = Side::new(Conn::<Server>::new(&ServerConfig::default()), Some(client));
        Self {
            edge: Edge::new(edge),
            slots: Slots::new(),
            client,
            origin: None,
            over: false,
            switched: false,
            again: None,
        }
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
                    origin.as_mut().map_or(Ok(()), |origin| origin.data(data))?;
                    continue;
                }
                Ok(Recv::Event(ServerEvent::End(trailers))) => {
                    let trailers = edge.plain.trailers(&kept.as_fields(), &trailers);
                    origin.as_mut().map_or(Ok(()), |origin| origin.end(&trailers))?;
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
            conn.respond(Status::new(refused).date(&date()), &(), BodyLen::None, out)?;
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
        let Self { edge, slots, client, origin, switched, again, .. } = self;
        let Some(Side { conn: from, input, head: kept, .. }) = origin else { return Ok(()) };
        let mut rest = input.bytes();
        loop {
            match from.recv(&mut rest, slots)? {
                Recv::Event(ClientEvent::Informational(head)) => {
                    let sent = edge.plain.response(&head)?;
                    client.conn.send_informational(head.status, &sent, &mut client.out)?;
                }
                Recv::Event(ClientEvent::Response(head)) if head.switched => {
                    client.conn.switch(&edge.websocket.response(&head)?, &mut client.out)?;
                    *switched = true;
                    break;
                }
                Recv::Event(ClientEvent::Response(head)) => {
                    *again = None;
                    kept.copy_from(&head.fields);
                    let sent = edge.plain.response(&head)?;
                    // A `Date` is added where the origin said none (RFC 9110 section 6.6.1).
                    let date = date();
                    let status = Status::new(head.status).reason(head.reason).date(&date);
                    client.conn.respond(status, &sent, sent.body_len(), &mut client.out)?;
                }
                Recv::Event(ClientEvent::Data(data)) => client.data(data)?,
                Recv::Event(ClientEvent::End(trailers)) => {
                    client.end(&edge.plain.trailers(&kept.as_fields(), &trailers))?;
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
            self.origin = Some(self.edge.ask_again(&request)?);
            return Ok(());
        }
        if matches!(self.client.conn.phase(), Phase::Body | Phase::Respond) {
            let status = Status::new(502);
            self.client.conn.respond(status.date(&date()), &(), BodyLen::None, &mut self.client.out)?;
        }
        Ok(())
    }
}
