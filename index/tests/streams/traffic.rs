//! People who create, withdraw, update and end streams at random, over both clocks and in two tokens.

use alloy::primitives::{Address, U256};
use bindings::{
    Clock, DemoToken,
    IMoneyStreaming::{
        StreamState, acceptUpdateCall, claimCall, confirmUpdateCall, createCall, createForCall, creditOfCall,
        getStreamsCall, nextStreamIdCall, redeemCall, revokeUpdateCall, settleCall, withdrawCall, withdrawMaxCall,
        withdrawToCall,
    },
    create2_address,
};

use crate::chain::{BLOCK_TIME, Chain};

/// Those who take part.
const N_PEOPLE: usize = 6;

pub struct Traffic<'a> {
    chain: &'a Chain,
    seed: u64,
    /// Terms that a party has confirmed: who the other is, and the call that accepts.
    offers: Vec<(usize, Address, acceptUpdateCall)>,
}

impl<'a> Traffic<'a> {
    pub fn new(chain: &'a Chain, seed: u64) -> Self {
        Self { chain, seed, offers: Vec::new() }
    }

    /// Blocks with a few calls each, most of which do something.
    pub fn run(&mut self, n_blocks: u64) {
        for _ in 0..n_blocks {
            // Offers do not keep for long: the time goes on that they are aligned to.
            if self.below(3) != 0 {
                self.accept();
            }
            for clock in Clock::ALL {
                let streams = states(self.chain, clock, self.chain.head());
                for _ in 0..self.below(5) {
                    self.act(clock, &streams);
                }
            }
            self.chain.mine();
        }
    }

    fn act(&mut self, clock: Clock, streams: &[StreamState]) {
        let contract = create2_address(clock);
        let open: Vec<usize> = (0..streams.len()).filter(|i| !streams[*i].sender.is_zero()).collect();
        let action = self.below(24);
        if action < 7 || open.len() < 3 {
            return self.create(clock);
        }
        let i = open[self.index(open.len())];
        let (id, stream) = (U256::from(i + 1), &streams[i]);
        let (sender, recipient) = (self.person(stream.sender), self.person(stream.recipient));
        let due = U256::from(stream.due);
        match action {
            7..=9 => {
                let amount = (due / U256::from(1 + self.below(3))).max(U256::ONE);
                self.chain.send(recipient, contract, &withdrawCall { _streamId: id, _funds: amount });
            }
            10 => {
                let to = Address::repeat_byte(0x77);
                self.chain.send(recipient, contract, &withdrawToCall { streamId: id, to, amount: due });
            }
            11 => {
                let to = stream.recipient;
                self.chain.send(recipient, contract, &withdrawMaxCall { streamId: id, to });
            }
            12 => {
                let party = if self.below(2) == 0 { sender } else { recipient };
                self.chain.send(party, contract, &redeemCall { _streamId: id });
            }
            13..=15 => self.propose(clock, id, stream),
            16..=18 => self.accept(),
            19 => self.revoke(),
            20 => {
                let ids = open.iter().map(|i| U256::from(i + 1)).collect();
                self.chain.send(0, contract, &settleCall { streamIds: ids });
            }
            21 => self.block(),
            _ => self.claim(clock),
        }
    }

    fn create(&mut self, clock: Clock) {
        let (sender, recipient) = (self.index(N_PEOPLE), self.index(N_PEOPLE));
        let (recipient, token) = (self.chain.accounts[recipient], self.chain.tokens[self.index(2)]);
        let (unit, now) = self.now(clock);
        let interval = [1, 1, 2, 5, 7, 12, 60, 100][self.index(8)];
        let n_intervals = 1 + self.below(30 * unit / interval + 3);
        let payment = U256::from([1, 3, 10, 999, 1_000_000][self.index(5)]);
        let contract = create2_address(clock);
        if self.below(3) == 0 {
            let (interval, n) = (U256::from(interval), U256::from(n_intervals));
            self.chain.send(sender, contract, &createForCall { recipient, token, payment, interval, nIntervals: n });
            return;
        }
        let start = now + self.below(6) * unit;
        let call = createCall {
            _recipient: recipient,
            _tokenAddress: token,
            _startBlock: U256::from(start),
            _stopBlock: U256::from(start + n_intervals * interval),
            _payment: payment,
            _interval: U256::from(interval),
        };
        self.chain.send(sender, contract, &call);
    }

