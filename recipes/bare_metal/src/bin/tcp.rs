//! # Bare metal: three requests to a Cortex-M4 over TCP
//!
//! The same requests as in `server`, over smoltcp, on simulated time. The device is a loopback, so the client is on the
//! board as well; what it reads goes to the debugger. A board with a network has its driver in place of [`Loopback`].
#![no_std]
#![no_main]

extern crate alloc;

use alloc::boxed::Box;

use h1wire_proto::{Conn, Server, ServerEvent, Time, Timeouts};
use h1wire_recipe_bare_metal::{say, show};
use h1wire_recipe_no_std::{Fixed, Port};
use smoltcp::iface::{Config, Interface, SocketSet, SocketStorage};
use smoltcp::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::socket::tcp::{Socket, SocketBuffer};
use smoltcp::time::Instant;
use smoltcp::wire::{HardwareAddress, IpAddress, IpCidr};

const REQUESTS: &[u8] = b"GET /hello HTTP/1.1\r\nHost: board\r\n\r\n\
    POST /echo HTTP/1.1\r\nHost: board\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n\
    GET / HTTP/1.1\r\nHost : board\r\n\r\n";
const PACKET: usize = 600;
const ADDRESS: IpAddress = IpAddress::v4(127, 0, 0, 1);
/// Milliseconds after which the program gives up.
const END: u64 = 1000;

#[unsafe(no_mangle)]
fn firmware() {
    let mut device = Loopback::new();
    let mut interface = Interface::new(Config::new(HardwareAddress::Ip), &mut device, Instant::ZERO);
    interface.update_ip_addrs(|all| _ = all.push(IpCidr::new(ADDRESS, 8)));
    let mut storage = [SocketStorage::EMPTY, SocketStorage::EMPTY];
    let mut sockets = SocketSet::new(&mut storage[..]);
    let (server, client) = (sockets.add(socket()), sockets.add(socket()));
    let mut port = Box::new(Port::new(80, Timeouts::SERVER));
    port.poll(sockets.get_mut(server), Time(0), &mut echo);
    let connected = sockets.get_mut::<Socket>(client).connect(interface.context(), (ADDRESS, 80), 40_000);
    let mut left = REQUESTS;
    for now in 0..END {
        interface.poll(Instant::from_millis(now as i64), &mut device, &mut sockets);
        port.poll(sockets.get_mut(server), Time(now), &mut echo);
        let client = sockets.get_mut::<Socket>(client);
        if client.may_send() && !left.is_empty() {
            let sent = client.send_slice(left).unwrap_or(0);
            left = left.get(sent..).unwrap_or_default();
        }
        let mut bytes = [0; 64];
        while let Ok(n @ 1..) = client.recv_slice(&mut bytes) {
            show(bytes.get(..n).unwrap_or_default());
        }
        if connected.is_err() || (left.is_empty() && !client.may_recv()) {
            return;
        }
    }
    say("not answered in time\n");
}

fn echo<const N: usize>(event: ServerEvent<'_, '_>, conn: &mut Conn<Server>, out: &mut Fixed<N>) {
    // What cannot be sent is no answer, and the port closes a connection without one.
    let _ = match event {
        ServerEvent::Request(head) => conn.respond(200, &(), head.body.into(), out),
        ServerEvent::Data(data) => conn.body().map_or(Ok(()), |mut body| body.data(data, out)),
        ServerEvent::End(_) => conn.body().map_or(Ok(()), |body| body.end(&(), out)),
    };
}

fn socket() -> Socket<'static> {
    let buffer = || SocketBuffer::new(&mut Box::leak(Box::new([0; PACKET]))[..]);
    Socket::new(buffer(), buffer())
}

/// Packets on their way to where they come from.
struct Loopback {
    packets: Box<[[u8; PACKET]; Self::MOST]>,
    lengths: [usize; Self::MOST],
    first: usize,
    count: usize,
}

impl Loopback {
    const MOST: usize = 4;

    fn new() -> Self {
        Self { packets: Box::new([[0; PACKET]; Self::MOST]), lengths: [0; Self::MOST], first: 0, count: 0 }
    }
}

impl Device for Loopback {
    type RxToken<'a> = Packet;
    type TxToken<'a> = Room<'a>;

    fn receive(&mut self, _: Instant) -> Option<(Packet, Room<'_>)> {
        if self.count == 0 {
            return None;
        }
        let packet = Packet { bytes: self.packets[self.first], length: self.lengths[self.first] };
        self.first = (self.first + 1) % Self::MOST;
        self.count -= 1;
        Some((packet, Room(self)))
    }

    fn transmit(&mut self, _: Instant) -> Option<Room<'_>> {
        // One place is for the answer to what is received.
        (self.count + 1 < Self::MOST).then_some(Room(self))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ip;
        capabilities.max_transmission_unit = PACKET;
        capabilities
    }
}

struct Packet {
    bytes: [u8; PACKET],
    length: usize,
}

impl RxToken for Packet {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, look: F) -> R {
        look(&self.bytes[..self.length])
    }
}

/// The next place in the queue.
struct Room<'a>(&'a mut Loopback);

impl TxToken for Room<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, write: F) -> R {
        let place = (self.0.first + self.0.count) % Loopback::MOST;
        self.0.count += 1;
        self.0.lengths[place] = length;
        write(&mut self.0.packets[place][..length])
    }
}
