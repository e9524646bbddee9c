//! Where a PostgreSQL server is, in a URL, and how it is shown: never with its password.

use std::fmt;

use super::{Config, DatabaseError, Duration, Link, NoTls, SslMode, words};
use ::postgres::config::Host;

/// The port that a URL without one means.
const DEFAULT_PORT: u16 = 5432;

/// How long a server has to answer.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a connection may be silent before it is looked at.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// A server, a database and a schema.
pub(super) struct Address {
    config: Config,
    /// Where the tables are; where the server's own settings lead, if there is none here.
    pub(super) schema: Option<String>,
}

impl Address {
    /// From `postgres://user:password@host:port/database?schema=name`.
    pub(super) fn parse(url: &str) -> Result<Self, DatabaseError> {
        let (place, query) = url.split_once('?').unwrap_or((url, ""));
        let mut schema = None;
        let mut others = Vec::new();
        for option in query.split('&').filter(|option| !option.is_empty()) {
            match option.split_once('=') {
                Some(("schema", name)) => schema = Some(check_schema(name)?),
                Some(("sslmode", mode)) if !matches!(mode, "disable" | "prefer") => return Err(tls(mode)),
                _ => others.push(option),
            }
        }
        let text = if others.is_empty() { place.to_owned() } else { format!("{place}?{}", others.join("&")) };
        let mut config: Config = text.parse().map_err(|error| {
            let reason = words(&error);
            let form = "postgres://user:password@host:port/database";
            DatabaseError::Address(format!("the store's URL cannot be read: {reason}; it has the form {form}"))
        })?;
        if config.get_hosts().is_empty() {
            let form = "postgres://user:password@host:port/database";
            return Err(DatabaseError::Address(format!("the store's URL names no server; it has the form {form}")));
        }
        if config.get_ssl_mode() == SslMode::Require {
            return Err(tls("require"));
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_TIMEOUT);
        }
        config.keepalives_idle(KEEPALIVE).application_name("streamctl index");
        // What exists already is no news.
        config.notice_callback(|_| ());
        Ok(Self { config, schema })
    }

    /// A connection of its own.
    pub(super) fn connect(&self) -> Result<Link, DatabaseError> {
        let mut client = self.config.connect(NoTls).map_err(|error| self.lost(&words(&error)))?;
        if let Some(schema) = &self.schema {
            client.batch_execute(&format!("SET search_path TO {schema}"))?;
        }
        Ok(Link::new(client))
    }

    /// That the server does not answer.
    pub(super) fn lost(&self, reason: &str) -> DatabaseError {
        DatabaseError::Lost { store: self.to_string(), reason: reason.to_owned() }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("postgres://")?;
        if let Some(user) = self.config.get_user() {
            write!(f, "{user}@")?;
        }
        match self.config.get_hosts().first() {
            Some(Host::Tcp(name)) => f.write_str(name)?,
            Some(Host::Unix(path)) => write!(f, "{}", path.display())?,
            None => {}
        }
        if let Some(port) = self.config.get_ports().first().filter(|port| **port != DEFAULT_PORT) {
            write!(f, ":{port}")?;
        }
        if let Some(name) = self.config.get_dbname() {
            write!(f, "/{name}")?;
        }
        self.schema.as_ref().map_or(Ok(()), |schema| write!(f, "?schema={schema}"))
    }
}

fn tls(mode: &str) -> DatabaseError {
    DatabaseError::Address(format!(
        "the store's URL has sslmode={mode}, and this program has no TLS for PostgreSQL; use a tunnel, or a network that \
         you trust and sslmode=disable"
    ))
}

fn check_schema(name: &str) -> Result<String, DatabaseError> {
    let is_name = |character: char| character.is_ascii_lowercase() || character.is_ascii_digit() || character == '_';
    let begins = name.starts_with(|first: char| first.is_ascii_lowercase()) && !name.starts_with("pg_");
    if begins && name.len() <= super::N_NAME && name.chars().all(is_name) {
        return Ok(name.to_owned());
    }
    Err(DatabaseError::Address(format!(
        "the schema {name:?} in the store's URL is no name of small letters, digits and underscores, of at most {} bytes, \
         that begins with a letter, and not with pg_",
        super::N_NAME
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(url: &str, shown: &str) {
        assert_eq!(Address::parse(url).map_or_else(|error| error.to_string(), |address| address.to_string()), shown);
    }

    #[test]
    fn an_address_is_shown_without_its_password() {
        check(
            "postgres://ann:secret@db.example:5433/chain?schema=a_1",
            "postgres://ann@db.example:5433/chain?schema=a_1",
        );
        check("postgresql://ann:secret@db.example/chain", "postgres://ann@db.example/chain");
        check("postgres://ann@%2Frun%2Fpg/chain?connect_timeout=3", "postgres://ann@/run/pg/chain");
    }

    #[test]
    fn what_is_no_address_is_refused_with_the_remedy() {
        let tls = |mode| {
            format!(
                "the store's URL has sslmode={mode}, and this program has no TLS for PostgreSQL; use a tunnel, or a \
                 network that you trust and sslmode=disable"
            )
        };
        check("postgres://ann:secret@db/chain?sslmode=require", &tls("require"));
        check("postgres://ann:secret@db/chain?sslmode=verify-full", &tls("verify-full"));
        check("postgres://ann:secret@db/chain?sslmode=disable&schema=x", "postgres://ann@db/chain?schema=x");
        let name = "is no name of small letters, digits and underscores, of at most 63 bytes, that begins with a letter, \
                    and not with pg_";
        for schema in ["", "A", "1a", "a-b", "a\"b", "pg_x", "a;drop", &"a".repeat(64)] {
            let url = format!("postgres://ann:secret@db/chain?schema={schema}");
            check(&url, &format!("the schema {schema:?} in the store's URL {name}"));
        }
        check(
            "postgres://ann:secret@db:port/chain",
            "the store's URL cannot be read: invalid connection string: invalid value for option `port`; it has the form \
             postgres://user:password@host:port/database",
        );
        check(
            "postgres:///chain",
            "the store's URL names no server; it has the form postgres://user:password@host:port/database",
        );
    }
}
