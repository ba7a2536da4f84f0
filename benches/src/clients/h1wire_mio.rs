//! `h1wire-mio`: a client in a loop of its own, whose requests are renewed.

use std::cell::RefCell;
use std::error::Error;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use h1wire_mio::client::{Call, ClientLoop, Event, Options, Request};
use mio::{Events, Poll, Token, Waker};

use super::{ACCEPT, Fetch, TARGET, check};

/// What comes of a request.
#[derive(Default)]
struct Got {
    content: Vec<u8>,
    request: Option<Request>,
    failed: Option<h1wire_mio::client::Error>,
}

pub(super) fn start(address: SocketAddr) -> Result<Fetch, Box<dyn Error>> {
    let mut poll = Poll::new()?;
    let waker = Arc::new(Waker::new(poll.registry(), Token(0))?);
    let got = Rc::new(RefCell::new(Got::default()));
    let told = got.clone();
    let tell = move |event: Event<'_>, call: &mut Call<'_>| {
        let mut got = told.borrow_mut();
        match event {
            Event::Data(data) => got.content.extend_from_slice(data),
            Event::Error(error) => got.failed = Some(error),
            Event::Close => got.request = call.take_request(),
            _ => {}
        }
    };
    let mut client = ClientLoop::new(poll.registry(), waker, Token(1), Options::default(), tell)?;
    got.borrow_mut().request = Some(Request::get(format!("http://{address}{TARGET}")));
    let mut events = Events::with_capacity(16);
    Ok(Box::new(move || {
        got.borrow_mut().content.clear();
        let request = got.borrow_mut().request.take().ok_or("the last request is lost")?;
        client.start(request.renew("GET", TARGET).header("Accept", ACCEPT), ())?;
        // It is sent before anything is waited for.
        client.turn();
        while client.calls() > 0 {
            poll.poll(&mut events, client.timeout())?;
            for event in &events {
                client.event(event);
            }
            client.turn();
        }
        let mut got = got.borrow_mut();
        match got.failed.take() {
            Some(error) => Err(error.into()),
            None => check(&got.content),
        }
    }))
}
