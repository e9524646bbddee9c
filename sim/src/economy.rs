//! Runs of a netlist's agents. A tick goes as TokenSPICE's: the row is recorded before anybody acts, agents act in the
//! netlist's order or in a shuffled one, who is added in a tick acts from the next, and at last what all share is
//! brought up to date.

use std::{fmt::Write, sync::Arc};

pub(crate) use self::market::{SETTINGS as MARKET_SETTINGS, Valuation};
use self::{calls::View, chain::Deployed, market::Settings as MarketSettings, state::Luck};
use crate::{
    agents::{Agent, Builder},
    draws::Draws,
    model::{Failure, Model, Point, Progress, Run, World},
    netlist::{AgentSpec, Cell, ColumnSpec, Formula, Netlist, NetlistError, Number, Times, Values},
    rows::{Column, Kind, Rows},
};

pub(crate) use self::{
    calls::{CallArgument, find_contract},
    chain::{Artifacts, Pool, Token},
};
pub use self::{
    chain::{Evm, from_units, to_units},
    market::Market,
    state::{Dice, Slot, State},
};

mod calls;
mod chain;
mod market;
mod python;
mod state;

/// Most agents in a run.
const MAX_AGENTS: usize = 1_000_000;

/// A netlist of agents, ready to run.
pub struct Economy {
    netlist: Arc<Netlist>,
    artifacts: Artifacts,
    /// The chain with its contracts, where all parameters have the netlist's values.
    deployed: Option<Deployed>,
    defaults: Values,
    columns: Vec<Column>,
    n_steps: u64,
}

/// A run under way.
pub struct Live<'a> {
    setup: Setup<'a>,
    values: Values,
    times: Times,
    state: State,
    agents: Vec<Box<dyn Agent>>,
    recorded: Vec<Recorded>,
    shuffle: Option<Draws>,
    n_born: Vec<usize>,
}

/// What agents and columns are made from.
#[derive(Clone, Copy)]
struct Setup<'a> {
    netlist: &'a Netlist,
    /// None where only the wiring is checked.
    economy: Option<&'a Economy>,
}

/// A column in a run.
enum Recorded {
    Formula(Formula<Slot>),
    View(View),
}

/// What a cell of a row holds.
enum Entry {
    Number(Number),
    Text(String),
}

impl Economy {
    pub(crate) fn new(netlist: Arc<Netlist>) -> Result<Self, NetlistError> {
        let artifacts = Artifacts::load(&netlist)?;
        let kind = |spec: &ColumnSpec| match &spec.cell {
            Cell::Formula(_) | Cell::View { scale: Some(_), .. } => Kind::Float,
            Cell::View { scale: None, .. } => Kind::Text,
        };
        let columns = netlist.columns.iter().map(|spec| Column { name: spec.name.clone(), kind: kind(spec) }).collect();
        let values = Values::at(&netlist.source, &netlist.parameters, &Point::default())?;
        let times = netlist.settings.times(&netlist.source, &values)?;
        let deployed = Deployed::new(&netlist, &artifacts, &values, times.start)?;
        let economy = Self { netlist, artifacts, deployed, defaults: values, columns, n_steps: times.n_steps };
        // Contracts that cannot be deployed and columns that they do not answer are found here, not in the first run.
        let run = Run { seed: economy.netlist.settings.seed, subset: 0, number: 1, point: &Point::default() };
        economy.begin(&run)?;
        economy.artifacts.save_fork().map_err(|error| economy.netlist.source.error(&(0..0), error.to_string()))?;
        Ok(economy)
    }

