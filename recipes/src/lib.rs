//! Short programs that put the machine to work, one to a file, to be read and taken from. `docs/recipes.md` introduces
//! them; `tests` runs each over real sockets. Nothing here is published, so the dependencies may be heavy.

pub mod capture;
pub mod connect_proxy;
pub mod early_hints;
#[cfg(unix)]
pub mod graceful_drain;
#[cfg(target_os = "linux")]
pub mod io_uring_server;
pub mod own_io;
pub mod reverse_proxy;
pub mod rustls_by_hand;
pub mod server_sent_events;
pub mod tokio_server;
#[cfg(target_os = "linux")]
pub mod upload_to_disk;
pub mod websocket;

/// What a recipe's own code fails with: the peer's fault, ours, or the system's.
pub type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;
