//! Early hints, from both sides.

use crate::{WAIT, pair, talk};
use h1wire_recipes::early_hints::{get, serve_connection};
use std::sync::Mutex;
use std::sync::mpsc::channel;

const HINTS: &[(&str, &str)] = &[("Link", "</style.css>; rel=preload; as=style")];

#[test]
fn the_hint_is_there_before_the_page_is_made() {
    let (client, server) = pair();
    let (seen, waiting) = channel();
    let waiting = Mutex::new(waiting);
    std::thread::scope(|scope| {
        let served = scope.spawn(|| {
            serve_connection(server, HINTS, |target| {
                // The page cannot be made before the client has the hint.
                let link: Vec<u8> = waiting.lock().unwrap().recv_timeout(WAIT).unwrap();
                [target, b" with ", &link].concat()
            })
        });
        let page = get(client, "a", "/page", |status, fields| {
            assert_eq!(status, 103);
            seen.send(fields.get("link").unwrap().to_vec()).unwrap();
        });
        assert_eq!(page.unwrap(), (200, b"/page with </style.css>; rel=preload; as=style".to_vec()));
        served.join().unwrap().unwrap();
    });
}

#[test]
fn an_old_client_is_sent_the_answer_alone() {
    let answer =
        talk("GET / HTTP/1.0\r\n\r\n", |stream| serve_connection(stream, HINTS, |_| b"page".to_vec()));
    assert_eq!(
        answer,
        "HTTP/1.1 200 OK\r\nLink: </style.css>; rel=preload; as=style\r\nConnection: close\r\nContent-Length: 4\r\n\r\npage"
    );
}
