//! Those who attack: griefers, and the tokens that they bring.

use alloy_primitives::{Address, U256};
use alloy_sol_types::SolCall;
use bindings::{DemoToken, IMoneyStreaming as streaming};

use super::{
    arena::{Arena, attempt, donate, send_token, starve, units},
    calls::{Call, FUNCTIONS, MULTICALL, SETTLE, Sight, one_of, word},
    code::{CrookedToken, Mood, aimed, crooked_token, starver},
};
use crate::{
    agents::{
        Agent, Builder,
        streams::{Contracts, Venue, evm},
    },
    draws::Draws,
    economy::{Dice, State},
    netlist::NetlistError,
};

/// 2^129: two of the greatest deposits.
const FORTUNE: U256 = U256::from_limbs([0, 0, 2, 0]);

/// How many of its streams a griefer looks at in a tick.
const N_IN_SIGHT: usize = 12;

/// Accounts who only receive.
const STRANGERS: [Address; 2] = [Address::repeat_byte(0x51), Address::repeat_byte(0x52)];

/// What is neither a person nor a token: nobody, and the precompiled contract that answers what it is asked.
pub(super) const ODD: [Address; 2] = [Address::ZERO, Address::with_last_byte(4)];

pub(super) struct Griefer {
    contracts: Contracts,
    n_calls: u64,
    hostile: f64,
    replays: f64,
    donates: f64,
    is_ready: bool,
    is_blocked: bool,
    is_approved: bool,
    dice: Dice,
}

impl Griefer {
    pub(super) fn build(builder: &mut Builder<'_>) -> Result<Box<dyn Agent>, NetlistError> {
        let me = builder.me;
        builder.state.shared::<Arena>().griefers.push(me);
        Ok(Box::new(Self {
            contracts: Contracts::build(builder)?,
            n_calls: builder.whole("calls")?,
            hostile: builder.positive("hostile")?,
            replays: builder.positive("replays")?,
            donates: builder.positive("donates")?,
            is_ready: false,
            is_blocked: false,
            is_approved: true,
            dice: builder.dice("attack"),
        }))
    }

    fn make_ready(&mut self, me: usize, state: &mut State, venue: Venue) -> Result<(), String> {
        self.is_ready = true;
        let account = evm(state)?.account(me);
        venue.approve(state, me)?;
        send_token(state, me, venue, &DemoToken::mintCall { account, amount: FORTUNE })?;
        let crooked = state.shared::<Arena>().crooked.clone();
        for (_, token) in crooked {
            evm(state)?.call(me, token, &CrookedToken::mintCall { to: account, amount: FORTUNE })?;
        }
        if state.shared::<Arena>().starver.is_none() {
            let chain = &mut evm(state)?.chain;
            let starver = chain.deploy_code(account, starver().into()).map_err(|error| error.to_string())?;
            chain.name("starver", starver);
            state.shared::<Arena>().starver = Some(starver);
        }
        Ok(())
    }

    /// Makes one attack up.
    fn attack(
        &mut self,
        me: usize,
        state: &mut State,
        (venue, sight): (Venue, &Sight),
        draws: &mut Draws,
    ) -> Result<(), String> {
        if draws.chance(self.donates) {
            return self.annoy(me, state, venue, draws);
        }
        let plot = match draws.below(20) {
            0 => sight.race(draws).into_iter().map(|call| (sight.me, call)).collect(),
            1 => sight.conspiracy(draws),
            _ => Vec::new(),
        };
        if !plot.is_empty() {
            for (from, call) in plot {
                attempt(state, from, venue, call)?;
            }
            return Ok(());
        }
        let Some(mut call) = self.call(state, sight, draws) else { return Ok(()) };
        if draws.chance(self.hostile) {
            call.mutate(sight, draws);
        }
        if call.function == SETTLE && draws.chance(0.5) {
            let gas = 20_000 + u64::try_from(draws.below(2_000_000)).expect("less than two million");
            return starve(state, sight.me, venue, (&call, gas));
        }
        attempt(state, sight.me, venue, call).map(|_| ())
    }

