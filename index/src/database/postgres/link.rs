//! A client that can be used up and dropped on any thread.

use std::{
    ops::{Deref, DerefMut},
    thread,
};

use super::Client;

/// A client. It waits for its own end, on a runtime of its own, which a thread of another runtime must not do; so it ends
/// on a thread apart.
pub(super) struct Link(Option<Client>);

impl Link {
    pub(super) fn new(client: Client) -> Self {
        Self(Some(client))
    }

    /// Ends it after one more statement.
    pub(super) fn end_with(&mut self, sql: &'static str) {
        self.end(Some(sql));
    }

    fn end(&mut self, sql: Option<&'static str>) {
        let Some(mut client) = self.0.take() else { return };
        let end = move || {
            // The server undoes and unlocks the same a little later, if this does not reach it.
            sql.map(|sql| client.batch_execute(sql).ok());
            drop(client);
        };
        if let Ok(ending) = thread::Builder::new().spawn(end) {
            drop(ending.join());
        }
    }
}

impl Deref for Link {
    type Target = Client;

    fn deref(&self) -> &Client {
        self.0.as_ref().expect("a client ends when nobody uses it any more")
    }
}

impl DerefMut for Link {
    fn deref_mut(&mut self) -> &mut Client {
        self.0.as_mut().expect("a client ends when nobody uses it any more")
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.end(None);
    }
}
