//! # Reading a packet capture with the machine
//!
//! A file of packets, as tcpdump writes it, becomes the exchanges that were in it. Three steps, a file each: this one takes
//! segments from packets and sorts them by connection, `reassembly` makes streams of them, and `follow` hears both
//! sides of a conversation. What the machine was built for holds here too: it takes bytes from anywhere, and asks for
//! nothing.
//!
//! It is honest rather than complete. Connections that began before the capture are left out and counted, IP fragments
//! and cut packets are gaps, and what lies after a gap is not guessed at.

mod exchange;
mod follow;
mod reassembly;

use crate::Result;
use etherparse::{NetSlice, SlicedPacket, TcpSlice, TransportSlice};
pub use exchange::Exchange;
use follow::Follower;
use reassembly::Stream;
use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// What was found in a capture.
#[derive(Default)]
pub struct Capture {
    /// The connections in the order they were opened.
    pub conversations: Vec<Conversation>,
    /// Segments that belong to none of them.
    pub skipped: usize,
}

/// One TCP connection.
pub struct Conversation {
    /// Who opened it.
    pub client: SocketAddr,
    /// Who was connected to.
    pub server: SocketAddr,
    from_client: Stream,
    from_server: Stream,
    follower: Follower,
}

impl Conversation {
    /// The exchanges in order.
    pub fn exchanges(&self) -> &[Exchange] {
        &self.follower.exchanges
    }

    /// Why the exchanges are not all there was, if they are not.
    pub fn stopped(&self) -> Option<&str> {
        self.follower.stopped.as_deref().or(match () {
            () if self.from_client.has_gap() => Some("bytes of the client are missing"),
            () if self.from_server.has_gap() => Some("bytes of the server are missing"),
            () if self.follower.is_unfinished() => Some("the capture ends in the middle"),
            () if !self.from_server.bytes.is_empty() => Some("the server was not asked what it says"),
            () => None,
        })
    }
}

impl fmt::Display for Conversation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} -> {}", self.client, self.server)?;
        self.exchanges().iter().try_for_each(|exchange| writeln!(f, "  {exchange}"))?;
        self.stopped().map_or(Ok(()), |why| writeln!(f, "  {why}"))
    }
}

/// Reads a capture in the pcap format, of Ethernet, Linux "cooked" or raw IP packets.
pub fn read(file: &[u8]) -> Result<Capture> {
    let mut capture = Capture::default();
    let mut by_addresses = HashMap::new();
    for_each_packet(file, |packet| {
        let Some((from, to, segment)) = tcp(&packet) else { return };
        let found = by_addresses.get(&(from, to)).map(|at| (*at, true));
        let found = found.or_else(|| by_addresses.get(&(to, from)).map(|at| (*at, false)));
        let (at, by_client) = match found {
            // The first of a connection, unless it comes a second time.
            _ if segment.syn() && !segment.ack() => {
                let again = found.is_some_and(|(at, _): (usize, bool)| {
                    capture.conversations[at].from_client.began_with(segment.sequence_number())
                });
                if !again {
                    by_addresses.insert((from, to), capture.conversations.len());
                    capture.conversations.push(Conversation {
                        client: from,
                        server: to,
                        from_client: Stream::default(),
                        from_server: Stream::default(),
                        follower: Follower::new(),
                    });
                }
                (capture.conversations.len() - 1, true)
            }
            Some(found) => found,
            None => return capture.skipped += 1,
        };
        let Conversation { from_client, from_server, follower, .. } = &mut capture.conversations[at];
        let stream = if by_client { &mut *from_client } else { &mut *from_server };
        let mut at = segment.sequence_number();
        if segment.syn() {
            // It takes a number of its own.
            stream.begin(at);
            at = at.wrapping_add(1);
        }
        stream.segment(at, segment.payload(), segment.fin());
        follower.follow(from_client, from_server);
    })?;
    Ok(capture)
}

/// Calls `each` with every packet of a file: a header of 24 bytes, and before each packet 16 more.
fn for_each_packet<'f>(file: &'f [u8], mut each: impl FnMut(SlicedPacket<'f>)) -> Result {
    let (header, mut rest) = file.split_at_checked(24).ok_or("not a pcap file: too short")?;
    let big = match header[..4] {
        [0xa1, 0xb2, 0xc3, 0xd4] | [0xa1, 0xb2, 0x3c, 0x4d] => true,
        [0xd4, 0xc3, 0xb2, 0xa1] | [0x4d, 0x3c, 0xb2, 0xa1] => false,
        [0x0a, 0x0d, 0x0d, 0x0a] => return Err("a pcapng file: convert it with `editcap -F pcap`".into()),
        _ => return Err("not a pcap file".into()),
    };
    let number = |bytes: &[u8]| {
        let bytes = [bytes[0], bytes[1], bytes[2], bytes[3]];
        if big { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
    };
    let slice = match number(&header[20..]) & 0xffff {
        1 => SlicedPacket::from_ethernet,
        101 => SlicedPacket::from_ip,
        113 => SlicedPacket::from_linux_sll,
        other => return Err(format!("link type {other} is not known here").into()),
    };
    while let Some((record, behind)) = rest.split_at_checked(16) {
        // A file that is still being written ends anywhere.
        let Some((packet, behind)) = behind.split_at_checked(number(&record[8..]) as usize) else { break };
        rest = behind;
        slice(packet).into_iter().for_each(&mut each);
    }
    Ok(())
}

fn tcp<'p>(packet: &SlicedPacket<'p>) -> Option<(SocketAddr, SocketAddr, TcpSlice<'p>)> {
    let Some(TransportSlice::Tcp(segment)) = &packet.transport else { return None };
    let (from, to): (IpAddr, IpAddr) = match packet.net.as_ref()? {
        NetSlice::Ipv4(ip) => (ip.header().source_addr().into(), ip.header().destination_addr().into()),
        NetSlice::Ipv6(ip) => (ip.header().source_addr().into(), ip.header().destination_addr().into()),
        NetSlice::Arp(_) => return None,
    };
    let (from, to) = ((from, segment.source_port()), (to, segment.destination_port()));
    Some((from.into(), to.into(), segment.clone()))
}
