//! What a merchant and its subscribers do, on the chain and with cards.

use alloy_primitives::{Bytes, U256};
use alloy_sol_types::SolCall;
use bindings::IMoneyStreaming as streaming;

use super::{
    super::streams::{Terms, evm},
    Club, Member, Settings, Standing, Tally, Topup,
};
use crate::economy::State;

impl Club {
    /// Looks at all streams, and at what cards would have done, once a tick.
    pub(super) fn observe(&mut self, state: &mut State) -> Result<(), String> {
        if self.seen == Some(state.tick()) {
            return Ok(());
        }
        self.seen = Some(state.tick());
        let contracts = self.contracts.ok_or("there is no merchant")?;
        let mut states = contracts.venue(state)?.states(state, self.ids())?.into_iter();
        let now = state.now();
        self.tally.possible = 0.0;
        self.tally.card_locked = 0.0;
        for member in &mut self.members {
            (member.due, member.refundable) = (U256::ZERO, U256::ZERO);
            if member.standing.id().is_some() {
                let stream = states.next().ok_or("the contract answers for fewer streams than were asked for")?;
                (member.due, member.refundable) = (U256::from(stream.due), U256::from(stream.refundable));
            }
            let subscribed = now.min(member.leaves).saturating_sub(member.joins);
            self.tally.possible += self.settings.price * subscribed as f64 / self.settings.month as f64;
            member.charge(now, &self.settings, &mut self.tally);
        }
        Ok(())
    }

    pub(super) fn ids(&self) -> Vec<U256> {
        self.members.iter().filter_map(|member| member.standing.id()).collect()
    }

    pub(super) fn due(&self) -> U256 {
        self.members.iter().fold(U256::ZERO, |sum, member| sum + member.due)
    }

    pub(super) fn locked(&self) -> U256 {
        self.members.iter().fold(U256::ZERO, |sum, member| sum + member.refundable)
    }

    pub(super) fn count(&self, is: impl Fn(&Standing) -> bool) -> f64 {
        self.members.iter().filter(|member| is(&member.standing)).count() as f64
    }

    /// What a subscriber does in a tick.
    pub(super) fn act(&mut self, state: &mut State, at: usize) -> Result<(), String> {
        let (now, member) = (state.now(), &mut self.members[at]);
        match member.standing {
            Standing::Waiting if now >= member.joins => self.join(state, at),
            Standing::Active { id, .. } if now >= member.leaves => self.leave(state, at, id),
            Standing::Active { id, stop, .. } if now >= stop => {
                member.standing = Standing::Dry(id);
                Ok(())
            }
            Standing::Active { id, stop, topup: Topup::NotYet } if stop - now <= self.settings.lead => {
                let forgets = member.memory.chance(self.settings.forgets);
                let topup = if forgets { Topup::Forgotten } else { Topup::Proposed };
                member.standing = Standing::Active { id, stop, topup };
                if forgets { Ok(()) } else { self.propose(state, at, (id, stop)) }
            }
            _ => Ok(()),
        }
    }

    fn join(&mut self, state: &mut State, at: usize) -> Result<(), String> {
        let venue = self.contracts.ok_or("there is no merchant")?.venue(state)?;
        let Settings { payment, interval, n_prepaid: n_intervals, .. } = self.settings;
        let member = &mut self.members[at];
        venue.require_clock(state, true)?;
        self.tally.join_gas += venue.approve(state, member.agent)?;
        let terms = Terms { payment, interval, n_intervals };
        let (id, gas) = venue.create(state, member.agent, self.merchant, terms)?;
        self.tally.join_gas += gas;
        let stop = venue.clock(state)?.saturating_add(interval.saturating_mul(n_intervals));
        member.standing = Standing::Active { id, stop, topup: Topup::NotYet };
        Ok(())
    }

    fn leave(&mut self, state: &mut State, at: usize, id: U256) -> Result<(), String> {
        let venue = self.contracts.ok_or("there is no merchant")?.venue(state)?;
        let member = &mut self.members[at];
        let sent = venue.send(state, member.agent, &streaming::redeemCall { _streamId: id })?;
        self.tally.leave_gas += sent.gas;
        self.tally.received += sent.paid;
        member.standing = Standing::Left;
        (member.due, member.refundable) = (U256::ZERO, U256::ZERO);
        Ok(())
    }

