//! Requests: the request line and what the machine adds to the caller's fields.

use super::Tx;
use super::checked::Said;
use super::encode;
use super::source::{BodyLen, FieldSource};
use crate::conn::{Client, Conn, Sent};
use crate::cycle::{Half, Party};
use crate::error::SendError;
use crate::message::Method;
use crate::out::Out;
use crate::scan;
use crate::target;

impl Conn<Client> {
    /// Sends a request head. The content follows by [`body`](Conn::body), unless there is none.
    ///
    /// `fields` must have exactly one `Host` (RFC 9112 section 3.2). Framing follows from `body`; a method that
    /// expects content says so even when there is none. `Connection` options for `Upgrade` and `TE` are added.
    ///
    /// # Errors
    /// [`WrongState`](SendError::WrongState) unless the connection is idle, or pipelining permits another
    /// request; [`BadMethod`](SendError::BadMethod), [`BadTarget`](SendError::BadTarget) (bytes, form, or user and
    /// password in it), [`MissingHost`](SendError::MissingHost); [`ReservedField`](SendError::ReservedField) for
    /// `Content-Length`, `Transfer-Encoding`, a second `Host`, `TE: chunked`, or `Expect: 100-continue` without
    /// content; [`BodyNotAllowed`](SendError::BodyNotAllowed) for content with `CONNECT` or `TRACE`;
    /// [`Http10Peer`](SendError::Http10Peer) for unknown length to a server that answered in HTTP/1.0. Nothing is
    /// written then.
    pub fn request<F: FieldSource + ?Sized, O: Out + ?Sized>(
        &mut self,
        method: Method<'_>,
        target: &[u8],
        fields: &F,
        body: BodyLen,
        out: &mut O,
    ) -> Result<(), SendError> {
        if !scan::all_token(method.as_bytes()) {
            return Err(SendError::BadMethod);
        }
        if target.is_empty()
            || scan::target_end(target) != target.len()
            || !target::has_valid_form(method, target)
            || !target.starts_with(b"/") && target::scheme_with_user(method, target).is_some()
        {
            return Err(SendError::BadTarget);
        }
        let checked = encode::check_fields(fields)?;
        if !checked.all(Said::HOST) {
            return Err(SendError::MissingHost);
        }
        if checked.all(Said::TWO_HOSTS) {
            return Err(SendError::ReservedField("Host".into()));
        }
        if checked.all(Said::BAD_HOST) {
            return Err(SendError::BadFieldValue("Host".into()));
        }
        let empty = matches!(body, BodyLen::None | BodyLen::Exact(0));
        if checked.all(Said::EXPECT_CONTINUE) && empty {
            return Err(SendError::ReservedField("Expect".into()));
        }
        if !empty && matches!(method, Method::Connect | Method::Trace) {
            return Err(SendError::BodyNotAllowed);
        }
        let core = &mut self.core;
        core.poisoned(Party::Client)?;
        if body == BodyLen::Unknown && core.flags.http10 {
            return Err(SendError::Http10Peer);
        }
        if core.flags.eof {
            return Err(SendError::WrongState);
        }
        core.advance_exchange();
        let sent = Sent::new(method, checked.upgrade(), checked.all(Said::CLOSE));
        if core.outstanding.len() == 0 {
            core.cycle.apply(Party::Client, sent.step()).map_err(|_| SendError::WrongState)?;
        } else {
            let behind = core.outstanding.last().is_some_and(Sent::may_be_followed);
            let open = core.cycle.keep && matches!(core.cycle.server, Half::Await | Half::Body);
            if !behind || !open || core.outstanding.is_full() || core.tx.is_open() {
                return Err(SendError::WrongState);
            }
        }
        core.outstanding.push(sent);
        core.offered = checked.offered;
        core.flags.continue_pending = checked.all(Said::EXPECT_CONTINUE);

        out.reserve(64 + method.as_bytes().len() + target.len() + checked.len);
        out.put(method.as_bytes());
        out.put(b" ");
        out.put(target);
        out.put(b" HTTP/1.1\r\n");
        encode::put_fields(fields, out);
        // RFC 9112 section 7.4 and RFC 9110 section 7.8: both fields are connection-specific.
        let keep = checked.all(Said::KEEP_ALIVE) && !checked.all(Said::CLOSE);
        let hop = Said::SWITCH.only_if(checked.upgrade()).with(Said::TE_HOP.only_if(checked.all(Said::TE)));
        encode::put_options(hop.with(Said::KEEP.only_if(keep)), checked.said, out);
        core.tx = match body {
            BodyLen::None if method.expects_content() => {
                encode::put_length(0, out);
                Tx::None
            }
            BodyLen::None => {
                out.put(b"\r\n");
                Tx::None
            }
            BodyLen::Exact(n) => {
                encode::put_length(n, out);
                if n == 0 { Tx::None } else { Tx::Length(n) }
            }
            BodyLen::Unknown => {
                out.put(b"Transfer-Encoding: chunked\r\n\r\n");
                Tx::Chunked
            }
        };
        if !core.tx.is_open() {
            core.complete_sending(Party::Client);
        }
        Ok(())
    }
}
