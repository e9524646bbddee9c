//! The list of routes: as OpenAPI for programs, and as a page for people.

use std::fmt::Write as _;

use axum::{
    Json,
    http::header::CONTENT_TYPE,
    response::{Html, IntoResponse, Response},
};
use utoipa::openapi::{
    ComponentsBuilder, Content, InfoBuilder, ObjectBuilder, OpenApi, OpenApiBuilder, PathItem, PathsBuilder, RefOr,
    Required, ResponseBuilder, Schema,
    path::{HttpMethod, OperationBuilder, Parameter, ParameterBuilder, ParameterIn},
    schema::{KnownFormat, SchemaFormat, Type},
};

use super::{
    Shared,
    answer::{Schemas, schema},
    asked::{self, DEFAULT_ROWS, Form, Place},
    failure::Failure,
    routes::{Route, routes},
};
use crate::read::MAX_ROWS;

/// The OpenAPI document.
pub(super) fn json(_: &Shared) -> Result<Response, Failure> {
    Ok(Json(openapi()).into_response())
}

/// The list of routes as HTML.
pub(super) fn page(api: &Shared) -> Result<Response, Failure> {
    let mut page = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>streamctl index</title>\
         <h1>Index of chain {}</h1><table>",
        api.chain
    );
    for Route { path, summary, parameters, .. } in routes() {
        let names: Vec<_> = parameters.iter().filter(|it| it.place != Place::Path).map(|it| it.name).collect();
        let summary = summary.replace('&', "&amp;").replace('<', "&lt;");
        let row = write!(page, "<tr><td><code>{path}</code><td>{summary}<td>{}", names.join(", "));
        row.expect("writing to a text does not fail");
    }
    page.push_str("</table><p>Lists take <code>limit</code> and <code>after</code>, which is <code>next</code> of the page before.</html>");
    let mut response = Html(page).into_response();
    let html = "text/html; charset=utf-8".parse().expect("it is a header's value");
    response.headers_mut().insert(CONTENT_TYPE, html);
    Ok(response)
}

fn openapi() -> OpenApi {
    let mut schemas = Schemas::new();
    let mut paths = PathsBuilder::new();
    for route in routes() {
        paths = paths.path(route.path, PathItem::new(HttpMethod::Get, operation(route, &mut schemas)));
    }
    let info = InfoBuilder::new().title("streamctl index").version(env!("CARGO_PKG_VERSION")).description(Some(
        "Epoch snapshots of contracts. Amounts are decimal strings, hashes and addresses start with 0x.",
    ));
    let components = ComponentsBuilder::new().schemas_from_iter(schemas);
    OpenApiBuilder::new().info(info.build()).paths(paths.build()).components(Some(components.build())).build()
}

fn operation(route: &Route, schemas: &mut Schemas) -> OperationBuilder {
    let (kind, answers) = route.answers;
    let answered =
        ResponseBuilder::new().description("The answer.").content(kind, Content::new(Some(answers(schemas))));
    let failed = Content::new(Some(schema::<Failure>(schemas)));
    let failed = ResponseBuilder::new().description("Why there is none.").content("application/json", failed);
    OperationBuilder::new()
        .summary(Some(route.summary))
        .operation_id(Some(operation_id(route.path)))
        .parameters(Some(route.parameters.iter().map(parameter)))
        .response("200", answered)
        .response("default", failed)
}

/// `/v1/epochs/{id}` is `v1_epochs_id`.
fn operation_id(path: &str) -> String {
    let words: Vec<_> = path.split(|it: char| !it.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
    if words.is_empty() { "list".to_owned() } else { words.join("_") }
}

fn parameter(parameter: &asked::Parameter) -> Parameter {
    let (place, is_required) = match parameter.place {
        Place::Path => (ParameterIn::Path, Required::True),
        Place::Required => (ParameterIn::Query, Required::True),
        Place::Query => (ParameterIn::Query, Required::False),
    };
    ParameterBuilder::new()
        .name(parameter.name)
        .parameter_in(place)
        .required(is_required)
        .description(Some(parameter.meaning))
        .schema(Some(form(parameter.form)))
        .build()
}

fn form(form: Form) -> RefOr<Schema> {
    let text = || ObjectBuilder::new().schema_type(Type::String);
    let count = || ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0));
    let object = match form {
        Form::Count => count().format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64))),
        Form::Amount => text().pattern(Some("^(0|[1-9][0-9]*)$")),
        Form::Limit => count().minimum(Some(1)).maximum(Some(MAX_ROWS)).default(Some(DEFAULT_ROWS.into())),
        Form::Cursor => text().pattern(Some("^([0-9a-f]{2})+$")),
        Form::Address => text().pattern(Some("^0x[0-9a-fA-F]{40}$")),
        Form::Cid | Form::Text => text(),
        Form::OneOf(words) => text().enum_values(Some(words.iter().copied())),
    };
    Schema::Object(object.build()).into()
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    #[test]
    fn no_two_forms_share_a_name() {
        let mut schemas = Schemas::new();
        routes().for_each(|route| drop((route.answers.1)(&mut schemas)));
        let mut named = BTreeMap::new();
        for (name, schema) in schemas {
            let schema = serde_json::to_string(&schema).expect("it has a form in JSON");
            let before = named.insert(name.clone(), schema.clone());
            assert!(before.is_none_or(|before| before == schema), "{name} stands for two forms");
        }
    }

    #[test]
    fn operations_have_names_of_their_own() {
        let names: BTreeSet<_> = routes().map(|route| operation_id(route.path)).collect();
        assert_eq!(names.len(), routes().count());
    }

    #[test]
    fn parameters_in_paths_are_those_that_are_declared() {
        for Route { path, parameters, .. } in routes() {
            let declared: Vec<_> = parameters.iter().filter(|it| it.place == Place::Path).map(|it| it.name).collect();
            let named: Vec<_> = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
            assert_eq!(named, declared, "{path}");
        }
    }
}
