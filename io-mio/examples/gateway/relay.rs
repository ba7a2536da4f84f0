//! What happens to one request: to whom it goes, and how what is said on one side is said on the other.
//!
//! The two machines decide framing, persistence and what may follow; `Forwarding` decides what is passed on. Here is
//! the thread between them: an event of one side is a call on the other.

use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use h1wire_mio::client::{self, CallId, Error, ErrorKind, Event};
use h1wire_mio::proto::retry::{Retry, Safe};
use h1wire_mio::proto::{
    AccessLine, BodyLen, Expired, Fields, ForwardedFields, Forwarding, Headers, NotForwarded, OwnedFields,
    ProxyHeader, RequestHead, ResponseHead, SendError, Target,
};
use h1wire_mio::{ClientError, Handler, Report, Request, Response};

use crate::answers;
use crate::args::Args;
use crate::exchange::{Exchange, kept};
use crate::log::Lines;
use crate::metrics::LoopCounts;
use crate::origins::{Origins, Outcome, Ticket};
use crate::preface::Preface;
use crate::refused::{Refused, text};
use crate::reload::Reload;

/// The handler of one event loop.
pub struct Relay {
    args: Arc<Args>,
    edge: Rc<Forwarding>,
    forwarded: Option<ForwardedFields>,
    origins: Origins,
    reload: Reload,
    counts: Arc<LoopCounts>,
    lines: Option<Lines>,
    /// Who sent what was no request, until it is reported.
    last_peer: Option<IpAddr>,
    no_fields: Headers,
}

impl Relay {
    /// The handler for one more loop.
    pub fn new(
        args: Arc<Args>,
        edge: Forwarding,
        reload: Reload,
        counts: Arc<LoopCounts>,
        lines: Option<Lines>,
    ) -> Self {
        let form = args.forwarded.filter(|_| !args.forward);
        let forwarded = form.map(|form| ForwardedFields::new(form).trust(args.trust_forwarded));
        let origins = Origins::new(&args.origins, args.balance, args.health);
        let (edge, no_fields) = (Rc::new(edge), Headers::new());
        Self { args, edge, forwarded, origins, reload, counts, lines, last_peer: None, no_fields }
    }

    /// Passes a request on, or answers it.
    fn pass_on(&mut self, req: &Request<'_>, res: &mut Response<'_>) -> Option<Exchange> {
        if let Some(urls) = self.reload.changed() {
            self.origins.replace(&urls);
        }
        let head = req.head();
        let peer = res.peer_addr().map(|addr| addr.ip());
        self.counts.under_way.add(1);
        let mut exchange = Exchange::new(head, peer, self.lines.is_some());
        let answered = match self.outbound(head, peer, &mut exchange, res) {
            Ok(request) => self.start(request, &mut exchange, res),
            Err(refused) => refused.answer(res),
        };
        if let Err(error) = answered {
            res.fail(error);
        }
        Some(exchange)
    }

