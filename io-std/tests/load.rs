//! The agent under load. Alone in its process, because it counts the threads and descriptors of all of it.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use h1wire_std::Agent;

fn count(of: &str) -> usize {
    std::fs::read_dir(of).map_or(0, Iterator::count)
}

fn descriptors() -> usize {
    count("/proc/self/fd")
}

fn threads() -> usize {
    count("/proc/self/task")
}

fn eventually(is_so: impl Fn() -> bool, what: &str) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !is_so() {
        assert!(Instant::now() < deadline, "never: {what}");
        thread::yield_now();
    }
}

#[derive(Default)]
struct Counts {
    open: AtomicUsize,
    most: AtomicUsize,
    /// The requests of each connection, in the order they came.
    served: Mutex<Vec<Vec<usize>>>,
}

fn serve(socket: TcpStream, counts: &Counts) {
    let most = counts.open.fetch_add(1, Ordering::SeqCst) + 1;
    counts.most.fetch_max(most, Ordering::SeqCst);
    let mut served = Vec::new();
    let mut reader = BufReader::new(&socket);
    let mut line = String::new();
    while reader.read_line(&mut line).is_ok_and(|n| n > 0) {
        if let Some(path) = line.strip_prefix("GET /") {
            served.push(path.split(' ').next().unwrap().parse().unwrap());
        }
        if line == "\r\n" {
            (&socket).write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello").unwrap();
        }
        line.clear();
    }
    counts.served.lock().unwrap().push(served);
    counts.open.fetch_sub(1, Ordering::SeqCst);
}

#[test]
fn a_thousand_parallel_requests_share_eight_connections_in_their_order_and_leave_nothing_behind() {
    const REQUESTS: usize = 1000;
    const CONNECTIONS: u32 = 8;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let counts = Arc::new(Counts::default());
    let counted = counts.clone();
    thread::spawn(move || {
        for socket in listener.incoming() {
            let (socket, counts) = (socket.unwrap(), counted.clone());
            socket.set_nodelay(true).unwrap();
            thread::spawn(move || serve(socket, &counts));
        }
    });
    let (threads_before, descriptors_before) = (threads(), descriptors());

    let agent = Agent::builder().keep_alive(true).max_connections(CONNECTIONS).build();
    // Holds every connection until all requests wait, so that there is an order to keep.
    let mut held: Vec<_> = (0..CONNECTIONS).map(|n| agent.get(format!("{url}{n}")).send().unwrap()).collect();
    let first = CONNECTIONS as usize;
    let clients: Vec<_> = (first..first + REQUESTS)
        .map(|n| {
            let (client, url) = (agent.clone(), format!("{url}{n}"));
            let thread = thread::Builder::new().stack_size(128 * 1024).spawn(move || {
                let mut response = client.get(url).send().unwrap();
                assert!(response.is_reused());
                assert_eq!(response.text().unwrap(), "hello");
            });
            eventually(|| agent.totals().waiting == n + 1 - first, "the request waits");
            thread.unwrap()
        })
        .collect();
    let totals = agent.totals();
    assert_eq!((totals.busy, totals.waiting, totals.origins), (first, REQUESTS, 1));
    for response in &mut held {
        response.text().unwrap();
    }
    for client in clients {
        client.join().unwrap();
    }
    assert_eq!(counts.most.load(Ordering::SeqCst), first, "the limit was not exceeded");
    assert_eq!(agent.totals().idle, first);

    drop(held);
    drop(agent);
    eventually(|| counts.open.load(Ordering::SeqCst) == 0, "every connection is closed");
    eventually(|| threads() == threads_before, "no thread is left");
    eventually(|| descriptors() == descriptors_before, "no descriptor is left");

    // First come, first served: a connection that becomes free gets the oldest request, so that each has them in
    // their order, and together they have them all.
    let served = counts.served.lock().unwrap();
    assert!(served.iter().all(|of_one| of_one.is_sorted()), "{served:?}");
    let mut all: Vec<usize> = served.concat();
    all.sort_unstable();
    assert!(all.into_iter().eq(0..first + REQUESTS));
}
