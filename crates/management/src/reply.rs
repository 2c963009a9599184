//! Answers: a status, a body, and RabbitMQ's words for what went wrong.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Response, StatusCode, header};
use serde_json::{Value, json};

/// What a request is answered with when all is well.
#[derive(Debug)]
pub(crate) enum Reply {
    /// 200 and a document.
    Json(Value),
    /// 200 and a document that is written already.
    Text(&'static str, String),
    /// 201; what was made, where that has a place.
    Created(Option<String>),
    /// 204.
    Done,
    /// Another status with a document.
    Status(StatusCode, Value),
    /// A file to keep.
    File(String),
}

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// 400: the request cannot be understood, or the broker refuses it.
    Bad(String),
    /// 400 of another kind.
    BadKind(&'static str, String),
    /// 401 without a login, which a browser then asks for.
    NoLogin,
    /// 401: that user may not do this.
    Forbidden(&'static str),
    /// 401: the user has no such right in the virtual host.
    Refused,
    /// 404.
    Missing,
    /// 404: the virtual host that a thing would be made in is not there.
    MissingVhost,
    /// 404, because something that is mentioned is not there.
    MissingThing(String),
    /// 405, with the methods that there are.
    Method(String),
    /// 413.
    TooLarge,
    /// 503.
    Unavailable(String),
}

impl Failure {
    pub(crate) fn bad(reason: impl Into<String>) -> Self {
        Self::Bad(reason.into())
    }
}

impl Reply {
    pub(crate) fn into_response(self) -> Response<Body> {
        match self {
            Self::Json(value) => document(StatusCode::OK, &value),
            Self::Text(kind, text) => response(StatusCode::OK, kind, text),
            Self::Created(place) => {
                let mut response = response(StatusCode::CREATED, JSON, String::new());
                if let Some(place) = place.and_then(|place| HeaderValue::try_from(place).ok()) {
                    response.headers_mut().insert(header::LOCATION, place);
                }
                response
            }
            Self::Done => empty(StatusCode::NO_CONTENT),
            Self::Status(status, value) => document(status, &value),
            Self::File(text) => {
                let mut response = response(StatusCode::OK, JSON, text);
                let name = HeaderValue::from_static("attachment; filename=rabbit_definitions.json");
                response.headers_mut().insert(header::CONTENT_DISPOSITION, name);
                response
            }
        }
    }
}

impl Failure {
    pub(crate) fn into_response(self) -> Response<Body> {
        let error = |status, error: &str, reason: &str| {
            document(status, &json!({ "error": error, "reason": reason }))
        };
        match self {
            Self::Bad(reason) => error(StatusCode::BAD_REQUEST, "bad_request", &reason),
            Self::BadKind(kind, reason) => error(StatusCode::BAD_REQUEST, kind, &reason),
            Self::NoLogin => {
                let mut response =
                    error(StatusCode::UNAUTHORIZED, "not_authorized", "Not_Authorized");
                let realm = HeaderValue::from_static("Basic realm=\"RabbitMQ Management\"");
                response.headers_mut().insert(header::WWW_AUTHENTICATE, realm);
                response
            }
            Self::Forbidden(why) => error(StatusCode::UNAUTHORIZED, "not_authorized", why),
            Self::Refused => error(StatusCode::UNAUTHORIZED, "not_authorised", "Access refused."),
            Self::Missing => error(StatusCode::NOT_FOUND, "Object Not Found", "Not Found"),
            Self::MissingVhost => error(StatusCode::NOT_FOUND, "not_found", "vhost_not_found"),
            Self::MissingThing(what) => error(StatusCode::NOT_FOUND, "not_found", &what),
            Self::Method(allowed) => {
                let mut response = empty(StatusCode::METHOD_NOT_ALLOWED);
                if let Ok(allowed) = HeaderValue::try_from(allowed) {
                    response.headers_mut().insert(header::ALLOW, allowed);
                }
                response
            }
            Self::TooLarge => {
                error(StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large", "payload_too_large")
            }
            Self::Unavailable(reason) => {
                error(StatusCode::SERVICE_UNAVAILABLE, "service_unavailable", &reason)
            }
        }
    }
}

const JSON: &str = "application/json";

fn document(status: StatusCode, value: &Value) -> Response<Body> {
    response(status, JSON, value.to_string())
}

fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    harden(&mut response);
    response
}

fn response(status: StatusCode, kind: &'static str, text: String) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    harden(&mut response);
    response
}

/// What browsers are told: keep nothing, guess nothing, let nobody frame it.
fn harden(response: &mut Response<Body>) {
    let facts = [
        ("cache-control", "no-cache"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("content-security-policy", "default-src 'self'; frame-ancestors 'none'"),
        ("vary", "accept, accept-encoding, origin"),
    ];
    for (name, value) in facts {
        let name = HeaderName::from_static(name);
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
}
