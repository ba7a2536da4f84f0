//! [`Order`]: what the observer of a request is told, in the order that Node's users know.
//!
//! An adapter says what happened; the answer is the events to tell, in order. Nothing is told twice that can happen only
//! once, and nothing after the end.

/// Something that happened to a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Happened {
    /// A connection is being made for it, or it was given one.
    Socket,
    /// The connection can carry it.
    Connected,
    /// Its last byte was given to the system.
    Sent,
    /// An interim response came.
    Informational,
    /// The final response began.
    Response,
    /// Content was read.
    Data,
    /// The response is complete.
    Complete,
    /// The connection was handed over.
    Switched,
    /// A time limit passed. By itself it ends nothing.
    Timeout,
    /// It is sent again, over another connection.
    Retry,
    /// Its owner ended it.
    Aborted,
    /// It failed in another way.
    Failed,
    /// Its owner wants no more of the response.
    Dropped,
}

/// An event to tell.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tell {
    /// A connection is being made for the request, or it was given one.
    Socket,
    /// The connection can carry the request.
    Connected,
    /// The last byte of the request was given to the system.
    Sent,
    /// An interim response came: `continue` or `information` in Node.
    Informational,
    /// The final response began.
    Response,
    /// Content.
    Data,
    /// The response stream is at its end; complete, unless [`Aborted`](Self::Aborted) came before.
    End,
    /// The connection was handed over.
    Switched,
    /// A time limit passed.
    Timeout,
    /// The request is sent again.
    Retry,
    /// The request was aborted.
    Abort,
    /// The response was cut off.
    Aborted,
    /// The request failed.
    Error,
    /// The exchange is over.
    Close,
    /// A response that was cut off is closed.
    ResponseClose,
}

/// How far the telling is.
///
/// | case | events |
/// |---|---|
/// | success | `Socket`, `Connected`, `Sent`, `Response`, `Data` (any number), `End`, `Close` |
/// | no connection | `Socket`, `Error`, `Close` |
/// | aborted before the response | `Socket`, …, `Abort`, `Error`, `Close` |
/// | aborted within the response | …, `Response`, `Data` (any number), `Abort`, `Aborted`, `Close`, `End`, `ResponseClose` |
/// | failed within the response | …, `Response`, `Data` (any number), `Error`, `Aborted`, `Close`, `End`, `ResponseClose` |
/// | interim responses | …, `Informational` (any number), `Response`, … |
/// | handed over | …, `Response`, `Switched`, `Close` |
/// | a time limit that only notifies | `Timeout`, and nothing else by itself |
/// | sent again | `Socket`, …, `Retry`, `Socket`, … |
///
/// `Sent` stands where it happened, which for an early answer is after `Response`.
///
/// ```
/// use h1wire_proto::calling::{Happened, Order, Tell};
/// let mut order = Order::new();
/// assert_eq!(order.on(Happened::Socket), [Tell::Socket]);
/// assert_eq!(order.on(Happened::Aborted), [Tell::Abort, Tell::Error, Tell::Close]);
/// assert_eq!(order.on(Happened::Aborted), []);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Order {
    stage: Stage,
    sent: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
enum Stage {
    #[default]
    Waiting,
    Socket,
    Connected,
    Response,
    Closed,
}

impl Order {
    /// A request to which nothing happened yet.
    pub const fn new() -> Self {
        Self { stage: Stage::Waiting, sent: false }
    }

