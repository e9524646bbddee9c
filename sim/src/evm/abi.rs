//! Contract interfaces that are read at run time: which function a call means, what its arguments become, what comes back.
//! Types are resolved once, when the ABI is read.

use std::{collections::BTreeMap, fmt, sync::Arc};

use alloy_dyn_abi::{DynSolType, DynSolValue, Specifier};
use alloy_json_abi::{EventParam, JsonAbi, Param, StateMutability};
use alloy_primitives::{Bytes, Log, Selector};

use crate::evm::{
    event::{Event, EventShape},
    names::{Names, hint},
    value::{Arg, fit, show_arg, show_bytes},
};

/// How many words the fixed arrays of one parameter may hold: what decoding sets aside before it reads anything.
const MAX_FIXED_WORDS: usize = 4_096;

/// Why a call cannot be made, or its result not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AbiError {
    /// The ABI is none, or has an item that cannot be used.
    #[error("{item}: {why}")]
    BadItem {
        /// Which.
        item: String,
        /// What is wrong with it.
        why: String,
    },
    /// The contract has no such function.
    #[error("{contract} has no function {wanted}{hint}")]
    NoFunction {
        /// The contract's name.
        contract: String,
        /// What was called.
        wanted: String,
        /// What was meant, if that can be guessed.
        hint: String,
    },
    /// More or fewer arguments than parameters.
    #[error("{signature} takes {n_wanted} arguments ({parameters}), and {n_given} are given: {given}")]
    Count {
        /// The function.
        signature: String,
        /// How many it takes.
        n_wanted: usize,
        /// Their names and types.
        parameters: String,
        /// How many are given.
        n_given: usize,
        /// Which.
        given: String,
    },
    /// An argument is not of its parameter's type.
    #[error("{given} is no {wanted} for {parameter} of {signature}: {why}")]
    Kind {
        /// The argument.
        given: String,
        /// The parameter's type.
        wanted: String,
        /// The parameter's name.
        parameter: String,
        /// The function.
        signature: String,
        /// Why it does not fit.
        why: String,
    },
    /// Several functions of this name take these arguments, or none does.
    #[error("{given} are arguments of {} of the functions {signatures}; name one with its types", if *.fits_many { "several" } else { "none" })]
    Overloads {
        /// The arguments.
        given: String,
        /// The functions of this name.
        signatures: String,
        /// Whether several take them.
        fits_many: bool,
    },
    /// The contract answers something else than its ABI says.
    #[error("{signature} of {contract} answers {answer}, which is no ({wanted})")]
    Answer {
        /// The contract's name or address.
        contract: String,
        /// The function.
        signature: String,
        /// What it answers.
        answer: String,
        /// What it should.
        wanted: String,
    },
}

/// A contract's interface.
#[derive(Clone, Debug, Default)]
pub struct Abi {
    contract: String,
    functions: BTreeMap<String, Vec<Arc<Prepared>>>,
    constructor: Option<Arc<Prepared>>,
    pub(super) errors: Vec<Arc<Prepared>>,
    pub(super) events: Vec<Arc<EventShape>>,
}

/// A function that was looked up, so that a call costs no more than its arguments.
#[derive(Clone, Debug)]
pub struct Prepared {
    pub(super) name: String,
    signature: String,
    selector: Selector,
    inputs: Vec<Input>,
    outputs: DynSolType,
    is_view: bool,
    /// Whether the arguments are one word each, and so are encoded one after the other.
    is_flat: bool,
}

/// A parameter.
#[derive(Clone, Debug)]
pub(super) struct Input {
    pub(super) name: String,
    pub(super) ty: DynSolType,
}

impl Abi {
    /// The interface of `contract`, from the JSON of its ABI.
    ///
    /// # Errors
    /// If that is no ABI, or has a type that no contract can have.
    pub fn parse(contract: &str, json: &str) -> Result<Self, AbiError> {
        let abi: JsonAbi = serde_json::from_str(json)
            .map_err(|error| AbiError::BadItem { item: format!("the ABI of {contract}"), why: error.to_string() })?;
        Self::new(contract, &abi)
    }