    /// The request to be sent, to an origin that is chosen here.
    fn outbound(
        &mut self,
        head: &RequestHead<'_, '_>,
        peer: Option<IpAddr>,
        exchange: &mut Exchange,
        res: &Response<'_>,
    ) -> Result<client::Request, Refused> {
        if exchange.is_tunnel {
            return self.tunnel(head);
        }
        let edge = self.edge.clone();
        let origin;
        let mut sent = edge.request(head).map_err(|refused| match refused {
            NotForwarded::FinalRecipient => Refused::Here(answers::as_final_recipient(head)),
            NotForwarded::Tunnel => Refused::with(405, "this is no forward proxy\n"),
            other => Refused::with(other.status().unwrap_or(400), &format!("{other}\n")),
        })?;
        let url;
        if self.args.forward {
            let scheme =
                sent.scheme().ok_or_else(|| Refused::with(400, "a proxy is asked for absolute targets\n"))?;
            let is = |known: &str| scheme.eq_ignore_ascii_case(known.as_bytes());
            if !(is("http") || is("https") && cfg!(feature = "tls")) {
                return Err(Refused::with(501, "only http is passed on; https goes by CONNECT\n"));
            }
            url = format!("{}://{}", text(scheme)?, text(sent.host())?);
            origin = None;
        } else {
            let ticket = self.pick(exchange)?;
            url = String::new();
            origin = Some(ticket.origin().clone());
            exchange.ticket = Some(ticket);
        }
        if let Some(origin) = origin.as_ref().filter(|_| !self.args.keep_host) {
            sent = sent.with_host(origin.authority.as_bytes());
        }
        if let Some(forwarded) = &mut self.forwarded {
            forwarded.describe(head, peer, if self.args.tls.is_some() { "https" } else { "http" });
            sent = sent.with_forwarded(forwarded);
        }
        let (method, target) = (text(sent.method().as_bytes())?, text(sent.target())?);
        let mut request = match &origin {
            Some(origin) => origin.request(method, target),
            None => client::Request::new(method, url).path(target).default_headers(false),
        };
        request = request.fields(&sent);
        match sent.body_len() {
            BodyLen::None => {}
            BodyLen::Exact(length) => {
                request = request.header("Content-Length", length.to_string()).streamed()
            }
            BodyLen::Unknown => request = request.streamed(),
        }
        if let Some(version) = self.args.send_proxy {
            let ends = || Some((res.stream().peer_addr()?, res.stream().local_addr()?));
            let said = res.announced().unwrap_or_else(|| match ends() {
                Some((source, destination)) => ProxyHeader::Client { source, destination },
                None => ProxyHeader::Own,
            });
            request = Preface::new(version, said, self.args.connect_timeout).on(request);
        }
        Ok(request)
    }

    fn pick(&self, exchange: &Exchange) -> Result<Ticket, Refused> {
        let now = Instant::now();
        self.origins.pick(now, &exchange.tried).ok_or_else(|| {
            self.counts.unavailable.add(1);
            let wait = self.origins.back_at().map_or(0, |at| at.saturating_duration_since(now).as_secs());
            Refused::Unavailable(wait + 1)
        })
    }

    /// A connection to where `CONNECT` asks for, as it is.
    fn tunnel(&self, head: &RequestHead<'_, '_>) -> Result<client::Request, Refused> {
        if !self.args.forward {
            return Err(Refused::with(405, "this is no forward proxy\n"));
        }
        let Ok(Target::Authority { port, .. }) = Target::parse(head.method, head.target) else {
            return Err(Refused::with(400, "a tunnel goes to a host and port\n"));
        };
        if self.args.connect_ports.as_ref().is_some_and(|ports| !ports.contains(&port)) {
            return Err(Refused::with(403, "tunnels to this port are not allowed\n"));
        }
        Ok(client::Request::raw(format!("http://{}", text(head.target)?)))
    }

    fn start(
        &self,
        request: client::Request,
        exchange: &mut Exchange,
        res: &mut Response<'_>,
    ) -> Result<(), SendError> {
        // Content stays with the client until there is somebody to take it, so that another origin can be tried.
        if exchange.is_streamed || exchange.is_tunnel {
            res.pause();
        }
        match res.upstream(request) {
            Ok(call) => {
                exchange.call = Some(call);
                Ok(())
            }
            Err(error) => self.failed(&error, exchange, res),
        }
    }

    /// An attempt failed for good. Answers, or cuts what was begun.
    fn failed(
        &self,
        error: &Error,
        exchange: &mut Exchange,
        res: &mut Response<'_>,
    ) -> Result<(), SendError> {
        self.end_attempt(exchange, Outcome::Failed);
        self.counts.origin_failures.add(1);
        if res.is_head_sent() {
            // What was begun must not look complete.
            res.abort();
            return Ok(());
        }
        let (status, reason) = match error.kind() {
            ErrorKind::Timeout(_) => (504, "the server took too long"),
            ErrorKind::Dns(_) | ErrorKind::Connect(_) | ErrorKind::Tls(_) => {
                (502, "the server cannot be reached")
            }
            ErrorKind::Invalid(_) | ErrorKind::Refused(_) => (400, "the request cannot be passed on"),
            _ => (502, "the server did not answer as it should"),
        };
        Refused::with(status, &format!("{reason}\n")).answer(res)
    }

