//! The auditor: what the contract owes and has, to the unit; what honest parties may do, tried in each tick and done at the
//! end; and their own books against the contract's.

use std::collections::BTreeSet;

use alloy_primitives::{Address, Bytes, U256};
use alloy_sol_types::SolCall;
use bindings::{
    DemoToken,
    IMoneyStreaming::{self as streaming, StreamState},
};

use super::{
    arena::{Arena, Audit, N_AT_ONCE, is_live, states},
    attacker::{ODD, parties},
};
use crate::{
    agents::{
        Agent, Builder,
        streams::{Contracts, Venue, evm},
    },
    economy::State,
    netlist::NetlistError,
};

pub(super) struct Auditor {
    contracts: Contracts,
    ends: u64,
    /// Up to which id streams were met.
    n_met: U256,
}

type Live = Vec<(U256, StreamState)>;

/// What the contract says is the sender's and the recipient's.
type Shares = Vec<(U256, U256)>;

impl Auditor {
    pub(super) fn build(builder: &mut Builder<'_>) -> Result<Box<dyn Agent>, NetlistError> {
        let ends = builder.whole("ends")?;
        Ok(Box::new(Self { contracts: Contracts::build(builder)?, ends, n_met: U256::ZERO }))
    }

    /// All streams that run, found by counting ids, whatever logs say.
    fn live(&mut self, state: &mut State, venue: Venue) -> Result<Live, String> {
        let next = evm(state)?.ask(venue.streams, &streaming::nextStreamIdCall {})?;
        let known = &mut state.shared::<Arena>().known;
        while self.n_met + U256::ONE < next {
            self.n_met += U256::ONE;
            known.entry(self.n_met).or_default();
        }
        let ids: Vec<U256> = known.keys().copied().collect();
        let states = states(state, venue, &ids)?;
        let live: Live = ids.into_iter().zip(states).filter(|(_, stream)| is_live(stream)).collect();
        let arena = state.shared::<Arena>();
        arena.known = live.iter().map(|(id, stream)| (*id, (stream.sender, stream.recipient))).collect();
        Ok(live)
    }

    fn audit(&mut self, state: &mut State, venue: Venue) -> Result<(Live, Shares), String> {
        let live = self.live(state, venue)?;
        let mut accounts: BTreeSet<Address> = parties(state)?.into_iter().collect();
        accounts.extend(live.iter().flat_map(|(_, stream)| [stream.sender, stream.recipient]));
        let crooked = state.shared::<Arena>().crooked.clone();
        for (agent, token) in &crooked {
            accounts.extend([evm(state)?.account(*agent), *token]);
        }
        // Griefers send money anywhere that they can name.
        accounts.extend(ODD.into_iter().chain([venue.token]));
        let mut tokens: BTreeSet<Address> = live.iter().map(|(_, stream)| stream.token).collect();
        tokens.extend(crooked.iter().map(|(_, token)| *token).chain([venue.token]));
        let shares = shares(state, venue, &live)?;
        let mut found = Audit { n_streams: live.len() as u64, ..Audit::default() };
        for token in tokens {
            let mut owed = U256::ZERO;
            for ((_, stream), (of_sender, of_recipient)) in live.iter().zip(&shares) {
                if stream.token == token {
                    owed += of_sender + of_recipient;
                }
            }
            owed += credits(state, venue, token, &accounts)?;
            let held = evm(state)?.units(token, venue.streams)?;
            found.shortfall += owed.saturating_sub(held);
            if token == venue.token {
                let donated = state.shared::<Arena>().donated;
                found.unaccounted += held.abs_diff(owed + donated) + scattered(state, venue, held, &accounts)?;
                (found.owed, found.held, found.left) = (owed, held, held.saturating_sub(donated));
            }
        }
        let honest = honest(state)?;
        let is_honest =
            |(_, stream): &&(U256, StreamState)| honest.contains(&stream.sender) || honest.contains(&stream.recipient);
        found.n_honest = live.iter().filter(is_honest).count() as u64;
        state.shared::<Arena>().audit = found;
        Ok((live, shares))
    }

