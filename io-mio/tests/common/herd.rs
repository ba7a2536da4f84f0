//! Slow peers in processes of their own, which are this test binary again.
//!
//! Told by lines on their input what to do next: `add N`, `drip FIRST N`, `finish`. Each is answered with a line.

use std::io::{BufRead, BufReader, Write, stdin};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use crate::common::Raw;

/// What a peer sends of its request before it drips.
const PART: &str = "GET / HTTP/1.1\r\nHost: a\r\nX: ";
/// In how many processes the peers are.
const PROCESSES: usize = 4;
/// Tells a process that it is one of those, and where the server is.
const SERVER: &str = "H1WIRE_SLOW_PEERS_OF";
const DONE: &str = "the peers are done";

/// Peers, numbered in the order they are added.
pub struct Herd {
    processes: Vec<Process>,
    /// How many each process has at most.
    share: usize,
    len: usize,
}

struct Process {
    child: Child,
    commands: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Herd {
    /// Room for `most` peers of the server at `addr`, in processes that run `test` and nothing else.
    pub fn new(addr: SocketAddr, most: usize, test: &str) -> Self {
        let processes = (0..PROCESSES).map(|_| Process::new(addr, test)).collect();
        Self { processes, share: most.div_ceil(PROCESSES), len: 0 }
    }

    pub fn len(&self) -> usize {
        self.len
    }

    /// Has `count` more connect.
    pub fn add(&mut self, count: usize) {
        let first = self.len;
        self.len += count;
        self.each(first, count, |process, _, n| process.ask(&format!("add {n}")));
    }

    /// Has each of `count` peers send a byte.
    pub fn drip(&mut self, first: usize, count: usize) {
        self.each(first, count, |process, first, n| process.ask(&format!("drip {first} {n}")));
    }

    /// Has all of them complete their requests, and read the answers.
    pub fn finish(&mut self) {
        for process in &mut self.processes {
            process.ask("finish");
        }
    }

    /// Divides what is asked of `count` peers among their processes.
    fn each(&mut self, first: usize, count: usize, ask: impl Fn(&mut Process, usize, usize)) {
        let (mut at, end) = (first, first + count);
        while at < end {
            let (process, inside) = (at / self.share, at % self.share);
            let n = (end - at).min(self.share - inside);
            ask(&mut self.processes[process], inside, n);
            at += n;
        }
    }
}

impl Process {
    fn new(addr: SocketAddr, test: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test, "--ignored", "--nocapture"])
            .env(SERVER, addr.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (commands, answers) = (child.stdin.take(), BufReader::new(child.stdout.take().unwrap()));
        Self { child, commands, answers }
    }

    fn ask(&mut self, command: &str) {
        writeln!(self.commands.as_mut().unwrap(), "{command}").unwrap();
        let mut line = String::new();
        // The test runner has something to say as well.
        while !line.trim_end().ends_with(DONE) {
            line.clear();
            assert_ne!(self.answers.read_line(&mut line).unwrap(), 0, "the peers ended at {command}");
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The end of its commands is its end.
        self.commands = None;
        let _ = self.child.wait();
    }
}

/// Is one of the processes, if this was started to be.
pub fn serve_if_asked() {
    let Ok(addr) = std::env::var(SERVER) else { return };
    let addr: SocketAddr = addr.parse().unwrap();
    let mut peers: Vec<Raw> = Vec::new();
    for line in stdin().lines() {
        let line = line.unwrap();
        let mut words = line.split(' ');
        let command = words.next().unwrap();
        let numbers: Vec<usize> = words.map(|word| word.parse().unwrap()).collect();
        match (command, &numbers[..]) {
            ("add", [count]) => {
                for _ in 0..*count {
                    let mut peer = Raw::at(addr);
                    // Closed by a reset, so that no port stays taken.
                    socket2::SockRef::from(&peer.0).set_linger(Some(Duration::ZERO)).unwrap();
                    peer.send(PART);
                    peers.push(peer);
                }
            }
            ("drip", [first, count]) => {
                for peer in &mut peers[*first..first + count] {
                    peer.send("x");
                }
            }
            ("finish", []) => {
                for peer in &mut peers {
                    peer.send("\r\n\r\n").until("hello");
                }
            }
            _ => panic!("{line}?"),
        }
        println!("{DONE}");
    }
}
