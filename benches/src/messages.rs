//! The inputs by name, with the places of their messages.
//!
//! The bytes themselves are made in `inputs`. What an engine does with a message is its own file under `peers`.

use std::hint::black_box;

use crate::{Run, inputs};

/// How many copies of request (a) the input `pipelined` holds.
const PIPELINED: usize = 16;

/// Where one message lies in its input.
#[derive(Clone, Copy, Debug)]
pub struct Message {
    /// Offset of the first byte.
    pub start: usize,
    /// Offset after the blank line that ends the head.
    pub head_end: usize,
    /// Offset after the content.
    pub end: usize,
}

/// One named sequence of messages.
#[derive(Debug)]
pub struct Input {
    /// The name on the command line and in the results.
    pub name: &'static str,
    /// All messages, one after the other.
    pub bytes: Vec<u8>,
    /// Where each of them lies.
    pub messages: Vec<Message>,
    /// How many messages arrive with one read.
    pub batch: usize,
}

impl Input {
    /// Makes the input called `name`. It lives as long as the program, so that runs can borrow it.
    pub fn named(name: &str) -> Option<&'static Self> {
        let input = match name {
            "a" => Self::one("a", inputs::A.to_vec()),
            "b" => Self::one("b", inputs::B.to_vec()),
            "c" => Self::one("c", inputs::C.to_vec()),
            "d" => Self::one("d", inputs::D.to_vec()),
            "mixed" => Self::heads("mixed", inputs::mixed(inputs::MIXED_N), 1),
            "pipelined" => Self::heads("pipelined", inputs::pipelined(PIPELINED), PIPELINED),
            "e1" => Self::one("e1", inputs::E1.to_vec()),
            "e2" => Self::one("e2", inputs::E2.to_vec()),
            "16" => Self::one("16", inputs::chunked_request(16)),
            "1024" => Self::one("1024", inputs::chunked_request(1024)),
            "65536" => Self::one("65536", inputs::chunked_request(65536)),
            "1mib" => Self::one("1mib", inputs::cl_request()),
            _ => return None,
        };
        Some(Box::leak(Box::new(input)))
    }

    /// A single message, content included.
    fn one(name: &'static str, bytes: Vec<u8>) -> Self {
        let message = Message { start: 0, head_end: head_end(&bytes, 0), end: bytes.len() };
        Self { name, bytes, messages: vec![message], batch: 1 }
    }

    /// Messages without content.
    fn heads(name: &'static str, bytes: Vec<u8>, batch: usize) -> Self {
        let mut messages = Vec::new();
        let mut start = 0;
        while start < bytes.len() {
            let end = head_end(&bytes, start);
            messages.push(Message { start, head_end: end, end });
            start = end;
        }
        Self { name, bytes, messages, batch }
    }

    /// A run that gives `step` one message after the other, round and round.
    pub(crate) fn each(&'static self, mut step: impl FnMut(&'static [u8], &Message) + 'static) -> Run {
        let mut rest = self.messages.iter().cycle();
        Box::new(move |messages| {
            // On the stack, so that moving on costs no trip to memory.
            let mut here = rest.clone();
            for _ in 0..messages {
                let Some(message) = here.next() else { return };
                step(black_box(&self.bytes[message.start..message.end]), message);
            }
            rest = here;
        })
    }
}

fn head_end(bytes: &[u8], start: usize) -> usize {
    memchr::memmem::find(&bytes[start..], b"\r\n\r\n").map_or(bytes.len(), |at| start + at + 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_inputs_have_the_sizes_they_are_known_by() {
        let sizes = ["a", "b", "c", "d"].map(|name| Input::named(name).unwrap().bytes.len());
        assert_eq!(sizes, [61, 703, 948, 371]);
    }

    #[test]
    fn messages_lie_end_to_end() {
        for (name, count) in [("mixed", inputs::MIXED_N), ("pipelined", PIPELINED), ("d", 1)] {
            let input = Input::named(name).unwrap();
            assert_eq!(input.messages.len(), count, "{name}");
            let mut at = 0;
            for message in &input.messages {
                assert_eq!(message.start, at);
                assert!(input.bytes[..message.head_end].ends_with(b"\r\n\r\n"));
                at = message.end;
            }
            assert_eq!(at, input.bytes.len(), "{name}");
        }
    }
}
