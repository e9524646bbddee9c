//! Open streams in memory, folded from one epoch to the next, and what happened meanwhile. Whatever it holds can be made
//! again from the database as of any block.

use std::collections::BTreeMap;

use alloy::primitives::{
    Address, U256,
    map::{Entry, HashMap},
};
use bindings::Clock;
use stream::{TIME_LIMIT, Terms};

use super::{
    Wanted,
    changes::CreditChange,
    flow::Flow,
    version::{StreamKey, Version},
};
use crate::{Error, Result};

/// Streams of a contract in a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Book {
    pub(crate) contract: Address,
    pub(crate) token: Address,
}

/// All open streams as of a block.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    open: Vec<Open>,
    /// Of each open stream, in the same places.
    facts: Vec<Facts>,
    places: HashMap<StreamKey, usize>,
    accounts: Vec<Account>,
    books: BTreeMap<Book, usize>,
}

/// What of a stream counts at the end of each epoch. Small, because all of them are walked over each time.
#[derive(Clone, Copy, Debug)]
struct Open {
    terms: Terms,
    withdrawn: u128,
    /// Its place in [`Ledger::accounts`].
    account: usize,
}

/// What of a stream counts when it changes; the rest is in the database.
#[derive(Clone, Copy, Debug)]
struct Facts {
    key: StreamKey,
    sender: Address,
    recipient: Address,
    update_epoch: u16,
}

/// What is known of one book.
#[derive(Debug, Default)]
struct Account {
    n_open: u64,
    locked: U256,
    credits: U256,
    /// Open streams of each party.
    parties: HashMap<Address, u64>,
    /// Parties whose streams changed since [`Ledger::begin`], and whether they were parties then.
    touched: HashMap<Address, bool>,
    tally: Tally,
}

/// What happened in an epoch. Amounts are in units of the token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) n_created: u64,
    /// Updates after which the stream is in this token.
    pub(crate) n_updated: u64,
    pub(crate) n_redeemed: u64,
    /// Streams that came from another token by an update, and that left for one.
    pub(crate) n_moved_in: u64,
    pub(crate) n_moved_out: u64,
    /// Pulled from senders by creations and updates.
    pub(crate) deposited: U256,
    /// Logged as withdrawn by recipients or paid to them by updates.
    pub(crate) withdrawn: U256,
    /// Given back to senders by updates.
    pub(crate) refunded: U256,
    /// Given to senders and to recipients when a stream ended.
    pub(crate) returned: U256,
    pub(crate) settled: U256,
    /// Of all these payments, what the token refused to move; and what was paid out of that.
    pub(crate) credited: U256,
    pub(crate) claimed: U256,
}

/// A book at the end of an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Balance {
    pub(crate) clock: Clock,
    /// The reading of the clock.
    pub(crate) time: u64,
    pub(crate) n_open: u64,
    /// Open streams between their start and their stop.
    pub(crate) n_active: u64,
    pub(crate) n_parties: u64,
    /// Accounts that were no party at the beginning and became one.
    pub(crate) n_new_parties: u64,
    /// Accounts that were a party, at the beginning or later, and are none at the end.
    pub(crate) n_lost_parties: u64,
    pub(crate) locked: U256,
    pub(crate) due: U256,
    pub(crate) refundable: U256,
    pub(crate) credits: U256,
    pub(crate) flow: Flow,
    pub(crate) tally: Tally,
}

/// The end of an epoch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct End {
    pub(crate) block: u64,
    pub(crate) timestamp: u64,
}

impl End {
    /// What a clock reads, as a contract reads it.
    pub(crate) fn time(self, clock: Clock) -> u64 {
        let time = match clock {
            Clock::Block => self.block,
            Clock::Timestamp => self.timestamp,
        };
        time.min(TIME_LIMIT)
    }
}

impl Ledger {
    /// Says that there is such a book, even if it has no open stream.
    pub(crate) fn open_book(&mut self, book: Book) -> usize {
        *self.books.entry(book).or_insert_with(|| {
            self.accounts.push(Account::default());
            self.accounts.len() - 1
        })
    }

    /// Begins an epoch: nothing has happened in it yet.
    pub(crate) fn begin(&mut self) {
        for account in &mut self.accounts {
            account.touched.clear();
            account.tally = Tally::default();
        }
    }

