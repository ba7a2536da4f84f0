//! [`Spec`]: a request as its user put it together, with what its agent adds.
//!
//! What follows from it for the wire, for the way and for the pool is decided by `h1wire_proto::calling`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use h1wire_proto::calling::{Dial, Happened, Order, Patience, Request, Route, Tell, Terms};
use h1wire_proto::pool::Origin;
use h1wire_proto::{BodyLen, ClientConfig, ClientLeniency, Headers, Limits, ResponseHead, Time};

use super::abort::AbortHandle;
use super::event::{Event, With};
use super::report::{Marks, OnReport};
use super::url::Place;
use crate::agent::{Agent, CreateConnection, Hooks, Plan, Way};
use crate::clock;
use crate::connect::{How, Numbered};
use crate::error::ErrorKind;
use crate::proxy::Proxies;

pub(crate) type OnInformational = Box<dyn FnMut(&ResponseHead<'_, '_>) + Send>;
pub(crate) type Observer = Box<dyn FnMut(&Event<'_>) + Send>;

/// Everything about a request but its content.
pub(crate) struct Spec {
    pub(crate) method: String,
    pub(crate) place: Place,
    pub(crate) headers: Headers,
    pub(crate) set_host: bool,
    pub(crate) default_headers: bool,
    /// Host or port were given as options, which excludes a socket path.
    pub(crate) host_given: bool,
    pub(crate) socket_path: Option<PathBuf>,
    pub(crate) how: How,
    pub(crate) create_connection: Option<Numbered<CreateConnection>>,
    pub(crate) agent: Option<Agent>,
    /// The agent's, unless set.
    pub(crate) proxies: Option<Proxies>,
    pub(crate) tunnel: bool,
    pub(crate) server_name: Option<String>,
    pub(crate) waits: Waits,
    pub(crate) idle_notifies: bool,
    pub(crate) limits: Option<Limits>,
    pub(crate) leniency: Option<ClientLeniency>,
    pub(crate) idempotent: Option<bool>,
    pub(crate) retries: bool,
    pub(crate) on_informational: Option<OnInformational>,
    pub(crate) observer: Option<Observer>,
    pub(crate) on_report: Option<OnReport>,
    order: Order,
    pub(super) marks: Marks,
    pub(crate) abort: Option<AbortHandle>,
    /// What was wrong with an option.
    pub(crate) fault: Option<ErrorKind>,
}

/// The time limits that were set, each in place of the agent's.
#[derive(Clone, Copy, Default)]
pub(crate) struct Waits {
    pub(crate) connect: Option<Option<Duration>>,
    pub(crate) idle: Option<Option<Duration>>,
    pub(crate) response: Option<Option<Duration>>,
    pub(crate) content: Option<Option<Duration>>,
    pub(crate) write: Option<Option<Duration>>,
    pub(crate) stall: Option<Option<Duration>>,
    pub(crate) continue_wait: Option<Option<Duration>>,
    pub(crate) total: Option<Option<Duration>>,
}

impl Waits {
    pub(crate) fn over(&self, others: &Patience) -> Patience {
        Patience {
            connect: self.connect.unwrap_or(others.connect),
            idle: self.idle.unwrap_or(others.idle),
            response: self.response.unwrap_or(others.response),
            content: self.content.unwrap_or(others.content),
            write: self.write.unwrap_or(others.write),
            stall: self.stall.unwrap_or(others.stall),
            continue_wait: self.continue_wait.unwrap_or(others.continue_wait),
            total: self.total.unwrap_or(others.total),
        }
    }
}

impl Spec {
    pub(crate) fn new(method: &str, place: Place) -> Self {
        Self {
            method: method.to_owned(),
            place,
            headers: Headers::new(),
            set_host: true,
            default_headers: true,
            host_given: false,
            socket_path: None,
            how: How::default(),
            create_connection: None,
            agent: None,
            proxies: None,
            tunnel: false,
            server_name: None,
            waits: Waits::default(),
            idle_notifies: false,
            limits: None,
            leniency: None,
            idempotent: None,
            retries: true,
            on_informational: None,
            observer: None,
            on_report: None,
            order: Order::new(),
            marks: Marks::default(),
            abort: None,
            fault: None,
        }
    }

    /// The agent that serves the request.
    pub(crate) fn agent(&self) -> &Agent {
        self.agent.as_ref().unwrap_or_else(|| Agent::global())
    }

    fn hooks(&self) -> &Hooks {
        &self.agent().0.hooks
    }

    /// Something happened, which the observer is told in the order it knows. One that panics is told nothing more: the
    /// response may be dropped meanwhile, and that has its events too.
    pub(crate) fn tell(&mut self, happened: Happened, with: With<'_>) {
        let reports = self.reports();
        if self.observer.is_none() && !reports {
            return;
        }
        if reports {
            self.marks.note(happened, &with);
        }
        let told = self.order.on(happened);
        if told.contains(&Tell::Close) && reports {
            self.report(&with);
        }
        let Some(mut observer) = self.observer.take() else { return };
        for tell in told {
            if let Some(event) = with.event(*tell) {
                observer(&event);
            }
        }
        self.observer = Some(observer);
    }

    fn reports(&self) -> bool {
        self.on_report.is_some() || self.hooks().on_report.is_some()
    }

    fn report(&mut self, with: &With<'_>) {
        let failure = if let With::Error(kind) = with { Some(*kind) } else { None };
        let (what, hook) = (self.describe(), self.on_report.take());
        let report = self.marks.report(&what, failure);
        if let Some(hook) = &self.hooks().on_report {
            hook(&report);
        }
        if let Some(mut hook) = hook {
            hook(&report);
            self.on_report = Some(hook);
        }
    }

    /// Begins anew, for another exchange with the same request.
    pub(crate) fn restart(&mut self) {
        self.order = Order::new();
        if self.reports() {
            self.marks = Marks::begin();
        }
    }

    /// What was wrong with an option.
    pub(crate) fn take_fault(&mut self) -> Option<ErrorKind> {
        self.fault.take().or_else(|| self.hooks().fault.map(ErrorKind::Refused))
    }

    pub(crate) fn patience(&self) -> Patience {
        self.waits.over(&self.hooks().patience)
    }

    /// On what terms it is sent, if everything is to be over at `ends_at`.
    pub(crate) fn terms(&self, ends_at: Option<Time>) -> Terms {
        let hooks = self.hooks();
        let config = ClientConfig {
            limits: self.limits.unwrap_or(hooks.limits),
            leniency: self.leniency.unwrap_or(hooks.leniency),
            ..ClientConfig::default()
        };
        Terms { config, patience: self.patience(), ends_at, idle_notifies: self.idle_notifies }
    }

    /// When everything is to be over, from now on.
    pub(crate) fn ends_at(&self) -> Option<Time> {
        self.patience().total.map(|total| clock::now() + total)
    }

    /// Whether its connection is made in a way of its own, so that no other request could use it.
    pub(crate) fn is_alone(&self) -> bool {
        self.how.lookup.is_some() || self.create_connection.is_some()
    }

    /// How its way begins.
    fn route(&self) -> Result<Route<'_>, ErrorKind> {
        if let Some(path) = &self.socket_path {
            if self.host_given {
                return Err(ErrorKind::invalid("a socket path excludes a host and a port"));
            }
            return Ok(Route::Unix(path.as_os_str().as_encoded_bytes()));
        }
        let proxies = self.proxies.as_ref().unwrap_or(&self.hooks().proxies);
        proxies.route(&self.place.url(), self.tunnel).map_err(|error| ErrorKind::invalid(error.to_string()))
    }

    /// The request by its parts.
    pub(crate) fn request(&self) -> Result<Request<'_>, ErrorKind> {
        let agent = &self.agent().0;
        let field = agent.config.connection_field(false);
        Ok(Request {
            route: self.route()?,
            common: Some(&agent.hooks.headers).filter(|common| !common.is_empty()),
            host: self.set_host,
            default_fields: self.default_headers,
            persistence: if self.is_alone() { Some("close") } else { field },
            ..Request::new(&self.method, self.place.url(), &self.headers)
        })
    }

    /// What the connection must lead to.
    pub(crate) fn origin(&self) -> Result<Origin, ErrorKind> {
        let (request, how) = (self.request()?, self.how());
        let connects = self.create_connection.is_some() || self.hooks().create_connection.is_some();
        if self.place.https && cfg!(not(feature = "tls")) && !connects {
            return Err(ErrorKind::invalid("https needs the feature `tls` or a hook that connects"));
        }
        let dial = Dial {
            family: how.family,
            local_address: how.local_address,
            local_port: how.local_port,
            // The agent's is the same for all its connections.
            resolver: self.how.lookup.as_ref().map(|lookup| lookup.number),
            connector: self.create_connection.as_ref().map(|create| create.number),
        };
        Ok(request.origin(&dial, self.server_name.as_deref()))
    }

    fn how(&self) -> How {
        let (own, agent) = (&self.how, &self.hooks().how);
        How {
            family: own.family.or(agent.family),
            local_address: own.local_address.or(agent.local_address),
            local_port: own.local_port,
            lookup: own.lookup.clone().or_else(|| agent.lookup.clone()),
            limit: None,
            no_delay: own.no_delay.or(agent.no_delay),
            keep_alive: own.keep_alive.or(agent.keep_alive),
            attempt_delay: own.attempt_delay.or(agent.attempt_delay),
        }
    }

    /// How a connection for it is made.
    pub(crate) fn plan(&self, terms: &Terms) -> Result<Arc<Plan>, ErrorKind> {
        let mut how = self.how();
        how.limit = terms.patience.connect;
        if let Some(at) = terms.ends_at {
            // Kept by an agent for a later request, it must end some time as well, after this one was told why.
            let left = clock::until(at) + OUTLIVES;
            how.limit = Some(how.limit.map_or(left, |limit| limit.min(left)));
        }
        let way = match self.route()? {
            Route::Direct | Route::Unix(_) => Way::Straight,
            Route::Forward(proxy) => Way::Forward(proxy.clone()),
            Route::Tunnel(proxy) => Way::Tunnel(proxy.clone()),
            Route::Socks(proxy) => Way::Socks(proxy.clone()),
        };
        let create = self.create_connection.as_ref().map(|create| create.hook.clone());
        Ok(Arc::new(Plan { how, way, config: terms.config, create }))
    }

    /// What it asks for, for errors: without the query, and without credentials.
    pub(crate) fn describe(&self) -> String {
        match &self.socket_path {
            Some(path) => format!("{} {} by {}", self.method, self.place, path.display()),
            None => format!("{} {}", self.method, self.place),
        }
    }

    /// How long the content of a streamed request is, as its fields say.
    pub(crate) fn declared_length(&self) -> Result<BodyLen, ErrorKind> {
        let request = Request::new(&self.method, self.place.url(), &self.headers);
        request.declared_length().map_err(ErrorKind::Refused)
    }
}

/// How long the making of a connection may outlive the request it began for.
const OUTLIVES: Duration = Duration::from_secs(1);
