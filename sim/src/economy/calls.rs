//! Calls of contracts whose arguments are expressions, and contracts' functions as columns.

use crate::{
    agents::Argument,
    evm::{Address, Arg, DynSolValue, I256, U256, show},
    netlist::{Formula, Netlist, NetlistError, Number, Source, Values, suggestion},
};

use super::{
    chain::to_f64,
    state::{Slot, State},
};

/// An argument of a call.
#[derive(Clone, Debug)]
pub(crate) enum CallArgument {
    Fixed(Arg),
    Formula(Formula<Slot>),
    List(Vec<CallArgument>),
}

impl CallArgument {
    /// Looks the names of an argument up; `me` is the agent that calls.
    pub(crate) fn bind(
        argument: &Argument,
        state: &State,
        me: Option<usize>,
        (source, values): (&Source, &Values),
    ) -> Result<Self, NetlistError> {
        Ok(match (argument, me) {
            (Argument::Text(text, _), Some(me)) if text == "me" => Self::Fixed(Arg::Text(state.name(me).to_owned())),
            (Argument::Text(text, _), _) => Self::Fixed(Arg::Text(text.clone())),
            (Argument::Flag(flag), _) => Self::Fixed(Arg::Flag(*flag)),
            (Argument::Number(expression), _) => Self::Formula(state.bind(source, values, me, expression)?),
            (Argument::List(list), _) => Self::List(
                list.iter().map(|item| Self::bind(item, state, me, (source, values))).collect::<Result<_, _>>()?,
            ),
        })
    }

    pub(crate) fn value(&self, state: &mut State) -> Result<Arg, String> {
        match self {
            Self::Fixed(value) => Ok(value.clone()),
            Self::Formula(formula) => to_arg(formula.evaluate(&mut |slot| state.read(slot))?),
            Self::List(list) => list.iter().map(|item| item.value(state)).collect::<Result<_, _>>().map(Arg::List),
        }
    }
}

/// The argument of a deployment, whose expressions know parameters only.
pub(super) fn fixed(argument: &Argument, source: &Source, values: &Values) -> Result<Arg, NetlistError> {
    match argument {
        Argument::Text(text, _) => Ok(Arg::Text(text.clone())),
        Argument::Flag(flag) => Ok(Arg::Flag(*flag)),
        Argument::Number(expression) => {
            let number = expression.value(source, &mut |name| values.number(name))?;
            to_arg(number).map_err(|message| source.error(&expression.span, message))
        }
        Argument::List(list) => {
            list.iter().map(|item| fixed(item, source, values)).collect::<Result<_, _>>().map(Arg::List)
        }
    }
}

/// A number as contracts have it; a fraction is cut off.
fn to_arg(number: Number) -> Result<Arg, String> {
    match number {
        Number::Integer(integer) => Ok(match u128::try_from(integer) {
            Ok(positive) => Arg::Number(U256::from(positive)),
            Err(_) => Arg::Signed(I256::try_from(integer).expect("128 bits fit into 256")),
        }),
        Number::Float(float) if !float.is_finite() => Err(format!("{float} is no amount")),
        Number::Float(float) => {
            let digits = format!("{:.0}", float.trunc());
            let number = digits
                .strip_prefix('-')
                .map_or_else(|| digits.parse().map(Arg::Number).ok(), |_| digits.parse().map(Arg::Signed).ok());
            number.ok_or_else(|| format!("{float} has more than 256 bits"))
        }
    }
}

/// A contract's function that a column shows.
pub(super) struct View {
    contract: usize,
    function: String,
    arguments: Vec<CallArgument>,
    scale: Option<f64>,
}

impl View {
    pub(super) fn new(
        netlist: &Netlist,
        state: &State,
        (call, arguments): (&str, &[Argument]),
        (scale, values): (Option<f64>, &Values),
    ) -> Result<Self, String> {
        let (contract, function) = call.split_once('.').ok_or("it names no contract: say \"CONTRACT.function\"")?;
        let contract = find_contract(netlist, contract)?;
        let bind = |argument| {
            CallArgument::bind(argument, state, None, (&netlist.source, values)).map_err(|error| error.message)
        };
        let arguments = arguments.iter().map(bind).collect::<Result<_, _>>()?;
        let view = Self { contract, function: function.to_owned(), arguments, scale };
        Ok(view)
    }

    /// A number if there is a scale, else text.
    pub(super) fn read(&self, state: &mut State) -> Result<Result<Number, String>, String> {
        let arguments = self.arguments.iter().map(|argument| argument.value(state)).collect::<Result<Vec<_>, _>>()?;
        let evm = state.evm.as_mut().ok_or("there is no chain")?;
        let contract = evm.contract(self.contract).clone();
        let answer = contract.view(&mut evm.chain, Address::ZERO, &self.function, &arguments);
        let answer = answer.map_err(|error| error.to_string())?;
        let [value] = answer.as_slice() else {
            let shown: Vec<_> = answer.iter().map(|value| show(value, evm.chain.names())).collect();
            return Ok(Err(shown.join(" ")));
        };
        match (self.scale, value) {
            (None, value) => Ok(Err(show(value, evm.chain.names()))),
            (Some(scale), DynSolValue::Uint(number, _)) => Ok(Ok(Number::Float(to_f64(*number) * scale))),
            (Some(scale), DynSolValue::Int(number, _)) => {
                let (sign, size) = number.into_sign_and_abs();
                let sign = if sign.is_negative() { -1.0 } else { 1.0 };
                Ok(Ok(Number::Float(sign * to_f64(size) * scale)))
            }
            (Some(_), value) => Err(format!("{} is not a number: leave `scale` out", show(value, evm.chain.names()))),
        }
    }
}

/// The number of the contract with `name`.
pub(crate) fn find_contract(netlist: &Netlist, name: &str) -> Result<usize, String> {
    netlist.contracts.iter().position(|spec| spec.name == name).ok_or_else(|| {
        let hint = suggestion(name, netlist.contracts.iter().map(|spec| spec.name.as_str()));
        format!("there is no contract `{name}`{hint}")
    })
}
