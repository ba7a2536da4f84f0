//! Requests that end while their connection is being made, one way or another, leave no thread behind. Alone in its
//! program, because it counts the threads of the process.
#![cfg(target_os = "linux")]

use std::net::{TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::thread;
use std::time::{Duration, Instant};

#[cfg(feature = "tls")]
use h1wire_std::proto::pool::Family;
use h1wire_std::{Agent, Proxies, Proxy, Request};

const PATIENCE: Duration = Duration::from_secs(20);

type Making<'a> = Box<dyn Fn() -> Request + 'a>;

/// How many threads are making a connection.
fn makers() -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let is_maker = |name: std::io::Result<String>| name.is_ok_and(|name| name.trim() == "h1wire connect");
    tasks.flatten().filter(|task| is_maker(std::fs::read_to_string(task.path().join("comm")))).count()
}

fn until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "never: {what}");
        thread::yield_now();
    }
}

#[test]
fn a_connection_that_nobody_wants_any_more_holds_no_thread() {
    // Takes connections, and says nothing on them.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = silent.local_addr().map(|addr| (addr, silent)).unwrap();
    // Takes none: there is no room for one more.
    let path = std::env::temp_dir().join(format!("h1wire-std-threads-{}.sock", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let listener = UnixListener::bind(&path).unwrap();
    rustix::net::listen(&listener, 0).unwrap();
    let _first = UnixStream::connect(&path).unwrap();
    let full = TcpListener::bind("127.0.0.1:0").unwrap();
    rustix::net::listen(&full, 0).unwrap();
    let full_addr = full.local_addr().unwrap();
    let _first = (_first, TcpStream::connect(full_addr).unwrap());

    let agent = &Agent::builder().keep_alive(false).build();
    let proxies = Proxies::all(Proxy::parse(&silent.0.to_string()).unwrap());
    let requests: Vec<(&str, Making<'_>)> = vec![
        #[cfg(feature = "tls")]
        ("TLS", Box::new(|| agent.get(format!("https://localhost:{}/", silent.0.port())).family(Family::V4))),
        ("a unix socket", Box::new(|| agent.get("http://localhost/").socket_path(&path))),
        ("a tunnel", Box::new(|| agent.get("http://a.example/").proxies(proxies.clone()).tunnel(true))),
        (
            "an address",
            Box::new(move || agent.get("http://a.example/").lookup(move |_, _| Ok(vec![full_addr]))),
        ),
    ];
    for (what, request) in requests {
        for late in [false, true] {
            let mut request = request();
            let abort = request.abort_handle();
            if late {
                request = request.connect_timeout(Duration::from_millis(50));
            }
            let waiting = thread::spawn(move || request.send().unwrap_err());
            if !late {
                until(what, || makers() == 1 || waiting.is_finished());
                abort.abort();
            }
            let error = waiting.join().unwrap();
            assert_eq!((error.is_timeout(), error.is_aborted()), (late, !late), "{what}: {error:?}");
            until(what, || makers() == 0);
        }
    }
    std::fs::remove_file(&path).unwrap();

    // An agent that keeps connections keeps one that is being made as well, and as long as it is there itself.
    for destroy in [true, false] {
        let agent = Agent::builder().keep_alive(true).proxies(proxies.clone()).build();
        let mut request = agent.get("http://a.example/").tunnel(true);
        let abort = request.abort_handle();
        let waiting = thread::spawn(move || request.send().unwrap_err());
        until("it is being made", || makers() == 1);
        abort.abort();
        drop(waiting.join().unwrap());
        assert_eq!((makers(), agent.totals().busy), (1, 1));
        if destroy {
            agent.destroy();
            until("it is destroyed", || makers() == 0);
        }
        drop(agent);
        until("the agent is gone", || makers() == 0);
    }
}
