//! What is measured: the kinds of bench, each a file with the engines that take part.
//!
//! To add an engine, write its file under `peers` and one line in the table of each kind it can do.

mod chunked;
mod cycle;
mod length;
mod recv;
mod response;

use crate::Input;

/// Runs exactly so many messages.
pub type Run = Box<dyn FnMut(u64)>;

/// Prepares a run over an input.
pub type Start = fn(&'static Input) -> Run;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A request head, from bytes to tokens or to a validated event.
    Recv,
    /// A request received and answered.
    Cycle,
    /// 1 MiB of content in chunks.
    Chunked,
    /// 1 MiB of content with its length.
    Length,
    /// A response received.
    Response,
}

/// One engine doing one kind of work.
#[derive(Clone, Copy, Debug)]
pub struct Bench {
    /// The engine.
    pub engine: &'static str,
    /// The kind of work.
    pub kind: Kind,
    /// Prepares a run.
    pub start: Start,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 5] = [Self::Recv, Self::Cycle, Self::Chunked, Self::Length, Self::Response];

    /// The name on the command line and in the results.
    pub fn name(self) -> &'static str {
        match self {
            Self::Recv => "recv",
            Self::Cycle => "cycle",
            Self::Chunked => "chunked",
            Self::Length => "length",
            Self::Response => "response",
        }
    }

    /// The names of the inputs this kind of work is done on.
    pub fn inputs(self) -> &'static [&'static str] {
        match self {
            Self::Recv | Self::Cycle => &["a", "b", "c", "d", "mixed", "pipelined"],
            Self::Chunked => &["16", "1024", "65536"],
            Self::Length => &["1mib"],
            Self::Response => &["e1", "e2"],
        }
    }

    /// Every engine that does this kind of work.
    pub fn benches(self) -> impl Iterator<Item = Bench> {
        let engines = match self {
            Self::Recv => recv::ENGINES,
            Self::Cycle => cycle::ENGINES,
            Self::Chunked => chunked::ENGINES,
            Self::Length => length::ENGINES,
            Self::Response => response::ENGINES,
        };
        engines.iter().map(move |&(engine, start)| Bench { engine, kind: self, start })
    }

    /// What ratios are against: `httparse` on the same input. A cycle is compared with the head alone, since
    /// `httparse` does no more. A length needs no parser.
    pub fn reference(self) -> Option<Bench> {
        let kind = match self {
            Self::Recv | Self::Cycle => Self::Recv,
            Self::Chunked | Self::Response => self,
            Self::Length => return None,
        };
        kind.benches().find(|bench| bench.engine == "httparse")
    }
}

impl Bench {
    /// `engine-kind`, as on the command line.
    pub fn name(&self) -> String {
        format!("{}-{}", self.engine, self.kind.name())
    }

    /// The bench called `name`.
    pub fn named(name: &str) -> Option<Self> {
        Kind::ALL.into_iter().flat_map(Kind::benches).find(|bench| bench.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_engine_does_its_work_on_every_input() {
        for kind in Kind::ALL {
            for bench in kind.benches() {
                for name in kind.inputs() {
                    let input = Input::named(name).unwrap();
                    // Twice, and not a multiple of the pipelined batch: runs must not depend on where one ended.
                    let mut run = (bench.start)(input);
                    run(3);
                    run(18);
                }
            }
        }
    }

    #[test]
    fn every_bench_is_found_by_its_name() {
        for bench in Kind::ALL.into_iter().flat_map(Kind::benches) {
            let found = Bench::named(&bench.name()).unwrap();
            assert_eq!((found.engine, found.kind), (bench.engine, bench.kind));
        }
    }
}
