//! Versions of streams against `getStreams` and `balanceOf`.

use alloy::primitives::U256;
use index::kind::erc1620::{
    StreamKey,
    query::{At, Decimal, Page, State, StreamFilter, StreamView, Streams, Wanted},
};

use crate::{
    loader::{EPOCH, Index, SOURCE, Silent},
    world::{Book, World},
};

/// All streams as of a block, by small pages.
pub fn all(index: &mut Index, filter: &StreamFilter, block: u64) -> Vec<StreamView> {
    let mut streams = Streams::of(&mut index.database, SOURCE);
    let at = streams.at(block).unwrap().unwrap();
    pages(&mut streams, filter, at)
}

pub fn pages(streams: &mut Streams<'_>, filter: &StreamFilter, at: At) -> Vec<StreamView> {
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let part = streams.list(filter, at, Page { after, limit: 7 }).unwrap();
        found.extend(part.rows);
        after = Some(match part.next {
            Some(next) => next,
            None => return found,
        });
    }
}

#[test]
fn streams_are_as_the_contracts_have_them_at_the_end_of_each_epoch() {
    let world = World::get();
    let mut index = Index::empty(&[], None);
    let mut current = Vec::new();
    let epoch = usize::try_from(EPOCH).unwrap();
    for (blocks, end) in world.blocks.chunks(epoch).zip(&world.ends) {
        index.take(blocks, &world.logs, 3, &Silent).unwrap();
        let last = blocks[epoch - 1].number;
        let streams = all(&mut index, &StreamFilter::default(), last);
        for book in &end.books {
            let of_book: Vec<_> = streams.iter().filter(|stream| stream.contract.0 == book.contract).collect();
            assert_eq!(of_book.len(), book.states.len(), "block {last}");
            for (i, stream) in of_book.into_iter().enumerate() {
                check(stream, book, i);
            }
        }
        current.push(streams);
    }
    // What was current then is found again later.
    for (id, streams) in (0..).zip(current) {
        assert_eq!(all(&mut index, &StreamFilter::default(), (id + 1) * EPOCH - 1), streams);
    }
    let n_ended = world.ends[world.ends.len() - 1].books.each_ref().map(|book| {
        let n_ended = book.states.iter().filter(|state| state.sender.is_zero()).count();
        (book.states.len(), n_ended)
    });
    // The traffic was worth the name.
    assert!(n_ended.iter().all(|(n, n_ended)| *n > 60 && *n_ended > 15), "{n_ended:?}");
    let n_updated = world.ends[world.ends.len() - 1]
        .books
        .each_ref()
        .map(|book| book.states.iter().filter(|state| state.updateEpoch != 0).count());
    assert!(n_updated.iter().all(|n| *n > 2), "{n_updated:?}");
}

fn check(stream: &StreamView, book: &Book, i: usize) {
    let (state, id) = (&book.states[i], U256::from(i + 1));
    assert_eq!((stream.contract.0, stream.stream_id), (book.contract, Decimal(id)));
    let Some((due, refundable)) = book.shares[i] else {
        assert_eq!((stream.state, state.sender.is_zero()), (State::Ended, true), "{stream:?}");
        assert!(stream.ending.is_some());
        return;
    };
    let time = |time: alloy::primitives::aliases::U48| time.to::<u64>();
    assert_eq!((stream.sender.0, stream.recipient.0, stream.token.0), (state.sender, state.recipient, state.token));
    assert_eq!(
        (stream.start, stream.stop, stream.interval),
        (time(state.start), time(state.stop), time(state.interval))
    );
    assert_eq!((stream.payment, stream.withdrawn), (state.payment.into(), state.withdrawn.into()), "{stream:?}");
    assert_eq!(stream.update_epoch, state.updateEpoch);
    assert_eq!((stream.due, stream.refundable), (Decimal(due), Decimal(refundable)), "{stream:?}");
    let left = U256::from(state.balance);
    assert_eq!(stream.deposit.0 - stream.withdrawn.0, left, "{stream:?}");
    assert_eq!(stream.deposit_total.0 - stream.withdrawn_total.0, left, "{stream:?}");
}

#[test]
fn filters_find_what_a_look_at_all_streams_finds() {
    let world = World::get();
    let mut index = world.index(50);
    let head = world.blocks[world.blocks.len() - 1].number;
    for block in [head, head / 2] {
        let streams = all(&mut index, &StreamFilter::default(), block);
        let mut check = |filter: StreamFilter, holds: &dyn Fn(&StreamView) -> bool| {
            let expected: Vec<_> = streams.iter().filter(|stream| holds(stream)).cloned().collect();
            assert_eq!(all(&mut index, &filter, block), expected, "{filter:?}");
            expected.len()
        };
        let contract = world.ends[0].books[0].contract;
        for account in &world.accounts[..6] {
            let by = |filter: StreamFilter| StreamFilter { token: Some(world.tokens[1]), ..filter };
            let all = StreamFilter::default();
            let sent = check(StreamFilter { sender: Some(*account), ..all }, &|stream| stream.sender.0 == *account);
            let got =
                check(StreamFilter { recipient: Some(*account), ..all }, &|stream| stream.recipient.0 == *account);
            let either = check(StreamFilter { party: Some(*account), ..all }, &|stream| {
                stream.sender.0 == *account || stream.recipient.0 == *account
            });
            assert!(sent + got == either && sent != 0 && got != 0);
            check(by(StreamFilter { party: Some(*account), contract: Some(contract), ..all }), &|stream| {
                (stream.sender.0 == *account || stream.recipient.0 == *account)
                    && stream.token.0 == world.tokens[1]
                    && stream.contract.0 == contract
            });
        }
        for (wanted, state) in [
            (Wanted::Pending, State::Pending),
            (Wanted::Streaming, State::Streaming),
            (Wanted::Stopped, State::Stopped),
            (Wanted::Ended, State::Ended),
        ] {
            let filter = StreamFilter { state: wanted, ..StreamFilter::default() };
            let n_found = check(filter, &|stream| stream.state == state);
            assert!(n_found != 0 || state == State::Pending, "nothing is {state:?}");
        }
        let open = StreamFilter { state: Wanted::Open, ..StreamFilter::default() };
        check(open, &|stream| stream.state != State::Ended);
    }
}

#[test]
fn one_stream_is_as_the_list_has_it_and_not_there_before_it_is_created() {
    let world = World::get();
    let mut index = world.index(50);
    let head = world.blocks[world.blocks.len() - 1].number;
    let listed = all(&mut index, &StreamFilter::default(), head);
    let mut streams = Streams::of(&mut index.database, SOURCE);
    let (at, genesis) = (streams.at(head).unwrap().unwrap(), streams.at(0).unwrap().unwrap());
    for stream in listed {
        let key = StreamKey { contract: stream.contract.0, id: stream.stream_id.0 };
        assert_eq!(streams.stream(key, genesis).unwrap(), None);
        assert_eq!(streams.stream(key, at).unwrap(), Some(stream));
    }
    assert_eq!(streams.at(head + 1).unwrap(), None);
    let unknown = StreamKey { contract: world.accounts[0], id: U256::from(1) };
    assert_eq!(streams.stream(unknown, at).unwrap(), None);
}
