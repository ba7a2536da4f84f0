//! Child processes and what the kernel knows about them: processor time, memory, system calls.
//!
//! Reads `/proc`, so it is for Linux; elsewhere each question is answered with an error.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, setrlimit};
use rustix::thread::{CpuSet, sched_setaffinity};

/// How long a program may take to start listening, and a tracer to attach.
const STARTING: Duration = Duration::from_secs(10);

/// The core for the process that is measured.
pub const MEASURED: usize = 0;
/// The core for the other side.
pub const OTHER: usize = 1;

/// Keeps this thread, and what it starts from now on, on one core.
pub fn pin(core: usize) -> io::Result<()> {
    let cores = thread::available_parallelism().map_or(1, usize::from).max(core + 1);
    let mut set = CpuSet::new();
    set.set(core.min(cores - 1));
    Ok(sched_setaffinity(None, &set)?)
}

/// Allows this process, and what it starts from now on, as many files as the system lets it.
pub fn raise_file_limit() -> io::Result<u64> {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })?;
    Ok(limit.maximum.unwrap_or(u64::MAX))
}

/// An address on loopback that nothing listens at.
pub fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

/// A process that ends with this value.
#[derive(Debug)]
pub struct Process(Child);

impl Process {
    /// Starts a server on a core and waits until it listens. This thread is on the other core then.
    pub fn listening(mut command: Command, address: SocketAddr, core: usize) -> io::Result<Self> {
        pin(core)?;
        let started = command.stdin(Stdio::null()).spawn();
        pin(if core == MEASURED { OTHER } else { MEASURED })?;
        let mut process = Self(started?);
        let deadline = Instant::now() + STARTING;
        while let Err(error) = TcpStream::connect(address) {
            if let Some(status) = process.0.try_wait()? {
                return Err(io::Error::other(format!("ended with {status} before it listened")));
            }
            if Instant::now() > deadline {
                return Err(error);
            }
            thread::sleep(Duration::from_millis(2));
        }
        Ok(process)
    }

    /// Processor time so far.
    pub fn cpu(&self) -> io::Result<Cpu> {
        let mut nanoseconds = 0;
        for task in fs::read_dir(format!("/proc/{}/task", self.0.id()))? {
            // A thread may end while we look.
            let Ok(text) = fs::read_to_string(task?.path().join("schedstat")) else { continue };
            nanoseconds += text.split(' ').next().and_then(|first| first.parse::<u64>().ok()).unwrap_or(0);
        }
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.0.id()))?;
        // The name, in parentheses, may hold anything; user and system time are the 12th and 13th words after it.
        let words = stat.rsplit_once(')').map_or("", |(_, words)| words).split_whitespace();
        let ticks: u64 = words.skip(11).take(2).filter_map(|word| word.parse::<u64>().ok()).sum();
        let whole = TICK * u32::try_from(ticks).unwrap_or(u32::MAX);
        Ok(Cpu { living: Duration::from_nanos(nanoseconds), whole })
    }

    /// Its user memory.
    pub fn memory(&self) -> io::Result<Memory> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0.id()))?;
        let bytes = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.trim_start_matches(':').trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kib| kib << 10)
        };
        let memory = bytes("RssAnon").zip(bytes("VmData"));
        let (resident, data) = memory.ok_or_else(|| io::Error::other("no memory figures"))?;
        Ok(Memory { resident, data })
    }

    /// The system calls it makes while `work` is done, by name. Needs `strace`.
    pub fn system_calls<T>(
        &self,
        work: impl FnOnce() -> io::Result<T>,
    ) -> io::Result<(BTreeMap<String, u64>, T)> {
        let summary = env::temp_dir().join(format!("h1wire-benches-calls-{}", self.0.id()));
        let mut tracer = Command::new("strace")
            .args(["-c", "-f", "-U", "calls,name", "-p", &self.0.id().to_string(), "-o"])
            .arg(&summary)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        // It says so when it has attached; if it cannot, it says why and ends.
        let mut report = BufReader::new(tracer.stderr.take().ok_or(io::ErrorKind::BrokenPipe)?);
        let mut line = String::new();
        report.read_line(&mut line)?;
        if !line.contains("attached") {
            tracer.wait()?;
            return Err(io::Error::other(line.trim().to_owned()));
        }
        let worked = work();
        let pid = Pid::from_raw(tracer.id() as i32).ok_or(io::ErrorKind::NotFound)?;
        kill_process(pid, Signal::INT)?;
        report.read_to_string(&mut line)?;
        tracer.wait()?;
        let text = fs::read_to_string(&summary)?;
        fs::remove_file(&summary)?;
        Ok((calls(&text), worked?))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself; there is nothing else to do about it here.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The unit of `/proc/PID/stat` on Linux, whatever the kernel's own is.
const TICK: Duration = Duration::from_millis(10);

/// Processor time of a process: exactly, of the threads that live; in ticks, of all there ever were.
#[derive(Clone, Copy, Debug)]
pub struct Cpu {
    living: Duration,
    whole: Duration,
}

impl Cpu {
    /// What was spent since `before`: the exact figure, unless threads ended with more than ticks can hide.
    pub fn since(self, before: Self) -> Duration {
        let living = self.living.saturating_sub(before.living);
        let whole = self.whole.saturating_sub(before.whole);
        if whole > living + 3 * TICK { whole } else { living }
    }
}

/// User memory in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    /// Private memory that is resident.
    pub resident: u64,
    /// Private memory that is mapped, resident or not.
    pub data: u64,
}

/// The lines `count name` of a summary.
fn calls(summary: &str) -> BTreeMap<String, u64> {
    let line = |line: &str| {
        let mut words = line.split_whitespace();
        let (count, name) = (words.next()?.parse().ok()?, words.next()?);
        (name != "total").then(|| (name.to_owned(), count))
    };
    summary.lines().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_read_from_the_summary() {
        let summary = "    calls syscall\n--------- ----------------\n     1000 recvfrom\n       12 epoll_wait\n\
                       --------- ----------------\n     1012 total\n";
        let expected = BTreeMap::from([("recvfrom".to_owned(), 1000), ("epoll_wait".to_owned(), 12)]);
        assert_eq!(calls(summary), expected);
    }
}
