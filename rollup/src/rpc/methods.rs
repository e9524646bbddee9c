//! The methods of the JSON-RPC.

use serde_json::{Value, json};

use super::params::{Called, Params};
use super::{APPLICATION_NOT_FOUND, Failure, METHOD_NOT_FOUND, REPLY_TOO_LONG, RESOURCE_NOT_FOUND, shapes::Shapes};
use crate::store::{List, Setup, Store, StoreError};

type Method = fn(&mut Reader<'_>, &Params<'_>) -> Result<Value, Failure>;

/// Each method, and its parameters in the order in which the published node takes them by position.
const METHODS: &[(&str, &[&str], Method)] = &[
    ("cartesi_listApplications", &["limit", "offset", "descending"], list_applications),
    ("cartesi_getApplication", &["application"], get_application),
    ("cartesi_listEpochs", &["application", "status", "limit", "offset", "descending", "from", "to"], list_epochs),
    ("cartesi_getEpoch", &["application", "epoch_index"], get_epoch),
    ("cartesi_getLastAcceptedEpochIndex", &["application"], get_last_accepted_epoch_index),
    (
        "cartesi_listInputs",
        &["application", "epoch_index", "sender", "transaction_hash", "limit", "offset", "descending", "from", "to"],
        list_inputs,
    ),
    ("cartesi_getInput", &["application", "input_index"], get_input),
    ("cartesi_getProcessedInputCount", &["application"], get_processed_input_count),
    (
        "cartesi_listOutputs",
        &[
            "application",
            "epoch_index",
            "input_index",
            "output_type",
            "voucher_address",
            "limit",
            "offset",
            "descending",
            "from",
            "to",
            "executed",
        ],
        list_outputs,
    ),
    ("cartesi_getOutput", &["application", "output_index"], get_output),
    (
        "cartesi_listReports",
        &["application", "epoch_index", "input_index", "limit", "offset", "descending", "from", "to"],
        list_reports,
    ),
    ("cartesi_getReport", &["application", "report_index"], get_report),
    ("cartesi_getChainId", &[], get_chain_id),
    ("cartesi_getNodeVersion", &[], get_node_version),
    ("cartesi_getNodeInfo", &[], get_node_info),
];

/// Where methods read, and how long their result may be.
pub(super) struct Reader<'s> {
    pub(super) store: &'s Store,
    pub(super) name: &'s str,
    /// Bytes that the reply may still have.
    pub(super) left: usize,
}

pub(super) fn call(method: &str, params: &Value, reader: &mut Reader<'_>) -> Result<Value, Failure> {
    let known = METHODS.iter().find(|(name, ..)| *name == method);
    let (_, names, run) = known.ok_or_else(|| Failure::new(METHOD_NOT_FOUND, "this node has no such method"))?;
    // A method that takes nothing looks at nothing.
    let params = Params::new(names, if names.is_empty() { &Value::Null } else { params })?;
    run(reader, &params)
}

fn list_applications(reader: &mut Reader<'_>, params: &Params<'_>) -> Result<Value, Failure> {
    let list = params.list()?;
    let setup = reader.store.setup()?;
    let (count, mut rows) = (u64::from(setup.is_some()), Vec::new());
    if let Some(setup) = setup.filter(|_| list.offset == 0) {
        reader.push(&mut rows, reader.shapes(&setup).application(reader.name)?)?;
    }
    Ok(listed(rows, count, &list))
}

fn get_application(reader: &mut Reader<'_>, params: &Params<'_>) -> Result<Value, Failure> {
    let setup = reader.setup(&params.application()?)?;
    let application = reader.shapes(&setup).application(reader.name)?;
    reader.found(application)
}

fn list_epochs(reader: &mut Reader<'_>, params: &Params<'_>) -> Result<Value, Failure> {
    let (called, list) = (params.application()?, params.list()?);
    let setup = reader.setup(&called)?;
    let (store, mut rows) = (reader.store, Vec::new());
    let count = store.list_epochs(&list, |epoch| reader.push(&mut rows, reader.shapes(&setup).epoch(&epoch)?))?;
    Ok(listed(rows, count, &list))
}

fn get_epoch(reader: &mut Reader<'_>, params: &Params<'_>) -> Result<Value, Failure> {
    let (called, index) = (params.application()?, params.index("epoch_index")?);
    let setup = reader.setup(&called)?;
    let epoch = reader.one(index, Store::epoch)?.ok_or_else(|| absent("epoch", index))?;
    reader.found(reader.shapes(&setup).epoch(&epoch)?)
}

fn get_last_accepted_epoch_index(reader: &mut Reader<'_>, params: &Params<'_>) -> Result<Value, Failure> {
    reader.setup(&params.application()?)?;
    let epoch = reader.store.last_accepted_epoch()?;
    let epoch = epoch.ok_or_else(|| Failure::new(RESOURCE_NOT_FOUND, "no epoch is accepted yet"))?;
    reader.found(json!(format!("{:#x}", epoch.index)))
}

fn list_inputs(reader: &mut Reader<'_>, params: &Params<'_>) -> Result<Value, Failure> {
    let (called, list) = (params.application()?, params.list()?);
    let setup = reader.setup(&called)?;
    let (store, mut rows) = (reader.store, Vec::new());
    let count = store.list_inputs(&list, |input| reader.push(&mut rows, reader.shapes(&setup).input(&input)?))?;
    Ok(listed(rows, count, &list))
}

