//! Changes as they happen, as server-sent events. Each has its number as its id, so that whoever comes back with the last
//! one it has seen gets every later one, once.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::response::{
    IntoResponse, Response,
    sse::{Event, KeepAlive, Sse},
};
use futures_util::StreamExt;
use tokio::{
    sync::{
        Mutex,
        mpsc::{self, Sender},
        watch,
    },
    time::{sleep, timeout},
};
use tokio_stream::wrappers::ReceiverStream;

use super::{
    Api,
    asked::{Asked, Form, expected, number},
    failure::{Code, Failure},
};
use crate::read::{self, Change};

/// Changes that are read at once.
const N_AT_ONCE: usize = 256;

/// Changes that wait for a reader.
const N_WAITING: usize = 64;

/// How long a reader may take nothing before it is let go. It can come back and go on where it was.
const MAX_STALL: Duration = Duration::from_secs(30);

/// How often the store is looked at when nothing tells that it changed: another process may write it.
const POLL: Duration = Duration::from_millis(500);

/// How long a connection is silent at most.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// The header by which a browser says what it has seen.
const LAST_EVENT_ID: &str = "last-event-id";

/// What those who follow share: while all wait, one of them looks at the store, and the others hear of what it finds.
#[derive(Debug, Default)]
pub(super) struct Changed {
    /// Held by the one who looks.
    turn: Mutex<()>,
    heard: watch::Sender<Heard>,
}

/// All changes after the one of a number, up to a later one; none, if somebody has come so far and those before it are for
/// others to look for.
#[derive(Clone, Debug, Default)]
struct Heard {
    after: u64,
    changes: Arc<[Change]>,
}

impl Heard {
    /// The number of the last.
    fn end(&self) -> u64 {
        self.changes.last().map_or(self.after, |change| change.id)
    }
}

impl Changed {
    /// Lets those who wait hear, unless they have heard of later ones.
    fn tell(&self, told: &Heard) {
        self.heard.send_if_modified(|heard| {
            let is_later = told.end() > heard.end();
            if is_later {
                heard.clone_from(told);
            }
            is_later
        });
    }
}

/// Answers with all changes after the one that is asked for, or else with those to come.
pub(super) async fn follow(api: Api, asked: Asked) -> Result<Response, Failure> {
    let permit = api.shared.followers.clone().try_acquire_owned().map_err(|_| Failure::busy())?;
    let known = match last_event_id(&asked)? {
        Some(id) => Some(id),
        None => asked.count("after")?,
    };
    let after = api.read(move |database, _| start(database, known)).await?;
    let (sender, receiver) = mpsc::channel(N_WAITING);
    // Tells at once that the connection stands, and from where.
    let first = Event::default().comment(format!("after {after}")).retry(Duration::from_secs(1));
    let followed = api.clone();
    tokio::spawn(async move {
        let _permit = permit;
        followed.shared.metrics.add_followers(1);
        let mut closing = followed.shared.closing.subscribe();
        tokio::select! {
            () = send_all(&followed, after, &sender) => {}
            () = sender.closed() => {}
            _ = closing.wait_for(|is_closing| *is_closing) => {}
        }
        followed.shared.metrics.add_followers(-1);
    });
    let events = futures_util::stream::iter([first]).chain(ReceiverStream::new(receiver)).map(Ok::<_, Infallible>);
    let heartbeat = KeepAlive::new().interval(HEARTBEAT).text("still here");
    Ok(Sse::new(events).keep_alive(heartbeat).into_response())
}

fn last_event_id(asked: &Asked) -> Result<Option<u64>, Failure> {
    let Some(value) = asked.headers.get(LAST_EVENT_ID) else { return Ok(None) };
    let value = String::from_utf8_lossy(value.as_bytes());
    let id = number::<u64>(&value).filter(|id| *id <= i64::MAX.cast_unsigned());
    id.map(Some).ok_or_else(|| Failure::bad("Last-Event-ID", &value, &expected(Form::Count)))
}

/// The number after which to begin. A number that the store cannot go on from is refused, since it would hide changes.
fn start(database: &mut dyn crate::database::Database, known: Option<u64>) -> Result<u64, Failure> {
    let newest = read::newest_change(database)?;
    let Some(known) = known else { return Ok(newest) };
    let gone =
        |text: String| Err(Failure::new(Code::Gone, format!("{text}; read the status, and follow from after=0")));
    if known > newest {
        return gone(format!("change {known} is above the newest one, {newest}: this is another store"));
    }
    match read::oldest_change(database)? {
        Some(oldest) if known != 0 && known + 1 < oldest => {
            gone(format!("changes after {known} are no longer kept; the oldest one is {oldest}"))
        }
        _ => Ok(known),
    }
}

/// Sends changes after `after`, until the reader goes or stalls, the store cannot be read, or no longer keeps the next one.
async fn send_all(api: &Api, mut after: u64, sender: &Sender<Event>) {
    // The end of the stream makes the reader come back, and tells it why if the store still cannot be read.
    while let Ok(heard) = next(api, after).await {
        let changes = &heard.changes[heard.changes.partition_point(|change| change.id <= after)..];
        if after != 0 && changes.first().is_some_and(|next| next.id != after + 1) {
            return;
        }
        for change in changes {
            if !matches!(timeout(MAX_STALL, sender.send(event(change))).await, Ok(Ok(()))) {
                return;
            }
        }
        after = heard.end();
    }
}

/// The next changes after `after`, as soon as there are any.
async fn next(api: &Api, after: u64) -> Result<Heard, Failure> {
    let mut changed = api.shared.changed.heard.subscribe();
    let heard = tokio::select! {
        biased;
        Ok(heard) = changed.wait_for(|heard| heard.end() > after) => heard.clone(),
        found = look_for_all(api, after) => return found,
    };
    if heard.after <= after {
        return Ok(heard);
    }
    // Others are further on.
    let found = look(api, after).await?;
    // Nothing is left up to where they are, if it is not the same store any more.
    Ok(if found.changes.is_empty() { Heard { after: heard.end(), ..found } } else { found })
}

/// Looks until there is a change after `after`, when nobody else does, and tells all who wait.
async fn look_for_all(api: &Api, after: u64) -> Result<Heard, Failure> {
    let changed = &api.shared.changed;
    let _turn = changed.turn.lock().await;
    // Whoever is behind does not wait for what comes after `after`.
    changed.tell(&Heard { after, ..Heard::default() });
    let mut progress = api.shared.progress.clone();
    loop {
        // Marked as seen before the store is read, so that what comes meanwhile is not slept over.
        progress.mark_unchanged();
        let found = look(api, after).await?;
        if !found.changes.is_empty() {
            changed.tell(&found);
            return Ok(found);
        }
        tokio::select! {
            Ok(()) = progress.changed() => {}
            () = sleep(POLL) => {}
        }
    }
}

/// Changes after `after`, as the store has them.
async fn look(api: &Api, after: u64) -> Result<Heard, Failure> {
    api.read(move |database, _| Ok(Heard { after, changes: read::changes(database, after, N_AT_ONCE)?.into() })).await
}

fn event(change: &Change) -> Event {
    let event = Event::default().id(change.id.to_string()).event(change.kind.replace(['\r', '\n', '\0'], " "));
    event.json_data(change).expect("a change has a form in JSON")
}