    /// Begins a run whose type is known.
    ///
    /// # Errors
    /// If its parameters or its start do not work out.
    pub fn begin(&self, run: &Run<'_>) -> Result<Live<'_>, NetlistError> {
        Live::new(Setup { netlist: &self.netlist, economy: Some(self) }, run)
    }

    /// A whole run as TokenSPICE's `data.csv`.
    ///
    /// # Errors
    /// If the run fails.
    pub fn data_csv(&self, run: &Run<'_>) -> Result<String, Failure> {
        let mut live = self.begin(run).map_err(|error| Failure { timestep: 0, reason: error.to_string() })?;
        let mut csv = String::from("Tick, Second, Min, Hour, Day, Month, Year");
        for column in &self.columns {
            write!(csv, ", {}", column.name).expect("a string takes what is written to it");
        }
        csv.push('\n');
        let write_number = if self.netlist.settings.is_short { python::general } else { python::repr };
        loop {
            if live.is_logged() {
                let seconds = (live.state.tick() * live.state.dt()) as f64;
                let times = [1.0, 60.0, 3_600.0, 86_400.0, 2_592_000.0, 31_536_000.0].map(|unit| seconds / unit);
                csv.push_str(&write_number(Number::Integer(i128::from(live.state.tick()))));
                for time in times {
                    write!(csv, ", {}", write_number(Number::Float(time)))
                        .expect("a string takes what is written to it");
                }
                live.row(&mut |entry| {
                    let text = match entry {
                        Entry::Number(number) => write_number(number),
                        Entry::Text(text) => text,
                    };
                    write!(csv, ", {text}").expect("a string takes what is written to it");
                })?;
                csv.push('\n');
            }
            if live.tick()? == Progress::Done {
                return Ok(csv);
            }
        }
    }
}

impl Model for Economy {
    fn columns(&self) -> &[Column] {
        &self.columns
    }

    fn n_steps(&self) -> u64 {
        self.n_steps
    }

    fn start<'a>(&'a self, run: &Run<'_>) -> Result<Box<dyn World + 'a>, Failure> {
        match self.begin(run) {
            Ok(live) => Ok(Box::new(live)),
            Err(error) => Err(Failure { timestep: 0, reason: error.to_string() }),
        }
    }
}

/// Builds all agents and columns without a chain.
pub(crate) fn check(netlist: &Netlist) -> Result<(), NetlistError> {
    let run = Run { seed: netlist.settings.seed, subset: 0, number: 1, point: &Point::default() };
    Live::new(Setup { netlist, economy: None }, &run).map(|_| ())
}

impl Setup<'_> {
    /// The run's chain: a copy of the one that is there, unless parameters are others.
    fn evm(&self, values: &Values, start: u64, run: &Run<'_>) -> Result<Option<Evm>, NetlistError> {
        let Some(economy) = self.economy else { return Ok(None) };
        let begin = |deployed: &Deployed| deployed.begin(&economy.artifacts, run.draws("", "blocks"));
        if *values == economy.defaults {
            return Ok(economy.deployed.as_ref().map(begin));
        }
        Ok(Deployed::new(self.netlist, &economy.artifacts, values, start)?.as_ref().map(begin))
    }
}

impl<'a> Live<'a> {
    fn new(setup: Setup<'a>, run: &Run<'_>) -> Result<Self, NetlistError> {
        let netlist = setup.netlist;
        let values = Values::at(&netlist.source, &netlist.parameters, run.point)?;
        let times = netlist.settings.times(&netlist.source, &values)?;
        let shared = netlist.settings.shares_draws.then(|| match run.number {
            1 => Draws::from_state(run.seed),
            number => Draws::keyed(run.seed, number, "", "shared"),
        });
        let luck = Luck { seed: run.seed, run: run.number, shared };
        let evm = setup.evm(&values, times.start, run)?;
        let market = market(netlist, &values, times.dt)?;
        let start = setup.economy.map_or(times.start, |economy| economy.artifacts.start(times.start));
        let state = State::new(times.dt, start, luck, market, evm);
        let shuffle = netlist.settings.is_shuffled.then(|| run.draws("", "order"));
        let n_born = vec![0; netlist.agents.len()];
        let (agents, recorded) = (Vec::new(), Vec::new());
        let mut live = Self { setup, values, times, state, agents, recorded, shuffle, n_born };
        live.populate()?;
        live.recorded = netlist.columns.iter().map(|spec| live.bind(spec)).collect::<Result<_, _>>()?;
        Ok(live)
    }

