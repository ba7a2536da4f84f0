//! A client in the loop of its test, which remembers what it was told.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use h1wire_mio::client::{Call, CallId, Caller, ClientLoop, Error, Event, Options, Request};
use h1wire_mio::proto::pool::PoolConfig;
use mio::{Events, Poll, Token, Waker};

use crate::script::PATIENCE;

/// What is done besides remembering when something is told.
type Also = Box<dyn FnMut(&Event<'_>, &mut Call<'_>)>;

/// What was told about a call.
#[derive(Default, Debug)]
pub struct Told {
    /// The names of the events, in order; several pieces of content are one.
    pub events: Vec<&'static str>,
    pub status: u16,
    pub fields: Vec<(String, String)>,
    pub content: Vec<u8>,
    pub trailers: Vec<(String, String)>,
    pub informational: Vec<u16>,
    pub error: Option<Error>,
    pub reused: Vec<bool>,
}

impl Told {
    pub fn text(&self) -> String {
        String::from_utf8(self.content.clone()).unwrap()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| &**value)
    }

    /// The error, as text.
    pub fn failed(&self) -> String {
        format!("{:?}", self.error.as_ref().map(Error::kind))
    }
}

/// Remembers.
#[derive(Default)]
pub struct Log {
    pub told: BTreeMap<CallId, Told>,
    also: BTreeMap<u64, Also>,
}

impl Caller for Log {
    type State = u64;

    fn event(&mut self, number: &mut u64, event: Event<'_>, call: &mut Call<'_>) {
        let also = self.also.get_mut(number);
        if let Some(also) = also {
            also(&event, call);
        }
        let told = self.told.entry(call.id()).or_default();
        let pairs = |fields: h1wire_mio::proto::Fields<'_, '_>| {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            fields.iter().map(|(name, value)| (text(name), text(value))).collect::<Vec<_>>()
        };
        let name = match event {
            Event::Socket => "socket",
            Event::Connected { reused } => {
                told.reused.push(reused);
                "connected"
            }
            Event::Continue => "continue",
            Event::Drain => "drain",
            Event::Sent => "sent",
            Event::Informational(head) => {
                told.informational.push(head.status);
                "informational"
            }
            Event::Response(head) => {
                (told.status, told.fields) = (head.status, pairs(head.fields));
                "response"
            }
            Event::Unwanted => "unwanted",
            Event::Data(data) => {
                told.content.extend_from_slice(data);
                "data"
            }
            Event::End(trailers) => {
                told.trailers = pairs(trailers);
                "end"
            }
            Event::Switched => "switched",
            Event::Timeout(_) => "timeout",
            Event::Retry => "retry",
            Event::Abort => "abort",
            Event::Aborted => "aborted",
            Event::Error(error) => {
                told.error = Some(error);
                "error"
            }
            Event::Close => "close",
            Event::ResponseClose => "response close",
            _ => "something new",
        };
        let again = matches!(name, "data" | "drain") && told.events.last() == Some(&name);
        if !again {
            told.events.push(name);
        }
    }
}

pub struct Own {
    pub client: ClientLoop<Log>,
    poll: Poll,
    next: u64,
}

/// Options with connections that are kept.
pub fn keeping() -> Options {
    let mut options = Options::default();
    options.pool = PoolConfig { keep_alive: true, ..PoolConfig::DEFAULT };
    options
}

impl Own {
    pub fn new(options: Options) -> Self {
        let poll = Poll::new().unwrap();
        let waker = Arc::new(Waker::new(poll.registry(), Token(0)).unwrap());
        let client = ClientLoop::new(poll.registry(), waker, Token(1), options, Log::default()).unwrap();
        Self { client, poll, next: 0 }
    }

    pub fn keeping() -> Self {
        Self::new(keeping())
    }

    /// Starts a call.
    pub fn start(&mut self, request: Request) -> CallId {
        self.next += 1;
        self.client.start(request, self.next).unwrap()
    }

    /// Starts a call about which more is done than remembering.
    pub fn start_with(
        &mut self,
        request: Request,
        also: impl FnMut(&Event<'_>, &mut Call<'_>) + 'static,
    ) -> CallId {
        self.next += 1;
        let number = self.next;
        self.client.caller().also.insert(number, Box::new(also));
        self.client.start(request, number).unwrap()
    }

    /// Polls once, and hands over what there is.
    pub fn turn(&mut self) {
        let mut events = Events::with_capacity(64);
        let soon = Duration::from_millis(20);
        self.poll.poll(&mut events, Some(self.client.timeout().map_or(soon, |at| at.min(soon)))).unwrap();
        for event in &events {
            self.client.event(event);
        }
        self.client.turn();
    }

    /// Polls until it is so.
    pub fn until(&mut self, what: &str, mut so: impl FnMut(&mut Self) -> bool) {
        let begun = Instant::now();
        while !so(self) {
            assert!(begun.elapsed() < PATIENCE, "{what}: {:?}", self.client.caller().told);
            self.turn();
        }
    }

    /// What was told about a call so far.
    pub fn told(&mut self, id: CallId) -> &Told {
        self.client.caller().told.entry(id).or_default()
    }

    /// Waits until a call told this event.
    pub fn until_told(&mut self, id: CallId, event: &'static str) {
        self.until(event, |own| own.told(id).events.contains(&event));
    }

    /// Waits for the end of a call, and takes what was told about it.
    pub fn finish(&mut self, id: CallId) -> Told {
        self.until("the end of the call", |own| !own.client.call(id).is_open());
        self.client.caller().told.remove(&id).unwrap_or_default()
    }

    /// Starts a call and waits for its end.
    pub fn ask(&mut self, request: Request) -> Told {
        let id = self.start(request);
        self.finish(id)
    }

    /// Idle connections, and those in use or being made.
    pub fn counts(&self) -> (usize, usize) {
        let totals = self.client.totals();
        (totals.idle, totals.busy)
    }
}
