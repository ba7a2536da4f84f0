//! Serving: a session and a client machine over a model of TCP, on simulated time.
//!
//! Whatever the handler does, however slow the client is and wherever the bytes are cut:
//!
//! * the last answer is never lost to the server's own close, as long as its client takes it;
//! * content that is not complete never looks complete;
//! * nothing waits without a deadline, and every connection ends once and says why;
//! * nobody is told to be late whose request lay in the socket in time.
//!
//! The tests below put mistakes back that servers make, one in each driver, and see that these find them.

mod client;
mod server;
mod tcp;

use core::time::Duration;
use h1wire_proto::Time;
use h1wire_proto::serving::{Policy, Why};

use crate::choices::Choices;
use client::Client;
use server::{Fault, Server};
use tcp::{End, Pipe, Tcp};

/// One answer, as one side gave it or the other got it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Answer {
    content: Vec<u8>,
    is_complete: bool,
}

/// A session and a client over a simulated connection.
pub fn serving(data: &[u8]) {
    if let Err(broken) = run(data, Fault::None) {
        panic!("{broken}");
    }
}

fn run(data: &[u8], fault: Fault) -> Result<(), String> {
    let mut choices = Choices(data);
    let mut policy = Policy::default();
    policy.discard_limit = Some([0, 50, 5000][choices.below(3)]);
    policy.linger_limit = Some([0, 100, 5000][choices.below(3)]);
    policy.lifetime.max_requests = [None, Some(2)][choices.below(2)];
    policy.timeouts.keep_alive = [Some(Duration::from_secs(5)), None][choices.below(2)];
    let windows = [16, 300, 4000];
    let (up, down) = (Pipe::new(windows[choices.below(3)]), Pipe::new(windows[choices.below(3)]));
    let (has_time, mut tcp) = (choices.flip(), Tcp { up, down });
    let (mut server, mut client) = (Server::new(policy, fault), Client::new());
    let (mut now, mut is_fair) = (Time(0), true);
    while !choices.is_empty() && server.ended.is_none() {
        let n = 1 + choices.byte() as usize;
        match choices.below(10) {
            0 => client.ask(&mut choices),
            1 | 2 => _ = client.send(&mut tcp, 4 * n),
            3 => _ = client.read(&mut tcp, n),
            4 => _ = tcp.deliver(End::Server, 2 * n),
            5 => _ = tcp.deliver(End::Client, n),
            6 | 7 => _ = server.turn(&mut tcp, now, &mut choices),
            8 if has_time => {
                // Who is busy elsewhere finds later what came in between.
                now = now.after([10, 4_000, 61_000, 130_000][n % 4]);
                is_fair = false;
                server.pass_time(&mut tcp, now, &mut choices);
            }
            9 if n < 16 => {
                // A client that goes on its own account.
                is_fair = false;
                client.is_done = true;
                client.leave(&mut tcp);
            }
            9 if n < 32 => server.session.wind_up(),
            _ => {}
        }
        judge(&server, &client)?;
    }
    settle(&mut tcp, &mut server, &mut client, &mut now, &mut choices)?;
    judge(&server, &client)?;
    let (why, is_reset) = server.ended.ok_or("it never ended")?;
    if !server.out.is_empty() && !is_reset {
        return Err(format!("closed in order, {why}, and something was not sent"));
    }
    let is_whole = is_fair && !is_reset && why != Why::Aborted && !server.lost_patience;
    for (n, given) in server.answers.iter().enumerate().filter(|(_, given)| is_whole && given.is_complete) {
        if client.received.get(n) != Some(given) {
            return Err(format!("answer {n} was lost, {why}: {:?}", client.received.get(n)));
        }
    }
    Ok(())
}

/// Whatever is complete here was completed there, with the same content; and nobody was wronged.
fn judge(server: &Server, client: &Client) -> Result<(), String> {
    if server.is_unjust {
        return Err("a request that lay there in time was too late".to_owned());
    }
    for (n, got) in client.received.iter().enumerate().filter(|(_, got)| got.is_complete) {
        if server.answers.get(n) != Some(got) {
            return Err(format!("answer {n} looks complete: {got:?} of {:?}", server.answers.get(n)));
        }
    }
    Ok(())
}

/// From here on everybody does what there is to do, and time passes when nobody has anything.
fn settle(
    tcp: &mut Tcp,
    server: &mut Server,
    client: &mut Client,
    now: &mut Time,
    choices: &mut Choices<'_>,
) -> Result<(), String> {
    let mut has_left = client.is_done;
    for _ in 0..20_000 {
        let mut moved = client.send(tcp, usize::MAX);
        moved |= tcp.deliver(End::Server, usize::MAX);
        moved |= server.turn(tcp, *now, choices);
        moved |= tcp.deliver(End::Client, usize::MAX);
        moved |= client.read(tcp, usize::MAX);
        if (client.is_over || client.is_done) && !std::mem::replace(&mut has_left, true) {
            client.leave(tcp);
            moved = true;
        }
        if server.ended.is_some() && !moved {
            return Ok(());
        }
        if !moved {
            let at = server.session.deadline(&server.policy).filter(|_| server.fault != Fault::ForgetsTime);
            *now = at.ok_or("it waits, and for nothing")?.max(*now);
            server.pass_time(tcp, *now, choices);
        }
    }
    Err("it goes on for ever".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes that look random, the same each time.
    fn bytes(seed: u64) -> Vec<u8> {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        (0..200)
            .map(|_| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                (state >> 32) as u8
            })
            .collect()
    }

    #[test]
    fn a_session_over_bad_tcp_loses_nothing_and_feigns_nothing() {
        for seed in 0..20_000 {
            run(&bytes(seed), Fault::None).unwrap_or_else(|broken| panic!("seed {seed}: {broken}"));
        }
    }

    #[test]
    fn mistakes_that_servers_make_are_found() {
        for (fault, found) in [
            (Fault::ClosesAtTheBudget, "was lost"),
            (Fault::NeverResets, "looks complete"),
            (Fault::JudgesFirst, "in time was too late"),
            (Fault::ForgetsTime, "waits"),
        ] {
            let broken = (0..20_000).find_map(|seed| run(&bytes(seed), fault).err());
            let broken = broken.unwrap_or_else(|| panic!("{fault:?} was not found"));
            assert!(broken.contains(found), "{fault:?}: {broken}");
        }
    }
}
