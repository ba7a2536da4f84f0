//! The port and a client on one interface, over smoltcp's loopback device, on simulated time.

use h1wire_proto::{Conn, Out, Server, ServerEvent, Time, Timeouts};
use h1wire_recipe_no_std::{Fixed, Port};
use smoltcp::iface::{Config, Interface, PollResult, SocketHandle, SocketSet};
use smoltcp::phy::{Loopback, Medium};
use smoltcp::socket::tcp::{Socket, SocketBuffer, State};
use smoltcp::time::Instant;
use smoltcp::wire::{HardwareAddress, IpAddress, IpCidr};

const ROUNDS: u64 = 20_000;

fn echo<const N: usize>(event: ServerEvent<'_, '_>, conn: &mut Conn<Server>, out: &mut Fixed<N>) {
    let done = match event {
        ServerEvent::Request(head) if head.target == b"/long" => {
            conn.respond_with(200, &(), &[b'x'; 4000], out)
        }
        ServerEvent::Request(head) => conn.respond(200, &(), head.body.into(), out),
        ServerEvent::Data(data) => conn.body().map_or(Ok(()), |mut body| body.data(data, out)),
        ServerEvent::End(_) => conn.body().map_or(Ok(()), |body| body.end(&(), out)),
    };
    done.unwrap();
}

struct World {
    device: Loopback,
    interface: Interface,
    sockets: SocketSet<'static>,
    port: Port,
    server: SocketHandle,
    clients: u16,
    now: u64,
    quiet: u32,
}

fn socket() -> Socket<'static> {
    Socket::new(SocketBuffer::new(vec![0; 600]), SocketBuffer::new(vec![0; 600]))
}

impl World {
    fn new() -> Self {
        let mut device = Loopback::new(Medium::Ip);
        let mut interface = Interface::new(Config::new(HardwareAddress::Ip), &mut device, Instant::ZERO);
        interface.update_ip_addrs(|all| all.push(IpCidr::new(IpAddress::v4(127, 0, 0, 1), 8)).unwrap());
        let mut sockets = SocketSet::new(Vec::new());
        let server = sockets.add(socket());
        let port = Port::new(80, Timeouts::SERVER);
        Self { device, interface, sockets, port, server, clients: 0, now: 0, quiet: 0 }
    }

    /// Lets a millisecond pass or, if nothing happens any more, all the time until something will.
    fn round(&mut self) {
        let now = Instant::from_millis(self.now as i64);
        let changed = self.interface.poll(now, &mut self.device, &mut self.sockets);
        let due = self.port.poll(self.sockets.get_mut(self.server), Time(self.now), &mut echo);
        let packet = self.interface.poll_at(now, &self.sockets).map(|at| Time(at.total_millis() as u64));
        // What lies in the device is not in anybody's plans: it is taken in the next rounds.
        self.quiet = if changed == PollResult::None { self.quiet + 1 } else { 0 };
        let next = due.into_iter().chain(packet).min().filter(|_| self.quiet > 3).unwrap_or_default();
        self.now = next.0.max(self.now + 1);
    }

    /// What comes back for `wire` until the server closes, and whether it closed in order.
    fn talk(&mut self, wire: &[u8]) -> (String, bool) {
        self.clients += 1;
        self.round();
        let handle = self.sockets.add(socket());
        let client = self.sockets.get_mut::<Socket<'_>>(handle);
        let from = 40_000 + self.clients;
        client.connect(self.interface.context(), (IpAddress::v4(127, 0, 0, 1), 80), from).unwrap();
        let (mut left, mut answer, mut in_order) = (wire, Vec::new(), false);
        for _ in 0..ROUNDS {
            self.round();
            let client = self.sockets.get_mut::<Socket<'_>>(handle);
            if client.may_send() && !left.is_empty() {
                left = &left[client.send_slice(left).unwrap()..];
            }
            let mut buffer = [0; 100];
            while let Ok(n @ 1..) = client.recv_slice(&mut buffer) {
                answer.extend_from_slice(&buffer[..n]);
            }
            if client.state() == State::CloseWait && !client.can_recv() {
                in_order = true;
                client.close();
            }
            if !client.is_open() {
                self.sockets.remove(handle);
                return (String::from_utf8(answer).unwrap(), in_order);
            }
        }
        panic!("no end after {ROUNDS} rounds: {answer:?}");
    }
}

#[test]
fn content_larger_than_every_buffer_comes_back_through_fixed_ones() {
    let mut world = World::new();
    let large = "0123456789abcdef".repeat(1000);
    let wire = format!(
        "GET /a HTTP/1.1\r\nHost: a\r\n\r\n\
         POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{large}",
        large.len()
    );
    let first = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    let second =
        format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{large}", large.len());
    assert_eq!(world.talk(wire.as_bytes()), (format!("{first}{second}"), true));
}

#[test]
fn a_head_longer_than_the_input_is_refused_and_the_next_client_is_served() {
    let mut world = World::new();
    let long = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(2000));
    let (answer, in_order) = world.talk(long.as_bytes());
    assert!(answer.starts_with("HTTP/1.1 431 ") && in_order, "{answer}");
    let (answer, in_order) = world.talk(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 200 ") && in_order, "{answer}");
}

#[test]
fn a_late_client_is_told_so_and_an_answer_without_room_is_cut_off() {
    let mut world = World::new();
    let (answer, in_order) = world.talk(b"GET / HT");
    assert!(answer.starts_with("HTTP/1.1 408 ") && in_order, "{answer}");
    assert!(Timeouts::SERVER.headers.is_some_and(|limit| u128::from(world.now) >= limit.as_millis()));
    let (answer, in_order) = world.talk(b"GET /long HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(!in_order && !answer.contains('x'), "{answer}");
}

#[test]
fn a_sink_that_overflowed_takes_nothing_more() {
    let mut fixed = Fixed::<4>::new();
    fixed.put(b"abc");
    fixed.put(b"de");
    fixed.put(b"f");
    assert_eq!((fixed.bytes(), fixed.is_overflown()), (&b"abc"[..], true));
}