fn get_input(reader: &mut Reader<'_>, params: &Params<'_>) -> Result<Value, Failure> {
    let (called, index) = (params.application()?, params.index("input_index")?);
    let setup = reader.setup(&called)?;
    let input = reader.one(index, Store::input)?.ok_or_else(|| absent("input", index))?;
    reader.found(reader.shapes(&setup).input(&input)?)
}

fn get_processed_input_count(reader: &mut Reader<'_>, params: &Params<'_>) -> Result<Value, Failure> {
    reader.setup(&params.application()?)?;
    let count = reader.store.n_processed()?;
    reader.found(json!(format!("{count:#x}")))
}

fn list_outputs(reader: &mut Reader<'_>, params: &Params<'_>) -> Result<Value, Failure> {
    let (called, list) = (params.application()?, params.list()?);
    let setup = reader.setup(&called)?;
    let (store, mut rows) = (reader.store, Vec::new());
    let count = store.list_outputs(&list, |output| reader.push(&mut rows, reader.shapes(&setup).output(&output)?))?;
    Ok(listed(rows, count, &list))
}

fn get_output(reader: &mut Reader<'_>, params: &Params<'_>) -> Result<Value, Failure> {
    let (called, index) = (params.application()?, params.index("output_index")?);
    let setup = reader.setup(&called)?;
    let output = reader.one(index, Store::output)?.ok_or_else(|| absent("output", index))?;
    reader.found(reader.shapes(&setup).output(&output)?)
}

fn list_reports(reader: &mut Reader<'_>, params: &Params<'_>) -> Result<Value, Failure> {
    let (called, list) = (params.application()?, params.list()?);
    let setup = reader.setup(&called)?;
    let (store, mut rows) = (reader.store, Vec::new());
    let count = store.list_reports(&list, |report| reader.push(&mut rows, reader.shapes(&setup).report(&report)?))?;
    Ok(listed(rows, count, &list))
}

fn get_report(reader: &mut Reader<'_>, params: &Params<'_>) -> Result<Value, Failure> {
    let (called, index) = (params.application()?, params.index("report_index")?);
    let setup = reader.setup(&called)?;
    let report = reader.one(index, Store::report)?.ok_or_else(|| absent("report", index))?;
    reader.found(reader.shapes(&setup).report(&report)?)
}

fn get_chain_id(reader: &mut Reader<'_>, _: &Params<'_>) -> Result<Value, Failure> {
    let chain_id = reader.chain_id()?;
    reader.found(json!(chain_id))
}

fn get_node_version(reader: &mut Reader<'_>, _: &Params<'_>) -> Result<Value, Failure> {
    reader.found(json!(env!("CARGO_PKG_VERSION")))
}

/// This node reads the chain up to its head. That there is no Cartesi machine is what no published node has to tell.
fn get_node_info(reader: &mut Reader<'_>, _: &Params<'_>) -> Result<Value, Failure> {
    let chain_id = reader.chain_id()?;
    let version = env!("CARGO_PKG_VERSION");
    reader.found(json!({ "chain_id": chain_id, "version": version, "default_block": "LATEST", "is_development": true }))
}

impl<'s> Reader<'s> {
    /// What is served, if it is called so.
    fn setup(&self, called: &Called) -> Result<Setup, Failure> {
        let is_called = |setup: &Setup| match called {
            Called::Name(name) => name == self.name,
            Called::Address(address) => *address == setup.app,
        };
        let setup = self.store.setup()?.filter(is_called);
        setup.ok_or_else(|| Failure::new(APPLICATION_NOT_FOUND, "this node does not serve that application"))
    }

    fn chain_id(&self) -> Result<String, Failure> {
        let setup = self.store.setup()?;
        let setup = setup.ok_or_else(|| Failure::new(RESOURCE_NOT_FOUND, "this node has not seen its chain yet"))?;
        Ok(format!("{:#x}", setup.chain_id))
    }

    fn shapes<'t>(&self, setup: &'t Setup) -> Shapes<'t>
    where
        's: 't,
    {
        Shapes { store: self.store, setup }
    }

    /// The row with this index. SQLite's integers end at 2^63 - 1, and no row is beyond.
    fn one<T>(
        &self,
        index: u64,
        read: fn(&Store, u64) -> Result<Option<T>, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        if i64::try_from(index).is_err() { Ok(None) } else { read(self.store, index) }
    }

    fn found(&mut self, found: Value) -> Result<Value, Failure> {
        self.spend(&found)?;
        Ok(json!({ "data": found }))
    }

    fn push(&mut self, rows: &mut Vec<Value>, row: Value) -> Result<(), Failure> {
        self.spend(&row)?;
        rows.push(row);
        Ok(())
    }

    fn spend(&mut self, part: &Value) -> Result<(), Failure> {
        let too_long = || Failure::new(REPLY_TOO_LONG, "the reply is too long; ask for fewer rows, or in fewer calls");
        self.left = self.left.checked_sub(part.to_string().len()).ok_or_else(too_long)?;
        Ok(())
    }
}

fn listed(rows: Vec<Value>, count: u64, list: &List) -> Value {
    json!({ "data": rows, "pagination": { "total_count": count, "limit": list.limit, "offset": list.offset } })
}

fn absent(kind: &str, index: u64) -> Failure {
    Failure::new(RESOURCE_NOT_FOUND, format!("there is no {kind} {index:#x}"))
}
