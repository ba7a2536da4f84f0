//! Splitting: however a stream is cut, the same things are seen, the same errors at the same offsets.

use h1wire_proto::{ClientConfig, ClientLeniency, Limits, Method, ServerConfig, ServerLeniency};

use crate::choices::Choices;
use crate::digest::{Answering, Asking, Seen, feed};

/// Settings drawn from the choices: limits small enough to be met, no leniency or any set of them.
pub fn settings(choices: &mut Choices<'_>) -> (ServerConfig, ClientConfig) {
    let strict = choices.flip();
    let (server, client) = lenient_settings(choices);
    if !strict {
        return (server, client);
    }
    (
        ServerConfig { leniency: ServerLeniency::STRICT, ..server },
        ClientConfig { leniency: ClientLeniency::STRICT, ..client },
    )
}

/// The same with any set of leniencies.
fn lenient_settings(choices: &mut Choices<'_>) -> (ServerConfig, ClientConfig) {
    let limits = match choices.below(3) {
        0 => Limits::DEFAULT,
        1 => {
            let mut limits = Limits::DEFAULT;
            for (_, _, set) in Limits::NAMES {
                set(&mut limits, Some(choices.byte().into()));
            }
            // Those that would otherwise nearly always be the last.
            limits.head_bytes += 16;
            (limits.fields, limits.informational) =
                (Some(choices.byte() as u32 % 8), Some(choices.byte() % 4));
            limits
        }
        _ => Limits { fields: None, chunk_overhead: Some(64), ..Limits::DEFAULT },
    };
    let bits = choices.word();
    let pick = |i: usize| bits >> (i % 16) & 1 == 1;
    let server = ServerLeniency::NAMES.iter().enumerate().filter(|(i, _)| pick(*i));
    let client = ClientLeniency::NAMES.iter().enumerate().filter(|(i, _)| pick(*i));
    (
        ServerConfig {
            limits,
            leniency: server.fold(ServerLeniency::STRICT, |all, (_, (_, one))| all.union(*one)),
            require_host: choices.flip(),
        },
        ClientConfig {
            limits,
            leniency: client.fold(ClientLeniency::STRICT, |all, (_, (_, one))| all.union(*one)),
            pipeline_depth: 1,
        },
    )
}

/// Methods of the requests a response stream answers.
pub fn methods(choices: &mut Choices<'_>) -> Vec<Method<'static>> {
    let all = [Method::Get, Method::Head, Method::Connect, Method::Post, Method::Options];
    (0..choices.below(4)).map(|_| all[choices.below(all.len())]).collect()
}

/// What a machine with these settings sees of `bytes`.
pub fn seen(
    is_server: bool,
    server: &ServerConfig,
    client: &ClientConfig,
    methods: &[Method<'static>],
    bytes: &[u8],
    cuts: &[usize],
    eof: bool,
) -> Vec<Seen> {
    if is_server {
        feed(&mut Answering::new(server), bytes, cuts, eof, &server.limits)
    } else {
        feed(&mut Asking::new(client, methods.to_vec()), bytes, cuts, eof, &client.limits)
    }
}

/// Choices first, then the stream: whole, byte by byte, and cut where the choices say.
pub fn split(data: &[u8]) {
    let mut choices = Choices(data);
    let (is_server, eof) = (choices.flip(), choices.flip());
    let (server, client) = settings(&mut choices);
    let methods = methods(&mut choices);
    let mut cuts: Vec<usize> = (0..choices.below(6)).map(|_| choices.byte() as usize).collect();
    cuts.sort_unstable();
    let bytes = choices.0;
    let whole = seen(is_server, &server, &client, &methods, bytes, &[], eof);
    let each: Vec<usize> = (1..bytes.len()).collect();
    // What the strict machine cannot read at once ends the connection, so that it is tried once.
    let strict = if is_server {
        server.leniency == ServerLeniency::STRICT
    } else {
        client.leniency == ClientLeniency::STRICT
    };
    for cuts in [&cuts, &each] {
        looks();
        let got = seen(is_server, &server, &client, &methods, bytes, cuts, eof);
        assert_eq!(got, whole, "cut at {cuts:?}: {}", bytes.escape_ascii());
        let looks = looks().filter(|_| strict).unwrap_or_default();
        assert!(looks <= 4 * bytes.len(), "{looks} looks, cut at {cuts:?}: {}", bytes.escape_ascii());
    }
}

/// How many looks at bytes the machine has taken since this was last asked. Counted by `cargo fuzz` only, for a machine
/// that counts is not the one that is used.
fn looks() -> Option<usize> {
    #[cfg(fuzzing)]
    return Some(h1wire_proto::take_visits());
    #[cfg(not(fuzzing))]
    None
}

/// A leniency only adds accepted inputs: what the strict machine accepts, the lenient one sees alike.
pub fn lenient(data: &[u8]) {
    let mut choices = Choices(data);
    let is_server = choices.flip();
    let (server, client) = lenient_settings(&mut choices);
    let methods = methods(&mut choices);
    let bytes = choices.0;
    let strict = (
        ServerConfig { leniency: ServerLeniency::STRICT, ..server },
        ClientConfig { leniency: ClientLeniency::STRICT, ..client },
    );
    let want = seen(is_server, &strict.0, &strict.1, &methods, bytes, &[], true);
    let got = seen(is_server, &server, &client, &methods, bytes, &[], true);
    // What came before an error was accepted and must stay as it was.
    let accepted = match want.last() {
        Some(Seen::Error(_)) => &want[..want.len() - 1],
        _ => &want[..],
    };
    for (i, seen) in accepted.iter().enumerate() {
        let last = i + 1 == accepted.len() && accepted.len() < want.len();
        match (seen, got.get(i)) {
            // Content may go on where the strict machine stopped.
            (Seen::Data(ours), Some(Seen::Data(theirs))) if last => assert!(theirs.starts_with(ours)),
            (seen, other) => assert_eq!(Some(seen), other, "{}", bytes.escape_ascii()),
        }
    }
}
