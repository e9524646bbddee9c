//! When blocks come, as an agent says, so that the pace may be swept and may change in the middle of a run.

use std::path::Path;

use super::super::{
    Agent, Builder, Gauge, Kind, Takes, optional,
    streams::{evm, whole},
    with_default,
};
use crate::{
    draws::Draws,
    economy::{Dice, State},
    evm::Pace,
    netlist::NetlistError,
};

/// Sets the pace of blocks.
pub(in crate::agents) const BLOCK_TIMES: Kind = Kind {
    name: "block-times",
    doc: "has blocks come at a pace of its own in place of the netlist's `block_time`, and at another from some moment on",
    keys: &[
        with_default("mean", Takes::Number, "12", "seconds from one block to the next, in the mean"),
        with_default(
            "deviation",
            Takes::Number,
            "0",
            "their standard deviation; normal, cut off at 0 and twice the mean",
        ),
        optional("recorded", Takes::Text, "a CSV file of block times with a column timestamp, in place of both"),
        with_default("changes", Takes::Number, "1e15", "seconds from the beginning until the pace changes"),
        with_default("mean_after", Takes::Number, "12", "the mean from then on"),
        with_default("deviation_after", Takes::Number, "0", "the deviation from then on"),
    ],
    gauges: &[Gauge {
        name: "block",
        doc: "the number of the present block",
        read: |state, _, _| Ok(whole(evm(state)?.chain.block().number)),
    }],
    build: BlockTimes::build,
};

struct BlockTimes {
    changes: f64,
    /// The pace from the change on, until it has changed.
    after: Option<Pace>,
    dice: Dice,
}

impl BlockTimes {
    fn build(builder: &mut Builder<'_>) -> Result<Box<dyn Agent>, NetlistError> {
        let first = if builder.has("recorded") {
            let folder = Path::new(&builder.source.path).parent().unwrap_or(Path::new("."));
            let recorded = Pace::recorded(&folder.join(builder.text("recorded")));
            recorded.map_err(|error| builder.error("recorded", error.to_string()))?
        } else {
            pace(builder, "mean", "deviation")?
        };
        let after = pace(builder, "mean_after", "deviation_after")?;
        let mut agent =
            Self { changes: builder.positive("changes")?, after: Some(after), dice: builder.dice("blocks") };
        agent.set(builder.state, first);
        Ok(Box::new(agent))
    }

    fn set(&mut self, state: &mut State, pace: Pace) {
        let draws = Draws::from_state(state.draws(&mut self.dice).next_u64());
        if let Some(evm) = &mut state.evm {
            evm.set_pace(pace, draws);
        }
    }
}

impl Agent for BlockTimes {
    fn step(&mut self, _: usize, state: &mut State) -> Result<(), String> {
        let time = (state.tick() * state.dt()) as f64;
        if time >= self.changes
            && let Some(pace) = self.after.take()
        {
            self.set(state, pace);
        }
        Ok(())
    }
}

fn pace(builder: &Builder<'_>, mean: &str, deviation: &str) -> Result<Pace, NetlistError> {
    let (mean_secs, deviation_secs) = (builder.number(mean)?, builder.number(deviation)?);
    let pace = if deviation_secs == 0.0 { Pace::fixed(mean_secs) } else { Pace::normal(mean_secs, deviation_secs) };
    pace.map_err(|error| builder.error(mean, error.to_string()))
}
