//! The rollup's HTTP API: the one place that speaks to the world around the application.
//!
//! The two known servers answer with different status codes; any 2xx is success, and 202 to `/finish` means that there
//! is no input yet. What goes wrong here is never an input's fault, and halts the program.

use std::io::ErrorKind;
use std::thread::sleep;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use ureq::Agent;

use crate::app::{App, Outcome};
use crate::error::Fault;
use crate::metadata::{Advance, Inspect};
use crate::output::Output;

/// How often the server is asked before it counts as absent. It may start after this program.
const CONNECT_TRIES: u32 = 100;
/// Between two tries.
const CONNECT_PAUSE: Duration = Duration::from_millis(100);
/// No request of a rollup is larger: inputs end at 64 KiB on chain, and servers at 5 MiB of JSON.
const MAX_BODY: u64 = 16 * 1024 * 1024;

/// Why the program cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Halt {
    /// The state.
    #[error(transparent)]
    State(#[from] Fault),
    /// Nobody answers at the address.
    #[error("no rollup server answers at {url}: {why}; start one, or set ROLLUP_HTTP_SERVER_URL")]
    Unreachable {
        /// Where the server should be.
        url: String,
        /// What the system says.
        why: String,
    },
    /// The address is none.
    #[error("{url} is no address of a rollup server ({why}); write it as http://127.0.0.1:5004")]
    BadUrl {
        /// What was given.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// The server was there, and what it says cannot be told.
    #[error("the rollup server at {url} broke off: {why}; start again, and the input comes again")]
    Broken {
        /// Where the server is.
        url: String,
        /// What the system says.
        why: String,
    },
    /// The server does not take what it is given.
    #[error("the rollup server answers {status} to /{path}: {body}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// Which endpoint.
        path: &'static str,
        /// The beginning of the answer.
        body: String,
    },
    /// The server's request is none.
    #[error("the rollup server's request cannot be read: {0}")]
    Unreadable(String),
}

/// What the rollup asks for.
#[derive(Debug, Deserialize)]
#[serde(tag = "request_type", content = "data", rename_all = "snake_case")]
enum Request {
    AdvanceState(Advance),
    InspectState(Inspect),
}

/// A server of the rollup's HTTP API.
pub struct Rollup {
    agent: Agent,
    url: String,
}

impl Rollup {
    /// The server at `url`, such as `http://127.0.0.1:5004`. Nothing is sent yet.
    #[must_use]
    pub fn at(url: &str) -> Self {
        // No timeout: the server answers when there is an input, however long that takes.
        let agent = Agent::config_builder().http_status_as_error(false).proxy(None).max_redirects(0).build().into();
        Self { agent, url: url.trim_end_matches('/').to_owned() }
    }

    /// Gives `app` every input and question of the rollup, until something breaks.
    pub fn serve(&self, app: &mut App) -> Result<std::convert::Infallible, Halt> {
        let mut request = self.first_request()?;
        loop {
            let Outcome { is_accepted, outputs } = match request {
                Some(Request::AdvanceState(input)) => app.advance(&input)?,
                Some(Request::InspectState(question)) => match app.inspect(&question.payload)? {
                    Ok(answer) => Outcome { is_accepted: true, outputs: vec![Output::Report(answer)] },
                    Err(why) => Outcome::rejected(&why),
                },
                None => Outcome { is_accepted: true, outputs: Vec::new() },
            };
            for output in &outputs {
                self.put(output)?;
            }
            request = self.finish(is_accepted)?;
        }
    }

    /// Waits for the server to be there. Once it has been asked, it may have handed out an input: to ask again would be to
    /// accept that input unseen.
    fn first_request(&self) -> Result<Option<Request>, Halt> {
        let mut tries = 1;
        loop {
            match self.finish(true) {
                Err(Halt::Unreachable { .. }) if tries < CONNECT_TRIES => {
                    tries += 1;
                    sleep(CONNECT_PAUSE);
                }
                result => return result,
            }
        }
    }

    /// Ends the present request, and waits for the next.
    fn finish(&self, is_accepted: bool) -> Result<Option<Request>, Halt> {
        let status = if is_accepted { "accept" } else { "reject" };
        let (code, body) = self.post("finish", &json!({ "status": status }))?;
        if code == 202 {
            return Ok(None);
        }
        serde_json::from_str(&body)
            .map(Some)
            .map_err(|error| Halt::Unreadable(format!("{} in {}", begin(&error.to_string()), begin(&body))))
    }

    fn put(&self, output: &Output) -> Result<(), Halt> {
        self.post(output.path(), &output.body()).map(drop)
    }

    fn post(&self, path: &'static str, body: &Value) -> Result<(u16, String), Halt> {
        let mut response = self
            .agent
            .post(format!("{}/{path}", self.url))
            .content_type("application/json")
            .send(body.to_string())
            .map_err(|error| self.failure(error))?;
        let status = response.status();
        let body =
            response.body_mut().with_config().limit(MAX_BODY).read_to_string().map_err(|error| self.failure(error))?;
        if status.is_success() {
            Ok((status.as_u16(), body))
        } else {
            Err(Halt::Refused { status: status.as_u16(), path, body: begin(&body) })
        }
    }

    fn failure(&self, error: ureq::Error) -> Halt {
        let (url, why) = (self.url.clone(), error.to_string());
        match error {
            ureq::Error::Io(error) if error.kind() == ErrorKind::ConnectionRefused => Halt::Unreachable { url, why },
            ureq::Error::HostNotFound => Halt::Unreachable { url, why },
            ureq::Error::BadUri(_) | ureq::Error::Http(_) => Halt::BadUrl { url, why },
            _ => Halt::Broken { url, why },
        }
    }
}

fn begin(text: &str) -> String {
    text.trim().chars().take(200).collect()
}
