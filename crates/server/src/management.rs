//! The management API and metrics: where they listen, and what the server tells them.

use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinSet;
use warrener_broker::{Command, CommandError, ConnectionId, Effect, Input, PasswordHash, View};
use warrener_connection::Secret;
use warrener_management::axum::extract::{ConnectInfo, Request};
use warrener_management::{Answer, Api, Host, Level, Listener, Login, Process, Socket, axum};
use warrener_store::Log;

use crate::config::{Config, Http, MANAGEMENT_PORT, MANAGEMENT_TLS_PORT, METRICS_PORT, Storage};
use crate::durations::Durations;
use crate::error::ServeError;
use crate::link::Link;
use crate::listener::Protocol;
use crate::management_tls::{OverTls, Peer};
use crate::password_hash::{Hashing, hash};
use crate::tls::Tls;
use crate::turns::Core;
use crate::{control_socket, gauges, limits, listener, login, process};

/// Addresses of HTTP that are ours, and on which nobody is answered yet.
pub(crate) struct ReservedFaces {
    management: Option<Reserved>,
    management_tls: Option<Reserved>,
    metrics: Option<Reserved>,
}

struct Reserved {
    address: SocketAddr,
    socket: TcpSocket,
    /// The option that names another address, where nobody asked for this one.
    instead: Option<&'static str>,
}

impl ReservedFaces {
    /// Takes the addresses. A default one that is taken is warned of; an asked-for one is an error.
    pub(crate) fn take(config: &Config) -> Result<Self, ServeError> {
        let tls = config.management_tls.map_or(Http::Off, Http::On);
        Ok(Self {
            management: take(config.management, MANAGEMENT_PORT, "--management")?,
            management_tls: take(tls, MANAGEMENT_TLS_PORT, "--management-tls")?,
            metrics: take(config.metrics, METRICS_PORT, "--metrics")?,
        })
    }

    /// Lets people in. `amqp` is where the broker itself listens.
    pub(crate) fn listen(
        self,
        config: &Config,
        amqp: &[(SocketAddr, Protocol)],
    ) -> Result<Faces, ServeError> {
        let listen = |reserved: Option<Reserved>| {
            let Some(Reserved { address, socket, instead }) = reserved else { return Ok(None) };
            match (socket.listen(limits::ACCEPT_BACKLOG), instead) {
                (Ok(listening), _) => Ok(Some((address, listening))),
                // Another broker began to listen meanwhile.
                (Err(error), Some(option)) => Ok(not_served(address, &error, option)),
                (Err(source), None) => Err(ServeError::Listen { address, source }),
            }
        };
        let faces = Faces {
            management: listen(self.management)?,
            management_tls: listen(self.management_tls)?,
            metrics: listen(self.metrics)?,
            amqp: amqp.to_vec(),
            control: control_socket::listen(config)?,
        };
        let FaceAddresses { management, metrics } = faces.addresses();
        if let Some(address) = management {
            tracing::info!("management API on http://{address}/api/overview");
        }
        if let Some((address, _)) = &faces.management_tls {
            tracing::info!("management API over TLS on https://{address}/api/overview");
        }
        if let Some(address) = metrics {
            tracing::info!("metrics on http://{address}/metrics");
        }
        Ok(faces)
    }
}

fn take(http: Http, port: u16, option: &'static str) -> Result<Option<Reserved>, ServeError> {
    let (address, instead) = match http {
        Http::Off => return Ok(None),
        Http::On(address) => (address, None),
        Http::Default => (SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port), Some(option)),
    };
    match (listener::reserve(address, false), instead) {
        (Ok((address, socket)), _) => Ok(Some(Reserved { address, socket, instead })),
        (Err(error), Some(option)) => Ok(not_served(address, &error, option)),
        (Err(source), None) => Err(ServeError::Listen { address, source }),
    }
}

/// Says that a default address is somebody else's.
fn not_served<T>(address: SocketAddr, error: &io::Error, option: &str) -> Option<T> {
    tracing::warn!("nothing is served on {address}: {error}; name another with {option} ADDR:PORT");
    None
}

