//! The one thread that writes: takes what the follower finds, in order, and has all stages work on it.

use std::{io, thread};

use tokio::sync::{mpsc, oneshot};

use crate::{Result, fetch::Message, pipeline::Pipeline};

/// Messages that wait.
pub const MESSAGES_IN_FLIGHT: usize = 64;

/// Runs `work` in a thread of its own: databases block, and one of them must not be closed by a thread that runs
/// futures. What it comes to is the answer.
///
/// # Errors
/// If there is no thread to be had.
pub fn start(work: impl FnOnce() -> Result<()> + Send + 'static) -> io::Result<oneshot::Receiver<Result<()>>> {
    let (end, ended) = oneshot::channel();
    thread::Builder::new().name("writer".to_owned()).spawn(move || {
        // Nobody waits if the whole process is ending.
        drop(end.send(work()));
    })?;
    Ok(ended)
}

/// Does what the messages say until there is no sender any more, or until an error; in both cases the database is in a
/// state to go on from.
///
/// # Errors
/// Those of the stages.
pub fn write(mut pipeline: Pipeline, mut messages: mpsc::Receiver<Message>) -> Result<()> {
    pipeline.tell()?;
    // What was left when the process ended the last time.
    while !messages.is_closed() && pipeline.advance()? {}
    while let Some(message) = messages.blocking_recv() {
        // What is not stored is fetched again the next time.
        if messages.is_closed() {
            break;
        }
        match message {
            Message::Chunk { chunk, seen, room } => {
                pipeline.look(seen);
                pipeline.take(chunk)?;
                drop(room);
            }
            Message::Unwind { to } => pipeline.unwind(to)?,
            Message::Seen(seen) => pipeline.look(seen),
        }
        while !messages.is_closed() && pipeline.advance()? {}
    }
    Ok(())
}
