//! The two servers have the same words for the same things. Where they differ, it is meant, and the reason stands here.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use words::{Only, names};

mod words;

/// Types that both servers have, and the methods and fields that only one of them has on purpose, with the reason.
const MEANT: &[(&str, Only, &str, &str)] = &[
    ("Server", Only::Mio, "workers serve_with start_with", "event loops, each with a handler of its own"),
    ("Server", Only::Mio, "client", "a handler asks other servers in the loop of its own"),
    ("Server", Only::Std, "threads", "handlers have threads"),
    (
        "Server",
        Only::Std,
        "new",
        "without a listener, for connections that are injected; loops have `EventLoop`",
    ),
    ("Server", Only::Std, "incoming", "whoever may wait can take requests, too"),
    ("Server", Only::Std, "rehearse", "a blocking handler can be played to"),
    ("Server", Only::Std, "should_upgrade", "an event of the trait `Handler`"),
    (
        "Handle",
        Only::Std,
        "connections queued parked",
        "one number each, where a loop would have to be asked",
    ),
    ("Handle", Only::Std, "local_addrs", "listeners are not shared between loops"),
    ("Drained", Only::Std, "stuck", "a thread cannot be ended from outside"),
    (
        "Request",
        Only::Std,
        "content_length is_complete trailers wants_continue try_read with_poll_fd",
        "content is read from the request; loops have events",
    ),
    ("Request", Only::Std, "is_aborted", "asked by a thread that does something else; loops have an event"),
    ("Request", Only::Std, "local_addr peer_addr", "of the stream, which a loop's response has"),
    ("Request", Only::Std, "path query", "the head has them, which a loop's request gives as well"),
    (
        "Response",
        Only::Mio,
        "write write_shared write_file end_shared buffered cork uncork when_sent",
        "nothing blocks there; elsewhere a response is a `Write`",
    ),
    (
        "Response",
        Only::Mio,
        "pause resume keep_reading continue_when_wanted limit_content",
        "content comes by itself there, and is read elsewhere",
    ),
    ("Response", Only::Mio, "responder", "answers from other threads; a blocking handler is in one"),
    ("Response", Only::Mio, "call upstream", "a handler asks other servers in the loop of its own"),
    (
        "Response",
        Only::Mio,
        "announced",
        "what a proxy told; elsewhere the addresses are those, and nothing else is told",
    ),
    ("Response", Only::Mio, "fail", "events return nothing; a blocking handler returns its error"),
    ("Response", Only::Mio, "report connection stream", "asked in any event, where no hook has them"),
    (
        "Response",
        Only::Mio,
        "announced",
        "a gateway sends on what it was told; elsewhere the addresses are enough",
    ),
    (
        "Response",
        Only::Mio,
        "switch_to switch_here tunnel_to tunnel_here",
        "a connection leaves its loop or stays in it",
    ),
    ("Response", Only::Std, "switch tunnel", "the same where there is no loop to leave"),
    ("Options", Only::Mio, "write_high_water count_connections", "what is queued and counted in a loop"),
    ("Options", Only::Mio, "client", "of requests that handlers make"),
    (
        "Options",
        Only::Std,
        "queue retry_after linger_at_idle write_buffer batch_pipelined",
        "how threads are shared, and what is gathered before a write",
    ),
    ("Report", Only::Std, "peer", "hooks have no exchange that could know it"),
    ("ConnectionReport", Only::Std, "peer", "hooks get no stream"),
    ("Upgraded", Only::Std, "stream", "the stream behind a box"),
    ("Upgraded", Only::Mio, "into_tcp", "back to the standard library's type"),
];

/// The types whose names are compared.
const TYPES: [&str; 11] = [
    "Server",
    "Running",
    "Handle",
    "Drained",
    "Request",
    "Response",
    "Upgraded",
    "Options",
    "Report",
    "ConnectionReport",
    "ClientError",
];

/// Events of a loop's handler that a blocking one has no hook for: they are about one exchange, which it has in hand.
const OF_AN_EXCHANGE: &str =
    "request data end drain half_closed finished aborted should_upgrade shutdown upstream spare";

#[test]
fn the_two_servers_have_the_same_words_for_the_same_things() {
    let mio = names(&["io-mio/src/server", "io-mio/src/upgraded.rs"]);
    let std = names(&["io-std/src/server"]);
    // What is set for both is `Policy`, and in an option of its own or not.
    let common = names(&["proto/src/serving/policy.rs", "proto/src/lifetime.rs"]);
    let in_policy = |item: &String| {
        item == "policy" || common["Policy"].contains(item) || common["Lifetime"].contains(item)
    };
    let mut differences = BTreeSet::new();
    for name in TYPES {
        let (in_mio, in_std) = (&mio[name], &std[name]);
        assert!(in_mio.intersection(in_std).count() > 0, "nothing was found for {name}");
        for (only, items) in [(Only::Mio, in_mio - in_std), (Only::Std, in_std - in_mio)] {
            let items = items.into_iter().filter(|item| name != "Options" || !in_policy(item));
            let items =
                items.filter(|item| name != "Server" || !item.starts_with("on_") || item == "on_unix");
            differences.extend(items.map(|item| (name.to_owned(), only, item)));
        }
    }
    words::compare(differences, MEANT);
}

#[test]
fn a_hook_has_the_name_of_the_event() {
    let (mio, std) = (names(&["io-mio/src/server/handler.rs"]), names(&["io-std/src/server/builder.rs"]));
    let events: BTreeSet<String> = mio["Handler"].clone();
    let own: BTreeSet<String> = OF_AN_EXCHANGE.split(' ').map(str::to_owned).collect();
    let hooks =
        std["Server"].iter().filter_map(|name| name.strip_prefix("on_")).filter(|name| *name != "unix");
    let hooks: BTreeSet<String> = hooks.map(str::to_owned).collect();
    assert!(hooks.len() > 8, "{hooks:?}");
    assert_eq!(hooks, &events - &own);
}

#[test]
fn both_servers_export_the_same_types() {
    let exported = |source: &str| -> BTreeSet<String> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let text = fs::read_to_string(root.join(source)).unwrap();
        let exports = text.split("pub use ").skip(1).filter_map(|export| export.split(';').next());
        let words = exports.flat_map(|export| export.split(|c: char| !c.is_alphanumeric()));
        words.filter(|word| word.starts_with(char::is_uppercase)).map(str::to_owned).collect()
    };
    let (mio, std) = (exported("io-mio/src/lib.rs"), exported("io-std/src/server/mod.rs"));
    let own = "Call Calls Incoming Played Rehearsal Why Policy".split(' ').map(str::to_owned);
    let missing: Vec<_> =
        std.difference(&mio).cloned().collect::<BTreeSet<_>>().difference(&own.collect()).cloned().collect();
    assert!(missing.is_empty(), "{missing:?}");
}
