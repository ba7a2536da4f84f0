//! Counts how often bytes are looked at, in tests and under a fuzzer only: the proof that dripped input costs work linear
//! in its bytes.
//!
//! In ordinary builds [`add`] is nothing and there is no more here.

#[cfg(not(any(test, fuzzing)))]
#[inline(always)]
pub(crate) fn add(_: usize) {}

#[cfg(any(test, fuzzing))]
#[allow(unreachable_pub, reason = "the fuzzer takes them")]
pub use counted::*;

/// A fuzzer has one thread.
#[cfg(all(fuzzing, not(test)))]
mod counted {
    use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    static COUNT: AtomicUsize = AtomicUsize::new(0);

    /// Notes that `n` bytes were looked at.
    pub(crate) fn add(n: usize) {
        COUNT.fetch_add(n, Relaxed);
    }

    /// How many looks were taken since this was last asked.
    #[allow(unreachable_pub, reason = "the fuzzer takes them")]
    pub fn take() -> usize {
        COUNT.swap(0, Relaxed)
    }
}

/// Tests run beside one another.
#[cfg(test)]
mod counted {
    use core::cell::Cell;

    std::thread_local! {
        static COUNT: Cell<usize> = const { Cell::new(0) };
    }

    /// Notes that `n` bytes were looked at.
    pub(crate) fn add(n: usize) {
        COUNT.set(COUNT.get() + n);
    }

    /// How many looks this thread has taken since it was last asked.
    #[allow(unreachable_pub, reason = "the fuzzer takes them")]
    pub fn take() -> usize {
        COUNT.replace(0)
    }
}

#[cfg(test)]
mod tests {
    use super::take;
    use crate::{Conn, Limits, Recv, Server, ServerConfig, Slots};

    /// How many looks the machine takes at `bytes` in pieces of `step`, for each byte.
    fn looks(bytes: &[u8], step: usize) -> f64 {
        let limits = Limits {
            head_bytes: 1 << 20,
            trailer_bytes: 1 << 20,
            target_bytes: 1 << 20,
            fields: None,
            ..Limits::DEFAULT
        };
        let config = ServerConfig { limits, ..ServerConfig::default() };
        let (mut conn, mut slots) = (Conn::<Server>::new(&config), Slots::new());
        let (mut start, mut end) = (0, 0);
        take();
        while end < bytes.len() {
            end = (end + step).min(bytes.len());
            loop {
                let mut input = &bytes[start..end];
                let got = conn.recv(&mut input, &mut slots).unwrap();
                start = end - input.len();
                match got {
                    Recv::Event(_) => {}
                    Recv::Paused(_) => conn.respond_with(204, &(), b"", &mut Vec::new()).unwrap(),
                    Recv::NeedInput(_) | Recv::Closed => break,
                }
            }
        }
        assert_eq!(start, bytes.len(), "everything was read");
        take() as f64 / bytes.len() as f64
    }

    #[test]
    fn every_byte_is_looked_at_a_few_times_however_it_is_dripped() {
        let head = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n";
        let streams = [
            ("one long value", format!("GET / HTTP/1.1\r\nHost: h\r\nX: {}\r\n\r\n", "v".repeat(60_000))),
            ("a long target", format!("GET /{} HTTP/1.1\r\nHost: h\r\n\r\n", "t".repeat(60_000))),
            ("many fields", format!("GET / HTTP/1.1\r\nHost: h\r\n{}\r\n", "A: b\r\n".repeat(10_000))),
            ("tiny chunks", format!("{head}\r\n{}0\r\n\r\n", "1\r\nx\r\n".repeat(10_000))),
            (
                "long extensions",
                format!(
                    "{head}\r\n{}0\r\n\r\n",
                    format!("7d0;{}\r\n{}\r\n", "e".repeat(4000), "x".repeat(2000)).repeat(9)
                ),
            ),
            ("trailers", format!("{head}\r\n0\r\n{}\r\n", "T: v\r\n".repeat(10_000))),
            ("pipelined requests", "GET / HTTP/1.1\r\nHost: h\r\n\r\n".repeat(2_000)),
        ];
        for (what, stream) in &streams {
            for step in [1, 2, 7, 100, 1460, 1 << 20] {
                let looks = looks(stream.as_bytes(), step);
                assert!(looks < 4.0, "{what} in pieces of {step}: {looks} looks at each byte");
            }
        }
    }
}