    /// The interface of `contract`.
    ///
    /// # Errors
    /// If it has a type that no contract can have.
    pub fn new(contract: &str, abi: &JsonAbi) -> Result<Self, AbiError> {
        let mut functions: BTreeMap<String, Vec<Arc<Prepared>>> = BTreeMap::new();
        for function in abi.functions() {
            let is_view = matches!(function.state_mutability, StateMutability::View | StateMutability::Pure);
            let prepared =
                Prepared::new(&function.name, function.selector(), (&function.inputs, &function.outputs), is_view)?;
            functions.entry(function.name.clone()).or_default().push(Arc::new(prepared));
        }
        let constructor = abi.constructor().map(|constructor| {
            Prepared::new("constructor", Selector::ZERO, (&constructor.inputs, &[]), false).map(Arc::new)
        });
        let errors = abi
            .errors()
            .map(|error| Prepared::new(&error.name, error.selector(), (&error.inputs, &[]), false).map(Arc::new));
        let events = abi.events().map(|event| EventShape::new(event).map(Arc::new));
        Ok(Self {
            contract: contract.to_owned(),
            functions,
            constructor: constructor.transpose()?,
            errors: errors.collect::<Result<_, _>>()?,
            events: events.collect::<Result<_, _>>()?,
        })
    }

    /// The contract's name.
    #[must_use]
    pub fn contract(&self) -> &str {
        &self.contract
    }

    /// All functions, by name.
    pub fn functions(&self) -> impl Iterator<Item = &Arc<Prepared>> {
        self.functions.values().flatten()
    }

    /// The function `wanted`, by its name if that says which, or by its signature as in `mint(address,uint256)`.
    ///
    /// # Errors
    /// If there is none, or more than one of this name.
    pub fn function(&self, wanted: &str) -> Result<&Arc<Prepared>, AbiError> {
        let candidates = self.candidates(wanted)?;
        match candidates.as_slice() {
            [one] => Ok(one),
            several => Err(overloads(several, "no arguments".to_owned(), true)),
        }
    }

    /// The function `wanted` that takes `args`: by its name, or by its signature. Of several functions of one name, the
    /// one is meant that takes as many arguments of these kinds.
    ///
    /// # Errors
    /// If there is none, or more than one.
    pub fn function_for(&self, wanted: &str, args: &[Arg], names: &Names) -> Result<&Arc<Prepared>, AbiError> {
        let candidates = self.candidates(wanted)?;
        if let [one] = candidates.as_slice() {
            return Ok(one);
        }
        let fits: Vec<_> = candidates.iter().filter(|function| function.takes(args, names)).collect();
        match fits.as_slice() {
            [one] => Ok(one),
            several => Err(overloads(&candidates, show_args(args, names), !several.is_empty())),
        }
    }

    /// What follows the bytecode in a deployment.
    ///
    /// # Errors
    /// If the constructor takes other arguments.
    pub fn constructor_arguments(&self, args: &[Arg], names: &Names) -> Result<Vec<u8>, AbiError> {
        let signature = || format!("{}'s constructor", self.contract);
        match &self.constructor {
            Some(constructor) => {
                let mut data = constructor.encode_as(&signature, args, names)?;
                data.drain(..Selector::len_bytes());
                Ok(data)
            }
            None if args.is_empty() => Ok(Vec::new()),
            None => Err(wrong_count(signature(), &[], args, names)),
        }
    }

    /// The event that `log` is, if the contract has it and its data are whole.
    #[must_use]
    pub fn event(&self, log: &Log) -> Option<Event> {
        self.events.iter().find_map(|event| event.decode(log))
    }