    fn call(&self, state: &mut State, sight: &Sight, draws: &mut Draws) -> Option<Call> {
        let corpus = &state.shared::<Arena>().corpus;
        if !corpus.is_empty() && draws.chance(self.replays) {
            return Some(corpus[draws.below(corpus.len())].clone());
        }
        let function = draws.below(FUNCTIONS.len());
        if function != MULTICALL {
            return sight.guided(function, draws);
        }
        let n = 1 + draws.below(4);
        let inner = (0..n).filter_map(|_| sight.guided(draws.below(MULTICALL), draws)).collect();
        Some(Call::multicall(inner))
    }

    /// Gives the contract a few units, lets the token refuse itself or takes its approval back, and undoes that later.
    fn annoy(&mut self, me: usize, state: &mut State, venue: Venue, draws: &mut Draws) -> Result<(), String> {
        let account = evm(state)?.account(me);
        match draws.below(4) {
            0 | 1 if !self.is_blocked => {
                let most = units(state, venue, me)?;
                donate(state, me, venue, U256::from(draws.below(1000)).min(most))
            }
            2 => {
                self.is_approved = !self.is_approved;
                let value = if self.is_approved { U256::MAX } else { U256::ZERO };
                send_token(state, me, venue, &DemoToken::approveCall { spender: venue.streams, value })
            }
            _ => {
                self.is_blocked = !self.is_blocked;
                let call = DemoToken::setBlockedCall { account, blocked: self.is_blocked };
                send_token(state, me, venue, &call)
            }
        }
    }
}

impl Agent for Griefer {
    fn step(&mut self, me: usize, state: &mut State) -> Result<(), String> {
        if state.shared::<Arena>().is_over {
            return Ok(());
        }
        let venue = self.contracts.venue(state)?;
        if !self.is_ready {
            self.make_ready(me, state, venue)?;
        }
        let mut draws = Draws::from_state(state.draws(&mut self.dice).next_u64());
        // It looks once, so that later calls meet what earlier ones have changed in the same block.
        let sight = look(state, me, venue, &mut draws)?;
        for _ in 0..self.n_calls {
            self.attack(me, state, (venue, &sight), &mut draws)?;
        }
        Ok(())
    }
}

/// Everybody who may be a stream's party.
pub(super) fn parties(state: &mut State) -> Result<Vec<Address>, String> {
    let arena = state.shared::<Arena>();
    let agents: Vec<usize> = arena.honest.iter().chain(&arena.griefers).copied().collect();
    let others: Vec<Address> = STRANGERS.into_iter().chain(arena.starver).collect();
    let evm = evm(state)?;
    Ok(agents.into_iter().map(|agent| evm.account(agent)).chain(others).collect())
}

fn look(state: &mut State, me: usize, venue: Venue, draws: &mut Draws) -> Result<Sight, String> {
    let account = evm(state)?.account(me);
    let parties = parties(state)?;
    let arena = state.shared::<Arena>();
    let tokens = [venue.token].into_iter().chain(arena.crooked.iter().map(|(_, token)| *token)).collect();
    let is_mine = |sender: Address, recipient: Address| sender == account || recipient == account;
    let mut mine: Vec<U256> =
        arena.known.iter().filter(|(_, (sender, recipient))| is_mine(*sender, *recipient)).map(|(id, _)| *id).collect();
    draws.shuffle(&mut mine);
    mine.truncate(N_IN_SIGHT);
    let proposals = arena
        .proposals
        .iter()
        .filter(|[id, ..]| arena.known.get(id).is_some_and(|(sender, recipient)| is_mine(*sender, *recipient)));
    let proposals = proposals.copied().collect();
    let agents = arena.griefers.clone();
    let accomplices = agents.into_iter().map(|agent| evm(state).map(|evm| evm.account(agent)));
    let accomplices = accomplices.chain(STRANGERS.into_iter().map(Ok)).collect::<Result<_, _>>()?;
    let states = venue.states(state, mine.clone())?;
    let next = evm(state)?.ask(venue.streams, &streaming::nextStreamIdCall {})?;
    Ok(Sight {
        me: account,
        clock: venue.clock(state)?,
        next,
        parties,
        tokens,
        odd: ODD.into_iter().chain([venue.streams]).collect(),
        mine: mine.into_iter().zip(states).collect(),
        proposals,
        accomplices,
    })
}

