//! A reverse and forward proxy, one event loop for each worker: `cargo run --release -p h1wire-mio --example gateway --
//! --listen 127.0.0.1:8080 --to http://127.0.0.1:9000`. `--help` tells the rest.
//!
//! A handler of the server asks origins by the client in the same loop, so a request and its answer stay in one thread.
//! Content streams both ways at once, each side at the pace of the other; framing is made anew on both sides; a cut
//! answer is cut for the client, and a client that leaves takes its request with it.
//!
//! | file | |
//! |---|---|
//! | `args` | the command line |
//! | `relay` | what happens to one request; `exchange` is what is remembered of it |
//! | `origins` | which origin has the next one, and which rest; `reload` is a new list of them |
//! | `refused`, `answers` | what the gateway says by itself |
//! | `preface` | who the client is, for origins that want the PROXY protocol |
//! | `log`, `metrics` | what is told about it |

mod answers;
mod args;
mod exchange;
mod log;
mod metrics;
mod origins;
mod preface;
mod refused;
mod relay;
mod reload;
#[cfg(feature = "tls")]
mod tls;

use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use h1wire_mio::client;
use h1wire_mio::proto::calling::Patience;
use h1wire_mio::proto::pool::PoolConfig;
use h1wire_mio::proto::{ClientConfig, Forwarding, Limits, Timeouts};
use h1wire_mio::{Handle, Options, Server};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use args::{Args, Asked};
use log::{AccessLog, Lines};
use metrics::Metrics;
use relay::Relay;

fn main() -> ExitCode {
    match Asked::from_env() {
        Ok(Asked::Help) => {
            print!("{}", args::HELP);
            ExitCode::SUCCESS
        }
        Ok(Asked::Version) => {
            println!("gateway {}", env!("CARGO_PKG_VERSION"));
            ExitCode::SUCCESS
        }
        Ok(Asked::Run(args)) => ended(run(*args)),
        Err(error) => ended(Err(error as Box<dyn Error>)),
    }
}

fn ended(result: Result<(), Box<dyn Error>>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("gateway: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: Args) -> Result<(), Box<dyn Error>> {
    let args = Arc::new(args);
    let log = args.access_log.as_deref().map(|file| AccessLog::open(file, args.combined)).transpose()?;
    let edge = Forwarding::new(&args.name).map_err(|error| format!("--name {:?}: {error}", args.name))?;
    let edge = edge.keep_upgrade(!args.forward);
    let server = listen(&args)?.workers(args.workers).options(options(&args)?);
    let mut signals = Signals::new([SIGHUP, SIGINT, SIGTERM])?;
    let (metrics, list) = (Metrics::default(), reload::List::default());
    let running = {
        let (args, metrics, list, log) = (args.clone(), metrics.clone(), list.clone(), log.clone());
        server.start_with(move |_| {
            let lines = log.as_ref().map(Lines::new);
            Relay::new(args.clone(), edge.clone(), list.reader(), metrics.add_loop(), lines)
        })?
    };
    let handle = running.handle().clone();
    let told = match args.metrics {
        Some(address) => {
            let told = metrics.serve(address, handle.clone());
            Some(told.map_err(|error| format!("--metrics {address}: {error}"))?)
        }
        None => None,
    };
    std::thread::spawn(move || {
        for signal in &mut signals {
            match signal {
                SIGHUP => hang_up(&args, &list, log.as_ref()),
                _ => return stop(&handle, args.drain),
            }
        }
    });
    let drained = running.join()?;
    if let Some(told) = told {
        told.handle().shutdown(Duration::ZERO);
    }
    if drained.cut > 0 {
        eprintln!("gateway: {} connections were cut off", drained.cut);
    }
    Ok(())
}

/// Listens on every address, and says so.
fn listen(args: &Args) -> Result<Server, Box<dyn Error>> {
    let mut all: Option<Server> = None;
    for address in &args.listen {
        let server = Server::bind(address).map_err(|error| format!("--listen {address}: {error}"))?;
        println!("listening on {}", server.local_addr()?);
        all = Some(match all {
            Some(others) => others.and(server),
            None => server,
        });
    }
    let server = all.ok_or("nowhere to listen")?;
    let server = if args.accept_proxy { server.proxy_protocol() } else { server };
    #[cfg(feature = "tls")]
    if let Some((cert, key)) = &args.tls {
        return Ok(server.tls(tls::server(cert, key)?));
    }
    Ok(server)
}

/// How clients are served.
fn options(args: &Args) -> Result<Options, Box<dyn Error>> {
    let mut options = Options::default();
    options.policy.protocol.limits = limits(args);
    options.policy.timeouts = Timeouts { idle: Some(args.timeout), ..Timeouts::MODERN_SERVER };
    options.max_connections = args.connections;
    options.max_connections_per_peer = args.per_peer;
    // Nobody waits for the answer any more, as far as a server can know.
    options.abort_on_end = true;
    options.client = Some(upstream(args)?);
    Ok(options)
}

fn limits(args: &Args) -> Limits {
    Limits { head_bytes: args.head_limit, ..Limits::DEFAULT }
}

/// How origins are asked.
fn upstream(args: &Args) -> Result<client::Options, Box<dyn Error>> {
    let mut options = client::Options::default();
    options.pool = PoolConfig { keep_alive: true, max_idle: Some(1024), ..PoolConfig::DEFAULT };
    options.patience = Patience {
        connect: Some(args.connect_timeout),
        idle: Some(args.timeout),
        // The origin says 100 to whom it wants to; until then the client waits, not for us.
        continue_wait: None,
        ..Patience::NONE
    };
    options.protocol = ClientConfig { limits: limits(args), ..ClientConfig::default() };
    #[cfg(feature = "tls")]
    {
        options.tls = Some(tls::client(args.origin_ca.as_deref())?);
    }
    Ok(options)
}

/// What a hang-up signal asks for: the list of origins anew, and the log, which may have been moved away.
fn hang_up(args: &Args, list: &reload::List, log: Option<&AccessLog>) {
    if let Some(log) = log {
        log.reopen();
    }
    let Some(file) = &args.origins_file else { return };
    match args::read_origins(file) {
        Ok(urls) => list.set(urls),
        // The old list is better than none.
        Err(error) => eprintln!("gateway: {error}"),
    }
}

fn stop(handle: &Handle, within: Duration) {
    handle.shutdown(within);
}
