//! What is told of the client, and what a client says of itself.

use super::*;

/// What is sent of the fields about the client.
fn told(fields: &mut ForwardedFields, received: &[(&str, &str)], peer: Option<core::net::IpAddr>) -> String {
    let received = self::fields(received);
    let head = head("GET", "/", &received);
    fields.describe(&head, peer, "https");
    let policy = edge();
    let sent = policy.request(&head).unwrap().with_forwarded(fields);
    wire(&sent)
        .replace("\\\"", "\"")
        .lines()
        .filter(|line| !line.starts_with("Host") && !line.starts_with("Via"))
        .fold(String::new(), |all, line| all + line + "\n")
}

const FORGED: &[(&str, &str)] = &[
    ("Host", "h"),
    ("Forwarded", "for=1.1.1.1"),
    ("X-Forwarded-For", "1.1.1.1"),
    ("x-forwarded-proto", "http"),
    ("X-FORWARDED-Port", "1"),
];

#[test]
fn what_a_client_says_of_itself_is_not_believed_in_either_form() {
    let peer = Some([10, 0, 0, 9].into());
    let mut fields = ForwardedFields::new(ForwardedForm::Forwarded);
    assert_eq!(told(&mut fields, FORGED, peer), "Forwarded: for=10.0.0.9;host=h;proto=https\n");
    let mut fields = ForwardedFields::new(ForwardedForm::XForwarded);
    let ours = "X-Forwarded-For: 10.0.0.9\nX-Forwarded-Host: h\nX-Forwarded-Proto: https\n";
    assert_eq!(told(&mut fields, FORGED, peer), ours);
}

#[test]
fn a_trusted_proxy_is_believed_about_those_before_it() {
    let peer = Some("::1".parse().unwrap());
    let mut fields = ForwardedFields::new(ForwardedForm::Forwarded).trust(true);
    let lines = told(&mut fields, FORGED, peer);
    assert!(lines.ends_with("Forwarded: for=1.1.1.1, for=\"[::1]\";host=h;proto=https\n"), "{lines}");
    assert_eq!(lines.matches("Forwarded: for").count(), 1, "{lines}");
    assert!(lines.contains("X-Forwarded-For: 1.1.1.1\n"), "another form goes on as it came: {lines}");
    let mut fields = ForwardedFields::new(ForwardedForm::XForwarded).trust(true);
    let lines = told(&mut fields, FORGED, peer);
    assert!(lines.contains("X-Forwarded-For: 1.1.1.1, ::1\n"), "{lines}");
    assert!(
        lines.contains("X-Forwarded-Proto: http\n") && lines.contains("X-Forwarded-Host: h\n"),
        "{lines}"
    );
}

#[test]
fn a_client_without_an_address_is_unknown_and_its_host_stays_inside_its_quotes() {
    let mut fields = ForwardedFields::new(ForwardedForm::Forwarded);
    let mapped = Some("::ffff:10.0.0.1".parse().unwrap());
    assert_eq!(
        told(&mut fields, &[("Host", "h:1")], mapped),
        "Forwarded: for=10.0.0.1;host=\"h:1\";proto=https\n"
    );
    let lines = told(&mut fields, &[("Host", "[::1]")], None);
    assert_eq!(lines, "Forwarded: for=unknown;host=\"[::1]\";proto=https\n");
}
