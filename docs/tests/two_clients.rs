//! The two clients have the same words for the same things. Where they differ, it is meant, and the reason stands here.

use std::collections::BTreeSet;

use words::{Meant, Only, names};

mod words;

/// Types that both clients have, and the methods and fields that only one of them has on purpose, with the reason.
const MEANT: &[Meant] = &[
    ("Request", Only::Std, "send send_bytes send_reader start", "it is sent by a call that blocks"),
    ("Request", Only::Mio, "content streamed", "a loop is given the request with its content, or without"),
    ("Request", Only::Std, "agent", "a loop's requests are given to its client"),
    ("Request", Only::Std, "observe on_informational on_report", "events of a loop's trait `Caller`"),
    ("Request", Only::Std, "origin_name", "a loop's agent is asked by the request's call"),
    ("Request", Only::Mio, "raw renew fields", "for gateways, which send on what they received"),
    ("Request", Only::Mio, "patience", "all limits at once; one by one in both"),
    ("Error", Only::Std, "of", "a response that is a `Read` fails with an `io::Error` around it"),
    ("Error", Only::Std, "request_line", "errors of a loop come with the call they are of"),
];

/// The types whose names are compared.
const TYPES: [&str; 4] = ["Request", "AbortHandle", "Error", "OriginCounts"];

#[test]
fn the_two_clients_have_the_same_words_for_the_same_things() {
    let mio = names(&["io-mio/src/client"]);
    let std = names(&["io-std/src/client", "io-std/src/agent", "io-std/src/error.rs"]);
    let mut differences = BTreeSet::new();
    for name in TYPES {
        let (in_mio, in_std) = (&mio[name], &std[name]);
        assert!(in_mio.intersection(in_std).count() > 0, "nothing was found for {name}");
        for (only, items) in [(Only::Mio, in_mio - in_std), (Only::Std, in_std - in_mio)] {
            differences.extend(items.into_iter().map(|item| (name.to_owned(), only, item)));
        }
    }
    words::compare(differences, MEANT);
}
