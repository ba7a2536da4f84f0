//! One request on its way: what is remembered of it from its head to its end.

use std::net::IpAddr;
use std::time::{Instant, SystemTime};

use h1wire_mio::client::CallId;
use h1wire_mio::proto::{AccessLine, Fields, Method, OwnedFields, RequestHead, Version};

use crate::origins::Ticket;

/// One request on its way.
pub struct Exchange {
    pub call: Option<CallId>,
    pub ticket: Option<Ticket>,
    /// Origins that could not be reached.
    pub tried: Vec<String>,
    /// The header sections whose `Connection` says which trailers stay.
    pub request_fields: Option<OwnedFields>,
    pub response_fields: Option<OwnedFields>,
    pub is_streamed: bool,
    pub is_answered: bool,
    /// Both connections carry another protocol.
    pub is_switched: bool,
    pub is_tunnel: bool,
    pub began: Instant,
    pub content: u64,
    told: Option<Box<Told>>,
}

/// What the access log will say.
struct Told {
    peer: Option<IpAddr>,
    unix_secs: u64,
    method: String,
    target: Vec<u8>,
    version: Version,
    referer: Option<Vec<u8>>,
    user_agent: Option<Vec<u8>>,
}

impl Exchange {
    /// A request that came from `peer`, and is logged or not.
    pub fn new(head: &RequestHead<'_, '_>, peer: Option<IpAddr>, logged: bool) -> Self {
        let told = logged.then(|| {
            let field = |name| head.fields.get(name).map(<[u8]>::to_vec);
            Box::new(Told {
                peer,
                unix_secs: SystemTime::now()
                    .duration_since(SystemTime::UNIX_EPOCH)
                    .map_or(0, |t| t.as_secs()),
                method: String::from_utf8_lossy(head.method.as_bytes()).into_owned(),
                target: head.target.to_vec(),
                version: head.version,
                referer: field("referer"),
                user_agent: field("user-agent"),
            })
        });
        Self {
            call: None,
            ticket: None,
            tried: Vec::new(),
            request_fields: kept(&head.fields),
            response_fields: None,
            is_streamed: !head.body.is_empty(),
            is_answered: false,
            is_switched: false,
            is_tunnel: head.method == Method::Connect,
            began: Instant::now(),
            content: 0,
            told,
        }
    }

    /// Its line of the access log, if it is logged.
    pub fn line(&self, status: Option<u16>) -> Option<AccessLine<'_>> {
        let told = self.told.as_ref()?;
        Some(AccessLine {
            peer: told.peer,
            user: None,
            unix_secs: told.unix_secs,
            method: told.method.as_bytes(),
            target: &told.target,
            version: told.version,
            status,
            sent: self.content,
            referer: told.referer.as_deref(),
            user_agent: told.user_agent.as_deref(),
        })
    }

    /// Whether the origin's side is over without having come to its end.
    pub fn is_cut(&self) -> bool {
        self.call.is_none()
    }
}

/// The fields of a head, if trailers are to be held against its `Connection`.
pub fn kept(fields: &Fields<'_, '_>) -> Option<OwnedFields> {
    fields.has("connection").then(|| {
        let mut kept = OwnedFields::new();
        kept.copy_from(fields);
        kept
    })
}
