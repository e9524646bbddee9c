//! The payer's balance and allowance before a deposit: what has to be approved first, and no more.

use alloy::primitives::{Address, U256};
use bindings::IERC20;
use eyre::{ensure, eyre};

use crate::{
    amount::Token,
    probe::{Answer, Query},
    tx::{Call, Session, Subject},
};

/// Who is to take the money.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spender {
    pub(crate) address: Address,
    /// What it is called: `the stream contract`.
    pub(crate) name: &'static str,
    /// What is done with the money.
    verb: &'static str,
}

impl Spender {
    pub(crate) const fn streaming(address: Address) -> Self {
        Self { address, name: "the stream contract", verb: "stream" }
    }

    pub(crate) const fn portal(address: Address) -> Self {
        Self { address, name: "StreamPortal", verb: "deposit" }
    }
}

/// What `owner` has of a token, and what it lets somebody take.
#[derive(Clone, Debug)]
pub(crate) struct Allowance<'a> {
    token: &'a Token,
    owner: Address,
    spender: Spender,
    balance: U256,
    allowed: U256,
}

/// What to ask; see [`Allowance::of`].
pub(crate) fn allowance_queries(token: Address, owner: Address, spender: Address) -> [Query; 2] {
    [
        Query::new(token, &IERC20::balanceOfCall { account: owner }),
        Query::new(token, &IERC20::allowanceCall { owner, spender }),
    ]
}

impl<'a> Allowance<'a> {
    /// From the answers to [`allowance_queries`].
    ///
    /// # Errors
    /// If what is at the token's address does not answer as a token.
    pub(crate) fn of(token: &'a Token, owner: Address, spender: Spender, answers: &[Answer]) -> eyre::Result<Self> {
        let [balance, allowed] = answers else {
            unreachable!("a token is asked for two things");
        };
        let balance = balance.decode::<IERC20::balanceOfCall>();
        let allowed = allowed.decode::<IERC20::allowanceCall>();
        let (Some(balance), Some(allowed)) = (balance, allowed) else {
            return Err(eyre!("{} is not a token: it does not tell balances; check the address", token.address));
        };
        Ok(Self { token, owner, spender, balance, allowed })
    }

    /// The approvals that a deposit of `amount` needs before it, for exactly that. A token may refuse to change an
    /// allowance that is not zero; then it is taken back first.
    ///
    /// # Errors
    /// If the balance is short, or if the token would not move the deposit whatever it is allowed: no approval is paid
    /// for then.
    pub(crate) async fn calls(
        &self,
        amount: U256,
        session: &Session<'_>,
        subject: Subject<'_>,
    ) -> eyre::Result<Vec<Call>> {
        ensure!(
            self.balance >= amount,
            "{} holds {}, and {} are needed; top the account up, or {} less",
            self.owner,
            self.token.amount(self.balance),
            self.token.amount(amount),
            self.spender.verb
        );
        if self.allowed >= amount {
            return Ok(Vec::new());
        }
        let transfer = IERC20::transferCall { to: self.spender.address, value: amount };
        let taker = self.spender.name;
        let what = format!("move {} to {taker}", self.token.amount(amount));
        session.check(&Call::new(self.token.address, &transfer, what), subject).await?;
        let approve = self.approve(amount, format!("allow {taker} to take {}", self.token.amount(amount)));
        if self.allowed.is_zero() || session.check(&approve, subject).await.is_ok() {
            return Ok(vec![approve]);
        }
        let old = self.token.amount(self.allowed);
        Ok(vec![self.approve(U256::ZERO, format!("take back the old allowance of {old}")), approve])
    }

    fn approve(&self, amount: U256, what: String) -> Call {
        Call::new(self.token.address, &IERC20::approveCall { spender: self.spender.address, value: amount }, what)
    }
}
