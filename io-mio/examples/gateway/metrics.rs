//! Counters in Prometheus' text form, on an address of their own.
//!
//! Each event loop writes its own numbers without a lock; whoever asks gets the sum.

use std::fmt::Write;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use h1wire_mio::{Handle, Running, Server};

/// A number that one event loop adds to and any thread may read.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    pub fn add(&self, n: u64) {
        // There is one writer, so that no locked instruction is needed.
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(n), Ordering::Relaxed);
    }

    pub fn subtract(&self, n: u64) {
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_sub(n), Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What one event loop counts.
#[derive(Debug, Default)]
pub struct LoopCounts {
    /// Answers by the first digit of their status.
    pub by_class: [Counter; 6],
    /// Requests that are passed on right now.
    pub under_way: Counter,
    /// Attempts at an origin that failed.
    pub origin_failures: Counter,
    /// Attempts that were followed by one more.
    pub retries: Counter,
    /// Requests that no origin was there for.
    pub unavailable: Counter,
    /// Clients that left before their answer was sent.
    pub clients_left: Counter,
    /// Tunnels and connections that went over to another protocol.
    pub tunnels: Counter,
    /// How long answers took, each bound with those before it.
    took: [Counter; BOUNDS.len() + 1],
    took_microseconds: Counter,
}

/// Upper bounds of what answers took, in milliseconds.
const BOUNDS: [u64; 10] = [1, 2, 5, 10, 25, 50, 100, 250, 1000, 5000];

impl LoopCounts {
    /// An answer was sent.
    pub fn answered(&self, status: u16, took: Duration) {
        if let Some(counter) = self.by_class.get(usize::from(status / 100)) {
            counter.add(1);
        }
        let milliseconds = took.as_millis();
        let place =
            BOUNDS.iter().position(|bound| milliseconds <= u128::from(*bound)).unwrap_or(BOUNDS.len());
        if let Some(counter) = self.took.get(place) {
            counter.add(1);
        }
        self.took_microseconds.add(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
    }
}

/// The counts of all loops.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    loops: Arc<Mutex<Vec<Arc<LoopCounts>>>>,
}

impl Metrics {
    /// The counts of one more loop.
    pub fn add_loop(&self) -> Arc<LoopCounts> {
        let counts = Arc::new(LoopCounts::default());
        self.loops.lock().unwrap_or_else(PoisonError::into_inner).push(counts.clone());
        counts
    }

    /// Serves the text at `address` from a thread of its own.
    pub fn serve(&self, address: SocketAddr, gateway: Handle) -> io::Result<Running> {
        let metrics = self.clone();
        Server::bind(address)?.start(move |req, res| {
            if req.target().split(|b| *b == b'?').next() != Some(b"/metrics") {
                return res.status(404).end("the counters are at /metrics\n");
            }
            res.header("Content-Type", "text/plain; version=0.0.4").end(metrics.text(&gateway))
        })
    }

    fn text(&self, gateway: &Handle) -> String {
        let loops = self.loops.lock().unwrap_or_else(PoisonError::into_inner);
        let sum = |of: fn(&LoopCounts) -> &Counter| loops.iter().map(|counts| of(counts).get()).sum::<u64>();
        let mut text = String::new();
        head(&mut text, "responses_total", "counter", "Answers by the class of their status.");
        for class in 1..6 {
            let n: u64 = loops.iter().filter_map(|counts| counts.by_class.get(class)).map(Counter::get).sum();
            let _ = writeln!(text, "h1wire_responses_total{{class=\"{class}xx\"}} {n}");
        }
        let told: [(&str, &str, &str, u64); 6] = [
            ("requests_under_way", "gauge", "Requests being passed on.", sum(|c| &c.under_way)),
            (
                "origin_failures_total",
                "counter",
                "Attempts at an origin that failed.",
                sum(|c| &c.origin_failures),
            ),
            ("retries_total", "counter", "Attempts that were followed by another.", sum(|c| &c.retries)),
            (
                "unavailable_total",
                "counter",
                "Requests that no origin was there for.",
                sum(|c| &c.unavailable),
            ),
            (
                "clients_left_total",
                "counter",
                "Clients that left before their answer.",
                sum(|c| &c.clients_left),
            ),
            ("tunnels_total", "counter", "Tunnels and switched connections.", sum(|c| &c.tunnels)),
        ];
        let counted = gateway.counters();
        let server: [(&str, &str, &str, u64); 8] = [
            (
                "connections_open",
                "gauge",
                "Clients' connections.",
                counted.accepted.saturating_sub(counted.closed),
            ),
            ("connections_total", "counter", "Connections accepted.", counted.accepted),
            ("refused_total", "counter", "Connections and requests beyond a limit.", counted.refused),
            ("requests_total", "counter", "Requests received.", counted.requests),
            ("received_bytes_total", "counter", "Bytes read from clients.", counted.bytes_received),
            ("sent_bytes_total", "counter", "Bytes written to clients.", counted.bytes_sent),
            (
                "protocol_errors_total",
                "counter",
                "Requests that broke the protocol.",
                counted.protocol_errors,
            ),
            ("timeouts_total", "counter", "Time limits that ended a client's connection.", counted.timeouts),
        ];
        for (name, kind, help, n) in told.into_iter().chain(server) {
            head(&mut text, name, kind, help);
            let _ = writeln!(text, "h1wire_{name} {n}");
        }
        head(&mut text, "response_seconds", "histogram", "From a request's head to its answer's last byte.");
        let mut so_far = 0;
        for (place, bound) in BOUNDS.iter().map(|ms| *ms as f64 / 1000.0).chain([f64::INFINITY]).enumerate() {
            so_far += loops.iter().filter_map(|counts| counts.took.get(place)).map(Counter::get).sum::<u64>();
            let bound = if bound.is_finite() { bound.to_string() } else { "+Inf".to_owned() };
            let _ = writeln!(text, "h1wire_response_seconds_bucket{{le=\"{bound}\"}} {so_far}");
        }
        let seconds = sum(|c| &c.took_microseconds) as f64 / 1e6;
        let _ =
            writeln!(text, "h1wire_response_seconds_sum {seconds}\nh1wire_response_seconds_count {so_far}");
        text
    }
}

fn head(text: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(text, "# HELP h1wire_{name} {help}\n# TYPE h1wire_{name} {kind}");
}