/// What is served by HTTP.
#[derive(Debug, Default)]
pub(crate) struct Faces {
    management: Option<(SocketAddr, TcpListener)>,
    management_tls: Option<(SocketAddr, TcpListener)>,
    metrics: Option<(SocketAddr, TcpListener)>,
    amqp: Vec<(SocketAddr, Protocol)>,
    control: Option<control_socket::Listening>,
}

/// And where.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct FaceAddresses {
    pub(crate) management: Option<SocketAddr>,
    pub(crate) metrics: Option<SocketAddr>,
}

impl Faces {
    pub(crate) fn addresses(&self) -> FaceAddresses {
        FaceAddresses {
            management: self.management.as_ref().map(|(address, _)| *address),
            metrics: self.metrics.as_ref().map(|(address, _)| *address),
        }
    }

    /// Serves in tasks of `tasks`, until those end.
    pub(crate) fn serve<L: Log + 'static>(
        self,
        core: &Arc<Core<L>>,
        (config, tls): (&Config, Option<&Arc<Tls>>),
        commits: &Arc<Durations>,
        tasks: &mut JoinSet<()>,
    ) {
        if self.is_nothing() {
            return;
        }
        let api = Api::new(Arc::new(Served {
            core: Arc::clone(core),
            listeners: self.listeners(),
            node: process::node_name(),
            started: core.clock.now(),
            disk_limit_bytes: config.disk_free_bytes.unwrap_or_default(),
            data_dir: match &config.storage {
                Storage::Memory => None,
                Storage::Directory(directory) => Some(directory.display().to_string()),
            },
            commits: Arc::clone(commits),
            config: config.clone(),
        }));
        tasks.spawn(Arc::clone(&api).sample());
        #[cfg(unix)]
        if let Some(control) = self.control {
            let router = api.operator_router();
            tasks.spawn(async move { control.serve(router).await });
        }
        if let Some((_, listener)) = self.management {
            let router = api.router().into_make_service_with_connect_info::<SocketAddr>();
            tasks.spawn(async move {
                // It ends only with its task.
                let _ = axum::serve(listener, router).await;
            });
        }
        if let (Some((address, listener)), Some(tls)) = (self.management_tls, tls) {
            let listener = OverTls::new(listener, address, Arc::clone(tls));
            let router = api.router().layer(axum::middleware::map_request(with_address));
            let router = router.into_make_service_with_connect_info::<Peer>();
            tasks.spawn(async move {
                let _ = axum::serve(listener, router).await;
            });
        }
        if let Some((address, listener)) = self.metrics {
            let open = address.ip().is_loopback();
            let router = if open { api.metrics_router() } else { api.router() };
            let router = router.into_make_service_with_connect_info::<SocketAddr>();
            tasks.spawn(async move {
                let _ = axum::serve(listener, router).await;
            });
        }
    }

    const fn is_nothing(&self) -> bool {
        self.management.is_none()
            && self.management_tls.is_none()
            && self.metrics.is_none()
            && self.control.is_none()
    }

    fn listeners(&self) -> Vec<Listener> {
        let listener =
            |protocol: &str, address, tls| Listener { protocol: protocol.to_owned(), address, tls };
        let amqp = self.amqp.iter().map(|(address, protocol)| {
            let name = match protocol {
                Protocol::Amqp => "amqp",
                Protocol::Amqps => "amqp/ssl",
                Protocol::WebSocket => "http/web-amqp",
                Protocol::WebSocketTls => "https/web-amqp",
            };
            listener(name, *address, protocol.is_secret())
        });
        let FaceAddresses { management, metrics } = self.addresses();
        amqp.chain(management.map(|address| listener("http", address, false)))
            .chain(self.management_tls.as_ref().map(|(at, _)| listener("https", *at, true)))
            .chain(metrics.map(|address| listener("http/prometheus", address, false)))
            .collect()
    }
}

/// What is asked over TLS comes from somewhere, too.
async fn with_address(
    ConnectInfo(Peer(address)): ConnectInfo<Peer>,
    mut request: Request,
) -> Request {
    request.extensions_mut().insert(ConnectInfo(address));
    request
}

/// The server, as the management sees it.
struct Served<L: Log> {
    core: Arc<Core<L>>,
    listeners: Vec<Listener>,
    node: String,
    started: warrener_time::Time,
    disk_limit_bytes: u64,
    data_dir: Option<String>,
    commits: Arc<Durations>,
    config: Config,
}

