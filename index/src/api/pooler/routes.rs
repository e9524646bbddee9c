//! Pooler's routes.

use utoipa::openapi::{RefOr, Schema};

use super::{
    daily, daily_in_full, forms, heights, logs, pair, pair_address, pairs, pairs_in_full, token, tokens, tokens_in_full,
};
use crate::{
    api::{
        Reading,
        answer::{Schemas, schema},
        asked::{Form, Parameter, SOURCE, path, query, required},
        failure::Failure,
        routes::{Answer, JSON, PAIR_IN_PATH, Route, TOKEN_IN_PATH},
    },
    kind::uniswap_v2::STREAMS,
};
use axum::response::Response;

const HEIGHT: Parameter = path("block_height", Form::Count, "The last block of an epoch, as `snapshots` lists them.");

const LATEST: &[Parameter] = &[SOURCE];
const AT_HEIGHT: &[Parameter] = &[HEIGHT, SOURCE];

const AT: &str = "The same at the end of an epoch; no data if none ends there.";
const FULL: &str = "The same, with what Pooler tells of the snapshot that it is in.";
const HEIGHTS: &str = "The last blocks of the newest 1,000 epochs that can be looked back to, the oldest first.";

/// What has snapshots of a pair.
const STREAM_NAMES: &[&str] = &STREAMS;

/// All of them, in the order in which they are listed.
pub(in crate::api) const ROUTES: &[Route] = &[
    route("/v2-pairs", "Pairs by Pooler's names, the most valuable first.", LATEST, forms::pairs, pairs),
    route("/v2-pairs/snapshots", HEIGHTS, LATEST, forms::heights, heights),
    route("/v2-pairs/{block_height}", AT, AT_HEIGHT, forms::pairs, pairs),
    route("/v1/api/v2-pairs", FULL, LATEST, forms::pairs_in_full, pairs_in_full),
    route("/v1/api/v2-pairs/snapshots", HEIGHTS, LATEST, forms::heights, heights),
    route("/v1/api/v2-pairs/{block_height}", FULL, AT_HEIGHT, forms::pairs_in_full, pairs_in_full),
    route("/v2-pair/{address}", "A pair by Pooler's names.", &[PAIR_IN_PATH, SOURCE], forms::pair, pair),
    route("/v2-tokens", "Tokens by Pooler's names, the most valuable first.", LATEST, forms::tokens, tokens),
    route("/v2-tokens/snapshots", HEIGHTS, LATEST, forms::heights, heights),
    route("/v2-tokens/{block_height}", AT, AT_HEIGHT, forms::tokens, tokens),
    route("/v1/api/v2-tokens", FULL, LATEST, forms::tokens_in_full, tokens_in_full),
    route("/v1/api/v2-tokens/snapshots", HEIGHTS, LATEST, forms::heights, heights),
    route("/v1/api/v2-tokens/{block_height}", FULL, AT_HEIGHT, forms::tokens_in_full, tokens_in_full),
    route("/v2-token/{address}", "A token by Pooler's names.", &[TOKEN_IN_PATH, SOURCE], forms::token, token),
    route(
        "/v2-daily-stats",
        "Volume, liquidity and fees of all pairs in 24 hours against the 24 hours before, by Pooler's names.",
        LATEST,
        forms::daily,
        daily,
    ),
    route("/v2-daily-stats/snapshots", HEIGHTS, LATEST, forms::heights, heights),
    route("/v2-daily-stats/{block_height}", AT, AT_HEIGHT, forms::daily, daily),
    route("/v1/api/v2-daily-stats", FULL, LATEST, forms::daily_in_full, daily_in_full),
    route("/v1/api/v2-daily-stats/snapshots", HEIGHTS, LATEST, forms::heights, heights),
    route("/v1/api/v2-daily-stats/{block_height}", FULL, AT_HEIGHT, forms::daily_in_full, daily_in_full),
    route(
        "/v2-pairs-recent-logs",
        "The newest 75 trades of a pair by Pooler's names.",
        &[required("pair_contract", Form::Address, "The pair."), SOURCE],
        forms::logs,
        logs::of_pair,
    ),
    route(
        "/v2-tokens-recent-logs",
        "The newest 75 trades of all pairs of a token by Pooler's names.",
        &[required("token_contract", Form::Address, "The token."), SOURCE],
        forms::logs,
        logs::of_token,
    ),
    route(
        "/snapshots/{address}",
        "The newest final snapshots of a pair as Pooler lists them, with Pooler's payloads if `data` is true.",
        &[
            PAIR_IN_PATH,
            query("maxCount", Form::Count, "How many, 1 to 100; 10 if not given."),
            query("stream", Form::OneOf(STREAM_NAMES), "Of what; pair_total_reserves if not given."),
            query("data", Form::OneOf(&["false", "true"]), "Whether with payloads."),
            SOURCE,
        ],
        forms::snapshots,
        logs::snapshots,
    ),
    route(
        "/pair_address",
        "The pair of two tokens, in any order.",
        &[required("token0", Form::Address, "One token."), required("token1", Form::Address, "The other."), SOURCE],
        schema::<super::PairAddress>,
        pair_address,
    ),
];

const fn route(
    path: &'static str,
    summary: &'static str,
    parameters: &'static [Parameter],
    answers: fn(&mut Schemas) -> RefOr<Schema>,
    answer: fn(&mut Reading<'_>) -> Result<Response, Failure>,
) -> Route {
    Route { path, summary, parameters, answers: (JSON, answers), answer: Answer::Read(answer) }
}
