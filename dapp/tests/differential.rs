//! The ledger against the plain rule: the same random life on both, operation by operation.

#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

mod model;

use std::path::Path;

use alloy_primitives::{Address, U256};
use dapp::{Direction, Durability, Fault, MAX_DURATION, Order, Refusal, SUPPLY_CAP, Stop, Store};
use model::{Model, Rng};

const START: u64 = 1_700_000_000;
const OPERATIONS: usize = 500;

/// What a family of lives looks like.
struct Life {
    lives: u64,
    largest: U256,
    durations: &'static [u64],
    pauses: &'static [u64],
}

struct World {
    store: Store,
    model: Model,
    rng: Rng,
    now: u64,
    /// Balances that were asked for once and must never change, since they lie in the past.
    remembered: Vec<(Address, Address, u64, U256)>,
    accepted: usize,
    refused: usize,
    undecided: usize,
}

fn account(number: u64) -> Address {
    Address::with_last_byte(u8::try_from(0x10 + number).unwrap())
}

fn tokens() -> [Address; 2] {
    [Address::ZERO, Address::repeat_byte(0x77)]
}

impl World {
    fn new(seed: u64) -> Self {
        let store = Store::open(Path::new(":memory:"), Durability::Machine).unwrap();
        let rng = Rng(seed);
        let (accepted, refused, undecided) = (0, 0, 0);
        Self { store, model: Model::default(), rng, now: START, remembered: Vec::new(), accepted, refused, undecided }
    }

    fn someone(&mut self) -> Address {
        account(self.rng.below(5))
    }

    fn two(&mut self) -> (Address, Address) {
        let first = self.rng.below(5);
        (account(first), account((first + 1 + self.rng.below(4)) % 5))
    }

    /// Mostly what can be paid, at times exactly all of it, or 1 more.
    fn amount(&mut self, token: Address, payer: Address, largest: U256) -> U256 {
        let available = self.available(token, payer);
        match self.rng.below(10) {
            0 => available,
            1 => available + U256::from(1),
            2 => self.rng.amount(largest),
            _ => self.rng.amount(available).max(U256::from(1)),
        }
    }

    fn available(&self, token: Address, account: Address) -> U256 {
        self.ask(self.now, |ledger| ledger.available(token, account))
    }

