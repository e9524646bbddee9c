//! What a server says when something fails, and what that means.

use ::postgres::error::SqlState;

/// What the server says, in one line. Never has a password, because neither the server nor the client repeats it.
pub(crate) fn words(error: &::postgres::Error) -> String {
    let Some(error) = error.as_db_error() else {
        return std::error::Error::source(error)
            .map_or_else(|| error.to_string(), |source| format!("{error}: {source}"));
    };
    let detail = error.detail().map(|detail| format!(": {detail}")).unwrap_or_default();
    format!("{}{detail} (SQLSTATE {})", error.message(), error.code().code())
}

/// Whether a transaction that begins again may go through.
pub(crate) fn passes(error: &::postgres::Error) -> bool {
    let crossed = [SqlState::T_R_SERIALIZATION_FAILURE, SqlState::T_R_DEADLOCK_DETECTED, SqlState::LOCK_NOT_AVAILABLE];
    is_lost(error) || error.code().is_some_and(|code| crossed.contains(code))
}

pub(super) fn is_lost(error: &::postgres::Error) -> bool {
    let is_io = std::error::Error::source(error).is_some_and(|source| source.is::<std::io::Error>());
    let ends = [SqlState::ADMIN_SHUTDOWN, SqlState::CRASH_SHUTDOWN, SqlState::CANNOT_CONNECT_NOW];
    error.is_closed() || is_io || error.code().is_some_and(|code| ends.contains(code) || code.code().starts_with("08"))
}

/// Whether the server gave the statement up, for its time or because somebody asked it to.
pub(super) fn is_canceled(error: &::postgres::Error) -> bool {
    error.code() == Some(&SqlState::QUERY_CANCELED)
}