    /// Whether another origin takes a request of which nothing was sent.
    fn try_another(
        &self,
        error: Error,
        exchange: &mut Exchange,
        res: &mut Response<'_>,
    ) -> Result<(), SendError> {
        let is_allowed = exchange.ticket.is_some() && exchange.tried.len() < self.args.retries as usize;
        let reachable = !matches!(error.kind(), ErrorKind::Invalid(_) | ErrorKind::Refused(_));
        if !is_allowed || !reachable || res.is_head_sent() || self.args.send_proxy.is_some() {
            return self.failed(&error, exchange, res);
        }
        let url = exchange.ticket.as_ref().map(|ticket| ticket.origin().url.clone()).unwrap_or_default();
        self.end_attempt(exchange, Outcome::Failed);
        exchange.tried.push(url);
        let ticket = match self.pick(exchange) {
            Ok(ticket) => ticket,
            Err(refused) => {
                self.counts.origin_failures.add(1);
                return refused.answer(res);
            }
        };
        let kind = error.to_string();
        let Some(failed) = error.into_request() else {
            return Refused::with(502, &format!("{kind}\n")).answer(res);
        };
        self.counts.origin_failures.add(1);
        self.counts.retries.add(1);
        let origin = ticket.origin();
        let mut next = origin.request(failed.method(), failed.target()).fields(failed.headers());
        if !self.args.keep_host {
            next = next.header("Host", &origin.authority);
        }
        if exchange.is_streamed {
            next = next.streamed();
        }
        exchange.ticket = Some(ticket);
        self.start(next, exchange, res)
    }

    fn end_attempt(&self, exchange: &mut Exchange, outcome: Outcome) {
        exchange.call = None;
        if let Some(ticket) = exchange.ticket.take() {
            ticket.end(outcome, Instant::now());
        }
    }

    /// Says on the client's side what the origin said.
    fn said(
        &self,
        exchange: &mut Exchange,
        call: CallId,
        event: Event<'_>,
        res: &mut Response<'_>,
    ) -> Result<(), SendError> {
        match event {
            Event::Connected { .. } if exchange.is_tunnel => res.tunnel_here(&())?,
            // Who waits for 100 is told by the origin, or not at all (RFC 9110 section 10.1.1).
            Event::Connected { .. } | Event::Drain | Event::Unwanted => res.resume(),
            Event::Informational(head) if head.status == 100 => res.send_continue()?,
            Event::Informational(head) => {
                if let Ok(sent) = self.edge.response(head) {
                    res.send_informational(head.status, &sent)?;
                }
            }
            Event::Response(head) => self.respond(exchange, head, res)?,
            Event::Switched => {
                exchange.is_switched = true;
                self.counts.tunnels.add(1);
                if let Some(mut call) = res.call(call) {
                    call.stay();
                }
                res.resume();
            }
            Event::Data(data) => {
                exchange.content += data.len() as u64;
                if !res.write(data)?
                    && let Some(mut call) = res.call(call)
                {
                    call.pause();
                }
            }
            // Another protocol has no trailers, and its end has no other form.
            Event::End(trailers) if !exchange.is_cut() => {
                let fields = exchange.response_fields.as_ref().map(OwnedFields::as_fields);
                let fields = fields.unwrap_or_else(|| self.no_fields.as_fields());
                for (name, value) in self.edge.trailers(&fields, &trailers).iter() {
                    res.append_trailer(name, value);
                }
                res.finish()?;
            }
            Event::Error(error) => match exchange.is_answered {
                false if error.retry() == Retry::Safe(Safe::NothingSent) => {
                    self.try_another(error, exchange, res)?
                }
                _ => self.failed(&error, exchange, res)?,
            },
            _ => {}
        }
        Ok(())
    }

    /// The head of the final response.
    fn respond(
        &self,
        exchange: &mut Exchange,
        head: &ResponseHead<'_, '_>,
        res: &mut Response<'_>,
    ) -> Result<(), SendError> {
        exchange.is_answered = true;
        if let Some(ticket) = exchange.ticket.take() {
            ticket.end(Outcome::Answered, Instant::now());
        }
        let Ok(sent) = self.edge.response(head) else {
            if let Some(mut call) = exchange.call.take().and_then(|id| res.call(id)) {
                call.abort();
            }
            return Refused::with(502, "the server's transfer coding is not known here\n").answer(res);
        };
        if head.switched {
            return res.switch_here(&sent);
        }
        exchange.response_fields = kept(&head.fields);
        if let BodyLen::Exact(length) = sent.body_len() {
            res.content_length(length);
        }
        res.reason(head.reason).write_head(head.status, &sent)
    }
}

