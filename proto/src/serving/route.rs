//! [`Route`]: whom a request is for, where a server has somebody else for what is special.

use crate::message::{Expect, Method, RequestHead};

/// Whom a request is for. In [`Asks`](crate::Asks) one thing hides another; here each question is asked.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Route {
    /// Whoever makes tunnels: the method is `CONNECT`. Where nobody does, call
    /// [`Session::refuse_tunnel`](super::Session::refuse_tunnel).
    Tunnel,
    /// Whoever knows an [expectation](Expect::Other) that is not registered; where nobody does, the answer is 417 (RFC 9110
    /// section 10.1.1).
    Expectation,
    /// Whoever takes the protocol it offers. Content comes first, if there is any, and where the client waits for it 100
    /// before that: a switch answers a complete request (RFC 9110 section 7.8).
    Upgrade,
    /// Whoever decides whether content is sent at all: the client waits for 100 or an answer.
    Continue,
    /// An ordinary request, also if it offers a protocol that nobody here speaks.
    Request,
}

impl Route {
    /// Of this request. `takes_upgrade` is asked only if it offers a protocol, also if it waits for 100; `decides_on_100`
    /// says whether there is somebody who does.
    #[inline]
    pub fn of(
        head: &RequestHead<'_, '_>,
        decides_on_100: bool,
        takes_upgrade: impl FnOnce(&RequestHead<'_, '_>) -> bool,
    ) -> Self {
        match head.expect {
            _ if head.method == Method::Connect => Self::Tunnel,
            Expect::Other => Self::Expectation,
            _ if head.upgrade && takes_upgrade(head) => Self::Upgrade,
            Expect::Continue if decides_on_100 => Self::Continue,
            Expect::Continue | Expect::None => Self::Request,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Conn, Recv, Server, ServerConfig, ServerEvent, Slots};

    #[test]
    fn an_offer_that_waits_for_100_is_asked_both_questions() {
        let route = |line: &str, fields: &str, decides: bool, takes: bool| {
            let (mut conn, mut slots) = (Conn::<Server>::new(&ServerConfig::default()), Slots::new());
            let bytes = format!("{line} HTTP/1.1\r\nHost: a:1\r\n{fields}\r\n");
            let Ok(Recv::Event(ServerEvent::Request(head))) = conn.recv(&mut bytes.as_bytes(), &mut slots)
            else {
                panic!("{bytes}")
            };
            let mut asked = false;
            let route = Route::of(&head, decides, |_| {
                asked = true;
                takes
            });
            (route, asked)
        };
        let offer = "Connection: upgrade\r\nUpgrade: a\r\n";
        let waits = "Content-Length: 1\r\nExpect: 100-continue\r\n";
        let both = [offer, waits].concat();
        assert_eq!(route("POST /", &both, true, true), (Route::Upgrade, true));
        assert_eq!(route("POST /", &both, true, false), (Route::Continue, true));
        assert_eq!(route("POST /", &both, false, false), (Route::Request, true));
        assert_eq!(route("POST /", waits, true, true), (Route::Continue, false));
        assert_eq!(route("GET /", offer, true, false), (Route::Request, true));
        assert_eq!(route("GET /", "Expect: x\r\n", true, true), (Route::Expectation, false));
        assert_eq!(route("CONNECT a:1", offer, true, true), (Route::Tunnel, false));
        assert_eq!(route("GET /", "", true, true), (Route::Request, false));
    }
}