    fn ask<T>(&self, now: u64, question: impl FnOnce(&dapp::Ledger<'_>) -> Result<T, Fault>) -> T {
        self.store.ask(now, question).unwrap()
    }

    /// Whether both sides agree that `payer` can pay `amount`. Where rounding decides, the ledger's word counts.
    fn agree(&mut self, token: Address, payer: Address, amount: U256, result: &Result<(), Stop>) {
        let (least, most) = self.model.available(token, payer, self.now).bounds();
        let refused = match result {
            Ok(()) => false,
            Err(Stop::Reject(Refusal::ExceedsAvailable { available, .. })) => {
                assert!((least..=most).contains(available), "{available} is not from {least} to {most}");
                true
            }
            Err(other) => panic!("{other:?}"),
        };
        match () {
            () if amount <= least => assert!(!refused, "{amount} of {least} is refused"),
            () if amount > most => assert!(refused, "{amount} of {most} is accepted"),
            () => self.undecided += 1,
        }
        *if refused { &mut self.refused } else { &mut self.accepted } += 1;
    }

    fn mint(&mut self, life: &Life) {
        let (token, owner) = (self.rng.pick(&tokens()), self.someone());
        let amount = self.rng.amount(life.largest).max(U256::from(1));
        match self.store.change(self.now, |ledger| ledger.mint(token, owner, amount)) {
            Ok(()) => self.model.flow(self.now, token, owner, amount, true),
            Err(Stop::Reject(Refusal::ExceedsCap { supply, .. })) => assert!(amount > SUPPLY_CAP - supply),
            Err(other) => panic!("{other:?}"),
        }
    }

    fn pay(&mut self, life: &Life) {
        let (token, (payer, payee)) = (self.rng.pick(&tokens()), self.two());
        let amount = self.amount(token, payer, life.largest);
        if amount.is_zero() {
            return;
        }
        let is_withdrawal = self.rng.below(3) == 0;
        let result = self.store.change(self.now, |ledger| {
            if is_withdrawal { ledger.burn(token, payer, amount) } else { ledger.transfer(token, payer, payee, amount) }
        });
        self.agree(token, payer, amount, &result);
        if result.is_ok() {
            self.model.flow(self.now, token, payer, amount, false);
            if !is_withdrawal {
                self.model.flow(self.now, token, payee, amount, true);
            }
        }
    }

    /// One or more streams in one change, all or none.
    fn stream(&mut self, life: &Life) {
        let (token, (sender, recipient)) = (self.rng.pick(&tokens()), self.two());
        let mut orders = Vec::new();
        for _ in 0..=self.rng.below(6).saturating_sub(3) {
            let amount = self.amount(token, sender, life.largest);
            let start = if self.rng.below(3) == 0 { self.now + self.rng.pick(life.pauses) } else { 0 };
            let duration = self.rng.pick(life.durations);
            orders.push(Order { token, recipient, amount, start, duration });
        }
        let total = orders.iter().map(|order| order.amount).fold(U256::ZERO, U256::saturating_add);
        if orders.iter().any(|order| order.amount.is_zero()) {
            return;
        }
        let result = self
            .store
            .change(self.now, |ledger| orders.iter().try_for_each(|order| ledger.stream(sender, *order).map(drop)));
        if orders.len() == 1 {
            self.agree(token, sender, total, &result);
        } else {
            let (least, most) = self.model.available(token, sender, self.now).bounds();
            assert!(result.is_err() || total <= most, "{total} of {most} is accepted");
            assert!(result.is_ok() || total > least, "{total} of {least} is refused");
        }
        if result.is_ok() {
            for Order { amount, start, duration, .. } in orders {
                let start = if start == 0 { self.now } else { start };
                self.model.stream((token, sender, recipient), amount, start, duration);
            }
        }
    }

    fn change_stream(&mut self, life: &Life) {
        if self.model.streams.is_empty() {
            return;
        }
        let index = usize::try_from(self.rng.below(self.model.streams.len() as u64)).unwrap();
        let (id, stream) = (index as u64 + 1, self.model.streams[index].clone());
        let has_ended = stream.is_cancelled || self.now >= stream.stop;
        if self.rng.below(2) == 0 {
            match self.store.change(self.now, |ledger| ledger.cancel(stream.sender, id)) {
                Ok((cancelled, _)) => {
                    assert!(!has_ended);
                    assert_eq!(cancelled.streamed_at(self.now), cancelled.total);
                    self.model.cancel(index, self.now);
                }
                Err(Stop::Reject(Refusal::StreamEnded { .. })) => assert!(has_ended),
                Err(other) => panic!("{other:?}"),
            }
            return;
        }
        let amount =
            if self.rng.below(2) == 0 { U256::ZERO } else { self.amount(stream.token, stream.sender, life.largest) };
        let duration = if self.rng.below(2) == 0 { 0 } else { self.rng.pick(life.durations) };
        let result = self.store.change(self.now, |ledger| ledger.extend(stream.sender, id, amount, duration).map(drop));
        match &result {
            Err(Stop::Reject(Refusal::StreamEnded { .. })) => assert!(has_ended),
            Err(Stop::Reject(Refusal::NothingAdded)) => assert!(amount.is_zero() && duration == 0),
            Err(Stop::Reject(Refusal::DurationTooLong(all))) => assert!(*all > MAX_DURATION),
            Err(Stop::Reject(Refusal::TooLittleLeft(_))) => assert!(amount.is_zero()),
            Ok(()) if amount.is_zero() => self.accepted += 1,
            _ => self.agree(stream.token, stream.sender, amount, &result),
        }
        if result.is_ok() {
            self.model.extend(index, self.now, amount, duration);
        }
    }

    /// One balance at a random moment, past or future; what is past is asked again at the end.
    fn spot_check(&mut self) {
        let (token, owner) = (self.rng.pick(&tokens()), self.someone());
        let far = if self.rng.below(2) == 0 { 100 } else { 5_000_000_000 };
        let time = match self.rng.below(3) {
            0 => self.now,
            1 => self.now + self.rng.below(far),
            _ => START + self.rng.below(self.now - START + 1),
        };
        let balance = self.ask(self.now, |ledger| ledger.balance_of(token, owner, time));
        let (least, most) = self.model.balance(token, owner, time).bounds();
        assert!((least..=most).contains(&balance), "at {time} {owner} has {balance}, not {least} to {most}");
        if time < self.now && self.remembered.len() < 50 {
            self.remembered.push((token, owner, time, balance));
        }
    }

    /// Nobody is ever below zero, and everybody together has the supply, at each moment at which anything changes.
    fn check_breakpoints(&self) {
        let accounts: Vec<Address> = (0..5).map(account).collect();
        for token in tokens() {
            let mut times = vec![self.now];
            for owner in &accounts {
                let schedule = self.ask(self.now, |ledger| ledger.schedule_of(token, *owner, self.now, 1_000));
                times.extend(schedule.iter().flat_map(|point| [point.time - 1, point.time]));
            }
            times.sort_unstable();
            times.dedup();
            let supply = self.ask(self.now, |ledger| ledger.supply(token));
            for time in times {
                let balance = |owner: &Address| self.ask(self.now, |ledger| ledger.balance_of(token, *owner, time));
                let balances: Vec<U256> = accounts.iter().map(balance).collect();
                // A negative number would be an enormous one.
                assert!(balances.iter().all(|balance| *balance <= supply), "{balances:?} of {supply} at {time}");
                let sum: U256 = balances.iter().sum();
                assert!(
                    sum <= supply && sum + U256::from(accounts.len()) > supply,
                    "{balances:?} of {supply} at {time}"
                );
            }
            let solvency = self.ask(self.now, |ledger| ledger.solvency(token));
            assert_eq!(solvency.available + solvency.locked, supply);
            let spendable: U256 = accounts.iter().map(|owner| self.available(token, *owner)).sum();
            assert!(spendable <= solvency.available && spendable + U256::from(accounts.len()) > solvency.available);
        }
    }

    /// Lists hold what the model holds, in pages of any size.
    fn check_lists(&self) {
        let mut listed = 0;
        for token in tokens() {
            for owner in (0..5).map(account) {
                let mut after = 0;
                loop {
                    let ask =
                        |ledger: &dapp::Ledger<'_>| ledger.streams_of(token, owner, Direction::Outgoing, after, 7);
                    let page = self.ask(self.now, ask);
                    for stream in &page {
                        let plain = &self.model.streams[usize::try_from(stream.id - 1).unwrap()];
                        assert_eq!((stream.sender, stream.recipient), (plain.sender, plain.recipient));
                        assert_eq!((stream.stop, stream.is_cancelled), (plain.stop, plain.is_cancelled));
                    }
                    listed += page.len();
                    match page.last() {
                        Some(last) => after = last.id,
                        None => break,
                    }
                }
            }
        }
        assert_eq!(listed, self.model.streams.len());
    }

    fn check_end(&self) {
        for (token, owner, time, balance) in &self.remembered {
            let again = self.ask(self.now, |ledger| ledger.balance_of(*token, *owner, *time));
            assert_eq!(again, *balance, "the past of {owner} at {time} has changed");
        }
        let integrity = self.ask(self.now, |ledger| ledger.check());
        assert_eq!(integrity.findings, Vec::<String>::new());
        assert_eq!(integrity.streams, self.model.streams.len() as u64);
    }
}

/// Names the life and the step in which a panic came up.
struct Where {
    seed: u64,
    step: usize,
}

impl Drop for Where {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("in the life of seed {}, at operation {}", self.seed, self.step);
        }
    }
}

