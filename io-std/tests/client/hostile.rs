//! Servers that send what nobody asked for or never come to an end, and hooks that panic: nothing hangs, nothing is
//! taken for the answer to something else, nothing is left behind.

use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use h1wire_std::{Agent, ErrorKind, Event, Proxies, Proxy, Request, Timeout};

use crate::script::{Script, eventually, within};

fn kept() -> Agent {
    Agent::builder().keep_alive(true).build()
}

#[test]
fn line_ends_behind_a_response_are_not_part_of_the_next() {
    let script = Script::kept(["HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok\r\n"; 3]);
    let agent = kept();
    for reused in [false, true, true] {
        let mut response = agent.get(script.url("/")).send().unwrap();
        assert_eq!((response.text().unwrap().as_str(), response.is_reused()), ("ok", reused));
    }
    drop(agent);
    script.join();
}

#[test]
fn content_may_be_taken_without_a_limit() {
    let script = Script::kept(["HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"]);
    assert_eq!(kept().get(script.url("/")).send().unwrap().content(usize::MAX).unwrap(), b"ok");
    script.join();
}

#[test]
fn content_where_there_must_be_none_is_not_the_next_answer() {
    for (method, answer) in [
        ("HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 38\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
        ("GET", "HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
        ("GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 38\r\n\r\nHTTP/1.1 200 OK\r\nX: 1\r\n\r\n"),
    ] {
        let script = Script::new(move |listener| {
            let mut first = crate::script::Peer::accept(listener);
            first.request();
            first.send(answer.as_bytes());
            assert_eq!(first.end(), b"");
            let mut second = crate::script::Peer::accept(listener);
            second.request();
            second.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nright");
        });
        let agent = kept();
        let mut response = agent.request(method, script.url("/1")).send().unwrap();
        assert_eq!(response.text().unwrap(), "");
        assert_eq!(agent.get(script.url("/2")).send().unwrap().text().unwrap(), "right");
        script.join();
    }
}

#[test]
fn a_hook_that_panics_over_an_idle_connection_costs_that_connection_alone() {
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    let script = Script::new(move |listener| {
        for _ in 0..2 {
            let mut peer = crate::script::Peer::accept(listener);
            peer.request();
            peer.send(answer.as_bytes());
            peer.end();
        }
    });
    let panics = AtomicBool::new(true);
    let agent = Agent::builder()
        .keep_alive(true)
        .max_connections(1)
        .keep_connection(move |_| {
            assert!(!panics.swap(false, Ordering::Relaxed), "the hook panics");
            true
        })
        .build();
    for _ in 0..2 {
        let (agent, url) = (agent.clone(), script.url("/"));
        assert_eq!(within(move || agent.get(url).send().unwrap().text()).unwrap(), "ok");
    }
    drop(agent);
    script.join();
}

#[test]
fn interim_responses_do_not_put_off_the_limit_on_the_final_one() {
    let script = Script::once(|peer| {
        peer.request();
        // Slow on purpose.
        while std::io::Write::write_all(&mut peer.socket, b"HTTP/1.1 102 Processing\r\n\r\n").is_ok() {
            std::thread::sleep(Duration::from_millis(100));
        }
    });
    let start = Instant::now();
    let error = kept().get(script.url("/")).response_timeout(Duration::from_millis(500)).send().unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Timeout(Timeout::Response)), "{error:?}");
    assert!(start.elapsed() < Duration::from_secs(3));
    script.join();
}

#[test]
fn a_proxy_that_never_answers_holds_no_thread_once_nobody_waits() {
    for keep_alive in [false, true] {
        let script = Script::once(|peer| {
            peer.request();
            assert_eq!(peer.end(), b"");
        });
        let proxy = Proxy::parse(&script.url("/")).unwrap();
        let agent = Agent::builder().keep_alive(keep_alive).proxies(Proxies::all(proxy)).build();
        let request = agent.get("http://elsewhere.example/").tunnel(true);
        let error = request.total_timeout(Duration::from_millis(300)).send().unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Timeout(Timeout::Total)), "{error:?}");
        script.join();
        eventually(|| agent.totals().busy == 0);
    }
}

#[test]
fn a_response_of_which_nothing_is_read_leaves_no_connection() {
    let script = Script::once(|peer| {
        peer.request();
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
        peer.end();
    });
    let agent = kept();
    let mut response = agent.get(script.url("/")).send().unwrap();
    response.set_timeout(Some(Duration::from_millis(200)));
    assert!(response.read(&mut [0; 8]).is_err());
    drop(response);
    assert_eq!(agent.totals().busy, 0);
    script.join();
}

#[test]
fn the_handle_of_a_request_that_failed_keeps_no_connections() {
    let script = Script::kept(["HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"]);
    let agent = kept();
    assert_eq!(agent.get(script.url("/")).send().unwrap().text().unwrap(), "ok");
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut request = agent.get(format!("http://{nobody}/"));
    let handle = request.abort_handle();
    // The error has the request, and that has the agent.
    drop(request.send().unwrap_err());
    drop(agent);
    script.join();
    handle.abort();
}

#[test]
fn a_hook_of_a_request_that_panics_closes_its_connection_whoever_keeps_the_handle() {
    const ANSWER: &[u8] = b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no";
    let hooks: [fn(Request) -> Request; 5] = [
        |request| request.on_informational(|_| panic!("a hook")),
        |request| request.observe(|event| assert!(!matches!(event, Event::Connected { .. }))),
        |request| request.observe(|event| assert!(!matches!(event, Event::Informational(_)))),
        |request| request.observe(|event| assert!(!matches!(event, Event::Response(_)))),
        |request| request.observe(|event| assert!(!matches!(event, Event::Data(_)))),
    ];
    for hook in hooks {
        let script = Script::once(|peer| {
            if peer.try_request().is_some() {
                peer.send(ANSWER);
            }
            peer.end();
        });
        let mut request = hook(Request::get(script.url("/")).one_shot());
        let handle = request.abort_handle();
        let used = catch_unwind(AssertUnwindSafe(|| request.send().unwrap().text()));
        assert!(used.is_err());
        within(move || script.join());
        drop(handle);
    }
}
