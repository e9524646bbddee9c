//! A plan for people and as JSON.

use std::fmt;

use alloy::primitives::U256;
use serde::{Serialize, Serializer};
use stream::Terms;

use super::{Plan, Setting};
use crate::{
    amount::{Token, counted, grouped},
    chain::clock_name,
    clock::{Calendar, Forecast, format_time},
    output::{exact_terms, maybe_text, text, write_rows},
};

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Setting { calendar, token } = &self.setting;
        let payment = token.amount(U256::from(self.terms.payment()));
        let mut rows = vec![
            ("deposit", token.amount(U256::from(self.terms.deposit()))),
            ("payment", format!("{payment} every {}", calendar.span(self.terms.interval()))),
            ("payments", grouped(self.terms.n_intervals())),
            ("start", self.start()),
            ("stop", self.stop()),
        ];
        rows.extend(calendar.translation(self.terms.stop()).map(|forecast| ("ends", forecast.to_string())));
        rows.push(("clock", calendar.pace.to_string()));
        rows.push(("exact", self.exact()));
        write_rows(f, &rows)?;
        self.notes.iter().try_for_each(|note| writeln!(f, "note: {note}"))
    }
}

impl Plan {
    fn start(&self) -> String {
        let Calendar { clock, .. } = self.setting.calendar;
        if self.starts_when_mined {
            format!("when mined, at the earliest {}", format_time(clock, self.terms.start()))
        } else {
            self.setting.calendar.when(self.terms.start())
        }
    }

    fn stop(&self) -> String {
        let calendar = &self.setting.calendar;
        let time = format_time(calendar.clock, self.terms.stop());
        if self.starts_when_mined {
            let duration = calendar.span(self.terms.stop() - self.terms.start());
            format!("{duration} later, at the earliest {time}")
        } else {
            time
        }
    }

    /// The arguments of the contract's function.
    fn exact(&self) -> String {
        let (payment, interval) = (self.terms.payment(), self.terms.interval());
        if self.starts_when_mined {
            let n_intervals = counted(self.terms.n_intervals(), "interval");
            format!("createFor: payment {payment}, interval {interval}, {n_intervals}")
        } else {
            let (start, stop) = (self.terms.start(), self.terms.stop());
            format!("create: start {start}, stop {stop}, payment {payment}, interval {interval}")
        }
    }
}

#[derive(Serialize)]
struct PlanJson<'a> {
    clock: &'a str,
    token: &'a Token,
    /// The contract's function that these terms are for.
    function: &'a str,
    /// If the stream starts when mined, start and stop are of the next block.
    starts_when_mined: bool,
    #[serde(flatten, serialize_with = "exact_terms")]
    terms: Terms,
    #[serde(serialize_with = "maybe_text")]
    wished: Option<U256>,
    #[serde(serialize_with = "text")]
    dust: U256,
    /// Wall-clock time of the stop; `null` if nobody can tell.
    stop_forecast: Option<Forecast>,
    pace: String,
    notes: &'a [String],
}

impl Serialize for Plan {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        PlanJson {
            clock: clock_name(self.setting.calendar.clock),
            token: &self.setting.token,
            function: if self.starts_when_mined { "createFor" } else { "create" },
            starts_when_mined: self.starts_when_mined,
            terms: self.terms,
            wished: self.wished,
            dust: self.dust(),
            stop_forecast: self.setting.calendar.forecast(self.terms.stop()),
            pace: self.setting.calendar.pace.to_string(),
            notes: &self.notes,
        }
        .serialize(serializer)
    }
}