    /// The stop that a top-up moves an end of prepaid time to.
    fn next_stop(&self, stop: u64) -> u64 {
        stop.saturating_add(self.settings.interval.saturating_mul(self.settings.n_prepaid))
    }

    fn propose(&mut self, state: &mut State, at: usize, (id, stop): (U256, u64)) -> Result<(), String> {
        let venue = self.contracts.ok_or("there is no merchant")?.venue(state)?;
        let call = streaming::confirmUpdateCall {
            _streamId: id,
            _tokenAddress: venue.token,
            _stopBlock: U256::from(self.next_stop(stop)),
            _payment: self.settings.payment,
            _interval: U256::from(self.settings.interval),
        };
        self.tally.topup_gas += venue.send(state, self.members[at].agent, &call)?.gas;
        Ok(())
    }

    /// The merchant accepts what subscribers have proposed.
    pub(super) fn accept(&mut self, state: &mut State) -> Result<(), String> {
        let venue = self.contracts.ok_or("there is no merchant")?.venue(state)?;
        for at in 0..self.members.len() {
            let Standing::Active { id, stop, topup: Topup::Proposed } = self.members[at].standing else { continue };
            let later = self.next_stop(stop);
            let call = streaming::acceptUpdateCall {
                streamId: id,
                token: venue.token,
                stop: U256::from(later),
                payment: self.settings.payment,
                interval: U256::from(self.settings.interval),
            };
            let sent = venue.send(state, self.merchant, &call)?;
            self.tally.topup_gas += sent.gas;
            self.tally.received += sent.paid;
            self.tally.n_topups += 1;
            self.members[at].standing = Standing::Active { id, stop: later, topup: Topup::NotYet };
            self.members[at].due = U256::ZERO;
        }
        Ok(())
    }

    /// The merchant withdraws from all streams that have something, so many in each transaction.
    pub(super) fn withdraw(&mut self, state: &mut State, batch: usize) -> Result<(), String> {
        let venue = self.contracts.ok_or("there is no merchant")?.venue(state)?;
        let to = evm(state)?.account(self.merchant);
        let rich = self.members.iter_mut().filter(|member| !member.due.is_zero());
        let (ids, dues): (Vec<_>, Vec<_>) =
            rich.filter_map(|member| Some((member.standing.id()?, &mut member.due))).unzip();
        for due in dues {
            *due = U256::ZERO;
        }
        for ids in ids.chunks(batch) {
            let call = |id: &U256| streaming::withdrawMaxCall { streamId: *id, to };
            let sent = match ids {
                [id] => venue.send(state, self.merchant, &call(id))?,
                ids => {
                    let calls = ids.iter().map(|id| Bytes::from(call(id).abi_encode())).collect();
                    venue.send(state, self.merchant, &streaming::multicallCall { data: calls })?
                }
            };
            self.tally.withdraw_gas += sent.gas;
            self.tally.received += sent.paid;
            self.tally.n_withdrawals += ids.len() as u64;
        }
        Ok(())
    }
}

impl Member {
    /// Charges the card at the beginning of each month that has begun, and adds up.
    fn charge(&mut self, now: u64, settings: &Settings, tally: &mut Tally) {
        let end = now.min(self.leaves);
        while !self.card.is_lost && self.joins <= now {
            let until = self.card.charged_until.unwrap_or(self.joins);
            if until > end || until == self.leaves {
                break;
            }
            if self.card.luck.chance(settings.card_fails) {
                self.card.is_lost = true;
                tally.n_card_lost += 1;
            } else {
                self.card.charged_until = Some(until.saturating_add(settings.month));
                tally.card_charged += settings.price;
                tally.card_fees += settings.price * settings.card_fee + settings.card_fee_fixed;
            }
        }
        let ahead = self.card.charged_until.unwrap_or(now).saturating_sub(now);
        tally.card_locked += settings.price * ahead as f64 / settings.month as f64;
    }
}