    fn propose(&mut self, clock: Clock, id: U256, stream: &StreamState) {
        let token = if self.below(3) == 0 { self.chain.tokens[self.index(2)] } else { stream.token };
        let interval = [1, 3, 12, 30][self.index(4)];
        let (unit, now) = self.now(clock);
        let (stop, payment) = (now + (3 + self.below(20)) * unit + interval, 1 + self.below(2_000));
        let (stop, payment, interval) = (U256::from(stop), U256::from(payment), U256::from(interval));
        let by_sender = self.below(2) == 0;
        let (who, other) =
            if by_sender { (stream.sender, stream.recipient) } else { (stream.recipient, stream.sender) };
        let contract = create2_address(clock);
        let call = confirmUpdateCall {
            _streamId: id,
            _tokenAddress: token,
            _stopBlock: stop,
            _payment: payment,
            _interval: interval,
        };
        self.chain.send(self.person(who), contract, &call);
        let accept = acceptUpdateCall { streamId: id, token, stop, payment, interval };
        self.offers.push((self.person(other), contract, accept));
    }

    fn accept(&mut self) {
        if let Some((who, contract, call)) = self.offers.pop() {
            self.chain.send(who, contract, &call);
        }
    }

    fn revoke(&mut self) {
        if let Some((who, contract, accept)) = self.offers.pop() {
            let call = revokeUpdateCall {
                _streamId: accept.streamId,
                _tokenAddress: accept.token,
                _stopBlock: accept.stop,
                _payment: accept.payment,
                _interval: accept.interval,
            };
            self.chain.send(who, contract, &call);
        }
    }

    /// A token refuses somebody from then on, or does so no more.
    fn block(&mut self) {
        let (account, token) = (self.index(N_PEOPLE), self.chain.tokens[self.index(2)]);
        let call = DemoToken::setBlockedCall { account: self.chain.accounts[account], blocked: self.below(2) == 0 };
        self.chain.send(0, token, &call);
    }

    /// Whoever has a credit takes it; the token has to let them.
    fn claim(&mut self, clock: Clock) {
        let (contract, head) = (create2_address(clock), self.chain.head());
        for token in self.chain.tokens {
            for who in 0..N_PEOPLE {
                let account = self.chain.accounts[who];
                if self.chain.call(contract, &creditOfCall { token, account }, head).unwrap().is_zero() {
                    continue;
                }
                self.chain.send(0, token, &DemoToken::setBlockedCall { account, blocked: false });
                self.chain.send(who, contract, &claimCall { token, to: Address::repeat_byte(0x78) });
            }
        }
    }

    /// The length of a block and the time of the next one.
    fn now(&self, clock: Clock) -> (u64, u64) {
        let head = self.chain.head();
        match clock {
            Clock::Block => (1, head + 1),
            Clock::Timestamp => (BLOCK_TIME, self.chain.block(head).timestamp + BLOCK_TIME),
        }
    }

    fn person(&self, account: Address) -> usize {
        self.chain.accounts.iter().position(|person| *person == account).expect("the parties are people")
    }

    fn index(&mut self, n: usize) -> usize {
        usize::try_from(self.below(n as u64)).unwrap()
    }

    /// A number below `n`, by xorshift.
    fn below(&mut self, n: u64) -> u64 {
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        (self.seed >> 11) % n
    }
}

/// All streams of a contract as of a block, by their ids from 1 on; zeros stand for those that have ended.
pub fn states(chain: &Chain, clock: Clock, block: u64) -> Vec<StreamState> {
    let contract = create2_address(clock);
    // Before the contract is there, there are no streams.
    let Some(next) = chain.call(contract, &nextStreamIdCall {}, block) else { return Vec::new() };
    let ids: Vec<U256> = (1..next.to::<u64>()).map(U256::from).collect();
    chain.call(contract, &getStreamsCall { streamIds: ids }, block).unwrap()
}