fn live(family: u64, life: &Life) {
    let (mut accepted, mut refused, mut undecided) = (0, 0, 0);
    for number in 0..life.lives {
        let seed = family * 1_000 + number;
        let mut place = Where { seed, step: 0 };
        let mut world = World::new(seed);
        for step in 0..OPERATIONS {
            place.step = step;
            world.now += world.rng.pick(life.pauses);
            match world.rng.below(20) {
                0..3 => world.mint(life),
                3..6 => world.pay(life),
                6..14 => world.stream(life),
                _ => world.change_stream(life),
            }
            world.spot_check();
            if step % 100 == 99 {
                world.check_breakpoints();
                world.check_lists();
            }
        }
        world.check_end();
        accepted += world.accepted;
        refused += world.refused;
        undecided += world.undecided;
    }
    let decided = accepted + refused;
    assert!(accepted * 3 > decided && refused * 20 > decided, "{accepted} accepted, {refused} refused");
    assert!(undecided * 10 < decided, "{undecided} of {decided} hang on rounding");
}

#[test]
fn short_lives_in_dust() {
    let largest = U256::from(50);
    live(1, &Life { lives: 52, largest, durations: &[0, 1, 2, 3, 7, 10, 33, 100], pauses: &[0, 0, 0, 1, 1, 2, 5] });
}

