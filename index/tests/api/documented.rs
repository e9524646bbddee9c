//! The OpenAPI document against the API: what it says is what is answered.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::{
    sources::{PAIR, USD, WETH, streaming},
    world::{TOKENS, World, json_of},
};

/// Values of parameters for which the filled store has an answer.
fn example(world: &World, path: &str, name: &str) -> String {
    match (path, name) {
        (_, "project") => TOKENS.into(),
        (_, "cid") => world.cids[0].clone(),
        (_, "table") => "tokens_transfer".into(),
        ("/v1/streams/{contract}/{id}" | "/v1/streams/{contract}/{id}/history", "id") => "1".into(),
        (_, "id") => "3".into(),
        (_, "contract") => streaming().to_string(),
        (path, "address") if path.contains("token") => USD.to_string(),
        (_, "address" | "pair_contract") => PAIR.to_string(),
        (_, "block_height") => "39".into(),
        (_, "token0" | "token_contract") => USD.to_string(),
        (_, "token1") => WETH.to_string(),
        _ => panic!("{path} has a parameter {name} without an example"),
    }
}

/// What else a route needs to have an answer: one of several parameters.
fn further(path: &str) -> &'static str {
    match path {
        "/v1/windows" => "project=tokens/all&from=0",
        "/v1/changes" => "after=0",
        _ => "",
    }
}

/// The path with values for all that it requires.
fn filled(world: &World, path: &str, operation: &Value) -> String {
    let (mut asked, mut query) = (path.to_owned(), String::new());
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    for parameter in parameters.filter(|parameter| parameter["required"] == true) {
        let name = parameter["name"].as_str().unwrap();
        let value = example(world, path, name);
        match parameter["in"].as_str().unwrap() {
            "path" => asked = asked.replace(&format!("{{{name}}}"), &value),
            _ => query += &format!("{name}={value}&"),
        }
    }
    format!("{asked}?{query}{}", further(path))
}

/// Whether `value` has the form of `schema`, and objects have no fields that are not documented; if not, why.
fn fits(document: &Value, schema: &Value, value: &Value, place: &str) -> Result<(), String> {
    if let Some(name) = schema["$ref"].as_str() {
        let pointer = name.strip_prefix('#').unwrap();
        let schema = document.pointer(pointer).ok_or_else(|| format!("{name} is not in the document"))?;
        return fits(document, schema, value, place);
    }
    if let Some(schemas) = schema["oneOf"].as_array() {
        let tried: Result<Vec<String>, ()> =
            schemas.iter().map(|schema| fits(document, schema, value, place).map_or_else(Ok, |()| Err(()))).collect();
        return tried.map_or(Ok(()), |reasons| Err(reasons.join("; or ")));
    }
    if schema["allOf"].is_array() {
        let (properties, required) = merged(document, schema);
        return object_fits(document, (&properties, &required, false), value, place);
    }
    let kinds: Vec<&str> = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        kind => kind.as_str().into_iter().collect(),
    };
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let is_number = kind == "integer" && kinds.contains(&"number");
    if !kinds.is_empty() && !kinds.contains(&kind) && !is_number {
        return Err(format!("{place}: {value} is no {kinds:?}"));
    }
    if schema["enum"].as_array().is_some_and(|words| !words.contains(value)) {
        return Err(format!("{place}: {value} is none of {}", schema["enum"]));
    }
    for (i, item) in value.as_array().into_iter().flatten().enumerate() {
        fits(document, &schema["items"], item, &format!("{place}[{i}]"))?;
    }
    if schema["properties"].is_object() {
        let (properties, required) = merged(document, schema);
        let is_open = schema["additionalProperties"].is_boolean() || schema["additionalProperties"].is_object();
        object_fits(document, (&properties, &required, is_open), value, place)?;
    }
    Ok(())
}

type Properties = Vec<(String, Value)>;

/// The properties of a schema and of all that it is made of, and those that are required.
fn merged(document: &Value, schema: &Value) -> (Properties, BTreeSet<String>) {
    if let Some(name) = schema["$ref"].as_str() {
        return merged(document, document.pointer(name.strip_prefix('#').unwrap()).unwrap());
    }
    let mut properties: Properties =
        schema["properties"].as_object().into_iter().flatten().map(|(name, it)| (name.clone(), it.clone())).collect();
    let mut required: BTreeSet<String> =
        schema["required"].as_array().into_iter().flatten().map(|name| name.as_str().unwrap().to_owned()).collect();
    for part in schema["allOf"].as_array().into_iter().flatten() {
        let (more, also) = merged(document, part);
        properties.extend(more);
        required.extend(also);
    }
    // Which of several it is, is not known here: each may have its properties, and none requires them.
    for part in schema["oneOf"].as_array().into_iter().flatten() {
        properties.extend(merged(document, part).0);
    }
    (properties, required)
}