    /// Makes all agents: first their accounts, so that they may name each other, then themselves.
    fn populate(&mut self) -> Result<(), NetlistError> {
        let netlist = self.setup.netlist;
        for (number, contract) in netlist.contracts.iter().enumerate() {
            self.state.add_asset(&contract.name, Some(number));
        }
        for (asset, ..) in netlist.agents.iter().flat_map(|spec| &spec.wallet) {
            self.state.add_asset(asset, None);
        }
        let mut members = Vec::new();
        for (at, spec) in netlist.agents.iter().enumerate() {
            let count = self.count(spec)?;
            if members.len() + count > MAX_AGENTS {
                let message = format!("with `{}` there are more than {MAX_AGENTS} agents: lower `count`", spec.name);
                return Err(netlist.source.error(&spec.count.span, message));
            }
            for i in 1..=count {
                let name = if count == 1 { spec.name.clone() } else { format!("{}{i}", spec.name) };
                members.push((at, self.account(spec, name)?));
            }
            self.n_born[at] = count;
        }
        for (spec, me) in members {
            let agent = self.build(&netlist.agents[spec], me)?;
            self.agents.push(agent);
        }
        self.state.n_acting = self.agents.len();
        Ok(())
    }

    fn count(&self, spec: &AgentSpec) -> Result<usize, NetlistError> {
        let source = &self.setup.netlist.source;
        let count = spec.count.value(source, &mut |name| self.values.number(name))?;
        let whole =
            count.to_integer().and_then(|count| usize::try_from(count).ok()).filter(|count| *count <= MAX_AGENTS);
        whole.ok_or_else(|| {
            source.error(&spec.count.span, format!("`count` is {count}, not a whole number of 0 to {MAX_AGENTS}"))
        })
    }

    /// An account with its wallet.
    fn account(&mut self, spec: &AgentSpec, name: String) -> Result<usize, NetlistError> {
        let source = &self.setup.netlist.source;
        if self.state.has_agent(&name) {
            return Err(source.error(&spec.span, format!("there are two agents with the name `{name}`")));
        }
        let me = self.state.add_account(name, spec.kind.gauges).map_err(|message| source.error(&spec.span, message))?;
        for (asset, span, amount) in &spec.wallet {
            let amount = amount.value(source, &mut |name| self.values.number(name))?.to_f64();
            let asset = self.state.asset(asset).map_err(|message| source.error(span, message))?;
            self.state.deposit(me, asset, amount).map_err(|message| source.error(span, message))?;
        }
        Ok(me)
    }

    fn build(&mut self, spec: &AgentSpec, me: usize) -> Result<Box<dyn Agent>, NetlistError> {
        let netlist = self.setup.netlist;
        let mut builder = Builder {
            source: &netlist.source,
            netlist,
            artifacts: self.setup.economy.map(|economy| &economy.artifacts),
            values: &self.values,
            state: &mut self.state,
            fields: &spec.fields,
            me,
            span: spec.span.clone(),
        };
        (spec.kind.build)(&mut builder)
    }

    fn bind(&self, spec: &ColumnSpec) -> Result<Recorded, NetlistError> {
        let source = &self.setup.netlist.source;
        match &spec.cell {
            Cell::Formula(expression) => {
                Ok(Recorded::Formula(self.state.bind(source, &self.values, None, expression)?))
            }
            Cell::View { call, arguments, scale } => {
                let scale = scale.as_ref().map(|scale| scale.value(source, &mut |name| self.values.number(name)));
                let scale = scale.transpose()?.map(Number::to_f64);
                let view = View::new(self.setup.netlist, &self.state, (call, arguments), (scale, &self.values));
                view.map(Recorded::View).map_err(|message| source.error(&spec.span, message))
            }
        }
    }

    const fn is_logged(&self) -> bool {
        (self.state.tick() * self.times.dt).is_multiple_of(self.times.log_every)
    }

    fn failure(&self, reason: String) -> Failure {
        Failure { timestep: self.state.tick(), reason }
    }

    /// Hands the cells of a row out.
    fn row(&mut self, put: &mut dyn FnMut(Entry)) -> Result<(), Failure> {
        for (at, recorded) in self.recorded.iter().enumerate() {
            let entry = match recorded {
                Recorded::Formula(formula) => formula.evaluate(&mut |slot| self.state.read(slot)).map(Entry::Number),
                Recorded::View(view) => view.read(&mut self.state).map(|read| match read {
                    Ok(number) => Entry::Number(number),
                    Err(text) => Entry::Text(text),
                }),
            };
            let entry = entry.map_err(|reason| {
                self.failure(format!("column `{}`: {reason}", self.setup.netlist.columns[at].name))
            })?;
            put(entry);
        }
        Ok(())
    }

