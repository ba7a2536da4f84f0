//! The joint state of both halves of one exchange, as one table that does not know which role we play.
//!
//! # The rules of this file
//!
//! * Local and remote messages go through the same [`Cycle::apply`], so the rules cannot differ between them.
//!   A step either changes the state as a whole or is [`Illegal`] and changes nothing.
//! * A half walks `Idle → Body → Done` (the server's half by way of `Await`, while a request waits for its final
//!   response). `Done` becomes `MustClose` as soon as the connection cannot carry another exchange.
//! * `close` is sticky: once either side gave up persistence, no later message brings it back (RFC 9112 section
//!   9.3).
//! * A switch of protocols ends both halves at once, and only after the request is complete (RFC 9110 section
//!   7.8).
//! * The end of the stream and errors belong to one half; the other may still finish what it is saying.
//! * [`Cycle::next`] is total: every state that can be reached has one piece of advice. The test below walks all
//!   of them and writes the diagrams.

/// The state of one half.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Half {
    /// Nothing said in this exchange yet.
    Idle,
    /// Server's half only: a request is there, its final response is not.
    Await,
    /// The head was said, the content is under way.
    Body,
    /// The message is complete.
    Done,
    /// The message is complete and no other may follow.
    MustClose,
    /// The stream ended cleanly.
    Closed,
    /// The connection belongs to another protocol.
    Switched,
    /// The half broke the protocol, or its bytes were lost.
    Error,
}

/// Whose half a step belongs to.
#[expect(unnameable_types, reason = "it seals `Role`")]
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Party {
    /// Sends requests.
    Client,
    /// Sends responses.
    Server,
}

/// What a party does.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Step {
    Request { keep: bool, upgrade: bool, connect: bool },
    Informational,
    SwitchTo,
    Response { keep: bool, success: bool },
    End,
    Eof,
    Fail,
}

/// The joint state.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Cycle {
    pub(crate) client: Half,
    pub(crate) server: Half,
    pub(crate) keep: bool,
    pub(crate) upgrade: bool,
    pub(crate) connect: bool,
}

/// The step is illegal here. The cycle is unchanged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Illegal;

/// What follows for the owner of the connection.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Next {
    /// Go on.
    Continue,
    /// Both messages are complete, another exchange may follow.
    Reuse,
    /// Everything is said.
    Close,
    /// The response is over, the request is not, and the connection would otherwise persist.
    Abandon,
    /// The response is over and the last one, and the client may still be sending.
    Linger,
    Switched,
}

impl Cycle {
    pub(crate) const START: Self =
        Self { client: Half::Idle, server: Half::Idle, keep: true, upgrade: false, connect: false };

    /// Applies `step` by `party`, or leaves the cycle untouched.
    ///
    /// Inlined, because step and party are known wherever it is called and most of the table then falls away.
    #[inline(always)]
    pub(crate) fn apply(&mut self, party: Party, step: Step) -> Result<(), Illegal> {
        use Half::*;
        use Party::*;
        let mut next = *self;
        match (party, step, self.client, self.server) {
            (Client, Step::Request { keep, upgrade, connect }, Idle, Idle) => {
                next = Self { client: Body, server: Await, keep: self.keep && keep, upgrade, connect };
            }
            (Client, Step::End, Body, _) => next.client = Done,
            (Server, Step::End, _, Body) => next.server = Done,
            (Server, Step::Informational, _, Await) => {}
            (Server, Step::SwitchTo, Done, Await) if self.upgrade => {
                (next.client, next.server) = (Switched, Switched);
            }
            (Server, Step::Response { success: true, .. }, Done, Await) if self.connect => {
                (next.client, next.server) = (Switched, Switched);
            }
            // RFC 9110 section 9.3.6: the tunnel starts with the response, so the request must be over.
            (Server, Step::Response { success: true, .. }, Body, Await) if self.connect => {
                return Err(Illegal);
            }
            (Server, Step::Response { keep, .. }, _, Await) => {
                next = Self { server: Body, keep: self.keep && keep, upgrade: false, connect: false, ..next };
            }
            // A 400 or 408 before any request is legal, and always the last thing said.
            (Server, Step::Response { .. }, _, Idle) => next = Self { server: Body, keep: false, ..next },
            (Client, Step::Eof, Idle | Done | MustClose | Closed, _) => next.client = Closed,
            (Server, Step::Eof, _, Idle | Done | MustClose | Closed) => next.server = Closed,
            (Client, Step::Fail, c, _) if c != Switched => next.client = Error,
            (Server, Step::Fail, _, s) if s != Switched => next.server = Error,
            _ => return Err(Illegal),
        }
        next.settle();
        *self = next;
        Ok(())
    }

