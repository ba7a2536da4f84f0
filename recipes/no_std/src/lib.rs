//! # `no_std`: fixed buffers over a TCP stack in memory
//!
//! For a device without an operating system: smoltcp is the network, and all memory but the table of fields is arrays.
//! The limits make that safe: no head is longer than the input array, so the machine never waits for bytes there is no
//! room for. An event is only taken when the output array is empty, so an answer has all of it.
#![no_std]

mod fixed;

use core::mem;
pub use fixed::Fixed;
use h1wire_proto::{
    Activity, Advice, BodyLen, Conn, Limits, Recv, Server, ServerConfig, ServerEvent, Slots, Time, Timeouts,
    Timers,
};
use smoltcp::socket::tcp::{RecvError, Socket};

/// The longest head, and the most that is read at once.
const INPUT: usize = 1024;
/// The longest answer to one event, which may be as much content as was read, and its framing.
const OUTPUT: usize = 1536;

/// Is told every event, and answers the requests among them.
pub type Handle<'a> = dyn FnMut(ServerEvent<'_, '_>, &mut Conn<Server>, &mut Fixed<OUTPUT>) + 'a;

/// A server on one socket, for one connection after another.
pub struct Port {
    number: u16,
    limits: Timeouts,
    slots: Slots,
    input: Fixed<INPUT>,
    out: Fixed<OUTPUT>,
    conn: Conn<Server>,
    timers: Option<Timers>,
    over: bool,
    /// When the socket is cut off that was closed on our side.
    cut_at: Option<Time>,
}

impl Port {
    /// A server that will listen on the port `number`.
    pub fn new(number: u16, limits: Timeouts) -> Self {
        let bounds = Limits { head_bytes: INPUT as u32, fields: Some(32), ..Limits::DEFAULT };
        let bounds = Limits { trailer_bytes: 256, chunk_line_bytes: 256, ..bounds };
        Self {
            number,
            limits,
            slots: Slots::new(),
            input: Fixed::new(),
            out: Fixed::new(),
            conn: Conn::<Server>::new(&ServerConfig { limits: bounds, ..ServerConfig::default() }),
            timers: None,
            over: false,
            cut_at: None,
        }
    }

    /// Does what can be done now. To be called after each poll of the interface, and at the time it says.
    pub fn poll(&mut self, socket: &mut Socket<'_>, now: Time, handle: &mut Handle<'_>) -> Option<Time> {
        if !socket.is_open() {
            *self = Self { slots: mem::take(&mut self.slots), ..Self::new(self.number, self.limits) };
            let _ = socket.listen(self.number);
        }
        if !socket.is_active() {
            return None;
        }
        let mut timers = self.timers.take().unwrap_or_else(|| Timers::server(now, &self.limits));
        loop {
            let mut activity = Activity::default();
            while self.step(socket, now, &mut activity, handle) {}
            let unsent = !self.out.bytes().is_empty();
            let _ = timers.observe(now, self.conn.phase(), Activity { unsent, paused: unsent, ..activity });
            let Some(expired) = timers.poll(now, &self.limits) else { break };
            let close = [("Connection", "close")];
            let told = expired.status().map(|s| self.conn.respond(s, &close, BodyLen::None, &mut self.out));
            if !matches!(told, Some(Ok(()))) {
                break socket.abort();
            }
        }
        if self.out.is_overflown() || self.cut_at.is_some_and(|at| at <= now) {
            socket.abort();
        }
        self.timers.insert(timers).next(&self.limits).into_iter().chain(self.cut_at).min()
    }

    /// Does one thing, or says that nothing can be done.
    fn step(
        &mut self,
        socket: &mut Socket<'_>,
        now: Time,
        activity: &mut Activity,
        handle: &mut Handle<'_>,
    ) -> bool {
        if !self.out.bytes().is_empty() || self.out.is_overflown() {
            let n = socket.send_slice(self.out.bytes()).unwrap_or(0);
            self.out.consume(n);
            activity.sent += n;
            return n > 0;
        }
        let mut rest = self.input.bytes();
        let happened = match self.conn.recv(&mut rest, &mut self.slots) {
            Ok(Recv::Event(event)) => {
                activity.heads += u32::from(matches!(event, ServerEvent::Request(_)));
                handle(event, &mut self.conn, &mut self.out);
                true
            }
            Ok(Recv::NeedInput(_)) => self.conn.send_continue_if_wanted(&mut self.out),
            Ok(Recv::Paused(_)) => {
                self.over = self.conn.respond(404, &(), BodyLen::None, &mut self.out).is_err();
                !self.over
            }
            end => {
                self.over = true;
                end.is_err_and(|error| self.conn.respond_error(&error, None, &mut self.out).is_ok())
            }
        };
        let left = rest.len();
        self.input.consume(self.input.bytes().len() - left);
        happened || self.read(socket, now, activity)
    }

    /// Obeys the advice, and reads if that is the advice.
    fn read(&mut self, socket: &mut Socket<'_>, now: Time, activity: &mut Activity) -> bool {
        match self.conn.advice() {
            Advice::Continue | Advice::Reuse if !self.over => {}
            Advice::Drain => {}
            _ => {
                // A FIN behind the answer. What still comes is thrown away, for a while.
                socket.close();
                self.cut_at = self.cut_at.or(self.limits.linger.map(|limit| now + limit));
                self.input.consume(INPUT);
            }
        }
        match socket.recv_slice(self.input.room()) {
            Ok(n) => {
                self.input.filled(n);
                activity.received += n;
                n > 0
            }
            Err(RecvError::Finished) if !self.over => {
                self.conn.recv_eof();
                true
            }
            Err(_) => false,
        }
    }
}