    /// Takes the next version of a stream.
    ///
    /// # Errors
    /// If the version does not follow what the ledger has.
    pub(crate) fn take(&mut self, version: &Version) -> Result<()> {
        let key = version.key;
        let i = self.open_book(Book { contract: key.contract, token: version.token });
        let Some(place) = self.places.get(&key).copied() else {
            if version.ending.is_some() || version.update_epoch != 0 || version.withdrawn != 0 {
                return Err(Error::Damaged(format!("{key} goes on, and its beginning is not stored")));
            }
            let tally = &mut self.accounts[i].tally;
            tally.n_created += 1;
            add(&mut tally.deposited, version.terms.deposit());
            self.insert(version, i);
            return Ok(());
        };
        let Open { terms, withdrawn, account: i_before } = self.open[place];
        if let Some(ending) = version.ending {
            let tally = &mut self.accounts[i].tally;
            tally.n_redeemed += 1;
            add(&mut tally.returned, ending.sender_got);
            add(&mut tally.settled, ending.recipient_got);
            self.remove(place);
        } else if version.update_epoch == self.facts[place].update_epoch {
            let amount = version.withdrawn.saturating_sub(withdrawn);
            let account = &mut self.accounts[i];
            add(&mut account.tally.withdrawn, amount);
            account.locked = account.locked.saturating_sub(U256::from(amount));
            self.open[place].withdrawn = version.withdrawn;
        } else {
            let (left, deposit) = (terms.deposit() - withdrawn, version.terms.deposit());
            let kept = if i == i_before { left.min(deposit) } else { 0 };
            add(&mut self.accounts[i_before].tally.refunded, left - kept);
            let tally = &mut self.accounts[i].tally;
            add(&mut tally.deposited, deposit - kept);
            tally.n_updated += 1;
            if i != i_before {
                tally.n_moved_in += 1;
                self.accounts[i_before].tally.n_moved_out += 1;
            }
            self.remove(place);
            self.insert(version, i);
        }
        Ok(())
    }

    /// Takes a change of credits.
    ///
    /// # Errors
    /// If more is claimed than was credited.
    pub(crate) fn take_credit(&mut self, change: &CreditChange) -> Result<()> {
        let CreditChange { contract, token, amount, is_claim } = *change;
        let i = self.open_book(Book { contract, token });
        let Account { credits, tally, .. } = &mut self.accounts[i];
        let (sum, total) = if is_claim {
            (credits.checked_sub(amount), tally.claimed.checked_add(amount))
        } else {
            (credits.checked_add(amount), tally.credited.checked_add(amount))
        };
        let Some((sum, total)) = sum.zip(total) else {
            return Err(Error::Damaged(format!(
                "{contract} owes {credits} of {token}, and {amount} more is {}",
                if is_claim { "claimed" } else { "credited" }
            )));
        };
        *credits = sum;
        *(if is_claim { &mut tally.claimed } else { &mut tally.credited }) = total;
        Ok(())
    }

    /// Takes a stream that was open before the first epoch, which makes nothing happen.
    pub(crate) fn restore(&mut self, version: &Version) {
        let i = self.open_book(Book { contract: version.key.contract, token: version.token });
        self.insert(version, i);
    }

    /// The books of wanted tokens at the end of an epoch, in order.
    ///
    /// # Errors
    /// If the clock of a contract is not known.
    pub(crate) fn balances(
        &self,
        clocks: &HashMap<Address, Clock>,
        wanted: &Wanted,
        end: End,
    ) -> Result<Vec<(Book, Balance)>> {
        let mut balances: Vec<Option<(Book, Balance)>> = vec![None; self.accounts.len()];
        for (book, i) in self.books.iter().filter(|(book, _)| wanted.has(book.token)) {
            let clock = clocks.get(&book.contract).ok_or_else(|| {
                Error::Damaged(format!("contract {} has streams, and its clock is not stored", book.contract))
            })?;
            balances[*i] = Some((*book, self.accounts[*i].balance(*clock, end)));
        }
        let mut payments: HashMap<(usize, u64), U256> = HashMap::default();
        for Open { terms, withdrawn, account } in &self.open {
            let Some((_, balance)) = &mut balances[*account] else { continue };
            let time = balance.time;
            balance.due += U256::from(terms.due(time, *withdrawn));
            if (terms.start()..terms.stop()).contains(&time) {
                balance.n_active += 1;
                *payments.entry((*account, terms.interval())).or_default() += U256::from(terms.payment());
            }
        }
        for ((account, interval), payments) in payments {
            if let Some((_, balance)) = &mut balances[account] {
                balance.flow.add(payments, interval);
            }
        }
        let mut balances: Vec<(Book, Balance)> = balances.into_iter().flatten().collect();
        for (_, balance) in &mut balances {
            balance.refundable = balance.locked - balance.due;
        }
        balances.sort_unstable_by_key(|(book, _)| *book);
        Ok(balances)
    }

