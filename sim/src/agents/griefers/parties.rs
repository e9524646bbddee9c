//! Honest parties: all that they do must work out, whatever griefers do, and pay what their own books say.

use alloy_primitives::U256;
use bindings::IMoneyStreaming as streaming;

use super::arena::{Agreement, Arena, is_live, states, units};
use crate::{
    agents::{
        Agent, Builder,
        streams::{Contracts, Terms, Venue, evm},
    },
    draws::Draws,
    economy::{Dice, State, to_units},
    netlist::NetlistError,
};

pub(super) struct Honest {
    contracts: Contracts,
    creates: f64,
    trusts: f64,
    acts: f64,
    payment: f64,
    most: u64,
    is_ready: bool,
    /// Its streams to and from griefers.
    risky: Vec<U256>,
    dice: Dice,
}

impl Honest {
    pub(super) fn build(builder: &mut Builder<'_>) -> Result<Box<dyn Agent>, NetlistError> {
        let me = builder.me;
        builder.state.shared::<Arena>().honest.push(me);
        Ok(Box::new(Self {
            contracts: Contracts::build(builder)?,
            creates: builder.positive("creates")?,
            trusts: builder.positive("trusts")?,
            acts: builder.positive("acts")?,
            payment: builder.positive("payment")?,
            most: builder.whole("most")?,
            is_ready: false,
            risky: Vec::new(),
            dice: builder.dice("act"),
        }))
    }

    fn create(&mut self, me: usize, state: &mut State, venue: Venue, draws: &mut Draws) -> Result<(), String> {
        let arena = state.shared::<Arena>();
        let n_mine = arena.agreements.iter().filter(|agreement| agreement.sender == me && !agreement.is_over).count();
        if (n_mine + self.risky.len()) as u64 >= self.most {
            return Ok(());
        }
        let is_risky = draws.chance(self.trusts);
        let others = if is_risky { &arena.griefers } else { &arena.honest };
        let others: Vec<usize> = others.iter().copied().filter(|other| *other != me).collect();
        if others.is_empty() {
            return Ok(());
        }
        let recipient = others[draws.below(others.len())];
        let payment = to_units(self.payment * draws.unit())? + U256::ONE;
        let (interval, n_intervals) = (1 + draws.below(5) as u64, 1 + draws.below(30) as u64);
        let n = U256::from(n_intervals);
        if payment * n > units(state, venue, me)? {
            return Ok(());
        }
        let start = venue.clock(state)?;
        let (id, _) = venue.create(state, me, recipient, Terms { payment, interval, n_intervals })?;
        let evm = evm(state)?;
        let accounts = (evm.account(me), evm.account(recipient));
        let arena = state.shared::<Arena>();
        arena.known.insert(id, accounts);
        if is_risky {
            self.risky.push(id);
            return Ok(());
        }
        arena.agreements.push(Agreement {
            id,
            sender: me,
            recipient,
            start,
            stop: start + interval * n_intervals,
            payment,
            interval,
            withdrawn: U256::ZERO,
            proposals: [None; 2],
            is_over: false,
        });
        Ok(())
    }