    /// Lets everybody act once.
    fn tick(&mut self) -> Result<Progress, Failure> {
        let n_acting = self.agents.len();
        match &mut self.shuffle {
            None => (0..n_acting).try_for_each(|me| self.act(me))?,
            Some(draws) => {
                let mut order: Vec<usize> = (0..n_acting).collect();
                draws.shuffle(&mut order);
                order.into_iter().try_for_each(|me| self.act(me))?;
            }
        }
        self.bear()?;
        self.state.end_tick().map_err(|reason| self.failure(reason))?;
        if self.state.tick() + 1 >= self.times.n_steps {
            let saved = self.setup.economy.map_or(Ok(()), |economy| economy.artifacts.save_fork());
            saved.map_err(|error| self.failure(error.to_string()))?;
            return Ok(Progress::Done);
        }
        self.state.tick += 1;
        let now = self.state.now();
        if let Some(evm) = &mut self.state.evm {
            evm.mine(now);
        }
        Ok(Progress::More)
    }

    fn act(&mut self, me: usize) -> Result<(), Failure> {
        let done = self.agents[me].step(me, &mut self.state);
        done.map_err(|reason| self.failure(format!("agent `{}`: {reason}", self.state.name(me))))
    }

    /// Makes the agents that were asked for in this tick.
    fn bear(&mut self) -> Result<(), Failure> {
        for at in std::mem::take(&mut self.state.births) {
            if self.agents.len() >= MAX_AGENTS {
                return Err(self.failure(format!("there are {MAX_AGENTS} agents already: spawn fewer")));
            }
            let spec = &self.setup.netlist.agents[at];
            self.n_born[at] += 1;
            let name = format!("{}{}", spec.name, self.n_born[at]);
            let born = self.account(spec, name).and_then(|me| self.build(spec, me));
            let agent = born.map_err(|error| self.failure(error.to_string()))?;
            self.agents.push(agent);
        }
        self.state.n_acting = self.agents.len();
        Ok(())
    }
}

impl World for Live<'_> {
    fn step(&mut self, rows: &mut Rows) -> Result<Progress, Failure> {
        if self.is_logged() {
            // A row begins only when all its cells are known, so that a failure leaves whole rows.
            let mut entries = Vec::with_capacity(self.recorded.len());
            self.row(&mut |entry| entries.push(entry))?;
            rows.begin(self.state.tick(), 0);
            for entry in entries {
                match entry {
                    Entry::Number(number) => rows.float(number.to_f64()),
                    Entry::Text(text) => rows.text(text),
                }
            }
        }
        self.tick()
    }
}

fn market(netlist: &Netlist, values: &Values, dt: u64) -> Result<Option<Market>, NetlistError> {
    /// Two years of shorter ticks would be too much to remember.
    const MIN_DT: u64 = 20;
    let Some(spec) = &netlist.market else { return Ok(None) };
    let source = &netlist.source;
    let mut numbers = [0.0; MARKET_SETTINGS.len()];
    for (number, expression) in numbers.iter_mut().zip(&spec.settings) {
        *number = expression.value(source, &mut |name| values.number(name))?.to_f64();
    }
    if dt < MIN_DT {
        let message = format!("`dt` is {dt}, below {MIN_DT} s: [loop] remembers each tick of two years");
        return Err(source.error(&(0..0), message));
    }
    let [consume_fee, swap_fee, swaps_to_sales, price_to_sales, speculation, speculation_growth, rest @ ..] = numbers;
    let [initial_supply, growth_at_zero, growth_at_most, tau] = rest;
    let settings = MarketSettings {
        consume_fee,
        swap_fee,
        swaps_to_sales,
        price_to_sales,
        speculation,
        speculation_growth,
        initial_supply,
        growth_at_zero,
        growth_at_most,
        tau,
        valuation: spec.valuation,
    };
    Ok(Some(Market::new(settings, dt)))
}