    fn candidates(&self, wanted: &str) -> Result<Vec<&Arc<Prepared>>, AbiError> {
        let (name, types) = wanted.split_once('(').map_or((wanted, None), |(name, types)| (name, Some(types)));
        let missing = |hint| AbiError::NoFunction { contract: self.contract.clone(), wanted: wanted.to_owned(), hint };
        let named = self
            .functions
            .get(name.trim())
            .ok_or_else(|| missing(hint(name, self.functions.keys().map(String::as_str))))?;
        let Some(types) = types else { return Ok(named.iter().collect()) };
        let signature = format!("{}({}", name.trim(), types.replace(char::is_whitespace, ""));
        let exact = named.iter().filter(|function| function.signature == signature).collect::<Vec<_>>();
        if exact.is_empty() { Err(missing(format!("; there is {}", list(named.iter())))) } else { Ok(exact) }
    }
}

impl Prepared {
    fn new(
        name: &str,
        selector: Selector,
        (inputs, outputs): (&[Param], &[Param]),
        is_view: bool,
    ) -> Result<Self, AbiError> {
        let resolved =
            |param: &Param| resolve(&param.name, name, param).map(|ty| Input { name: param.name.clone(), ty });
        let inputs = inputs.iter().map(resolved).collect::<Result<Vec<_>, _>>()?;
        let outputs = outputs.iter().map(|param| resolve(&param.name, name, param)).collect::<Result<_, _>>()?;
        let types: Vec<_> = inputs.iter().map(|input| input.ty.sol_type_name()).collect();
        Ok(Self {
            name: name.to_owned(),
            signature: format!("{name}({})", types.join(",")),
            selector,
            is_flat: inputs.iter().all(|input| is_word(&input.ty)),
            inputs,
            outputs: DynSolType::Tuple(outputs),
            is_view,
        })
    }

    /// Its name and the types of its parameters.
    #[must_use]
    pub fn signature(&self) -> &str {
        &self.signature
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The first four bytes of its calls.
    #[must_use]
    pub const fn selector(&self) -> Selector {
        self.selector
    }

    /// Whether it changes nothing.
    #[must_use]
    pub const fn is_view(&self) -> bool {
        self.is_view
    }

    /// The names and types of its parameters.
    pub fn parameters(&self) -> impl Iterator<Item = (&str, &DynSolType)> {
        self.inputs.iter().map(|input| (input.name.as_str(), &input.ty))
    }

    /// The call with these arguments.
    ///
    /// # Errors
    /// If it takes others.
    pub fn encode(&self, args: &[Arg], names: &Names) -> Result<Bytes, AbiError> {
        self.encode_as(&|| self.signature.clone(), args, names).map(Into::into)
    }

    fn encode_as(&self, signature: &dyn Fn() -> String, args: &[Arg], names: &Names) -> Result<Vec<u8>, AbiError> {
        if args.len() != self.inputs.len() {
            return Err(wrong_count(signature(), &self.inputs, args, names));
        }
        let mut data = Vec::with_capacity(Selector::len_bytes() + 32 * args.len());
        data.extend_from_slice(self.selector.as_slice());
        let fitted = args.iter().zip(&self.inputs).enumerate().map(|(i, (arg, input))| {
            fit(arg, &input.ty, names).map_err(|why| AbiError::Kind {
                given: show_arg(arg, names),
                wanted: input.ty.to_string(),
                parameter: if input.name.is_empty() { format!("parameter {}", i + 1) } else { input.name.clone() },
                signature: signature(),
                why,
            })
        });
        if self.is_flat {
            for value in fitted {
                data.extend_from_slice(value?.as_word().expect("a flat type is one word").as_slice());
            }
        } else {
            data.extend(DynSolValue::Tuple(fitted.collect::<Result<_, _>>()?).abi_encode_params());
        }
        Ok(data)
    }

    /// What the answer of `contract` says.
    ///
    /// # Errors
    /// If it is not what the function returns.
    pub fn decode(&self, answer: &[u8], contract: &str) -> Result<Vec<DynSolValue>, AbiError> {
        match self.outputs.abi_decode_params(answer) {
            Ok(DynSolValue::Tuple(values)) => Ok(values),
            _ => Err(AbiError::Answer {
                contract: contract.to_owned(),
                signature: self.signature.clone(),
                answer: if answer.is_empty() { "nothing".to_owned() } else { show_bytes(answer) },
                wanted: self.outputs.to_string().trim_matches(['(', ')']).to_owned(),
            }),
        }
    }

    /// The arguments of a call or an error, by name, if `data`, which begins with the selector, are whole.
    pub(super) fn decode_arguments(&self, data: &[u8]) -> Option<Vec<(String, DynSolValue)>> {
        let data = data.strip_prefix(self.selector.as_slice())?;
        let types = DynSolType::Tuple(self.inputs.iter().map(|input| input.ty.clone()).collect());
        match types.abi_decode_params(data) {
            Ok(DynSolValue::Tuple(values)) => {
                Some(self.inputs.iter().map(|input| input.name.clone()).zip(values).collect())
            }
            _ => None,
        }
    }

    fn takes(&self, args: &[Arg], names: &Names) -> bool {
        self.inputs.len() == args.len()
            && args.iter().zip(&self.inputs).all(|(arg, input)| fit(arg, &input.ty, names).is_ok())
    }
}

impl fmt::Display for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.signature)
    }
}

