//! The routes: what each takes, what it answers with, and by which function.

use axum::response::Response;
use utoipa::openapi::{ObjectBuilder, RefOr, Schema, schema::Type};

use super::{
    Reading, Shared,
    answer::{Schemas, listed_schema, one_schema, schema},
    asked::{AFTER, Form, LIMIT, ORDER, Parameter, SOURCE, path, query, required},
    content, document, epochs, events,
    failure::Failure,
    pooler, state, streams, uniswap,
};
use crate::{
    kind::{
        erc1620::query::{DepositView, HistoryEntry, StreamView, Totals},
        uniswap_v2::query::{DayStats, PairStats, TokenStats, Transaction},
    },
    read::{Change, EpochEntry, ProjectEntry, SnapshotEntry},
};

/// A route.
#[derive(Debug)]
pub(super) struct Route {
    /// As the router and OpenAPI write it.
    pub(super) path: &'static str,
    /// What it answers with, in a sentence.
    pub(super) summary: &'static str,
    pub(super) parameters: &'static [Parameter],
    /// The type of the answer, and its schema.
    pub(super) answers: (&'static str, fn(&mut Schemas) -> RefOr<Schema>),
    pub(super) answer: Answer,
}

/// How a route is answered.
#[derive(Clone, Copy, Debug)]
pub(super) enum Answer {
    /// From the store.
    Read(fn(&mut Reading<'_>) -> Result<Response, Failure>),
    /// From memory.
    Told(fn(&Shared) -> Result<Response, Failure>),
    /// By all changes to come.
    Follow,
}

pub(super) const JSON: &str = "application/json";

const PROJECT: Parameter = required("project", Form::Text, "The project's id.");

const FROM_BLOCK: Parameter = query("from_block", Form::Count, "The first block.");
const TO_BLOCK: Parameter = query("to_block", Form::Count, "The last block.");
const CONTRACT: Parameter = query("contract", Form::Address, "The contract.");
const CONTRACT_IN_PATH: Parameter = path("contract", Form::Address, "The contract.");
const STREAM: Parameter = path("id", Form::Amount, "The stream's number there.");
const BLOCK: Parameter = query("block", Form::Count, "The block to look back to; the newest if not given.");
const EPOCH: Parameter =
    query("epoch", Form::Count, "The epoch to look back to; the newest with snapshots if not given.");
const TOKEN: Parameter = query("token", Form::Address, "The token.");
pub(super) const PAIR_IN_PATH: Parameter = path("address", Form::Address, "The pair.");
pub(super) const TOKEN_IN_PATH: Parameter = path("address", Form::Address, "The token.");

/// All of them, in the order in which they are listed.
pub(super) fn routes() -> impl Iterator<Item = &'static Route> {
    OWN.iter().chain(pooler::ROUTES)
}

/// Those by the index's own names.
const OWN: &[Route] = &[
    Route {
        path: "/",
        summary: "This list, for people.",
        parameters: &[],
        answers: ("text/html", text),
        answer: Answer::Told(document::page),
    },
    Route {
        path: "/openapi.json",
        summary: "This list, for programs.",
        parameters: &[],
        answers: (JSON, object),
        answer: Answer::Told(document::json),
    },
    Route {
        path: "/health",
        summary: "Whether the program is alive.",
        parameters: &[],
        answers: (JSON, schema::<state::Health>),
        answer: Answer::Told(state::health),
    },
    Route {
        path: "/ready",
        summary: "Whether the index is at most 32 blocks behind the chain; 503 if not.",
        parameters: &[],
        answers: (JSON, schema::<state::Ready>),
        answer: Answer::Told(state::ready),
    },
    Route {
        path: "/metrics",
        summary: "Counters and gauges for Prometheus.",
        parameters: &[],
        answers: ("application/openmetrics-text", text),
        answer: Answer::Read(state::metrics),
    },
    Route {
        path: "/v1/status",
        summary: "How far the index is.",
        parameters: &[],
        answers: (JSON, one_schema::<state::Status>),
        answer: Answer::Read(state::status),
    },
    Route {
        path: "/v1/epochs",
        summary: "Epochs.",
        parameters: &[LIMIT, AFTER, ORDER],
        answers: (JSON, listed_schema::<EpochEntry>),
        answer: Answer::Read(epochs::epochs),
    },
    Route {
        path: "/v1/epochs/{id}",
        summary: "An epoch.",
        parameters: &[path("id", Form::Count, "Its number.")],
        answers: (JSON, one_schema::<EpochEntry>),
        answer: Answer::Read(epochs::epoch),
    },
    Route {
        path: "/v1/projects",
        summary: "What is snapshotted, each with its newest snapshot.",
        parameters: &[
            query("prefix", Form::Text, "What the id begins with, such as a source and a slash."),
            LIMIT,
            AFTER,
        ],
        answers: (JSON, listed_schema::<ProjectEntry>),
        answer: Answer::Read(epochs::projects),
    },
    Route {
        path: "/v1/project",
        summary: "A project, with its newest snapshot.",
        parameters: &[PROJECT],
        answers: (JSON, one_schema::<ProjectEntry>),
        answer: Answer::Read(epochs::project),
    },
    Route {
        path: "/v1/snapshots",
        summary: "The snapshots of a project, or that of one epoch.",
        parameters: &[PROJECT, query("epoch", Form::Count, "The epoch."), LIMIT, AFTER, ORDER],
        answers: (JSON, listed_schema::<SnapshotEntry>),
        answer: Answer::Read(epochs::snapshots),
    },
    Route {
        path: "/v1/snapshots/{cid}",
        summary: "What is behind a content address, a snapshot or a block of a chain of snapshots: as DAG-JSON, or its \
                  bytes by `format=raw` or `Accept: application/vnd.ipld.raw`.",
        parameters: &[
            path("cid", Form::Cid, "The content address."),
            query("format", Form::OneOf(&["json", "raw"]), "The form; by the Accept header if not given."),
        ],
        answers: (content::DAG_JSON, any),
        answer: Answer::Read(content::content),
    },
    Route {
        path: "/v1/windows",
        summary: "What the sums of a project, or of a token in all its pairs, come to over a window of epochs: by `from` \
                  and `to`, or by the time before the end of `to`.",
        parameters: &[
            query("project", Form::Text, "The project's id; this or `token` is given."),
            TOKEN,
            SOURCE,
            query("name", Form::Text, "The sum; all if not given."),
            query("from", Form::Count, "The first epoch."),
            query("to", Form::Count, "The last epoch; the newest one if not given."),
            query("window", Form::Text, "A time in seconds, minutes, hours or days, such as 24h or 7d."),
        ],
        answers: (JSON, one_schema::<epochs::WindowEntry>),
        answer: Answer::Read(epochs::window),
    },
    Route {
        path: "/v1/streams",
        summary: "Streams, with what is due at the newest block or at one before.",
        parameters: &[
            query("sender", Form::Address, "Who pays."),
            query("recipient", Form::Address, "Who is paid."),
            query("party", Form::Address, "Who pays or is paid."),
            TOKEN,
            query("state", Form::OneOf(streams::STATES), "The state; all if not given."),
            CONTRACT,
            BLOCK,
            SOURCE,
            LIMIT,
            AFTER,
        ],
        answers: (JSON, listed_schema::<StreamView>),
        answer: Answer::Read(streams::streams),
    },
    Route {
        path: "/v1/streams/{contract}/{id}",
        summary: "A stream, with what is due at the newest block or at one before.",
        parameters: &[CONTRACT_IN_PATH, STREAM, BLOCK, SOURCE],
        answers: (JSON, one_schema::<StreamView>),
        answer: Answer::Read(streams::stream),
    },
    Route {
        path: "/v1/streams/{contract}/{id}/history",
        summary: "What happened to a stream, in order.",
        parameters: &[CONTRACT_IN_PATH, STREAM, SOURCE, LIMIT, AFTER],
        answers: (JSON, listed_schema::<HistoryEntry>),
        answer: Answer::Read(streams::history),
    },
    Route {
        path: "/v1/deposits",
        summary: "Deposits into rollups through StreamPortal.",
        parameters: &[
            query("account", Form::Address, "Who is credited."),
            query("app", Form::Address, "The application."),
            TOKEN,
            SOURCE,
            LIMIT,
            AFTER,
        ],
        answers: (JSON, listed_schema::<DepositView>),
        answer: Answer::Read(streams::deposits),
    },
    Route {
        path: "/v1/totals",
        summary: "The streams of each contract in each token taken together, at the end of an epoch.",
        parameters: &[EPOCH, SOURCE, LIMIT, AFTER],
        answers: (JSON, listed_schema::<Totals>),
        answer: Answer::Read(streams::totals),
    },
    Route {
        path: "/v1/pairs",
        summary: "Pairs, with what they hold and what was traded in 24 hours and 7 days, at the end of an epoch.",
        parameters: &[EPOCH, SOURCE, LIMIT, AFTER],
        answers: (JSON, listed_schema::<PairStats>),
        answer: Answer::Read(uniswap::pairs),
    },
    Route {
        path: "/v1/pairs/{address}",
        summary: "A pair.",
        parameters: &[PAIR_IN_PATH, EPOCH, SOURCE],
        answers: (JSON, one_schema::<PairStats>),
        answer: Answer::Read(uniswap::pair),
    },
    Route {
        path: "/v1/pairs/{address}/transactions",
        summary: "Swaps, mints and burns of a pair, the newest first.",
        parameters: &[PAIR_IN_PATH, SOURCE, LIMIT, AFTER],
        answers: (JSON, listed_schema::<Transaction>),
        answer: Answer::Read(uniswap::pair_transactions),
    },
    Route {
        path: "/v1/tokens",
        summary: "Tokens of pairs, with price, liquidity and volumes, at the end of an epoch.",
        parameters: &[EPOCH, SOURCE, LIMIT, AFTER],
        answers: (JSON, listed_schema::<TokenStats>),
        answer: Answer::Read(uniswap::tokens),
    },
    Route {
        path: "/v1/tokens/{address}",
        summary: "A token.",
        parameters: &[TOKEN_IN_PATH, EPOCH, SOURCE],
        answers: (JSON, one_schema::<TokenStats>),
        answer: Answer::Read(uniswap::token),
    },
    Route {
        path: "/v1/tokens/{address}/transactions",
        summary: "Swaps, mints and burns in all pairs of a token, the newest first.",
        parameters: &[TOKEN_IN_PATH, SOURCE, LIMIT, AFTER],
        answers: (JSON, listed_schema::<Transaction>),
        answer: Answer::Read(uniswap::token_transactions),
    },
    Route {
        path: "/v1/daily",
        summary: "All pairs together, day by day, the newest first.",
        parameters: &[query("days", Form::Count, "How many, 1 to 366; 30 if not given."), EPOCH, SOURCE],
        answers: (JSON, listed_schema::<DayStats>),
        answer: Answer::Read(uniswap::daily),
    },
    Route {
        path: "/v1/events",
        summary: "The tables of decoded events, with their columns.",
        parameters: &[],
        answers: (JSON, schema::<events::Tables>),
        answer: Answer::Told(events::tables),
    },
    Route {
        path: "/v1/events/{table}",
        summary: "Rows of decoded events.",
        parameters: &[
            path("table", Form::Text, "The table, as /v1/events lists it."),
            FROM_BLOCK,
            TO_BLOCK,
            CONTRACT,
            LIMIT,
            AFTER,
            ORDER,
        ],
        answers: (JSON, events::rows_schema),
        answer: Answer::Read(events::rows),
    },
    Route {
        path: "/v1/changes",
        summary: "Changes as they happen, as server-sent events: epochs that have their snapshots or are final, and \
                  reorgs. `Last-Event-ID`, or `after`, goes on after a change.",
        parameters: &[query("after", Form::Count, "The number of the last change that is known; 0 for all.")],
        answers: ("text/event-stream", schema::<Change>),
        answer: Answer::Follow,
    },
];

fn text(_: &mut Schemas) -> RefOr<Schema> {
    Schema::Object(ObjectBuilder::new().schema_type(Type::String).build()).into()
}

fn object(_: &mut Schemas) -> RefOr<Schema> {
    Schema::Object(ObjectBuilder::new().build()).into()
}

fn any(_: &mut Schemas) -> RefOr<Schema> {
    utoipa::openapi::schema::empty().into()
}