    /// A half that has finished its message cannot start another once the connection is spent.
    #[inline(always)]
    fn settle(&mut self) {
        use Half::*;
        let spent = |mine: Half, other: Half, keep: bool| match mine {
            Done | Idle if matches!(other, Closed | Error) => MustClose,
            Done if !keep => MustClose,
            half => half,
        };
        // A client that proposed a switch is not done until it is answered.
        let proposed = (self.upgrade || self.connect) && self.server == Await;
        if !proposed {
            self.client = spent(self.client, self.server, self.keep);
        }
        // The server still owes its error response to a client that failed, or left, before it was answered.
        if self.server != Idle {
            self.server = spent(self.server, self.client, self.keep);
        }
    }

    /// Starts the next exchange, if both messages are complete and the connection persists.
    #[inline(always)]
    pub(crate) fn restart(&mut self) -> Result<(), Illegal> {
        if self.client == Half::Done && self.server == Half::Done && self.keep {
            *self = Self::START;
            return Ok(());
        }
        Err(Illegal)
    }

    /// Gives up persistence between two exchanges, after which there is no next one. Says whether there was any.
    pub(crate) fn spend(&mut self) -> bool {
        let spent = self.client == Half::Done && self.server == Half::Done && self.keep;
        if spent {
            self.keep = false;
            self.settle();
        }
        spent
    }

