//! `[[contract]]`, `[[agent]]`, `[loop]` and `[columns]`: what there is and how it is wired up.

use std::ops::Range;

use toml::de::DeValue;

use super::{
    error::{NetlistError, Source, suggestion},
    expression::Expression,
    number::Number,
    section::{Item, Section, check_name},
};
use crate::{
    agents::{Argument, COMMON_KEYS, Field, Key, Kind, Otherwise, Takes},
    economy::{MARKET_SETTINGS, Valuation},
    evm::Address,
};

/// Most lists inside each other in an argument.
const MAX_DEPTH: usize = 8;

/// A contract to deploy.
#[derive(Clone, Debug)]
pub(crate) struct ContractSpec {
    pub(crate) name: String,
    pub(crate) artifact: String,
    pub(crate) artifact_span: Range<usize>,
    pub(crate) arguments: Vec<Argument>,
    /// Who deploys it: an account of this name.
    pub(crate) from: String,
    /// Whether wallets are filled by `mint`, or by `transfer` of what the deployer has.
    pub(crate) is_minted: bool,
    /// Where it is already, on the chain that the netlist starts from.
    pub(crate) at: Option<Address>,
    pub(crate) span: Range<usize>,
}

/// One or more agents of a kind.
#[derive(Clone, Debug)]
pub(crate) struct AgentSpec {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// How many; none to spawn from.
    pub(crate) count: Expression,
    pub(crate) wallet: Vec<(String, Range<usize>, Expression)>,
    pub(crate) fields: Vec<(&'static str, Field)>,
    pub(crate) span: Range<usize>,
}

/// What a run records.
#[derive(Clone, Debug)]
pub(crate) struct ColumnSpec {
    pub(crate) name: String,
    pub(crate) cell: Cell,
    pub(crate) span: Range<usize>,
}

/// How a column's value is found.
#[derive(Clone, Debug)]
pub(crate) enum Cell {
    Formula(Expression),
    /// What a contract's function returns, times the scale; without a scale in all its digits, as text.
    View {
        call: String,
        arguments: Vec<Argument>,
        scale: Option<Expression>,
    },
}

/// The Web3 Sustainability Loop's numbers.
#[derive(Clone, Debug)]
pub(crate) struct LoopSpec {
    pub(crate) settings: Vec<Expression>,
    pub(crate) valuation: Valuation,
}

impl ContractSpec {
    pub(super) fn read(mut section: Section<'_>) -> Result<Self, NetlistError> {
        let at_head = section.error("");
        let name = section.require("name", "\"OCEAN\"")?.name()?;
        let artifact =
            section.require("artifact", "\"npm:@openzeppelin/contracts/build/contracts/VestingWallet.json\"")?;
        let arguments = section.get("args").map_or(Ok(Vec::new()), |item| read_arguments(&item))?;
        let spec = Self {
            name,
            artifact: artifact.text()?.to_owned(),
            artifact_span: artifact.span,
            arguments,
            from: section.get("from").map_or(Ok("deployer".to_owned()), |item| read_account(&item))?,
            is_minted: section
                .get("fund")
                .map_or(Ok(false), |item| item.choice(&[("transfer", false), ("mint", true)]))?,
            at: section.get("at").map(|item| read_address(&item)).transpose()?,
            span: section.span.clone(),
        };
        section.finish(["name", "artifact", "args", "from", "fund", "at"])?;
        if let (Some(at), false) = (spec.at, spec.arguments.is_empty()) {
            let message = format!("contract `{}` is at {at} already: leave out the constructor's `args`", spec.name);
            return Err(NetlistError { message, ..at_head });
        }
        Ok(spec)
    }
}

impl AgentSpec {
    pub(super) fn read(source: &Source, mut section: Section<'_>, kinds: &[Kind]) -> Result<Self, NetlistError> {
        let name_item = section.require("name", "\"alice\"")?;
        let name = name_item.name()?;
        if ["loop", "me"].contains(&name.as_str()) {
            return Err(name_item
                .error(format!("an agent cannot be called `{name}`, which means something else in expressions")));
        }
        section.what = format!("the agent `{name}`");
        let kind_item = section.require("kind", "\"idle\"")?;
        let kind =
            *kinds.iter().find(|kind| kind_item.text() == Ok(kind.name)).ok_or_else(|| match kind_item.text() {
                Err(error) => error,
                Ok(kind) => {
                    let hint = suggestion(kind, kinds.iter().map(|kind| kind.name));
                    kind_item.error(format!("there is no kind of agents \"{kind}\"{hint}"))
                }
            })?;
        let count = section.get("count").map_or_else(
            || Ok(Expression::constant(Number::Integer(1), section.span.clone())),
            |item| item.expression(),
        )?;
        let wallet = section.get("wallet").map_or(Ok(Vec::new()), |item| read_named(&item))?;
        let mut fields = Vec::new();
        for key in kind.keys {
            if let Some(field) = read_field(source, &mut section, key)? {
                fields.push((key.name, field));
            }
        }
        let span = section.span.clone();
        section.what = format!("the agent `{name}` of kind \"{}\"", kind.name);
        section.finish(kind.keys.iter().map(|key| key.name).chain(COMMON_KEYS))?;
        Ok(Self { name, kind, count, wallet, fields, span })
    }
}

/// What the netlist says for a key of a kind, or what the kind says in its place.
fn read_field(source: &Source, section: &mut Section<'_>, key: &Key) -> Result<Option<Field>, NetlistError> {
    if let Some(item) = section.get(key.name) {
        let field = match key.takes {
            Takes::Number | Takes::Formula => Field::Expression(item.expression()?),
            Takes::Agent | Takes::Contract => Field::Text(item.name()?, item.span),
            Takes::Artifact => Field::Artifact(item.text()?.to_owned(), item.span.clone()),
            Takes::Script => Field::Script(item.text()?.to_owned(), item.span.clone()),
            Takes::Text => Field::Text(item.text()?.to_owned(), item.span.clone()),
            Takes::Flag => Field::Flag(item.flag()?),
            Takes::Shares | Takes::Numbers => Field::Shares(read_named(&item)?),
            Takes::Arguments => Field::Arguments(read_arguments(&item)?),
        };
        return Ok(Some(field));
    }
    match key.otherwise {
        Otherwise::Required => Err(section.error(format!("{} lacks `{}`: {}", section.what, key.name, key.doc))),
        Otherwise::Absent => Ok(None),
        Otherwise::Is(text) => Ok(Some(match key.takes {
            Takes::Number | Takes::Formula => {
                let mut expression = Expression::parse(source, &section.span, text)?;
                expression.span = section.span.clone();
                Field::Expression(expression)
            }
            Takes::Flag => Field::Flag(text == "true"),
            Takes::Artifact => Field::Artifact(text.to_owned(), section.span.clone()),
            _ => Field::Text(text.to_owned(), section.span.clone()),
        })),
    }
}

impl LoopSpec {
    pub(super) fn read(source: &Source, mut section: Section<'_>) -> Result<Self, NetlistError> {
        let mut settings = Vec::new();
        for (key, default, _) in MARKET_SETTINGS {
            settings.push(match section.get(key) {
                Some(item) => item.expression()?,
                None => Expression::parse(source, &(0..0), default)?,
            });
        }
        let ways = [("greater", Valuation::Greater), ("sum", Valuation::Sum)];
        let valuation = section.get("valuation").map_or(Ok(Valuation::Greater), |item| item.choice(&ways))?;
        section.finish(MARKET_SETTINGS.iter().map(|(key, ..)| *key).chain(["valuation"]))?;
        Ok(Self { settings, valuation })
    }
}

impl ColumnSpec {
    pub(super) fn read_all(source: &Source, section: &Section<'_>) -> Result<Vec<Self>, NetlistError> {
        let mut columns = Vec::new();
        for item in section.items()? {
            if item.key.is_empty() || item.key.contains([',', '\n', '\r']) {
                let message = format!("{:?} cannot be a column's name: leave commas and line ends out", item.key);
                return Err(source.error(&item.key_span, message));
            }
            columns.push(Self { name: item.key.clone(), cell: read_cell(item)?, span: item.span.clone() });
        }
        Ok(columns)
    }
}

fn read_cell(item: &Item<'_>) -> Result<Cell, NetlistError> {
    if item.value.as_table().is_none() {
        return item.expression().map(Cell::Formula);
    }
    let mut table = item.table(format!("the column `{}`", item.key))?;
    let call = table.require("call", "\"OCEAN.totalSupply\"")?;
    let text = call.text()?;
    if !text.contains('.') {
        return Err(call.error(format!("`{text}` names no contract: say \"CONTRACT.function\"")));
    }
    let arguments = table.get("args").map_or(Ok(Vec::new()), |item| read_arguments(&item))?;
    let scale = table.get("scale").map(|item| item.expression()).transpose()?;
    table.finish(["call", "args", "scale"])?;
    Ok(Cell::View { call: text.to_owned(), arguments, scale })
}

/// An account: a name, or an address of the chain that the netlist starts from.
fn read_account(item: &Item<'_>) -> Result<String, NetlistError> {
    if item.text()?.starts_with("0x") { read_address(item).map(|address| address.to_string()) } else { item.name() }
}

fn read_address(item: &Item<'_>) -> Result<Address, NetlistError> {
    let text = item.text()?;
    text.starts_with("0x")
        .then(|| text.parse().ok())
        .flatten()
        .ok_or_else(|| item.error(format!("`{text}` is no address: write 0x and 40 digits")))
}

/// A table of names and expressions, in the order of the file.
fn read_named(item: &Item<'_>) -> Result<Vec<(String, Range<usize>, Expression)>, NetlistError> {
    let section = item.table(format!("`{}`", item.key))?;
    let read = |item: &Item<'_>| {
        check_name(&item.key).map_err(|message| section.source.error(&item.key_span, message))?;
        Ok((item.key.clone(), item.key_span.clone(), item.expression()?))
    };
    section.items()?.iter().map(read).collect()
}

fn read_arguments(item: &Item<'_>) -> Result<Vec<Argument>, NetlistError> {
    item.list()?.iter().map(|item| read_argument(item, 0)).collect()
}

fn read_argument(item: &Item<'_>, depth: usize) -> Result<Argument, NetlistError> {
    match item.value {
        _ if depth > MAX_DEPTH => Err(item.error(format!("there are more than {MAX_DEPTH} lists inside each other"))),
        DeValue::String(text) if text.starts_with('=') => item.formula().map(Argument::Number),
        DeValue::String(text) => Ok(Argument::Text(text.to_string(), item.span.clone())),
        DeValue::Boolean(flag) => Ok(Argument::Flag(*flag)),
        DeValue::Array(_) => {
            let list = item.list()?;
            list.iter().map(|item| read_argument(item, depth + 1)).collect::<Result<_, _>>().map(Argument::List)
        }
        _ => item.expression().map(Argument::Number),
    }
}
