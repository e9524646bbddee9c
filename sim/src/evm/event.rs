//! Events: what a contract logged, by the names of its ABI.

use alloy_dyn_abi::{DynSolType, DynSolValue};
use alloy_primitives::{B256, Log};

use crate::evm::abi::{AbiError, Input, is_word, resolve};

/// An event that a contract logged.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Its name.
    pub name: String,
    /// Its parameters and their values, in order. Of indexed text, bytes and lists only the hash is logged.
    pub values: Vec<(String, DynSolValue)>,
}

impl Event {
    /// The value of a parameter.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&DynSolValue> {
        self.values.iter().find(|(parameter, _)| parameter == name).map(|(_, value)| value)
    }
}

/// An event, as its ABI has it.
#[derive(Clone, Debug)]
pub(super) struct EventShape {
    name: String,
    pub(super) topic: Option<B256>,
    inputs: Vec<(Input, bool)>,
}

impl EventShape {
    pub(super) fn new(event: &alloy_json_abi::Event) -> Result<Self, AbiError> {
        let inputs = event.inputs.iter().map(|input| {
            let ty = resolve(&input.name, &event.name, input)?;
            Ok((Input { name: input.name.clone(), ty }, input.indexed))
        });
        Ok(Self {
            name: event.name.clone(),
            topic: (!event.anonymous).then(|| event.selector()),
            inputs: inputs.collect::<Result<_, AbiError>>()?,
        })
    }

    /// The event that `log` is, if it is this one and its data are whole.
    pub(super) fn decode(&self, log: &Log) -> Option<Event> {
        let mut topics = log.topics().iter();
        if self.topic.is_some() && topics.next().copied() != self.topic {
            return None;
        }
        let plain = self.inputs.iter().filter(|(_, is_indexed)| !is_indexed).map(|(input, _)| input.ty.clone());
        let DynSolValue::Tuple(plain) = DynSolType::Tuple(plain.collect()).abi_decode_params(&log.data.data).ok()?
        else {
            return None;
        };
        let mut plain = plain.into_iter();
        let values = self.inputs.iter().map(|(input, is_indexed)| {
            let value = if *is_indexed { decode_topic(&input.ty, *topics.next()?)? } else { plain.next()? };
            Some((input.name.clone(), value))
        });
        let values = values.collect::<Option<_>>()?;
        topics.next().is_none().then(|| Event { name: self.name.clone(), values })
    }
}

fn decode_topic(ty: &DynSolType, topic: B256) -> Option<DynSolValue> {
    if is_word(ty) { ty.abi_decode(topic.as_slice()).ok() } else { Some(DynSolValue::FixedBytes(topic, 32)) }
}