    fn insert(&mut self, version: &Version, i: usize) {
        let account = &mut self.accounts[i];
        account.n_open += 1;
        account.locked += U256::from(version.balance());
        for party in [version.sender, version.recipient] {
            let n_streams = account.parties.entry(party).or_default();
            account.touched.entry(party).or_insert(*n_streams != 0);
            *n_streams += 1;
        }
        self.places.insert(version.key, self.open.len());
        let Version { key, sender, recipient, terms, withdrawn, update_epoch, .. } = *version;
        self.open.push(Open { terms, withdrawn, account: i });
        self.facts.push(Facts { key, sender, recipient, update_epoch });
    }

    fn remove(&mut self, place: usize) {
        let Open { terms, withdrawn, account } = self.open.swap_remove(place);
        let Facts { key, sender, recipient, .. } = self.facts.swap_remove(place);
        self.places.remove(&key);
        if let Some(moved) = self.facts.get(place) {
            self.places.insert(moved.key, place);
        }
        let account = &mut self.accounts[account];
        account.n_open -= 1;
        account.locked -= U256::from(terms.deposit() - withdrawn);
        for party in [sender, recipient] {
            account.touched.entry(party).or_insert(true);
            let Entry::Occupied(mut n_streams) = account.parties.entry(party) else { continue };
            *n_streams.get_mut() -= 1;
            if *n_streams.get() == 0 {
                n_streams.remove();
            }
        }
    }
}

impl Account {
    /// Without what depends on the terms of each stream.
    fn balance(&self, clock: Clock, end: End) -> Balance {
        let is_party = |account: &Address| self.parties.contains_key(account);
        Balance {
            clock,
            time: end.time(clock),
            n_open: self.n_open,
            n_active: 0,
            n_parties: self.parties.len() as u64,
            n_new_parties: self.touched.values().filter(|was_party| !**was_party).count() as u64,
            n_lost_parties: self.touched.keys().filter(|account| !is_party(account)).count() as u64,
            locked: self.locked,
            due: U256::ZERO,
            refundable: U256::ZERO,
            credits: self.credits,
            flow: Flow::default(),
            tally: self.tally,
        }
    }
}

/// Whatever a token says, a stream holds no more than 128 bits of it: it takes 2^128 logs to fill a sum.
fn add(sum: &mut U256, amount: u128) {
    *sum += U256::from(amount);
}

#[cfg(test)]
mod tests {
    use stream::{Rate, Timeframe};

    use super::*;
    use crate::kind::erc1620::version::Change;

    const CONTRACT: Address = Address::repeat_byte(0xcc);
    const DAI: Address = Address::repeat_byte(0xda);
    const USDC: Address = Address::repeat_byte(0xdc);

    fn account(number: u8) -> Address {
        Address::repeat_byte(number)
    }

    /// Ten payments from time 10 to time 20.
    fn terms(payment: u128) -> Terms {
        Terms::new(Timeframe { start: 10, stop: 20 }, Rate { payment, interval: 1 }).unwrap()
    }

    fn created(id: u64, sender: u8, recipient: u8) -> Version {
        let key = StreamKey { contract: CONTRACT, id: U256::from(id) };
        let (sender, recipient) = (account(sender), account(recipient));
        Version::next(key, None, &Change::Create { sender, recipient, token: DAI, terms: terms(3) }).unwrap()
    }

    fn next(version: &Version, change: Change) -> Version {
        Version::next(version.key, Some(version), &change).unwrap()
    }

    fn ended(version: &Version, sender_got: u64, recipient_got: u64) -> Version {
        let (sender_got, recipient_got) = (U256::from(sender_got), U256::from(recipient_got));
        next(version, Change::End { sender_got, recipient_got })
    }

