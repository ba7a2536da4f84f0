//! `ureq-proto`: the other machine without IO, as a server and as a client.

use std::hint::black_box;

use ureq_proto::client::{Call, RecvBodyResult, RecvResponseResult, SendRequestResult};
use ureq_proto::http::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, DATE, HOST, SERVER};
use ureq_proto::http::{HeaderValue, Request, Response};
use ureq_proto::server::{RecvRequestResult, Reply, SendResponseResult};

use crate::{Input, Run, inputs};

const BUFFER: usize = 64 * 1024;

pub(crate) fn cycle(input: &'static Input) -> Run {
    let (mut content, mut output) = (vec![0; BUFFER], vec![0; BUFFER]);
    input.each(move |bytes, _| {
        let mut reply = Reply::new().expect("a machine");
        let (mut at, request) = reply.try_request(bytes).expect("a good request");
        black_box(request.expect("a whole head"));
        let reply = match reply.proceed().expect("a head was read") {
            RecvRequestResult::RecvBody(mut reply) => {
                while !reply.is_ended() {
                    let (read, _) = reply.read(&bytes[at..], &mut content).expect("good content");
                    at += read;
                }
                reply.proceed().expect("content was read")
            }
            RecvRequestResult::ProvideResponse(reply) => reply,
            RecvRequestResult::Send100(_) => unreachable!("no input expects 100"),
        };
        assert_eq!(at, bytes.len());

        let mut response = Response::new(());
        let fields = response.headers_mut();
        fields.insert(DATE, HeaderValue::from_static(super::DATE));
        fields.insert(SERVER, HeaderValue::from_static(super::SERVER));
        fields.insert(CONTENT_TYPE, HeaderValue::from_static(super::CONTENT_TYPE));
        fields.insert(CONTENT_LENGTH, HeaderValue::from_static("13"));
        let mut reply = reply.provide(response).expect("a good response");
        let head = reply.write(&mut output).expect("room for the head");
        let SendResponseResult::SendBody(mut reply) = reply.proceed() else {
            unreachable!("there is content")
        };
        let (_, written) = reply.write(inputs::RESP_BODY, &mut output[head..]).expect("room for the content");
        assert!(!reply.proceed().must_close_connection());
        black_box(&output[..head + written]);
    })
}

pub(crate) fn response(input: &'static Input) -> Run {
    let (mut content, mut output) = (vec![0; BUFFER], vec![0; BUFFER]);
    input.each(move |bytes, _| {
        let mut request = Request::new(());
        *request.uri_mut() = "http://server/".parse().expect("a good target");
        request.headers_mut().insert(HOST, HeaderValue::from_static("server"));
        request.headers_mut().insert(ACCEPT, HeaderValue::from_static("text/plain"));
        let mut call = Call::new(request).expect("a good request").proceed();
        let written = call.write(&mut output).expect("room for the head");
        black_box(&output[..written]);
        let Ok(Some(SendRequestResult::RecvResponse(mut call))) = call.proceed() else {
            unreachable!("there is no content")
        };
        let (mut at, response) = call.try_response(bytes, false).expect("a good response");
        black_box(response.expect("a whole head"));
        let Some(RecvResponseResult::RecvBody(mut call)) = call.proceed() else {
            unreachable!("there is content")
        };
        while !call.can_proceed() {
            at += call.read(&bytes[at..], &mut content).expect("good content").0;
        }
        assert_eq!(at, bytes.len());
        let Some(RecvBodyResult::Cleanup(call)) = call.proceed() else { unreachable!("no redirect") };
        assert!(!call.must_close_connection());
    })
}