impl<L: Log + 'static> Host for Served<L> {
    fn look(&self, look: &mut dyn FnMut(View<'_>)) {
        self.core.look(look);
    }

    fn command(&self, command: Command) -> Answer {
        let told = self.core.command(command);
        Box::pin(async move {
            told.await
                .unwrap_or_else(|_| Err(CommandError::Invalid("the broker has stopped".into())))
        })
    }

    fn login(&self, user: String, password: String, from: IpAddr) -> Login {
        let core = Arc::clone(&self.core);
        let password = Secret::from(password.into_bytes());
        Box::pin(async move { login::is_login(&core, &user, &password, from).await })
    }

    fn hash(&self, password: &[u8]) -> PasswordHash {
        // Without random numbers the process would not have started; a user without a password cannot log in.
        let hashing = self.core.logins.hashing();
        let hash = || hash(hashing, password).unwrap_or_default();
        match hashing {
            Hashing::Sha256 => hash(),
            // Other tasks of this thread go to another meanwhile.
            Hashing::Argon2id => tokio::task::block_in_place(hash),
        }
    }

    fn open_session(&self) -> (ConnectionId, UnboundedReceiver<Effect>) {
        self.core.open_session()
    }

    fn tell(&self, input: Input) {
        self.core.tell(input);
    }

    fn close_session(&self, session: ConnectionId) {
        self.core.close_session(session);
    }

    fn sockets(&self) -> BTreeMap<ConnectionId, Socket> {
        self.core.all_links().iter().map(|link| (link.id(), socket(link))).collect()
    }

    fn close_connection(&self, connection: ConnectionId, reason: &str) -> bool {
        let is_there = self.core.link(connection).is_some();
        if is_there {
            self.core.tell(Input::Expel(connection, reason.into()));
        }
        is_there
    }

    fn listeners(&self) -> Vec<Listener> {
        self.listeners.clone()
    }

    fn levels(&self) -> Vec<Level> {
        let gauges = self.core.gauges(&self.config);
        let level = |(name, level): (&'static str, gauges::Level)| Level {
            name,
            now: level.now,
            bound: level.bound,
        };
        gauges.all().map(level).to_vec()
    }

    fn process(&self) -> Process {
        let uptime = self.core.clock.now().saturating_since(self.started);
        Process {
            node: self.node.clone(),
            pid: std::process::id(),
            uptime_ms: u64::try_from(uptime.as_millis()).unwrap_or(u64::MAX),
            memory_bytes: process::memory_bytes(),
            files: process::files(),
            files_max: process::files_max(),
            processors: std::thread::available_parallelism().map_or(1, |count| count.get() as u32),
            disk_free_bytes: self.core.space().free_bytes,
            disk_limit_bytes: self.disk_limit_bytes,
            data_dir: self.data_dir.clone(),
            commits: self.commits.buckets(),
        }
    }
}

fn socket(link: &Link) -> Socket {
    let ends = link.ends();
    let ((received_bytes, sent_bytes), (reads, writes)) = (link.octets(), link.calls());
    link.with(|endpoint| Socket {
        name: ends.name.clone(),
        peer: ends.peer,
        local: ends.name.split(" -> ").nth(1).and_then(|end| end.parse().ok()),
        tls: ends.tls,
        since_ms: ends.since.as_millis(),
        mechanism: endpoint.mechanism().as_str().unwrap_or_default().to_owned(),
        client_properties: endpoint.client_properties().clone(),
        channel_max: endpoint.tune().channel_max,
        heartbeat_s: endpoint.tune().heartbeat_s,
        received_bytes,
        sent_bytes,
        reads,
        writes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn two_that_start_at_once_may_both_want_the_default_ports() {
        let config = Config::in_memory();
        let first = ReservedFaces::take(&config).expect("a default that is taken is no error");
        let second = ReservedFaces::take(&config).expect("a default that is taken is no error");
        let first = first.listen(&config, &[]).expect("a default that is taken is no error");
        let second = second.listen(&config, &[]).expect("not even when it is taken last");
        assert_eq!(second.addresses().management, None);
        drop(first);
    }
}
