//! # A reverse proxy: streaming both ways, each side at the pace of the other
//!
//! A client's requests go to an origin and its responses come back, with what an intermediary must do to them done by
//! `Forwarding` (RFC 9110 section 7.6). Nothing is collected: content goes on as it comes, in both directions at once. And
//! nothing is piled up: a side is only read while what is to be sent to the other one is little, so whoever is slow
//! slows down whoever is fast. This file moves bytes; what they mean is in `exchange`.
//!
//! A request that fails on a connection that was used before is sent again, once, where that does no harm, and WebSockets
//! are let through. Beyond silence, time limits are those of `own_io`.

mod exchange;
mod parts;

use crate::Result;
use exchange::Exchange;
use h1wire_proto::{Advice, Forwarding, Limits, Role};
use parts::Side;
use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy, copy_bidirectional, sink};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

const READ: usize = 16 * 1024;
/// How much may wait to be sent before no more of it is read.
const HIGH_WATER: usize = 64 * 1024;
const DISCARD: usize = 256 * 1024;
const CONNECT: Duration = Duration::from_secs(10);
const SILENCE: Duration = Duration::from_secs(60);

/// Serves one client with what is at `address`, until it ends.
pub async fn serve_connection(client: TcpStream, address: SocketAddr, edge: Forwarding) -> Result {
    let mut exchange = Exchange::new(edge, client);
    let mut discarded = 0;
    loop {
        exchange.client_said()?;
        exchange.origin_said()?;
        // The response may have been all that a next request waited for.
        exchange.client_said()?;
        if let Some(origin) = exchange.origin.as_mut().filter(|origin| origin.stream.is_none()) {
            match timeout(CONNECT, TcpStream::connect(address)).await {
                Ok(connected) => origin.stream = connected.ok(),
                Err(_elapsed) => {}
            }
            if origin.stream.is_none() {
                exchange.origin_failed()?;
            }
        }

        if exchange.switched {
            return relay(exchange).await;
        }
        let Exchange { client, origin, over, .. } = &mut exchange;
        if client.out.is_empty() {
            match client.conn.advice() {
                Advice::Continue | Advice::Reuse if !*over || origin.is_some() => {}
                Advice::Drain if discarded < DISCARD => {}
                Advice::Drain | Advice::Linger => return linger(client).await,
                _ => return Ok(()),
            }
        }
        let drains = client.conn.advice() == Advice::Drain;
        let ahead = origin.as_ref().is_some_and(|origin| origin.out.is_full(HIGH_WATER));
        let read_client = !ahead && client.input.len() < READ;
        let read_origin = !client.out.is_full(HIGH_WATER);
        tokio::select! {
            moved = move_bytes(Some(client), read_client) => {
                if let Moved::In(n) = moved? && drains {
                    discarded += n;
                }
            }
            moved = move_bytes(origin.as_mut(), read_origin) => match moved {
                Ok(_) => {}
                Err(_) => exchange.origin_failed()?,
            },
            () = sleep(SILENCE) => return Ok(()),
        }
    }
}

enum Moved {
    In(usize),
    Out,
}

/// Reads or writes, whichever can be done first. An origin that does not take its request to the end may have answered
/// it all the same.
async fn move_bytes<R: Role>(side: Option<&mut Side<R>>, may_read: bool) -> io::Result<Moved> {
    let Some(Side { conn, input, out, stream: Some(stream), ended, .. }) = side else {
        return pending().await;
    };
    let (mut reader, mut writer) = stream.split();
    tokio::select! {
        n = reader.read(input.spare(READ, Limits::DEFAULT.max_contiguous() + READ)), if may_read && !*ended => {
            let n = n?;
            input.filled(n);
            if n == 0 {
                *ended = true;
                conn.recv_eof();
            }
            Ok(Moved::In(n))
        }
        n = writer.write(out.only_slice().unwrap_or_default()), if !out.is_empty() => {
            match n {
                Ok(n) => out.advance(n),
                Err(_) => {
                    conn.send_failed();
                    out.clear();
                }
            }
            Ok(Moved::Out)
        }
        else => pending().await,
    }
}

/// Joins both sides, after what each has said so far. The machines have nothing more to say.
async fn relay(exchange: Exchange) -> Result {
    let Exchange { client, origin: Some(origin), .. } = exchange else { return Ok(()) };
    let (Some(mut near), Some(mut far)) = (client.stream, origin.stream) else { return Ok(()) };
    let mut first = client.out;
    while let Some(slice) = first.only_slice().filter(|slice| !slice.is_empty()) {
        let n = near.write(slice).await?;
        first.advance(n);
    }
    near.write_all(origin.input.bytes()).await?;
    far.write_all(client.input.bytes()).await?;
    copy_bidirectional(&mut near, &mut far).await?;
    Ok(())
}

/// What the client still sends is read for a while, or a reset could take the answer back.
async fn linger<R: Role>(side: &mut Side<R>) -> Result {
    if let Some(stream) = &mut side.stream {
        stream.shutdown().await?;
        let _ = timeout(SILENCE, copy(&mut stream.take(DISCARD as u64), &mut sink())).await;
    }
    Ok(())
}
