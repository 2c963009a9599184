//! A description of all routes, made from the table that requests go by (OpenAPI 3.0).

use serde_json::{Map, Value, json};
use warrener_broker::RABBITMQ_VERSION;

use crate::call::Call;
use crate::reply::{Failure, Reply};
use crate::right::Right;
use crate::routes::{ROUTES, Route};

pub(crate) async fn openapi(_: Call) -> Result<Reply, Failure> {
    Ok(Reply::Json(description()))
}

pub(crate) fn description() -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for route in ROUTES {
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[route.method.to_lowercase()] = operation(route);
    }
    json!({
        "openapi": "3.0.3",
        "info": {
            "title": "Warrener management API",
            "version": RABBITMQ_VERSION,
            "description": "The HTTP API of RabbitMQ's management, as Warrener answers it.",
        },
        "paths": paths,
        "components": {
            "securitySchemes": { "basic": { "type": "http", "scheme": "basic" } },
            "schemas": {
                "Error": {
                    "type": "object",
                    "required": ["error", "reason"],
                    "properties": { "error": { "type": "string" }, "reason": {} },
                },
            },
        },
        "security": [{ "basic": [] }],
    })
}

fn operation(route: &Route) -> Value {
    let mut responses = Map::new();
    let mut add = |status: &str, text: &str| {
        responses.insert(status.to_owned(), json!({ "description": text }));
    };
    match route.method {
        "GET" => add("200", "What is asked for"),
        "DELETE" => add("204", "Done"),
        _ => {
            add("200", "Done, with an answer");
            add("201", "Made");
            add("204", "Changed");
        }
    }
    for (status, text) in [
        ("400", "The request cannot be obeyed; the reason says why"),
        ("401", "No login, or no right"),
        ("404", "There is no such thing"),
        ("413", "The body is too large"),
        ("503", "Not well"),
    ] {
        let content =
            json!({ "application/json": { "schema": { "$ref": "#/components/schemas/Error" } } });
        let is_error = status != "503";
        let mut response = json!({ "description": text });
        if is_error {
            response["content"] = content;
        }
        responses.insert(status.to_owned(), response);
    }
    let places = route.path.split('/').filter_map(|step| step.strip_prefix('{')?.strip_suffix('}'));
    let mut parameters: Vec<Value> = places
        .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }))
        .collect();
    if route.method == "GET" && route.path.starts_with("/api/") {
        for name in ["page", "page_size", "name", "use_regex", "sort", "sort_reverse", "columns"] {
            parameters.push(json!({ "name": name, "in": "query", "schema": { "type": "string" } }));
        }
    }
    let mut operation = json!({
        "summary": route.summary,
        "operationId": identity(route),
        "parameters": parameters,
        "responses": responses,
        "x-tag": format!("{:?}", route.right).to_lowercase(),
    });
    if matches!(route.method, "PUT" | "POST") {
        operation["requestBody"] =
            json!({ "content": { "application/json": { "schema": { "type": "object" } } } });
    }
    if route.right == Right::Nothing {
        operation["security"] = json!([]);
    }
    operation
}

fn identity(route: &Route) -> String {
    let steps = route.path.split('/').filter(|step| !step.is_empty());
    let steps: Vec<&str> = steps.map(|step| step.trim_matches(['{', '}'])).collect();
    format!("{}-{}", route.method.to_lowercase(), steps.join("-"))
}