impl Handler for Relay {
    type Exchange = Exchange;

    fn request(&mut self, req: &Request<'_>, res: &mut Response<'_>) -> Option<Exchange> {
        self.pass_on(req, res)
    }

    fn check_continue(&mut self, req: &Request<'_>, res: &mut Response<'_>) -> Option<Exchange> {
        self.pass_on(req, res)
    }

    fn check_expectation(&mut self, req: &Request<'_>, res: &mut Response<'_>) -> Option<Exchange> {
        self.pass_on(req, res)
    }

    fn connect(&mut self, req: &Request<'_>, res: &mut Response<'_>) -> Option<Exchange> {
        self.pass_on(req, res)
    }

    fn data(&mut self, exchange: &mut Exchange, data: &[u8], res: &mut Response<'_>) {
        let Some(mut call) = exchange.call.and_then(|id| res.call(id)) else { return };
        match call.write(data) {
            Ok(true) => {}
            Ok(false) => res.pause(),
            // The call learns of it, too, and tells.
            Err(_) => call.abort(),
        }
    }

    fn end(&mut self, exchange: &mut Exchange, trailers: Fields<'_, '_>, res: &mut Response<'_>) {
        let Some(mut call) = exchange.call.and_then(|id| res.call(id)) else { return };
        if !exchange.is_streamed && !exchange.is_switched {
            return;
        }
        let fields = exchange.request_fields.as_ref().map(OwnedFields::as_fields);
        let fields = fields.unwrap_or_else(|| self.no_fields.as_fields());
        for (name, value) in self.edge.trailers(&fields, &trailers).iter() {
            call.append_trailer(name, value);
        }
        if call.finish().is_err() {
            call.abort();
        }
    }

    fn upstream(&mut self, exchange: &mut Exchange, call: CallId, event: Event<'_>, res: &mut Response<'_>) {
        if exchange.call != Some(call) {
            return;
        }
        if let Err(error) = self.said(exchange, call, event, res) {
            res.fail(error);
        }
    }

    fn spare(&mut self, request: client::Request) {
        // One with a preface has a connection of its own.
        if self.args.send_proxy.is_none() {
            self.origins.keep(request);
        }
    }

    fn drain(&mut self, exchange: &mut Exchange, res: &mut Response<'_>) {
        if let Some(mut call) = exchange.call.and_then(|id| res.call(id)) {
            call.resume();
        }
    }

    fn timeout(&mut self, expired: Expired, exchange: Option<&mut Exchange>, _: &mut Response<'_>) -> bool {
        // Whom the client waits for has a time limit of its own.
        expired == Expired::Idle && exchange.is_some_and(|exchange| exchange.call.is_some())
    }

    fn client_error(&mut self, _: &ClientError<'_>, res: &mut Response<'_>) {
        self.last_peer = res.peer_addr().map(|addr| addr.ip());
    }

    fn report(&mut self, exchange: Option<&mut Exchange>, report: &Report) {
        let status = report.status;
        let Some(exchange) = exchange else {
            if let (Some(lines), Some(_)) = (&self.lines, status) {
                let unix_secs =
                    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |t| t.as_secs());
                let peer = self.last_peer.take();
                lines.add(AccessLine {
                    peer,
                    unix_secs,
                    method: b"-",
                    target: b"-",
                    status,
                    ..AccessLine::default()
                });
            }
            return;
        };
        self.counts.under_way.subtract(1);
        match status {
            Some(status) if report.is_complete => self.counts.answered(status, exchange.began.elapsed()),
            _ => self.counts.clients_left.add(1),
        }
        if let (Some(lines), Some(line)) = (&self.lines, exchange.line(status)) {
            lines.add(line);
        }
    }
}
