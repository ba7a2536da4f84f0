//! A proxy that clients choose: absolute targets and tunnels.

use crate::rig::{Gateway, Origin, field, peer};

fn origin() -> Origin {
    Origin::new(|peer| {
        while let Some(request) = peer.request() {
            let line = request.head.lines().next().unwrap().to_owned();
            let host = request.field("host").unwrap_or_default().to_owned();
            let told = format!("{line}|{host}");
            peer.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{told}", told.len()));
        }
    })
}

#[test]
fn an_absolute_target_is_asked_for_at_its_server() {
    let origin = origin();
    let Some(gateway) = Gateway::start(&["--forward"]) else { return };
    let addr = origin.addr;
    let answer = gateway.ask(&format!(
        "GET http://{addr}/a?b HTTP/1.1\r\nHost: ignored\r\nProxy-Authorization: Basic eA==\r\nConnection: close\r\n\r\n"
    ));
    assert!(answer.ends_with(&format!("GET /a?b HTTP/1.1|{addr}")), "{answer}");
    let answer =
        gateway.ask(&format!("OPTIONS http://{addr} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
    assert!(answer.ends_with(&format!("OPTIONS * HTTP/1.1|{addr}")), "{answer}");
}

#[test]
fn a_target_without_a_server_is_refused() {
    let Some(gateway) = Gateway::start(&["--forward"]) else { return };
    let answer = gateway.ask("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    let answer = gateway.ask("GET ftp://a/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 400 ") || answer.starts_with("HTTP/1.1 501 "), "{answer}");
}

#[test]
fn connect_opens_a_tunnel_in_which_bytes_go_both_ways() {
    let origin = Origin::new(|peer| {
        while peer.more() {
            let echoed = std::mem::take(&mut peer.rest);
            peer.send(echoed);
        }
    });
    let Some(gateway) = Gateway::start(&["--forward", "--connect-ports", "all"]) else { return };
    let mut client = peer(&gateway);
    client.send(format!("CONNECT {0} HTTP/1.1\r\nHost: {0}\r\n\r\nearly", origin.addr));
    let head = client.head().unwrap();
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert!(
        field(&head, "content-length").is_none() && field(&head, "transfer-encoding").is_none(),
        "{head}"
    );
    assert_eq!(client.exactly(5).unwrap(), b"early");
    let sent: Vec<u8> = (0..300_000u32).flat_map(u32::to_be_bytes).collect();
    let (mut writer, copy) = (client.stream.try_clone().unwrap(), sent.clone());
    let writes = std::thread::spawn(move || std::io::Write::write_all(&mut writer, &copy).unwrap());
    assert!(client.exactly(sent.len()).unwrap() == sent);
    writes.join().unwrap();
    // One side's end reaches the other.
    client.stream.shutdown(std::net::Shutdown::Write).unwrap();
    assert!(!client.more(), "the tunnel ends");
}

#[test]
fn connect_is_refused_where_it_is_not_wanted() {
    let origin = origin();
    let connect = format!("CONNECT {0} HTTP/1.1\r\nHost: {0}\r\n\r\n", origin.addr);
    let Some(gateway) = Gateway::start(&["--forward"]) else { return };
    let answer = peer(&gateway);
    let mut client = answer;
    client.send(&connect);
    let head = client.head().unwrap();
    assert!(head.starts_with("HTTP/1.1 403 "), "not one of the ports: {head}");
    let Some(gateway) = Gateway::to(&[origin.addr], &[]) else { return };
    let mut client = peer(&gateway);
    client.send(&connect);
    let head = client.head().unwrap();
    assert!(
        head.starts_with("HTTP/1.1 405 ") || head.starts_with("HTTP/1.1 501 "),
        "no forward proxy: {head}"
    );
    assert_eq!(origin.connections(), 0);
}

#[test]
fn a_server_that_cannot_be_reached_is_a_bad_gateway() {
    let Some(gateway) = Gateway::start(&["--forward", "--connect-ports", "all"]) else { return };
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let answer = gateway.ask(&format!("GET http://{free}/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
    assert!(answer.starts_with("HTTP/1.1 502 "), "{answer}");
    let mut client = peer(&gateway);
    client.send(format!("CONNECT {free} HTTP/1.1\r\nHost: {free}\r\n\r\n"));
    let head = client.head().unwrap();
    assert!(head.starts_with("HTTP/1.1 502 "), "{head}");
    let answer =
        gateway.ask("GET http://no-such-name.invalid/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 502 "), "{answer}");
}