    fn updated(version: &Version, token: Address, payment: u128) -> Version {
        let terms = terms(payment);
        let (update_epoch, deposit) = (U256::from(version.update_epoch + 1), U256::from(terms.deposit()));
        next(version, Change::Update { token, terms, update_epoch, deposit })
    }

    fn balance(ledger: &Ledger, token: Address, block: u64) -> Balance {
        let clocks = [(CONTRACT, Clock::Block)].into_iter().collect();
        let balances = ledger.balances(&clocks, &Wanted::default(), End { block, timestamp: 0 }).unwrap();
        balances.into_iter().find(|(book, _)| book.token == token).unwrap().1
    }

    #[test]
    fn who_comes_and_goes_within_an_epoch_is_both_new_and_lost() {
        let mut ledger = Ledger::default();
        let check = |ledger: &Ledger, expected: (u64, u64, u64)| {
            let balance = balance(ledger, DAI, 0);
            assert_eq!((balance.n_parties, balance.n_new_parties, balance.n_lost_parties), expected);
        };
        let (first, second) = (created(1, 1, 2), created(2, 1, 3));
        ledger.begin();
        ledger.take(&first).unwrap();
        ledger.take(&second).unwrap();
        ledger.take(&ended(&second, 30, 0)).unwrap();
        // 1 and 2 have come; 3 has come and gone.
        check(&ledger, (2, 3, 1));
        ledger.begin();
        check(&ledger, (2, 0, 0));
        // 2 goes and comes back, and an update changes no party.
        ledger.take(&ended(&first, 30, 0)).unwrap();
        let third = created(3, 2, 1);
        ledger.take(&third).unwrap();
        ledger.take(&updated(&third, DAI, 4)).unwrap();
        check(&ledger, (2, 0, 0));
        ledger.begin();
        // To another token, which is another book.
        ledger.take(&updated(&updated(&third, DAI, 4), USDC, 4)).unwrap();
        check(&ledger, (0, 0, 2));
        assert_eq!(balance(&ledger, USDC, 0).n_new_parties, 2);
    }

    #[test]
    fn updates_take_and_give_back_the_difference() {
        let mut ledger = Ledger::default();
        let stream = created(1, 1, 2);
        ledger.take(&stream).unwrap();
        ledger.begin();
        // 30 are there, 6 of which go to the recipient; 24 are kept for 50, then 10 of 50, then none.
        let paid = next(&stream, Change::Withdraw { amount: U256::from(6) });
        let (more, less) = (updated(&paid, DAI, 5), updated(&updated(&paid, DAI, 5), DAI, 1));
        let moved = updated(&less, USDC, 1);
        for version in [paid, more, less, moved] {
            ledger.take(&version).unwrap();
        }
        let (dai, usdc) = (balance(&ledger, DAI, 0).tally, balance(&ledger, USDC, 0).tally);
        let numbers = |numbers: [u64; 3]| numbers.map(U256::from);
        assert_eq!([dai.deposited, dai.withdrawn, dai.refunded], numbers([26, 6, 40 + 10]));
        assert_eq!([usdc.deposited, usdc.withdrawn, usdc.refunded], numbers([10, 0, 0]));
        assert_eq!((dai.n_updated, dai.n_moved_out, usdc.n_updated, usdc.n_moved_in), (2, 1, 1, 1));
    }

    #[track_caller]
    fn check_time(block: u64, due: u64, n_active: u64) {
        let mut ledger = Ledger::default();
        ledger.take(&created(1, 1, 2)).unwrap();
        let balance = balance(&ledger, DAI, block);
        assert_eq!((balance.due, balance.n_active), (U256::from(due), n_active));
        assert_eq!(balance.due + balance.refundable, U256::from(30));
        assert_eq!(balance.flow.over(1, 1), Some(U256::from(n_active * 3) * U256::from(10_u64.pow(18))));
    }

    #[test]
    fn a_stream_is_active_from_its_start_to_before_its_stop() {
        check_time(9, 0, 0);
        check_time(10, 0, 1);
        check_time(19, 27, 1);
        check_time(20, 30, 0);
        check_time(u64::MAX, 30, 0);
    }

    #[test]
    fn what_does_not_follow_is_refused() {
        let mut ledger = Ledger::default();
        let paid = next(&created(1, 1, 2), Change::Withdraw { amount: U256::ONE });
        let error = ledger.take(&paid).unwrap_err();
        assert!(error.to_string().contains("its beginning is not stored"), "{error}");
    }
}
