//! [`Spec`]: a request as it was put together. What follows from it for its connection and its head is decided by
//! `h1wire_proto::calling::Request`, to which it is shown as its parts.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use h1wire_proto::calling::{self, Dial, Patience, Proxies, Route};
use h1wire_proto::pool::Origin;
use h1wire_proto::{BodyLen, ClientConfig, ClientLeniency, Headers, Limits};

use super::abort::AbortHandle;
use super::error::ErrorKind;
use super::options::{CreateConnection, Lookup, Options};
use super::url::Place;

/// What there is to be sent after the head.
#[derive(Clone, Debug, Default)]
pub(crate) enum Content {
    #[default]
    None,
    /// All of it, which can be sent again.
    Whole(Bytes),
    /// It is written to the call.
    Streamed,
}

/// Everything about a request.
pub(crate) struct Spec {
    pub(crate) method: String,
    pub(crate) place: Place,
    pub(crate) headers: Headers,
    pub(crate) content: Content,
    pub(super) set_host: bool,
    pub(super) default_headers: bool,
    /// Host or port were given as options, which excludes a socket path.
    pub(super) host_given: bool,
    pub(super) socket_path: Option<PathBuf>,
    pub(crate) dial: Dial,
    pub(crate) lookup: Option<Arc<Lookup>>,
    pub(crate) create_connection: Option<Arc<CreateConnection>>,
    /// The client's, unless set.
    pub(super) proxies: Option<Proxies>,
    pub(super) tunnel: bool,
    /// Nothing is said by HTTP: the connection is wanted as it is.
    pub(crate) raw: bool,
    pub(crate) server_name: Option<String>,
    pub(super) patience: Limited,
    pub(crate) timeout_notifies: bool,
    pub(super) limits: Option<Limits>,
    pub(super) leniency: Option<ClientLeniency>,
    pub(crate) idempotent: Option<bool>,
    pub(crate) retries: bool,
    pub(crate) no_delay: Option<bool>,
    pub(crate) keep_alive: Option<Duration>,
    /// Who may end it from elsewhere.
    pub(crate) abort: Option<AbortHandle>,
    /// Whether its connection is its own, and closed afterwards.
    pub(super) one_shot: bool,
    /// The key of its connection in the pool of the client with these options, until something about it changes.
    pub(super) origin: Option<(Arc<Options>, Arc<Origin>)>,
    /// What was wrong with an option.
    pub(crate) fault: Option<ErrorKind>,
}

/// The limits a request has of its own, beside those of its client.
#[derive(Clone, Copy, Default)]
pub(super) struct Limited {
    pub(super) all: Option<Patience>,
    pub(super) connect: Option<Option<Duration>>,
    pub(super) idle: Option<Option<Duration>>,
    pub(super) response: Option<Option<Duration>>,
    pub(super) content: Option<Option<Duration>>,
    pub(super) write: Option<Option<Duration>>,
    pub(super) stall: Option<Option<Duration>>,
    pub(super) continue_wait: Option<Option<Duration>>,
    pub(super) total: Option<Option<Duration>>,
}

impl Spec {
    pub(crate) fn new(method: &str, place: Place, fault: Option<ErrorKind>) -> Self {
        Self {
            method: method.to_owned(),
            place,
            headers: Headers::new(),
            content: Content::None,
            set_host: true,
            default_headers: true,
            host_given: false,
            socket_path: None,
            dial: Dial::default(),
            lookup: None,
            create_connection: None,
            proxies: None,
            tunnel: false,
            raw: false,
            server_name: None,
            patience: Limited::default(),
            timeout_notifies: false,
            limits: None,
            leniency: None,
            idempotent: None,
            retries: true,
            no_delay: None,
            keep_alive: None,
            abort: None,
            one_shot: false,
            origin: None,
            fault,
        }
    }

    /// The request by its parts.
    pub(crate) fn parts<'s>(&'s self, options: &'s Options) -> Result<calling::Request<'s>, ErrorKind> {
        let url = self.place.url();
        let route = match &self.socket_path {
            Some(_) if self.host_given => {
                return Err(ErrorKind::invalid("a socket path excludes a host and a port"));
            }
            Some(path) => Route::Unix(path.as_os_str().as_encoded_bytes()),
            None => {
                let proxies = self.proxies.as_ref().unwrap_or(&options.proxies);
                proxies.route(&url, self.tunnel).map_err(ErrorKind::BadProxy)?
            }
        };
        Ok(calling::Request {
            url,
            route,
            common: Some(&options.fields),
            host: self.set_host,
            default_fields: self.default_headers,
            persistence: match self.one_shot {
                true => Some("close"),
                false => options.pool.connection_field(self.headers.has("connection")),
            },
            ..calling::Request::new(&self.method, url, &self.headers)
        })
    }

    /// Its time limits, with what the client says where the request says nothing.
    pub(crate) fn patience(&self, options: &Options) -> Patience {
        let own = &self.patience;
        let base = own.all.unwrap_or(options.patience);
        Patience {
            connect: own.connect.unwrap_or(base.connect),
            idle: own.idle.unwrap_or(base.idle),
            response: own.response.unwrap_or(base.response),
            content: own.content.unwrap_or(base.content),
            write: own.write.unwrap_or(base.write),
            stall: own.stall.unwrap_or(base.stall),
            continue_wait: own.continue_wait.unwrap_or(base.continue_wait),
            total: own.total.unwrap_or(base.total),
        }
    }

    /// The unix socket it goes to, if it does.
    pub(crate) fn socket_path(&self) -> Option<PathBuf> {
        self.socket_path.clone()
    }

    /// How its socket is made, with what the client says where the request says nothing.
    pub(crate) fn dial(&self, options: &Options) -> Dial {
        Dial {
            family: self.dial.family.or(options.family),
            local_address: self.dial.local_address.or(options.local_address),
            ..self.dial
        }
    }

    /// How the response is read.
    pub(crate) fn config(&self, options: &Options) -> ClientConfig {
        let ClientConfig { limits, leniency, .. } = options.protocol;
        ClientConfig {
            limits: self.limits.unwrap_or(limits),
            leniency: self.leniency.unwrap_or(leniency),
            ..options.protocol
        }
    }

    pub(crate) fn is_one_shot(&self) -> bool {
        self.one_shot
    }

    /// The key of its connection in the pool.
    pub(crate) fn origin(&mut self, options: &Arc<Options>) -> Result<Arc<Origin>, ErrorKind> {
        if let Some((of, origin)) = &self.origin
            && Arc::ptr_eq(of, options)
        {
            return Ok(origin.clone());
        }
        let parts = self.parts(options)?;
        let origin = Arc::new(parts.origin(&self.dial(options), self.server_name.as_deref()));
        self.origin = Some((options.clone(), origin.clone()));
        Ok(origin)
    }

    /// How long its content is.
    pub(crate) fn length(&self, parts: &calling::Request<'_>) -> Result<BodyLen, ErrorKind> {
        match &self.content {
            Content::None => Ok(BodyLen::None),
            Content::Whole(content) => Ok(BodyLen::Exact(content.len() as u64)),
            Content::Streamed => parts.declared_length().map_err(ErrorKind::Refused),
        }
    }
}