fn object_fits(
    document: &Value,
    (properties, required, is_open): (&Properties, &BTreeSet<String>, bool),
    value: &Value,
    place: &str,
) -> Result<(), String> {
    let fields = value.as_object().ok_or_else(|| format!("{place}: {value} is no object"))?;
    if let Some(name) = required.iter().find(|name| !fields.contains_key(*name)) {
        return Err(format!("{place} lacks {name}: {value}"));
    }
    for (name, field) in fields {
        let place = format!("{place}.{name}");
        // Variants of an enum share names; one of them has to fit.
        let schemas: Vec<_> = properties.iter().filter(|(it, _)| it == name).map(|(_, schema)| schema).collect();
        match schemas.as_slice() {
            [] if is_open => {}
            [] => return Err(format!("{place} is not documented")),
            schemas => fits(document, &serde_json::json!({ "oneOf": schemas }), field, &place)?,
        }
    }
    Ok(())
}

#[tokio::test]
async fn every_path_answers_as_the_document_says() {
    let world = World::whole().await;
    let document = world.json("/openapi.json").await;
    let paths = document["paths"].as_object().unwrap();
    assert!(paths.len() > 10, "{} paths", paths.len());
    for (path, item) in paths {
        let operation = &item["get"];
        let asked = filled(&world, path, operation);
        let answer = world.get(&asked).await;
        let (status, kind) = (answer.status().as_u16(), answer.headers()["content-type"].to_str().unwrap().to_owned());
        let content = operation["responses"]["200"]["content"].as_object().unwrap();
        let (documented, described) = content.iter().next().unwrap();
        assert!(kind.starts_with(documented), "{asked}: {kind} is not {documented}");
        if documented == "text/event-stream" {
            assert_eq!(status, 200, "{asked}");
            continue;
        }
        let body = answer.text().await.unwrap();
        assert_eq!(status, 200, "{asked}: {body}");
        if documented.ends_with("json") {
            let body = serde_json::from_str(&body).unwrap();
            fits(&document, &described["schema"], &body, &asked).unwrap();
            if let Some(items) = body["items"].as_array().or(body.as_array()) {
                assert!(!items.is_empty(), "{asked} shows nothing that could be wrong");
            }
        }
    }
}

#[tokio::test]
async fn failures_have_the_documented_form() {
    let world = World::whole().await;
    let document = world.json("/openapi.json").await;
    for path in ["/v1/epochs?limit=0", "/v1/epochs/77", "/v1/changes?after=x"] {
        let schema = &document["paths"][path.split(['?']).next().unwrap().replace("/77", "/{id}")]["get"]["responses"]
            ["default"]["content"]["application/json"]["schema"];
        let body: Value = json_of(world.get(path).await).await;
        fits(&document, schema, &body, path).unwrap();
    }
}

#[tokio::test]
async fn the_page_lists_every_documented_path() {
    let world = World::whole().await;
    let document = world.json("/openapi.json").await;
    let page = world.get("/").await.text().await.unwrap();
    for path in document["paths"].as_object().unwrap().keys() {
        assert!(page.contains(&format!("<code>{path}</code>")), "{path}");
    }
}

#[tokio::test]
async fn the_check_sees_what_is_missing_wrong_or_not_documented() {
    let world = World::whole().await;
    let document = world.json("/openapi.json").await;
    let schema =
        &document["paths"]["/v1/epochs/{id}"]["get"]["responses"]["200"]["content"]["application/json"]["schema"];
    let epoch = world.json("/v1/epochs/3").await;
    for (change, told) in [
        (("id", None), "epoch lacks id"),
        (("id", Some(Value::from("3"))), "epoch.id: \"3\" is no [\"integer\"]"),
        (("state", Some(Value::from("done"))), "epoch.state: \"done\" is none of"),
        (("height", Some(Value::from(3))), "epoch.height is not documented"),
    ] {
        let (mut changed, (name, value)) = (epoch.clone(), change);
        let fields = changed.as_object_mut().unwrap();
        match value {
            Some(value) => fields.insert(name.to_owned(), value),
            None => fields.remove(name),
        };
        let reason = fits(&document, schema, &changed, "epoch").unwrap_err();
        assert!(reason.starts_with(told), "{reason}");
    }
}