/// A parameter as ABIs have it.
pub(super) trait Typed: Specifier<DynSolType> {
    fn type_name(&self) -> &str;
}

impl Typed for Param {
    fn type_name(&self) -> &str {
        &self.ty
    }
}

impl Typed for EventParam {
    fn type_name(&self) -> &str {
        &self.ty
    }
}

pub(super) fn resolve(name: &str, of: &str, param: &impl Typed) -> Result<DynSolType, AbiError> {
    let bad = |why: String| AbiError::BadItem { item: format!("{name} of {of}, a {}", param.type_name()), why };
    let ty = param.resolve().map_err(|error| bad(error.to_string()))?;
    match fixed_words(&ty) {
        Some(n) if n <= MAX_FIXED_WORDS => Ok(ty),
        Some(_) => Err(bad(format!("its fixed arrays hold more than {MAX_FIXED_WORDS} words"))),
        None => Err(bad("it holds nothing, or too much to count".to_owned())),
    }
}

/// How many words a value has at least. Arrays of what takes no words could have any length.
fn fixed_words(ty: &DynSolType) -> Option<usize> {
    match ty {
        DynSolType::FixedArray(of, n) => fixed_words(of)?.checked_mul(*n),
        DynSolType::Array(of) => fixed_words(of),
        DynSolType::Tuple(of) => of.iter().try_fold(0, |sum: usize, ty| sum.checked_add(fixed_words(ty)?)),
        _ => Some(1),
    }
    .filter(|n| *n > 0)
}

pub(super) const fn is_word(ty: &DynSolType) -> bool {
    matches!(
        ty,
        DynSolType::Bool | DynSolType::Int(_) | DynSolType::Uint(_) | DynSolType::FixedBytes(_) | DynSolType::Address
    )
}

fn wrong_count(signature: String, inputs: &[Input], args: &[Arg], names: &Names) -> AbiError {
    let parameters: Vec<_> = inputs.iter().map(|input| format!("{} {}", input.ty, input.name)).collect();
    AbiError::Count {
        signature,
        n_wanted: inputs.len(),
        parameters: parameters.join(", "),
        n_given: args.len(),
        given: show_args(args, names),
    }
}

fn overloads(candidates: &[&Arc<Prepared>], given: String, fits_many: bool) -> AbiError {
    AbiError::Overloads { given, signatures: list(candidates.iter().copied()), fits_many }
}

fn list<'a>(functions: impl Iterator<Item = &'a Arc<Prepared>>) -> String {
    functions.map(|function| function.signature.as_str()).collect::<Vec<_>>().join(" and ")
}

fn show_args(args: &[Arg], names: &Names) -> String {
    let shown: Vec<_> = args.iter().map(|arg| show_arg(arg, names)).collect();
    format!("({})", shown.join(", "))
}
