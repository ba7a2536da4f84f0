//! `milo`: tokens and framing, every event recorded in its event buffer.

use std::hint::black_box;

use milo_parser::{EVENT_ACTIVE_ALL, Parser, STATE_ERROR};

use crate::{Input, Run};

pub(crate) fn recv(input: &'static Input) -> Run {
    messages(input, true)
}

pub(crate) fn response(input: &'static Input) -> Run {
    messages(input, false)
}

fn messages(input: &'static Input, requests: bool) -> Run {
    let mut parser = Parser::new();
    parser.autodetect = false;
    parser.is_request = requests;
    parser.active_events = EVENT_ACTIVE_ALL;
    input.each(move |bytes, _| {
        let mut at = 0;
        // A full event buffer suspends the parser; its owner would read the events and go on.
        while at < bytes.len() {
            let rest = &bytes[at..];
            at += parser.parse(rest.as_ptr(), rest.len());
            assert_ne!(parser.state, STATE_ERROR);
        }
        black_box(parser.events);
    })
}