    /// What is to be told now, in this order.
    pub fn on(&mut self, happened: Happened) -> &'static [Tell] {
        use Stage::{Closed, Connected, Response, Socket, Waiting};
        let (stage, told): (Stage, &'static [Tell]) = match (self.stage, happened) {
            (Closed, _) => return &[],
            (Waiting, Happened::Socket) => (Socket, &[Tell::Socket]),
            (Waiting, Happened::Connected) => (Connected, &[Tell::Socket, Tell::Connected]),
            (Socket, Happened::Connected) => (Connected, &[Tell::Connected]),
            (Connected | Response, Happened::Sent) if !self.sent => {
                self.sent = true;
                (self.stage, &[Tell::Sent])
            }
            (Connected, Happened::Informational) => (Connected, &[Tell::Informational]),
            (Connected, Happened::Response) => (Response, &[Tell::Response]),
            (Response, Happened::Data) => (Response, &[Tell::Data]),
            (Response, Happened::Complete) => (Closed, &[Tell::End, Tell::Close]),
            (Response, Happened::Switched) => (Closed, &[Tell::Switched, Tell::Close]),
            (Response, Happened::Dropped) => (Closed, &[Tell::Close]),
            (stage, Happened::Timeout) => (stage, &[Tell::Timeout]),
            (Socket | Connected, Happened::Retry) => {
                self.sent = false;
                (Waiting, &[Tell::Retry])
            }
            (Response, Happened::Aborted) => {
                (Closed, &[Tell::Abort, Tell::Aborted, Tell::Close, Tell::End, Tell::ResponseClose])
            }
            (Response, Happened::Failed) => {
                (Closed, &[Tell::Error, Tell::Aborted, Tell::Close, Tell::End, Tell::ResponseClose])
            }
            (_, Happened::Aborted | Happened::Dropped) => (Closed, &[Tell::Abort, Tell::Error, Tell::Close]),
            (_, Happened::Failed) => (Closed, &[Tell::Error, Tell::Close]),
            // It was told already, or comes too early to be true.
            _ => return &[],
        };
        self.stage = stage;
        told
    }

    /// Whether the last event was told.
    pub fn is_over(&self) -> bool {
        self.stage == Stage::Closed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    const ALL: [Happened; 13] = [
        Happened::Socket,
        Happened::Connected,
        Happened::Sent,
        Happened::Informational,
        Happened::Response,
        Happened::Data,
        Happened::Complete,
        Happened::Switched,
        Happened::Timeout,
        Happened::Retry,
        Happened::Aborted,
        Happened::Failed,
        Happened::Dropped,
    ];

    fn told(happened: &[Happened]) -> Vec<Tell> {
        let mut order = Order::new();
        happened.iter().flat_map(|it| order.on(*it)).copied().collect()
    }

    #[test]
    fn each_case_of_the_table_is_told_as_it_says() {
        use Happened as H;
        use Tell as T;
        let begun = [H::Socket, H::Connected, H::Sent, H::Informational, H::Response, H::Data];
        let b = [T::Socket, T::Connected, T::Sent, T::Informational, T::Response, T::Data];
        let after = |more: &[Happened]| told(&[&begun[..], more].concat());
        assert_eq!(after(&[H::Complete, H::Complete]), [&b[..], &[T::End, T::Close]].concat());
        let cut = [T::Aborted, T::Close, T::End, T::ResponseClose];
        assert_eq!(after(&[H::Aborted, H::Aborted]), [&b[..], &[T::Abort], &cut].concat());
        assert_eq!(after(&[H::Failed]), [&b[..], &[T::Error], &cut].concat());
        assert_eq!(after(&[H::Switched]), [&b[..], &[T::Switched, T::Close]].concat());
        assert_eq!(after(&[H::Timeout]), [&b[..], &[T::Timeout]].concat());
        assert_eq!(told(&[H::Socket, H::Failed]), [T::Socket, T::Error, T::Close]);
        assert_eq!(told(&[H::Socket, H::Aborted]), [T::Socket, T::Abort, T::Error, T::Close]);
        assert_eq!(
            told(&[H::Socket, H::Connected, H::Sent, H::Retry, H::Socket, H::Connected, H::Sent]),
            [T::Socket, T::Connected, T::Sent, T::Retry, T::Socket, T::Connected, T::Sent]
        );
    }

    #[test]
    fn whatever_happens_in_whatever_order_it_closes_once_and_tells_nothing_of_the_request_afterwards() {
        let mut state = 1u64;
        for _ in 0..20_000 {
            let mut order = Order::new();
            let mut all = Vec::new();
            for _ in 0..12 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                all.extend_from_slice(order.on(ALL[(state >> 33) as usize % ALL.len()]));
            }
            let count = |tell: Tell| all.iter().filter(|it| **it == tell).count();
            assert_eq!(count(Tell::Close), usize::from(order.is_over()), "{all:?}");
            assert!(
                count(Tell::Response) <= 1 && count(Tell::End) <= 1 && count(Tell::Error) <= 1,
                "{all:?}"
            );
            if let Some(at) = all.iter().position(|it| *it == Tell::Close) {
                let after = &all[at + 1..];
                assert!(after.is_empty() || after == [Tell::End, Tell::ResponseClose], "{all:?}");
            }
            let place = |tell: Tell| all.iter().position(|it| *it == tell);
            if let (Some(data), response) = (place(Tell::Data), place(Tell::Response)) {
                assert!(response.is_some_and(|response| response < data), "{all:?}");
            }
        }
    }
}
