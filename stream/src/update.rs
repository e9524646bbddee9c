//! What an update by consent makes of a stream: its terms from then on, and who pays whom.

use crate::{Error, Rate, TIME_LIMIT, Terms, Timeframe};

/// The terms that both parties consent to. There is no start among them: the time of execution decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Proposal {
    /// When the stream shall stop, in clock units.
    pub stop: u64,
    /// Payment and interval, in units of the proposed token.
    pub rate: Rate,
    /// Whether the stream shall keep its token.
    pub is_same_token: bool,
}

/// What happens when a proposal executes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Update {
    /// Terms of the stream from then on; nothing is withdrawn under them yet.
    pub terms: Terms,
    /// Paid to the recipient, in units of the token before the update.
    pub due: u128,
    /// Pulled from the sender, in units of the token after the update.
    pub pulled: u128,
    /// Paid back to the sender, in units of the token before the update.
    pub refunded: u128,
}

impl Terms {
    /// Executes `proposal` at the time `now` on a stream with these terms, `withdrawn` of which are taken.
    ///
    /// The stream starts again at the first moment from which whole intervals reach exactly the proposed stop, less
    /// than one interval after `max(now, start)`, so that no agreed term is rounded. What has accrued under these terms
    /// is paid out; what has not counts towards the next deposit if the token stays. (The contract's `_alignedStart`
    /// and `_executeUpdate`; the first rule broken is the one that the contract names.)
    pub fn align_update(&self, now: u64, withdrawn: u128, proposal: Proposal) -> Result<Update, Error> {
        let time = now.min(TIME_LIMIT);
        let terms = self.aligned(time.max(self.start()), proposal)?;
        let is_same_rate = proposal.stop == self.stop() && proposal.rate == self.rate();
        if is_same_rate && proposal.is_same_token {
            return Err(Error::TermsUnchanged);
        }
        let refundable = self.refundable(time);
        let kept = if proposal.is_same_token { refundable.min(terms.deposit()) } else { 0 };
        Ok(Update {
            terms,
            due: self.due(time, withdrawn),
            pulled: terms.deposit() - kept,
            refunded: refundable - kept,
        })
    }

    fn aligned(&self, base: u64, proposal: Proposal) -> Result<Self, Error> {
        let Proposal { stop, rate, .. } = proposal;
        let interval = rate.interval;
        if interval == 0 {
            return Err(Error::IntervalZero);
        }
        if stop > TIME_LIMIT {
            return Err(Error::TimeframeInvalid { start: base, stop, limit: TIME_LIMIT });
        }
        let duration = stop.saturating_sub(base);
        if duration < interval {
            return Err(Error::UpdateTooShort { start: base, stop, interval });
        }
        let start = base + duration % interval;
        Self::new(Timeframe { start, stop }, rate)
    }
}
