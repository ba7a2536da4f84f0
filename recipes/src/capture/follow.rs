//! Hearing both sides of a conversation, with the machines of both.
//!
//! How long a response is depends on its request, and when the next request may come on the response. So there are two
//! machines: one hears the client as a server would, the other hears the server as a client would, and each is told what
//! the other has heard, as if its own side had said it. The bytes it would have sent are counted and forgotten.

use super::exchange::Exchange;
use super::reassembly::Stream;
use crate::Result;
use h1wire_proto::{
    Client, ClientConfig, ClientEvent, Conn, Count, Expect, Fields, Pause, Phase, Recv, Server, ServerConfig,
    ServerEvent, Slots,
};

/// Both machines, and what they heard.
pub struct Follower {
    hears_client: Conn<Server>,
    hears_server: Conn<Client>,
    slots: Slots,
    pub exchanges: Vec<Exchange>,
    /// What went wrong.
    pub stopped: Option<String>,
}

impl Follower {
    pub fn new() -> Self {
        Self {
            hears_client: Conn::<Server>::new(&ServerConfig::default()),
            hears_server: Conn::<Client>::new(&ClientConfig::default()),
            slots: Slots::new(),
            exchanges: Vec::new(),
            stopped: None,
        }
    }

    /// Whether a request was begun, and its exchange is not complete.
    pub fn is_unfinished(&self) -> bool {
        matches!(self.hears_client.phase(), Phase::Head | Phase::Body | Phase::Respond)
    }

    /// Hears what has come since the last call.
    pub fn follow(&mut self, client: &mut Stream, server: &mut Stream) {
        while self.stopped.is_none() {
            let before = client.bytes.len() + server.bytes.len();
            let heard = self.hear_client(client).map_err(|e| format!("client: {e}"));
            let heard = heard.and_then(|()| self.hear_server(server).map_err(|e| format!("server: {e}")));
            self.stopped = heard.err();
            if client.bytes.len() + server.bytes.len() == before {
                break;
            }
        }
    }

    fn hear_client(&mut self, stream: &mut Stream) -> Result {
        let Self { hears_client, hears_server, slots, exchanges, .. } = self;
        if stream.ended {
            hears_client.recv_eof();
        }
        let mut rest = &stream.bytes[..];
        loop {
            match hears_client.recv(&mut rest, slots)? {
                Recv::Event(ServerEvent::Request(head)) => {
                    let request = format!("{} {}", head.method, head.target.escape_ascii());
                    exchanges.push(Exchange { request, ..Exchange::default() });
                    let mut fields = if head.upgrade { upgrade(&head.fields) } else { Vec::new() };
                    fields.push(("Host", b""));
                    if head.expect == Expect::Continue {
                        fields.push(("Expect", b"100-continue"));
                    }
                    if !head.keep_alive {
                        fields.push(("Connection", b"close"));
                    }
                    hears_server.request(
                        head.method,
                        head.target,
                        &fields,
                        head.body.into(),
                        &mut Count(0),
                    )?;
                }
                Recv::Event(ServerEvent::Data(data)) => {
                    last(exchanges)?.sent += data.len() as u64;
                    hears_server.body().map_or(Ok(()), |mut body| body.data(data, &mut Count(0)))?;
                }
                Recv::Event(ServerEvent::End(_)) => {
                    hears_server.body().map_or(Ok(()), |body| body.end(&(), &mut Count(0)))?;
                }
                Recv::Paused(Pause::Switched) => return Err("what follows is another protocol".into()),
                Recv::NeedInput(_) | Recv::Paused(_) | Recv::Closed => break,
            }
        }
        let left = rest.len();
        stream.bytes.drain(..stream.bytes.len() - left);
        Ok(())
    }

    fn hear_server(&mut self, stream: &mut Stream) -> Result {
        let Self { hears_client, hears_server, slots, exchanges, .. } = self;
        if stream.ended {
            hears_server.recv_eof();
        }
        let mut rest = &stream.bytes[..];
        // What comes too early waits for its request to be heard.
        while hears_server.outstanding() > 0 {
            match hears_server.recv(&mut rest, slots)? {
                Recv::Event(ClientEvent::Informational(head)) => {
                    last(exchanges)?.status.push(head.status);
                    hears_client.send_informational(head.status, &(), &mut Count(0))?;
                }
                Recv::Event(ClientEvent::Response(head)) => {
                    last(exchanges)?.status.push(head.status);
                    let mut fields = upgrade(&head.fields);
                    if head.status == 101 {
                        hears_client.switch(&fields, &mut Count(0))?;
                        continue;
                    }
                    if !head.keep_alive {
                        fields.push(("Connection", b"close"));
                    }
                    hears_client.respond(head.status, &fields, head.body.into(), &mut Count(0))?;
                }
                Recv::Event(ClientEvent::Data(data)) => {
                    last(exchanges)?.received += data.len() as u64;
                    hears_client.body().map_or(Ok(()), |mut body| body.data(data, &mut Count(0)))?;
                }
                Recv::Event(ClientEvent::End(_)) => {
                    hears_client.body().map_or(Ok(()), |body| body.end(&(), &mut Count(0)))?;
                }
                Recv::NeedInput(_) | Recv::Paused(_) | Recv::Closed => break,
            }
        }
        let left = rest.len();
        stream.bytes.drain(..stream.bytes.len() - left);
        Ok(())
    }
}

/// The exchange that is heard. There is one: neither machine has an event without a request.
fn last(exchanges: &mut [Exchange]) -> Result<&mut Exchange> {
    exchanges.last_mut().ok_or_else(|| "a response without a request".into())
}

/// The protocols that are offered or switched to.
fn upgrade<'h>(fields: &Fields<'h, 'h>) -> Vec<(&'static str, &'h [u8])> {
    fields.get_all("upgrade").map(|protocols| ("Upgrade", protocols)).collect()
}