    /// Does for every honest party what it may do, and then for all others.
    fn end(&mut self, state: &mut State, venue: Venue, live: Live) -> Result<(), String> {
        let honest = honest(state)?;
        for (id, stream) in live {
            let is_honest = [honest.contains(&stream.sender), honest.contains(&stream.recipient)];
            let is_sound = stream.token == venue.token;
            let has = |state: &mut State, who: Address| evm(state)?.units(venue.token, who);
            if is_honest[1] && is_sound && stream.due != 0 {
                let before = has(state, stream.recipient)?;
                let call = streaming::withdrawMaxCall { streamId: id, to: stream.recipient };
                done(state, venue, stream.recipient, &call)?;
                let got = has(state, stream.recipient)? - before;
                check(state, got == U256::from(stream.due));
            }
            let before = has(state, stream.sender)?;
            let party = if is_honest[1] { stream.recipient } else { stream.sender };
            done(state, venue, party, &streaming::redeemCall { _streamId: id })?;
            if is_honest[0] && is_sound {
                let got = has(state, stream.sender)? - before;
                check(state, got == U256::from(stream.refundable));
            }
        }
        for account in parties(state)? {
            // Who made the token refuse it lets it go on, so that credits can be paid out.
            let unblock = DemoToken::setBlockedCall { account, blocked: false };
            evm(state)?.chain.call(account, venue.token, &unblock).map_err(|error| error.to_string())?;
            let credit = evm(state)?.ask(venue.streams, &streaming::creditOfCall { token: venue.token, account })?;
            if !credit.is_zero() {
                done(state, venue, account, &streaming::claimCall { token: venue.token, to: account })?;
            }
        }
        state.shared::<Arena>().is_over = true;
        Ok(())
    }
}

impl Agent for Auditor {
    fn step(&mut self, _: usize, state: &mut State) -> Result<(), String> {
        let venue = self.contracts.venue(state)?;
        let (live, shares) = self.audit(state, venue)?;
        compare(state, venue, &live, &shares)?;
        probe(state, venue, &live)?;
        if state.tick() * state.dt() >= self.ends && !state.shared::<Arena>().is_over {
            self.end(state, venue, live)?;
            self.audit(state, venue)?;
        }
        Ok(())
    }
}

/// The accounts of honest parties.
fn honest(state: &mut State) -> Result<BTreeSet<Address>, String> {
    let agents = state.shared::<Arena>().honest.clone();
    let evm = evm(state)?;
    Ok(agents.into_iter().map(|agent| evm.account(agent)).collect())
}

/// What the contract answers to many views, each one number.
fn ask_all(state: &mut State, venue: Venue, calls: &[Vec<u8>]) -> Result<Vec<U256>, String> {
    let mut answers = Vec::with_capacity(calls.len());
    for calls in calls.chunks(N_AT_ONCE) {
        let data = calls.iter().map(|call| Bytes::copy_from_slice(call)).collect();
        let answer = evm(state)?.ask(venue.streams, &streaming::multicallCall { data })?;
        answers.extend(answer.iter().map(|word| U256::from_be_slice(word)));
    }
    Ok(answers)
}

/// What the standard's `balanceOf` says of both parties of each stream.
fn shares(state: &mut State, venue: Venue, live: &Live) -> Result<Shares, String> {
    let ask = |id: U256, of: Address| streaming::balanceOfCall { _streamId: id, _addr: of }.abi_encode();
    let calls: Vec<_> =
        live.iter().flat_map(|(id, stream)| [ask(*id, stream.sender), ask(*id, stream.recipient)]).collect();
    let answers = ask_all(state, venue, &calls)?;
    Ok(answers.chunks(2).map(|pair| (pair[0], pair[1])).collect())
}

