//! `Target` over arbitrary bytes: total, and nothing is lost or invented.

use h1wire_proto::{Authority, Method, Target};
use proptest::prelude::*;

fn method() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["GET", "OPTIONS", "CONNECT", "M-SEARCH"])
}

/// Targets that are nearly right, and bytes that are not.
fn target() -> impl Strategy<Value = Vec<u8>> {
    let pieces = vec![
        "http",
        "https",
        "ftp",
        ":",
        "//",
        "/",
        "?",
        "#",
        "*",
        "a",
        "h.example",
        "[::1]",
        "[",
        "]",
        "@",
        "u:p",
        "80",
        "0",
        "65536",
        "%41",
        "%",
        "\\",
        "-",
        ".",
    ];
    prop_oneof![
        8 => prop::collection::vec(prop::sample::select(pieces), 0..9).prop_map(|p| p.concat().into_bytes()),
        1 => prop::collection::vec(any::<u8>(), 0..12),
    ]
}

/// The target put together again.
fn join(target: &Target<'_>) -> Vec<u8> {
    let authority = |a: &Authority<'_>| {
        let user = a.userinfo.map(|u| [u, b"@"].concat()).unwrap_or_default();
        assert!(a.host_and_port.starts_with(a.host));
        [&user, a.host_and_port].concat()
    };
    match target {
        Target::Origin { path, query: None } => path.to_vec(),
        Target::Origin { path, query: Some(query) } => [path, &b"?"[..], query].concat(),
        Target::Absolute { scheme, authority: None, path_and_query } => {
            [scheme, &b":"[..], path_and_query].concat()
        }
        Target::Absolute { scheme, authority: Some(a), path_and_query } => {
            [scheme, &b"://"[..], &authority(a), path_and_query].concat()
        }
        Target::Authority { host, port } => [host, &b":"[..], port.to_string().as_bytes()].concat(),
        Target::Asterisk => b"*".to_vec(),
    }
}

proptest! {
    #[test]
    fn a_target_put_together_again_is_the_target(method in method(), target in target()) {
        let Ok(parsed) = Target::parse(Method::from(method), &target) else { return Ok(()) };
        prop_assert!(target.iter().all(|b| *b > b' ' && *b != 0x7f));
        let joined = join(&parsed);
        match parsed {
            // Zeros before a port are not kept.
            Target::Authority { .. } => {
                prop_assert_eq!(Target::parse(Method::Connect, &joined), Ok(parsed));
            }
            _ => prop_assert_eq!(&joined, &target),
        }
        prop_assert_eq!(matches!(parsed, Target::Authority { .. }), method == "CONNECT");
        prop_assert!(parsed != Target::Asterisk || method == "OPTIONS");
    }

    /// The URI of a request is an absolute target itself, and stands for the same thing.
    #[test]
    fn the_uri_of_a_target_is_an_absolute_target(method in method(), target in target()) {
        let Ok(parsed) = Target::parse(Method::from(method), &target) else { return Ok(()) };
        let mut uri = Vec::new();
        parsed.write_uri("https", Some(b"h:8443"), None, &mut uri).unwrap();
        let again = Target::parse(Method::Get, &uri);
        prop_assert!(matches!(again, Ok(Target::Absolute { .. })), "{}", uri.escape_ascii());
        let mut same = Vec::new();
        again.unwrap().write_uri("http", None, None, &mut same).unwrap();
        prop_assert_eq!(same, uri);
    }
}
