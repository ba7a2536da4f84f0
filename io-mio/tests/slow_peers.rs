//! Ten thousand peers that send a byte now and then. Alone in its process, whose memory, processor time and limit of
//! descriptors it measures and sets. The peers are in processes of their own, for the limit is one for each.
#![cfg(target_os = "linux")]

mod common;
#[path = "common/herd.rs"]
mod herd;

use std::io::{Write, stderr};
use std::time::Duration;

use common::{Raw, ms, options, stop};
use h1wire_mio::{Request, Response, Running, Server};
use herd::Herd;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

/// How many slow peers there are to be, and with how many the test still says something.
const WANTED: usize = 10_000;
const FEWEST: usize = 2_000;
/// How many of them are there when the cost of a byte is first measured.
const FEW: usize = 100;
/// How many of them send a byte before the fast client has its next answer. Few enough that the event loop goes round
/// often: what it does on each round is what there must not be more of.
const SLICE: usize = 5;
const ROUNDS: usize = 3;

/// Processor time of this process: of the server, and of a little beside it.
fn cpu() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Bytes of memory this process has for itself: what is on the heap, and not what sockets take in the kernel.
fn memory() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}

/// How many connections this process may have, after asking for enough.
fn possible() -> usize {
    // Those, and some for everything else.
    let needed = WANTED as u64 + 100;
    let now = getrlimit(Resource::Nofile);
    let most = now.maximum.map_or(needed, |most| most.max(needed));
    // Only the privileged may raise the upper limit; others go as far as that.
    for maximum in [Some(most), now.maximum] {
        let current = Some(maximum.map_or(needed, |most| most.min(needed)));
        if setrlimit(Resource::Nofile, Rlimit { current, maximum }).is_ok() {
            break;
        }
    }
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(needed);
    WANTED.min((limit as usize).saturating_sub(100))
}

/// As many more peers, beside the fast client, that each sent part of a head.
fn add(peers: &mut Herd, count: usize, server: &Running) {
    for made in (0..count).step_by(FEW) {
        // More than the listener's queue holds would have to knock again, a second later.
        peers.add(FEW.min(count - made));
        let all = 1 + peers.len() as u64;
        common::wait_until("all connections", || server.handle().counters().accepted == all);
    }
}

/// Sends a byte from each slow peer, so many times, with a request of the fast one after every few. Answers the
/// processor time for each of these few. Fails when a request is not answered.
fn drip(peers: &mut Herd, rounds: usize, fast: &mut Raw) -> Duration {
    let before = cpu();
    let mut slices = 0;
    for _ in 0..rounds {
        for first in (0..peers.len()).step_by(SLICE) {
            peers.drip(first, SLICE);
            fast.send(GET).until("hello");
            slices += 1;
        }
    }
    (cpu() - before) / slices
}

/// The processes of the peers begin here.
#[test]
#[ignore = "the other half of the test beside it, which runs it"]
fn peers_of_another_process() {
    herd::serve_if_asked();
}

#[test]
fn ten_thousand_slow_peers_cost_little_more_than_their_sockets_and_do_not_delay_a_fast_one() {
    let count = possible() / FEW * FEW;
    if count < FEWEST {
        let _ = writeln!(
            stderr(),
            "skipped: the limit of descriptors allows only {count} connections, {FEWEST} are needed"
        );
        return;
    }
    // The time limit of a head is armed for each, and longer than any machine takes for this.
    let options = options(|o| o.policy.timeouts.headers = ms(600_000));
    let hello = |_: &Request<'_>, res: &mut Response<'_>| res.end("hello");
    let server = Server::bind("127.0.0.1:0").unwrap().options(options).start(hello).unwrap();
    let mut fast = Raw::to(&server);
    let mut peers = Herd::new(server.local_addr().unwrap(), count, "peers_of_another_process");
    add(&mut peers, FEW, &server);
    // What is allocated once is allocated now.
    drip(&mut peers, 1, &mut fast);
    let with_few = drip(&mut peers, count / FEW, &mut fast);

    let before = memory();
    add(&mut peers, count - FEW, &server);
    let with_many = drip(&mut peers, ROUNDS, &mut fast);
    let each = memory().saturating_sub(before) / (count - FEW);
    eprintln!(
        "{count} slow peers: {each} bytes each; {SLICE} bytes of theirs and a request take {with_many:?}, \
         {with_few:?} when there are only {FEW} of them"
    );
    // An idle connection is 264 bytes. One with half a head has what belongs to an exchange as well, and the head.
    assert!(each < 2048, "{each} bytes for each");
    // The processor's caches make some difference. Looking at all of them at each event makes a greater one.
    assert!(with_many < 4 * with_few, "{with_many:?} in place of {with_few:?}");

    let mut answered = (FEW + count * (1 + ROUNDS)) / SLICE;
    // A loop counts when a turn is over, which is after the client has its answer.
    let counted = |answered| server.handle().counters().requests == answered as u64;
    common::wait_until("the count of the fast client's requests", || counted(answered));
    let counters = server.handle().counters();
    assert_eq!((counters.closed, counters.timeouts), (0, 0));
    // None of them was forgotten.
    peers.finish();
    answered += count;
    common::wait_until("the count of the slow peers' requests", || counted(answered));
    drop(peers);
    stop(server);
}
