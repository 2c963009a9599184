//! From a request to its answer: login, route, right, call.

use core::future::Future;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, Request, Response, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::sync::Semaphore;
use warrener_broker::{Cursor, Slice, User, View};

use crate::call::Call;
use crate::host::Host;
use crate::limits::{BODY_BYTES, DEFINITIONS_BYTES, REQUESTS, SLICE};
use crate::reply::{Failure, Reply};
use crate::right::{Caller, Right};
use crate::routes::{Route, find};
use crate::sampler::Samples;

/// The management API over a broker.
pub struct Api {
    pub(crate) host: Arc<dyn Host>,
    pub(crate) samples: Mutex<Arc<Samples>>,
    permits: Semaphore,
}

/// What a route's function gives.
pub(crate) type Answered = Pin<Box<dyn Future<Output = Result<Reply, Failure>> + Send>>;

/// Who is at the other end of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// Somebody at this address, who has to log in.
    Network(IpAddr),
    /// Whoever collects metrics: metrics are all that is told, and without a login.
    Scraper,
    /// Somebody whom the operating system has let in already: what they ask for is done as an administrator, or as the user
    /// that they log in as.
    Operator,
}

impl Api {
    /// An API over `host`.
    #[must_use]
    pub fn new(host: Arc<dyn Host>) -> Arc<Self> {
        Arc::new(Self { host, samples: Mutex::default(), permits: Semaphore::new(REQUESTS) })
    }

    /// The routes, for a listener whose users have to log in. To be served with
    /// [`into_make_service_with_connect_info`](Router::into_make_service_with_connect_info) of [`SocketAddr`].
    pub fn router(self: &Arc<Self>) -> Router {
        Router::new().fallback(over_network).with_state(Arc::clone(self))
    }

    /// The routes, for a listener that only those can reach who may do everything.
    pub fn operator_router(self: &Arc<Self>) -> Router {
        Router::new().fallback(by_operator).with_state(Arc::clone(self))
    }

    /// The metrics alone, for a listener without logins.
    pub fn metrics_router(self: &Arc<Self>) -> Router {
        Router::new().fallback(for_scraper).with_state(Arc::clone(self))
    }

    /// Answers one request.
    pub async fn handle(self: &Arc<Self>, from: From, request: Request<Body>) -> Response<Body> {
        let Ok(_permit) = self.permits.acquire().await else {
            return Failure::Unavailable("stopping".into()).into_response();
        };
        let is_head = request.method() == "HEAD";
        let answer = self.answer(from, request).await;
        let mut response = answer.map_or_else(Failure::into_response, Reply::into_response);
        if is_head {
            *response.body_mut() = Body::empty();
        }
        response
    }

    async fn answer(
        self: &Arc<Self>,
        from: From,
        request: Request<Body>,
    ) -> Result<Reply, Failure> {
        let (parts, body) = request.into_parts();
        let method = if parts.method == "HEAD" { "GET" } else { parts.method.as_str() };
        let (route, places) = find(method, parts.uri.path())?;
        let caller = self.login(from, route, &parts.headers).await?;
        let vhost = places.iter().find(|(name, _)| *name == "vhost").map(|(_, value)| &**value);
        if from != From::Scraper {
            caller.check(route.right, vhost)?;
        } else if !route.path.starts_with("/metrics") {
            return Err(Failure::Missing);
        }
        if vhost.is_some_and(|vhost| route.needs_vhost && !self.has_vhost(vhost)) {
            return Err(if method == "PUT" || method == "POST" {
                Failure::MissingVhost
            } else {
                Failure::Missing
            });
        }
        let query = query(parts.uri.query().unwrap_or_default());
        let most =
            if route.path.starts_with("/api/definitions") { DEFINITIONS_BYTES } else { BODY_BYTES };
        let body = to_bytes(body, most).await.map_err(|_| Failure::TooLarge)?;
        let reason = parts.headers.get("x-reason").and_then(|reason| reason.to_str().ok());
        let reason = reason.map(|text| text.chars().take(200).collect());
        let call = Call { api: Arc::clone(self), caller, places, query, body, reason };
        (route.run)(call).await
    }

