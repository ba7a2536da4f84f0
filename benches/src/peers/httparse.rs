//! `httparse`: tokens only. It decides no framing and keeps no state.

use std::hint::black_box;
use std::mem::MaybeUninit;

use httparse::{ParserConfig, Request, Response, Status};

use crate::{Input, Run};

const FIELDS: usize = 64;

pub(crate) fn recv(input: &'static Input) -> Run {
    let config = ParserConfig::default();
    input.each(move |bytes, message| {
        let mut fields = [MaybeUninit::uninit(); FIELDS];
        let mut request = Request::new(&mut []);
        let parsed = config.parse_request_with_uninit_headers(&mut request, bytes, &mut fields);
        assert_eq!(parsed, Ok(Status::Complete(message.head_end - message.start)));
        black_box(&request);
    })
}

pub(crate) fn response(input: &'static Input) -> Run {
    let config = ParserConfig::default();
    input.each(move |bytes, message| {
        let mut fields = [MaybeUninit::uninit(); FIELDS];
        let mut response = Response::new(&mut []);
        let parsed = config.parse_response_with_uninit_headers(&mut response, bytes, &mut fields);
        assert_eq!(parsed, Ok(Status::Complete(message.head_end - message.start)));
        black_box(&response);
    })
}

/// The least a user of `httparse` can do with a chunked body.
pub(crate) fn chunked(input: &'static Input) -> Run {
    input.each(|bytes, message| {
        let mut at = message.head_end;
        loop {
            let Ok(Status::Complete((line, size))) = httparse::parse_chunk_size(&bytes[at..]) else {
                panic!("the input is well formed");
            };
            at += line + size as usize + 2;
            if size == 0 {
                break;
            }
            black_box(&bytes[at - 2 - size as usize..at - 2]);
        }
        assert_eq!(at, message.end);
    })
}
