//! `picohttpparser`, through its C interface: tokens only.

use std::ffi::c_int;
use std::hint::black_box;
use std::ptr;

use picohttpparser_sys::{phr_header, phr_parse_request, phr_parse_response};

use crate::{Input, Run};

const FIELDS: usize = 64;

fn fields() -> [phr_header; FIELDS] {
    [phr_header::default(); FIELDS]
}

pub(crate) fn recv(input: &'static Input) -> Run {
    let mut fields = fields();
    input.each(move |bytes, message| {
        let (mut method, mut method_len) = (ptr::null(), 0);
        let (mut path, mut path_len) = (ptr::null(), 0);
        let (mut minor, mut count) = (0 as c_int, FIELDS);
        #[expect(unsafe_code, reason = "the peer is a C library; every pointer outlives the call")]
        let parsed = unsafe {
            phr_parse_request(
                bytes.as_ptr().cast(),
                bytes.len(),
                &mut method,
                &mut method_len,
                &mut path,
                &mut path_len,
                &mut minor,
                fields.as_mut_ptr(),
                &mut count,
                0,
            )
        };
        assert_eq!(parsed as usize, message.head_end - message.start);
        black_box((method, path, minor, &fields[..count]));
    })
}

pub(crate) fn response(input: &'static Input) -> Run {
    let mut fields = fields();
    input.each(move |bytes, message| {
        let (mut minor, mut status) = (0 as c_int, 0 as c_int);
        let (mut reason, mut reason_len) = (ptr::null(), 0);
        let mut count = FIELDS;
        #[expect(unsafe_code, reason = "the peer is a C library; every pointer outlives the call")]
        let parsed = unsafe {
            phr_parse_response(
                bytes.as_ptr().cast(),
                bytes.len(),
                &mut minor,
                &mut status,
                &mut reason,
                &mut reason_len,
                fields.as_mut_ptr(),
                &mut count,
                0,
            )
        };
        assert_eq!(parsed as usize, message.head_end - message.start);
        black_box((status, reason, minor, &fields[..count]));
    })
}
