//! JSON-RPC over plain HTTP: the one file of the simulation that speaks to a network.

use std::time::Duration;

use serde_json::{Value, json};
use ureq::Agent;

use super::{Ask, ForkError};

/// No answer about one account or slot is larger: code ends at 24 KiB on most chains.
const MAX_BODY: u64 = 4 * 1024 * 1024;

/// How long a node may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Asks the node at `url`, such as `http://127.0.0.1:8545`.
///
/// # Errors
/// If the URL is of another protocol: TLS comes from the program around this crate, as an [`Ask`] of its own.
pub fn http(url: &str) -> Result<Ask, ForkError> {
    if !url.starts_with("http://") {
        return Err(ForkError::Node {
            method: "connecting".to_owned(),
            parameters: url.to_owned(),
            why: "this client speaks http:// only; name a local node, or fork through one".to_owned(),
        });
    }
    let agent: Agent = Agent::config_builder()
        .http_status_as_error(false)
        .proxy(None)
        .max_redirects(0)
        .timeout_global(Some(PATIENCE))
        .build()
        .into();
    let url = url.to_owned();
    Ok(Box::new(move |method, parameters| {
        let request = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": parameters });
        let mut response = agent
            .post(&url)
            .content_type("application/json")
            .send(request.to_string())
            .map_err(|error| format!("{url}: {error}"))?;
        let body = response
            .body_mut()
            .with_config()
            .limit(MAX_BODY)
            .read_to_string()
            .map_err(|error| format!("{url}: {error}"))?;
        read_answer(&body).map_err(|why| format!("{url}: {why}"))
    }))
}

fn read_answer(body: &str) -> Result<Value, String> {
    let begin: String = body.chars().take(200).collect();
    let mut answer: Value = serde_json::from_str(body).map_err(|error| format!("{error} in {begin:?}"))?;
    match answer.get("error") {
        Some(error) if !error.is_null() => {
            Err(error.get("message").and_then(Value::as_str).map_or_else(|| error.to_string(), str::to_owned))
        }
        _ => match answer.get_mut("result") {
            Some(result) => Ok(result.take()),
            None => Err(format!("neither result nor error in {begin:?}")),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_results_or_errors() {
        assert_eq!(read_answer(r#"{"id":1,"result":"0x1"}"#), Ok(json!("0x1")));
        assert_eq!(read_answer(r#"{"id":1,"result":"0x1","error":null}"#), Ok(json!("0x1")));
        assert_eq!(read_answer(r#"{"error":{"code":-32000,"message":"no state"}}"#), Err("no state".to_owned()));
        assert_eq!(read_answer(r#"{"error":7}"#), Err("7".to_owned()));
        assert_eq!(read_answer("{}"), Err("neither result nor error in \"{}\"".to_owned()));
        assert!(read_answer("<html>").unwrap_err().contains("<html>"));
    }

    #[test]
    fn other_protocols_are_refused() {
        let error = http("https://example.org").err().expect("https is refused");
        assert!(error.to_string().contains("https://example.org"), "{error}");
    }
}