    /// Uses its rights in a stream with another honest party.
    fn act(&self, me: usize, state: &mut State, (venue, id): (Venue, U256), draws: &mut Draws) -> Result<(), String> {
        let clock = venue.clock(state)?;
        let Some(agreement) = state.shared::<Arena>().agreement(id).cloned() else { return Ok(()) };
        let due = agreement.due(clock);
        match draws.below(12) {
            0 => redeem(me, state, venue, &agreement),
            1..=3 => propose(me, state, (venue, clock), &agreement, draws),
            4..=6 => accept(me, state, (venue, clock), &agreement),
            _ if me == agreement.recipient && !due.is_zero() => {
                let amount = due.div_ceil(U256::from(1 + draws.below(3)));
                withdraw(me, state, venue, (id, amount))?;
                if let Some(agreement) = state.shared::<Arena>().agreement(id) {
                    agreement.withdrawn += amount;
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Ends streams with griefers, or takes out what is due.
    fn beware(&mut self, me: usize, state: &mut State, venue: Venue, draws: &mut Draws) -> Result<(), String> {
        let account = evm(state)?.account(me);
        let known = &state.shared::<Arena>().known;
        let incoming = known.iter().filter(|(_, (_, recipient))| *recipient == account).map(|(id, _)| *id);
        let ids: Vec<U256> = incoming.chain(self.risky.iter().copied()).collect();
        let states = states(state, venue, &ids)?;
        self.risky.retain(|id| ids.iter().zip(&states).any(|(known, stream)| known == id && is_live(stream)));
        for (id, stream) in ids.into_iter().zip(states) {
            if state.shared::<Arena>().agreement(id).is_some() || !is_live(&stream) || !draws.chance(self.acts) {
                continue;
            }
            let is_paid = stream.recipient == account && stream.token == venue.token && stream.due != 0;
            if is_paid && draws.chance(0.8) {
                withdraw(me, state, venue, (id, U256::from(stream.due)))?;
            } else if draws.chance(0.3) {
                venue.send(state, me, &streaming::redeemCall { _streamId: id })?;
                state.shared::<Arena>().n_redeemed += 1;
            }
        }
        Ok(())
    }
}

impl Agent for Honest {
    fn step(&mut self, me: usize, state: &mut State) -> Result<(), String> {
        if state.shared::<Arena>().is_over {
            return Ok(());
        }
        let venue = self.contracts.venue(state)?;
        if !self.is_ready {
            self.is_ready = true;
            venue.approve(state, me)?;
        }
        let mut draws = Draws::from_state(state.draws(&mut self.dice).next_u64());
        if draws.chance(self.creates) {
            self.create(me, state, venue, &mut draws)?;
        }
        let is_mine =
            |agreement: &&Agreement| !agreement.is_over && [agreement.sender, agreement.recipient].contains(&me);
        let mine: Vec<U256> = state.shared::<Arena>().agreements.iter().filter(is_mine).map(|known| known.id).collect();
        let states = states(state, venue, &mine)?;
        for (id, stream) in mine.into_iter().zip(states) {
            if is_live(&stream) && draws.chance(self.acts) {
                self.act(me, state, (venue, id), &mut draws)?;
            }
        }
        self.beware(me, state, venue, &mut draws)
    }
}

/// Withdraws, and counts it if it paid another amount.
fn withdraw(me: usize, state: &mut State, venue: Venue, (id, amount): (U256, U256)) -> Result<(), String> {
    let before = units(state, venue, me)?;
    venue.send(state, me, &streaming::withdrawCall { _streamId: id, _funds: amount })?;
    let got = units(state, venue, me)? - before;
    let arena = state.shared::<Arena>();
    arena.n_withdrawn += 1;
    arena.n_wrong += u64::from(got != amount);
    Ok(())
}

/// Redeems a stream of two honest parties, and counts it if one of them gets another share.
fn redeem(me: usize, state: &mut State, venue: Venue, agreement: &Agreement) -> Result<(), String> {
    let clock = venue.clock(state)?;
    let parties = [agreement.sender, agreement.recipient];
    let of_both = |state: &mut State| -> Result<[U256; 2], String> {
        Ok([units(state, venue, parties[0])?, units(state, venue, parties[1])?])
    };
    let before = of_both(state)?;
    venue.send(state, me, &streaming::redeemCall { _streamId: agreement.id })?;
    let after = of_both(state)?;
    let shares = [agreement.refundable(clock), agreement.due(clock)];
    let arena = state.shared::<Arena>();
    arena.n_redeemed += 1;
    arena.n_wrong += u64::from(after != [before[0] + shares[0], before[1] + shares[1]]);
    if let Some(agreement) = arena.agreement(agreement.id) {
        agreement.is_over = true;
    }
    Ok(())
}

fn propose(
    me: usize,
    state: &mut State,
    (venue, clock): (Venue, u64),
    agreement: &Agreement,
    draws: &mut Draws,
) -> Result<(), String> {
    let interval = 1 + draws.below(5) as u64;
    // From its start on, which may be later.
    let stop = clock.max(agreement.start) + interval * (1 + draws.below(20) as u64);
    let payment = (agreement.payment >> draws.below(3)) + U256::ONE;
    let (terms, place) = ((stop, payment, interval), agreement.place(me));
    // Confirming what the other has confirmed would execute it.
    if (agreement.stop, agreement.payment, agreement.interval) == terms || agreement.proposals[1 - place] == Some(terms)
    {
        return Ok(());
    }
    let call = streaming::confirmUpdateCall {
        _streamId: agreement.id,
        _tokenAddress: venue.token,
        _stopBlock: U256::from(stop),
        _payment: payment,
        _interval: U256::from(interval),
    };
    venue.send(state, me, &call)?;
    if let Some(agreement) = state.shared::<Arena>().agreement(agreement.id) {
        agreement.proposals[place] = Some(terms);
    }
    Ok(())
}

/// Accepts what the other has proposed, if the sender can pay for it and an interval is left.
fn accept(me: usize, state: &mut State, (venue, clock): (Venue, u64), agreement: &Agreement) -> Result<(), String> {
    let Some((stop, payment, interval)) = agreement.proposals[1 - agreement.place(me)] else { return Ok(()) };
    let base = clock.max(agreement.start);
    let duration = stop.saturating_sub(base);
    let deposit = payment * U256::from(duration / interval);
    if duration < interval || deposit > units(state, venue, agreement.sender)? {
        return Ok(());
    }
    let call = streaming::acceptUpdateCall {
        streamId: agreement.id,
        token: venue.token,
        stop: U256::from(stop),
        payment,
        interval: U256::from(interval),
    };
    let before = units(state, venue, agreement.recipient)?;
    venue.send(state, me, &call)?;
    let got = units(state, venue, agreement.recipient)? - before;
    let arena = state.shared::<Arena>();
    arena.n_updated += 1;
    arena.n_wrong += u64::from(got != agreement.due(clock));
    if let Some(agreement) = arena.agreement(agreement.id) {
        let start = base + duration % interval;
        (agreement.start, agreement.stop) = (start, stop);
        (agreement.payment, agreement.interval, agreement.withdrawn) = (payment, interval, U256::ZERO);
        agreement.proposals = [None; 2];
    }
    Ok(())
}