#[test]
fn hours_and_days_in_ether() {
    let largest = U256::from(10_u64.pow(19));
    let durations = &[0, 60, 3_600, 3_601, 86_400, 604_800];
    live(2, &Life { lives: 52, largest, durations, pauses: &[0, 1, 30, 600, 3_600, 40_000] });
}

#[test]
fn years_at_the_cap() {
    let durations = &[1, 31_557_600, 1 << 31, MAX_DURATION - 1, MAX_DURATION];
    live(3, &Life { lives: 52, largest: SUPPLY_CAP, durations, pauses: &[0, 1, 86_400, 31_557_600, 1 << 30] });
}

#[test]
fn many_ends_in_one_second() {
    let largest = U256::from(1_000_000);
    live(4, &Life { lives: 52, largest, durations: &[100, 200], pauses: &[0, 0, 0, 0, 0, 100] });
}

/// A ledger in which one account has `supply`, and what it streams to another.
fn sender_of(supply: U256) -> (Store, Address, Address) {
    let mut store = Store::open(Path::new(":memory:"), Durability::Machine).unwrap();
    let (sender, recipient) = (account(0), account(1));
    store.change(START, |ledger| ledger.mint(Address::ZERO, sender, supply)).unwrap();
    (store, sender, recipient)
}

#[test]
fn one_stream_is_the_floor_at_every_second() {
    let mut rng = Rng(5);
    let durations = [1, 2, 3, 7, 60, 100, 3_600, 86_400, 31_557_600, 1 << 31, MAX_DURATION - 1, MAX_DURATION];
    for case in 0..60_usize {
        let duration = durations[case % durations.len()];
        let amount = rng.amount(SUPPLY_CAP).max(U256::from(1));
        let (mut store, sender, recipient) = sender_of(amount);
        let order = Order { token: Address::ZERO, recipient, amount, start: 0, duration };
        store.change(START, |ledger| ledger.stream(sender, order).map(drop)).unwrap();
        let seconds: Vec<u64> = if duration <= 100 {
            (0..=duration + 1).collect()
        } else {
            let edges = [0, 1, duration / 2, duration - 1, duration, duration + 1];
            edges.into_iter().chain((0..40).map(|_| rng.below(duration))).collect()
        };
        for second in seconds {
            let (has, left): (U256, U256) = store
                .ask::<_, Fault>(START, |ledger| {
                    let of = |account| ledger.balance_of(Address::ZERO, account, START + second);
                    Ok((of(recipient)?, of(sender)?))
                })
                .unwrap();
            let elapsed = U256::from(second.min(duration));
            let floor = amount * elapsed / U256::from(duration);
            assert_eq!(has, floor, "{amount} over {duration} after {second}");
            let is_whole = floor * U256::from(duration) == amount * elapsed;
            // What is on its way to the next unit has left the sender, and is not yet shown to the recipient.
            let in_between = U256::from(!is_whole || has + left != amount);
            assert_eq!(has + left + in_between, amount, "{amount} over {duration} after {second}");
        }
    }
}

#[test]
fn n_streams_are_within_n_of_the_sum_of_floors() {
    let mut rng = Rng(6);
    let mut furthest = U256::ZERO;
    for _ in 0..40 {
        let supply = U256::from(10_u64.pow(12));
        let (mut store, sender, recipient) = sender_of(supply);
        let mut model = Model::default();
        let n = 1 + rng.below(60);
        for _ in 0..n {
            let amount = rng.amount(U256::from(1_000_000)).max(U256::from(1));
            let (start, duration) = (START + rng.below(50), 1 + rng.below(5_000));
            let order = Order { token: Address::ZERO, recipient, amount, start, duration };
            store.change(START, |ledger| ledger.stream(sender, order).map(drop)).unwrap();
            model.stream((Address::ZERO, sender, recipient), amount, start, duration);
        }
        for time in (START..START + 5_100).step_by(37) {
            let balance =
                |account| store.ask::<_, Fault>(START, |l| l.balance_of(Address::ZERO, account, time)).unwrap();
            let (floors, _) = model.sums_of_floors(Address::ZERO, recipient, time);
            let more = balance(recipient) - floors;
            assert!(more <= U256::from(n));
            let less = supply - floors - balance(sender);
            assert!(less <= U256::from(n + 1));
            assert!(less >= more && less - more <= U256::from(1));
            furthest = furthest.max(more);
        }
    }
    assert!(furthest > U256::from(5), "the bound was never tried: {furthest}");
}