    /// Who sends this.
    async fn login(
        self: &Arc<Self>,
        from: From,
        route: &Route,
        headers: &HeaderMap,
    ) -> Result<Caller, Failure> {
        let address = match from {
            // Whoever may do everything may also ask what somebody else would be answered.
            From::Operator if headers.contains_key(header::AUTHORIZATION) => {
                IpAddr::V4(Ipv4Addr::LOCALHOST)
            }
            From::Operator => return Ok(Caller { user: nobody(), is_operator: true }),
            From::Scraper => return Ok(Caller { user: nobody(), is_operator: false }),
            From::Network(_) if route.right == Right::Nothing => {
                return Ok(Caller { user: nobody(), is_operator: false });
            }
            From::Network(address) => address,
        };
        let (name, password) = credentials(headers).ok_or(Failure::NoLogin)?;
        if !self.host.login(name.clone(), password, address).await {
            return Err(Failure::NoLogin);
        }
        let user = self.look(|view| view.user(name.as_bytes()).cloned());
        user.map(|user| Caller { user, is_operator: false }).ok_or(Failure::NoLogin)
    }

    pub(crate) fn has_vhost(&self, name: &str) -> bool {
        self.look(|view| view.vhosts().any(|own| own.as_bytes() == name.as_bytes()))
    }

    /// Looks at the broker; `look` takes a bounded part of it.
    pub(crate) fn look<R>(&self, look: impl FnOnce(View<'_>) -> R) -> R {
        let (mut look, mut seen) = (Some(look), None);
        self.host.look(&mut |view| seen = look.take().map(|look| look(view)));
        seen.expect("a host looks once when it is asked to")
    }

    /// All of a listing, in slices between which others have their turns.
    pub(crate) async fn all<T>(
        &self,
        slice: impl Fn(View<'_>, Cursor, usize) -> Slice<T>,
    ) -> Vec<T> {
        let (mut all, mut from) = (Vec::new(), Some(Cursor::default()));
        while let Some(cursor) = from {
            let slice = self.look(|view| slice(view, cursor, SLICE));
            all.extend(slice.things);
            from = slice.next;
            tokio::task::yield_now().await;
        }
        all
    }

    /// The newest samples.
    pub(crate) fn samples(&self) -> Arc<Samples> {
        Arc::clone(&self.samples.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

async fn over_network(
    State(api): State<Arc<Api>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request<Body>,
) -> Response<Body> {
    api.handle(From::Network(peer.ip()), request).await
}

async fn for_scraper(State(api): State<Arc<Api>>, request: Request<Body>) -> Response<Body> {
    api.handle(From::Scraper, request).await
}

async fn by_operator(State(api): State<Arc<Api>>, request: Request<Body>) -> Response<Body> {
    api.handle(From::Operator, request).await
}

fn nobody() -> User {
    User::new(warrener_codec::ShortStr::EMPTY, warrener_broker::PasswordHash::default())
}

/// HTTP Basic authentication (RFC 7617).
fn credentials(headers: &HeaderMap) -> Option<(String, String)> {
    let given = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = given.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let octets = STANDARD.decode(token.trim()).ok()?;
    let text = String::from_utf8(octets).ok()?;
    let (name, password) = text.split_once(':')?;
    Some((name.to_owned(), password.to_owned()))
}

/// The pairs of a query, decoded; what cannot be decoded is left out.
fn query(text: &str) -> Vec<(String, String)> {
    let pairs = text.split('&').filter(|pair| !pair.is_empty()).take(64);
    pairs
        .filter_map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((decoded(name, true)?, decoded(value, true)?))
        })
        .collect()
}

/// Takes percent-encoding off (RFC 3986 §2.1).
pub(crate) fn decoded(text: &str, plus_is_space: bool) -> Option<String> {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(octet) = rest.next() {
        octets.push(match octet {
            b'%' => {
                let high = char::from(rest.next()?).to_digit(16)?;
                let low = char::from(rest.next()?).to_digit(16)?;
                u8::try_from(high * 16 + low).ok()?
            }
            b'+' if plus_is_space => b' ',
            other => other,
        });
    }
    String::from_utf8(octets).ok()
}

impl core::fmt::Debug for Api {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Api").finish_non_exhaustive()
    }
}
