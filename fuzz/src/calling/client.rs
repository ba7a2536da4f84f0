//! The client's end of a connection: a request on it, from the assignment to the end.

use h1wire_proto::calling::{Happened, Next, Request, Terms, Upload, Url, Why};
use h1wire_proto::pool::{ConnId, Reuse, Ticket};
use h1wire_proto::retry::Sent;
use h1wire_proto::{Activity, BodyLen, ClientEvent, Headers, Recv, Slots};

use super::server::Server;
use super::{State, World};

impl World<'_> {
    pub(super) fn assign(&mut self, ticket: Ticket, id: ConnId, reused: bool) {
        let at = self.waiting(ticket);
        let ask = &mut self.requests[at];
        assert!(!(ask.attempt.is_retry && reused), "a retry goes over a fresh connection");
        let link = self.links.get_mut(&id).expect("made before it is assigned");
        let headers = Headers::new();
        let target = format!("/{at}");
        let url = Url { host: "h", target: &target, ..Url::default() };
        let length = if ask.content > 0 { BodyLen::Exact(ask.content as u64) } else { BodyLen::None };
        let terms = Terms { patience: Self::patience(), ..Terms::default() };
        ask.attempt.reused = reused;
        let request = Request::new(ask.method, url, &headers);
        link.call
            .begin(self.now, &request, length, &terms, ask.attempt, &mut link.out)
            .expect("a connection of the pool takes a request");
        (link.whose, ask.state) = (Some(at), State::On(id));
        ask.happened(Happened::Connected);
        self.counters.begin(reused);
    }

    /// The client's end of a connection has a turn.
    pub(super) fn client(&mut self, id: ConnId) {
        let Some(link) = self.links.get_mut(&id) else { return };
        let Some(at) = link.whose else {
            // Nobody uses it: whatever comes is the end of it.
            if link.connected && (!link.input.is_empty() || link.saw_end) {
                self.pool.idle_readable(self.now, id);
                self.obey();
            }
            return;
        };
        let ask = &mut self.requests[at];
        if link.saw_end && link.input.is_empty() {
            link.call.recv_eof();
        }
        let (mut rest, mut slots) = (&link.input[..], Slots::new());
        while let Ok(Recv::Event(event)) = link.call.recv(&mut rest, &mut slots) {
            match event {
                ClientEvent::Informational(_) => ask.happened(Happened::Informational),
                ClientEvent::Response(head) => {
                    ask.status = Some(head.status);
                    ask.happened(Happened::Response);
                }
                ClientEvent::Data(data) => {
                    ask.got.extend_from_slice(data);
                    ask.happened(Happened::Data);
                }
                ClientEvent::End(_) => assert!(link.call.is_complete()),
            }
        }
        let used = link.input.len() - rest.len();
        link.input.drain(..used);
        if link.call.upload() == Upload::Send
            && let Some(mut body) = link.call.body()
        {
            body.data(&vec![b'x'; ask.content], &mut link.out).expect("as declared");
        }
        let mut activity = Activity { received: std::mem::take(&mut link.received), ..Activity::default() };
        if link.call.next() == Next::Write || link.call.upload() != Upload::Refused {
            activity.sent = link.out.len();
            link.there.append(&mut link.out);
            ask.sends += u32::from(activity.sent > 0 && link.call.attempt().sent == Sent::Nothing);
        }
        let _ = link.call.observe(self.now, activity);
        if link.call.is_sent() {
            ask.happened(Happened::Sent);
        }
        let next = link.call.next();
        assert_eq!(next, link.call.next());
        match next {
            Next::Read | Next::Write => {}
            Next::HandOver => panic!("nobody offered that"),
            Next::Release(hint) => {
                link.whose = None;
                assert!(link.input.iter().all(|b| b"\r\n".contains(b)), "what is left answers nothing");
                link.input.clear();
                self.over(at, None);
                self.pool.release(self.now, id, Reuse::Yes(hint));
                self.obey();
            }
            Next::Close(why) => {
                link.call.abort();
                link.call.read_failed();
                assert_eq!(link.call.next(), next, "the first reason stands");
                let retry = link.call.retry();
                let attempt = link.call.attempt();
                link.whose = None;
                self.counters.end(Some(why));
                self.links.remove(&id);
                self.pool.closed(self.now, id);
                match retry {
                    Some(again) => {
                        assert!(attempt.verdict().is_safe() && attempt.reused && !attempt.answered);
                        assert!(self.requests[at].status.is_none(), "nothing of an answer was seen");
                        self.requests[at].attempt = again;
                        self.requests[at].state = State::New;
                        self.requests[at].happened(Happened::Retry);
                    }
                    None => self.over_at(at, Some(why)),
                }
                self.obey();
            }
        }
    }

    fn over(&mut self, at: usize, why: Option<Why>) {
        self.counters.end(why);
        self.over_at(at, why);
    }

    fn over_at(&mut self, at: usize, why: Option<Why>) {
        let ask = &mut self.requests[at];
        assert!(!ask.is_over(), "an exchange ends once");
        ask.state = State::Over;
        ask.happened(match why {
            None => Happened::Complete,
            Some(why) if why.is_complete() => Happened::Complete,
            Some(Why::Aborted) => Happened::Aborted,
            Some(Why::Dropped) => Happened::Dropped,
            Some(_) => Happened::Failed,
        });
        assert!(why.is_none_or(|why| !why.to_string().is_empty()));
        if why.is_none_or(|why| why.is_complete()) {
            // What is complete is whole: the server says in its answer how much of it there is.
            let status = ask.status.expect("a complete answer has a head");
            let whole = Server::content(status, ask.method);
            assert_eq!(ask.got, whole, "{} {status}", ask.method);
        }
    }
}