pub(super) struct Crooked {
    contracts: Contracts,
    moods: usize,
    changes: f64,
    honest: f64,
    dice: Dice,
}

impl Crooked {
    pub(super) fn build(builder: &mut Builder<'_>) -> Result<Box<dyn Agent>, NetlistError> {
        let moods = usize::try_from(builder.whole("moods")?).unwrap_or(usize::MAX);
        if moods >= Mood::ALL.len() {
            return Err(
                builder.error("moods", format!("`moods` is {moods}: there are moods 0 to {}", Mood::ALL.len() - 1))
            );
        }
        let me = builder.me;
        let name = format!("token of {}", builder.state.name(me));
        if let Some(evm) = &mut builder.state.evm {
            let account = evm.account(me);
            let deployed = evm.chain.deploy_code(account, crooked_token().into());
            let deployed = deployed.inspect(|token| evm.chain.name(&name, *token));
            let token = deployed.map_err(|error| builder.error("moods", error.to_string()))?;
            builder.state.shared::<Arena>().crooked.push((me, token));
        }
        Ok(Box::new(Self {
            contracts: Contracts::build(builder)?,
            moods,
            changes: builder.positive("changes")?,
            honest: builder.positive("honest")?,
            dice: builder.dice("mood"),
        }))
    }
}

impl Agent for Crooked {
    fn step(&mut self, me: usize, state: &mut State) -> Result<(), String> {
        let mut draws = Draws::from_state(state.draws(&mut self.dice).next_u64());
        if !draws.chance(self.changes) || state.shared::<Arena>().is_over {
            return Ok(());
        }
        let mood = if draws.chance(self.honest) { Mood::Honest } else { Mood::ALL[draws.below(self.moods + 1)] };
        let venue = self.contracts.venue(state)?;
        let tokens = state.shared::<Arena>().crooked.clone();
        let token = tokens.iter().find(|(agent, _)| *agent == me).map(|(_, token)| *token).ok_or("it has no token")?;
        if mood == Mood::Calls {
            let known = &state.shared::<Arena>().known;
            let stream = known.keys().nth(draws.below(known.len())).copied().unwrap_or(U256::ONE);
            let paid_in = one_of(&tokens, &mut draws).1;
            let evm = evm(state)?;
            // What it streams itself once it is let in.
            evm.call(me, paid_in, &CrookedToken::mintCall { to: token, amount: U256::from(1000) })?;
            let call = reentry(evm.account(me), paid_in, stream, &mut draws);
            let target = word(venue.streams);
            evm.call(me, token, &CrookedToken::aimCall { call: aimed(target, &call) })?;
        }
        evm(state)?.call(me, token, &CrookedToken::setMoodCall { mood: U256::from(mood as u8) }).map(|_| ())
    }
}

/// A call that a contract without a lock would accept, at least now and then.
fn reentry(to: Address, token: Address, stream: U256, draws: &mut Draws) -> Vec<u8> {
    let one = U256::ONE;
    match draws.below(5) {
        0 => streaming::settleCall { streamIds: vec![stream] }.abi_encode(),
        1 => streaming::withdrawMaxCall { streamId: stream, to }.abi_encode(),
        2 => streaming::redeemCall { _streamId: stream }.abi_encode(),
        3 => streaming::claimCall { token, to }.abi_encode(),
        _ => {
            streaming::createForCall { recipient: to, token, payment: one, interval: one, nIntervals: one }.abi_encode()
        }
    }
}