    /// What the owner of the connection should do: total over every joint state.
    pub(crate) fn next(&self) -> Next {
        use Half::*;
        match (self.client, self.server) {
            (Switched, _) | (_, Switched) => Next::Switched,
            (Done, Done) | (Idle, Idle) => Next::Reuse,
            (_, Error) => Next::Close,
            (Body, Done | MustClose | Closed) if self.keep => Next::Abandon,
            (Body | Error, Done | MustClose | Closed) => Next::Linger,
            (Closed, Idle) => Next::Close,
            (_, Idle | Await | Body) => Next::Continue,
            (_, Done | MustClose | Closed) => Next::Close,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};
    use std::fmt::Write;

    fn steps() -> Vec<(Party, Step)> {
        let mut all = Vec::new();
        for b in 0..8 {
            let (keep, upgrade, connect) = (b & 1 == 0, b & 2 != 0, b & 4 != 0);
            all.push((Party::Client, Step::Request { keep, upgrade, connect }));
        }
        for b in 0..4 {
            all.push((Party::Server, Step::Response { keep: b & 1 == 0, success: b & 2 == 0 }));
        }
        all.extend([(Party::Server, Step::Informational), (Party::Server, Step::SwitchTo)]);
        for party in [Party::Client, Party::Server] {
            all.extend([Step::End, Step::Eof, Step::Fail].map(|step| (party, step)));
        }
        all
    }

    type Moves = BTreeMap<Cycle, BTreeMap<(Party, Step), Cycle>>;

    /// Every state that can be reached from the start, with every legal move out of it.
    fn walk() -> Moves {
        let (mut moves, mut todo) = (Moves::new(), Vec::from([Cycle::START]));
        while let Some(state) = todo.pop() {
            if moves.contains_key(&state) {
                continue;
            }
            let mut out = BTreeMap::new();
            for (party, step) in steps() {
                let mut after = state;
                match after.apply(party, step) {
                    Ok(()) => {
                        out.insert((party, step), after);
                        todo.push(after);
                    }
                    Err(Illegal) => assert_eq!(state, after, "an illegal step changes nothing"),
                }
            }
            let mut again = state;
            if again.restart().is_ok() {
                todo.push(again);
            }
            moves.insert(state, out);
        }
        moves
    }

    #[test]
    fn every_reachable_state_has_advice_and_whoever_must_go_on_can() {
        let moves = walk();
        assert!(moves.len() > 50, "{}", moves.len());
        for (state, out) in &moves {
            let productive = out.keys().filter(|(_, s)| !matches!(s, Step::Eof | Step::Fail)).count();
            let mut again = *state;
            let restarts = again.restart().is_ok();
            if matches!(state.next(), Next::Continue | Next::Reuse | Next::Abandon) {
                assert!(productive > 0 || restarts, "told to go on with no move left: {state:?}");
            }
            if matches!(state.next(), Next::Switched) {
                assert_eq!((state.client, state.server), (Half::Switched, Half::Switched));
                assert!(out.is_empty(), "a switched connection is out of our hands: {state:?}");
            }
        }
    }

    #[test]
    fn persistence_that_was_given_up_never_comes_back() {
        for (state, out) in walk() {
            for after in out.values() {
                assert!(state.keep || !after.keep, "{state:?} -> {after:?}");
            }
            let mut again = state;
            assert!(state.keep || again.restart().is_err(), "{state:?} was reused");
        }
    }

    #[test]
    fn a_request_after_a_408_is_illegal_and_the_connection_closes() {
        let mut c = Cycle::START;
        c.apply(Party::Server, Step::Response { keep: false, success: false }).unwrap();
        c.apply(Party::Server, Step::End).unwrap();
        assert_eq!(
            c.apply(Party::Client, Step::Request { keep: true, upgrade: false, connect: false }),
            Err(Illegal)
        );
        assert_eq!(c.next(), Next::Close);
    }

    #[test]
    fn a_response_over_before_its_request_is_abandoned_not_reused() {
        let mut c = Cycle::START;
        c.apply(Party::Client, Step::Request { keep: true, upgrade: false, connect: false }).unwrap();
        c.apply(Party::Server, Step::Response { keep: true, success: true }).unwrap();
        c.apply(Party::Server, Step::End).unwrap();
        assert_eq!(c.next(), Next::Abandon);
        c.apply(Party::Client, Step::End).unwrap();
        assert_eq!(c.next(), Next::Reuse);
    }

    /// The page in `docs/` is what the table says now. Set `H1WIRE_BLESS` to rewrite it after a change.
    #[test]
    fn the_diagrams_in_the_docs_are_the_table() {
        let page = diagrams(&walk());
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/states.md");
        if option_env!("H1WIRE_BLESS").is_some() {
            std::fs::write(path, &page).unwrap();
        }
        // A crate unpacked from the registry has no `docs/` beside it.
        if let Ok(written) = std::fs::read_to_string(path) {
            assert!(
                written == page,
                "docs/states.md is out of date: H1WIRE_BLESS=1 cargo test -p h1wire-proto"
            );
        }
    }

    /// Mermaid state diagrams of the pairs of half states, and the table of advice.
    fn diagrams(moves: &Moves) -> String {
        let mut page = String::from(
            "# The joint states of a connection\n\n\
             Written by the test `the_diagrams_in_the_docs_are_the_table` from the table in \
             `proto/src/cycle.rs`; do not edit. A pair is (client's half, server's half). Steps that end the \
             stream or fail are left out of the diagram; they are in the table.\n\n",
        );
        let name = |c: &Cycle| format!("{:?}_{:?}", c.client, c.server);
        let label = |party: Party, step: Step| {
            let what = match step {
                Step::Request { .. } => "request",
                Step::Response { .. } => "response",
                Step::Informational => "1xx",
                Step::SwitchTo => "101",
                Step::End => "end",
                Step::Eof => "eof",
                Step::Fail => "fail",
            };
            format!("{} {what}", if party == Party::Client { "client" } else { "server" })
        };
        let mut edges = BTreeSet::new();
        for (from, out) in moves {
            for ((party, step), to) in out {
                let moved = name(from) != name(to);
                if moved && !matches!(step, Step::Eof | Step::Fail) {
                    edges.insert(format!("    {} --> {}: {}", name(from), name(to), label(*party, *step)));
                }
            }
        }
        page.push_str("```mermaid\nstateDiagram-v2\n    [*] --> Idle_Idle\n");
        for edge in &edges {
            writeln!(page, "{edge}").unwrap();
        }
        page.push_str("```\n\n## Advice\n\n| client | server | persists | advice |\n|---|---|---|---|\n");
        let rows: BTreeSet<String> = moves
            .keys()
            .map(|c| format!("| {:?} | {:?} | {} | {:?} |", c.client, c.server, c.keep, c.next()))
            .collect();
        for row in &rows {
            writeln!(page, "{row}").unwrap();
        }
        writeln!(page, "\n{} joint states are reachable.", moves.len()).unwrap();
        page + &crate::serving::tests::table()
    }
}
