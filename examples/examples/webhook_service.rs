//! An HTTP service (axum) with a router in it: `PUT /hooks/PATTERN` with a URL as body subscribes it, `POST /events/KEY` sends
//! the body to every URL whose pattern matches, once each.
//!
//! `cargo run -p warrener-examples --example webhook_service -- 127.0.0.1:8080`

#![expect(clippy::print_stdout, reason = "an example shows what it did")]

use core::error::Error;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{post, put};
use bytes::Bytes;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use warrener_router::{Matches, NamedRouter, NamedRouterError};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).ok_or("usage: webhook_service LISTEN_ADDRESS")?;
    let listener = TcpListener::bind(address).await?;
    println!("listening on http://{}", listener.local_addr()?);
    Ok(axum::serve(listener, service()?).await?)
}

/// Who wants what. A destination is a number here, and the number of a URL; the router is a value, and a lock around it is all
/// that it needs.
struct Hooks {
    router: NamedRouter<usize>,
    urls: Vec<String>,
}

type Shared = Arc<Mutex<Hooks>>;

impl Hooks {
    fn number(&mut self, url: String) -> usize {
        let known = self.urls.iter().position(|known| *known == url);
        known.unwrap_or_else(|| {
            self.urls.push(url);
            self.urls.len() - 1
        })
    }
}

pub(crate) fn service() -> Result<Router, NamedRouterError> {
    let hooks = Hooks { router: NamedRouter::builder().topic("events").build()?, urls: Vec::new() };
    Ok(Router::new()
        .route("/hooks/{pattern}", put(subscribe).delete(unsubscribe))
        .route("/events/{key}", post(publish))
        .with_state(Arc::new(Mutex::new(hooks))))
}

async fn subscribe(
    State(hooks): State<Shared>,
    Path(pattern): Path<String>,
    url: String,
) -> StatusCode {
    let mut hooks = hooks.lock().unwrap_or_else(PoisonError::into_inner);
    let number = hooks.number(url);
    match hooks.router.bind("events", number, pattern.as_str()) {
        Ok(_) => StatusCode::CREATED,
        Err(_) => StatusCode::BAD_REQUEST,
    }
}

async fn unsubscribe(
    State(hooks): State<Shared>,
    Path(pattern): Path<String>,
    url: String,
) -> StatusCode {
    let mut hooks = hooks.lock().unwrap_or_else(PoisonError::into_inner);
    let number = hooks.number(url);
    match hooks.router.unbind("events", number, pattern.as_str()) {
        Ok(true) => StatusCode::NO_CONTENT,
        Ok(false) => StatusCode::NOT_FOUND,
        Err(_) => StatusCode::BAD_REQUEST,
    }
}

/// Sends the event to all at once, and says how many took it.
async fn publish(
    State(hooks): State<Shared>,
    Path(key): Path<String>,
    event: Bytes,
) -> Result<String, StatusCode> {
    let urls: Vec<String> = {
        let mut numbers = Matches::new();
        let hooks = hooks.lock().unwrap_or_else(PoisonError::into_inner);
        let routed = hooks.router.route("events", &key, &mut numbers);
        routed.map_err(|_| StatusCode::BAD_REQUEST)?;
        numbers.destinations().iter().map(|number| hooks.urls[*number].clone()).collect()
    };
    let asked = urls.len();
    let mut posts = JoinSet::new();
    for url in urls {
        posts.spawn(send(url, key.clone(), event.clone()));
    }
    let taken = posts.join_all().await.into_iter().filter(|outcome| outcome.is_ok()).count();
    Ok(format!("{taken} of {asked}\n"))
}

/// The least that is an HTTP request; a service of more than an example's size has a client for this.
async fn send(url: String, key: String, event: Bytes) -> Result<(), Box<dyn Error + Send + Sync>> {
    let rest = url.strip_prefix("http://").ok_or("http:// only")?;
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let mut stream = TcpStream::connect(authority).await?;
    let head = format!(
        "POST /{path} HTTP/1.1\r\nhost: {authority}\r\nx-event: {key}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        event.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(&event).await?;
    let mut answer = Vec::new();
    tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut answer).await?;
    if answer.starts_with(b"HTTP/1.1 2") { Ok(()) } else { Err("refused".into()) }
}