/// All credits in a token. No honest party should have one in the honest token.
fn credits(state: &mut State, venue: Venue, token: Address, accounts: &BTreeSet<Address>) -> Result<U256, String> {
    let ask = |account: &Address| streaming::creditOfCall { token, account: *account }.abi_encode();
    let calls: Vec<_> = accounts.iter().map(ask).collect();
    let credits = ask_all(state, venue, &calls)?;
    if token == venue.token {
        let honest = honest(state)?;
        let n =
            accounts.iter().zip(&credits).filter(|(account, credit)| honest.contains(*account) && !credit.is_zero());
        let n = n.count() as u64;
        state.shared::<Arena>().n_credited += n;
    }
    Ok(credits.into_iter().fold(U256::ZERO, |sum, credit| sum + credit))
}

/// How many units of the honest token's supply nobody has, or too many.
fn scattered(state: &mut State, venue: Venue, held: U256, accounts: &BTreeSet<Address>) -> Result<U256, String> {
    let evm = evm(state)?;
    let supply = evm.ask(venue.token, &DemoToken::totalSupplyCall {})?;
    let mut of_all = held;
    for account in accounts {
        of_all += evm.units(venue.token, *account)?;
    }
    Ok(supply.abs_diff(of_all))
}

/// The contract's word against that of honest parties, who know nothing of its books.
fn compare(state: &mut State, venue: Venue, live: &Live, shares: &Shares) -> Result<(), String> {
    let clock = venue.clock(state)?;
    let arena = state.shared::<Arena>();
    let mut n_wrong = 0;
    for agreement in arena.agreements.iter_mut().filter(|agreement| !agreement.is_over) {
        match live.iter().position(|(id, _)| *id == agreement.id) {
            Some(at) => {
                let expected = (agreement.refundable(clock), agreement.due(clock));
                n_wrong += u64::from(shares[at] != expected);
            }
            None => {
                // Anybody may settle it, but only when all is due.
                agreement.is_over = true;
                n_wrong += u64::from(clock < agreement.stop);
            }
        }
    }
    arena.agreements.retain(|agreement| !agreement.is_over);
    for ((_, stream), (of_sender, of_recipient)) in live.iter().zip(shares) {
        n_wrong += u64::from(of_sender + of_recipient != U256::from(stream.balance));
    }
    arena.n_wrong += n_wrong;
    Ok(())
}

/// Tries without effect what honest parties may do: end each of their streams, and take out what is due.
fn probe(state: &mut State, venue: Venue, live: &Live) -> Result<(), String> {
    let honest = honest(state)?;
    let (mut n_probes, mut n_stuck) = (0, 0);
    let chain = &mut evm(state)?.chain;
    for (id, stream) in live {
        for party in [stream.sender, stream.recipient].into_iter().filter(|party| honest.contains(party)) {
            n_probes += 1;
            let call = streaming::redeemCall { _streamId: *id };
            n_stuck += u64::from(chain.view(party, venue.streams, call.abi_encode()).is_err());
        }
        if honest.contains(&stream.recipient) && stream.token == venue.token && stream.due != 0 {
            n_probes += 1;
            let call = streaming::withdrawMaxCall { streamId: *id, to: stream.recipient };
            let paid = chain.ask(stream.recipient, venue.streams, &call);
            n_stuck += u64::from(paid != Ok(U256::from(stream.due)));
        }
    }
    let arena = state.shared::<Arena>();
    arena.n_probes += n_probes;
    arena.n_stuck += n_stuck;
    Ok(())
}

/// Does what a party may do, and counts it if it does not work out.
fn done(state: &mut State, venue: Venue, from: Address, call: &impl SolCall) -> Result<(), String> {
    let is_done = evm(state)?.chain.call(from, venue.streams, call).is_ok();
    let arena = state.shared::<Arena>();
    arena.n_probes += 1;
    arena.n_stuck += u64::from(!is_done);
    Ok(())
}

fn check(state: &mut State, is_right: bool) {
    state.shared::<Arena>().n_wrong += u64::from(!is_right);
}
