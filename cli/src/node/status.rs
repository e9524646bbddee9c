//! What a node tells of itself and of how far it is. Asks only for what is published, and leaves out what a node does not
//! tell or what would take too many requests to count.

use alloy::primitives::Address;
use eyre::{ensure, eyre};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    Data, Filter, METHOD_NOT_FOUND, PAGE, Page, ROWS_LIMIT, Refusal, RollupNode, printable,
    rows::{maybe_quantity, quantity},
};
use crate::output::{maybe_text, text};

/// The first bytes of a voucher, of a delegate-call voucher and of a notice.
const VOUCHERS: [&str; 2] = ["0x237a816f", "0x10321e8b"];
const NOTICE: &str = "0xc258d6e5";

/// What a node tells of itself and of the application.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) chain_id: u64,
    pub(crate) version: String,
    /// The blocks that it reads, such as `LATEST` or `FINALIZED`.
    pub(crate) default_block: Option<String>,
    /// It runs the application without a Cartesi machine.
    pub(crate) is_development: bool,
    pub(crate) name: String,
    pub(crate) state: Option<String>,
    pub(crate) epoch_length: u64,
    /// The last block whose inputs it has read.
    pub(crate) block: Option<u64>,
    pub(crate) inputs: Inputs,
    pub(crate) epochs: Epochs,
    pub(crate) n_outputs: u64,
    pub(crate) vouchers: Vouchers,
}

/// How many inputs there are. What is `None` was not counted.
#[derive(Debug, Serialize)]
pub(crate) struct Inputs {
    #[serde(serialize_with = "text")]
    pub(crate) total: u64,
    #[serde(serialize_with = "maybe_text")]
    pub(crate) accepted: Option<u64>,
    /// Processed and not accepted, for whatever reason.
    #[serde(serialize_with = "maybe_text")]
    pub(crate) rejected: Option<u64>,
    #[serde(serialize_with = "maybe_text")]
    pub(crate) unprocessed: Option<u64>,
}

/// How many epochs there are; those without inputs do not count. What is `None` was not counted.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Epochs {
    #[serde(serialize_with = "maybe_text")]
    pub(crate) open: Option<u64>,
    /// Closed and not claimed.
    #[serde(serialize_with = "maybe_text")]
    pub(crate) closed: Option<u64>,
    /// Claimed and not accepted.
    #[serde(serialize_with = "maybe_text")]
    pub(crate) claimed: Option<u64>,
    #[serde(serialize_with = "maybe_text")]
    pub(crate) accepted: Option<u64>,
    /// Claimed in vain.
    #[serde(serialize_with = "maybe_text")]
    pub(crate) refused: Option<u64>,
    /// Number of the last epoch that was accepted.
    #[serde(serialize_with = "maybe_text")]
    pub(crate) last_accepted: Option<u64>,
}

/// How many vouchers there are. What is `None` the node does not tell.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Vouchers {
    #[serde(serialize_with = "maybe_text")]
    pub(crate) executed: Option<u64>,
    #[serde(serialize_with = "maybe_text")]
    pub(crate) pending: Option<u64>,
}

#[derive(Deserialize)]
struct Application {
    name: String,
    iapplication_address: Address,
    #[serde(deserialize_with = "quantity")]
    epoch_length: u64,
    #[serde(default)]
    state: Option<String>,
    #[serde(default, deserialize_with = "maybe_quantity")]
    last_input_check_block: Option<u64>,
}

#[derive(Deserialize)]
struct NodeInfo {
    #[serde(default)]
    default_block: Option<String>,
    #[serde(default)]
    is_development: bool,
}

#[derive(Deserialize)]
struct Quantity(#[serde(deserialize_with = "quantity")] u64);

#[derive(Deserialize)]
struct Row {
    #[serde(deserialize_with = "quantity")]
    index: u64,
    status: String,
}

impl RollupNode {
    /// How the node and the application are.
    ///
    /// # Errors
    /// If the node does not answer, or does not serve the application.
    pub(crate) async fn status(&self) -> eyre::Result<Seen> {
        let application = self.application().await?;
        let version: Data<String> = self.told("cartesi_getNodeVersion").await?;
        let chain_id: Data<Quantity> = self.told("cartesi_getChainId").await?;
        let info = match self.call::<Data<NodeInfo>>("cartesi_getNodeInfo", json!({})).await? {
            Ok(Data { data }) => data,
            Err(Refusal { code: METHOD_NOT_FOUND, .. }) => NodeInfo { default_block: None, is_development: false },
            Err(refusal) => return Err(self.refused("cartesi_getNodeInfo", &refusal)),
        };
        Ok(Seen {
            chain_id: chain_id.data.0,
            version: printable(&version.data),
            default_block: info.default_block.as_deref().map(printable),
            is_development: info.is_development,
            name: printable(&application.name),
            state: application.state.as_deref().map(printable),
            epoch_length: application.epoch_length,
            block: application.last_input_check_block,
            inputs: self.inputs().await?,
            epochs: self.epochs().await?,
            n_outputs: self.total("cartesi_listOutputs", json!({})).await?,
            vouchers: self.vouchers().await?,
        })
    }

    async fn application(&self) -> eyre::Result<Application> {
        let found: Option<Data<Application>> = self.rpc("cartesi_getApplication", json!({})).await?;
        let Data { data: application } = found.ok_or_else(|| self.not_served())?;
        ensure!(
            application.iapplication_address == self.app,
            "{self} gives the application {} for {}; use another --node-url",
            application.iapplication_address,
            self.app
        );
        Ok(application)
    }

    async fn inputs(&self) -> eyre::Result<Inputs> {
        // Before the total, which may only grow meanwhile.
        let processed: Data<Quantity> = self.told("cartesi_getProcessedInputCount").await?;
        let total = self.total("cartesi_listInputs", json!({})).await?;
        let Some(statuses) = self.statuses("cartesi_listInputs", total).await? else {
            let unprocessed = total.checked_sub(processed.data.0);
            return Ok(Inputs { total, accepted: None, rejected: None, unprocessed });
        };
        let (total, unprocessed) = (among(&statuses, |_| true), among(&statuses, |status| status == "NONE"));
        let accepted = among(&statuses, |status| status == "ACCEPTED");
        Ok(Inputs {
            total,
            accepted: Some(accepted),
            rejected: Some(total - accepted - unprocessed),
            unprocessed: Some(unprocessed),
        })
    }

    async fn epochs(&self) -> eyre::Result<Epochs> {
        let last: Option<Data<Quantity>> = self.rpc("cartesi_getLastAcceptedEpochIndex", json!({})).await?;
        let last_accepted = last.map(|last| last.data.0);
        let total = self.total("cartesi_listEpochs", json!({})).await?;
        let Some(statuses) = self.statuses("cartesi_listEpochs", total).await? else {
            return Ok(Epochs { last_accepted, ..Epochs::default() });
        };
        let of = |wanted: &[&str]| Some(among(&statuses, |status| wanted.contains(&status)));
        Ok(Epochs {
            open: of(&["OPEN"]),
            closed: of(&["CLOSED", "INPUTS_PROCESSED", "CLAIM_COMPUTED"]),
            claimed: of(&["CLAIM_SUBMITTED", "CLAIM_STAGED"]),
            accepted: of(&["CLAIM_ACCEPTED"]),
            refused: of(&["CLAIM_REJECTED", "CLAIM_FORECLOSED"]),
            last_accepted,
        })
    }

    /// A node that does not know a filter leaves it out, and then its counts do not add up.
    async fn vouchers(&self) -> eyre::Result<Vouchers> {
        let of = async |kind: &str, executed: Option<bool>| {
            self.total("cartesi_listOutputs", json!({ "output_type": kind, "executed": executed })).await
        };
        let [mut n_executed, mut n_pending, mut n_vouchers] = [0_u64; 3];
        for kind in VOUCHERS {
            n_executed = n_executed.saturating_add(of(kind, Some(true)).await?);
            n_pending = n_pending.saturating_add(of(kind, Some(false)).await?);
            n_vouchers = n_vouchers.saturating_add(of(kind, None).await?);
        }
        let n_notices = of(NOTICE, None).await?;
        let n_outputs = self.total("cartesi_listOutputs", json!({})).await?;
        let is_told = n_executed.checked_add(n_pending) == Some(n_vouchers)
            && n_vouchers.checked_add(n_notices).is_some_and(|n_told| n_told <= n_outputs);
        Ok(if is_told {
            Vouchers { executed: Some(n_executed), pending: Some(n_pending) }
        } else {
            Vouchers::default()
        })
    }

    /// What every node has.
    async fn told<T: serde::de::DeserializeOwned>(&self, method: &str) -> eyre::Result<T> {
        let told: Option<T> = self.rpc(method, json!({})).await?;
        told.ok_or_else(|| eyre!("{self} does not answer {method}; is it a rollup node?"))
    }

    /// How many rows a list has.
    async fn total(&self, method: &str, mut params: Value) -> eyre::Result<u64> {
        params["limit"] = json!(1);
        let page: Page<Value> =
            self.call(method, params).await?.map_err(|refusal| self.refused_list(method, &refusal))?;
        let pagination = page.pagination.ok_or_else(|| eyre!("{self} does not say how many rows {method} has"))?;
        Ok(pagination.total_count)
    }

    /// The statuses of all rows of a list, of which there are about `total`; `None` if these are too many to be read.
    async fn statuses(&self, method: &str, total: u64) -> eyre::Result<Option<Vec<String>>> {
        // One page short of the limit, because rows may be added meanwhile.
        if usize::try_from(total).map_or(true, |total| total > ROWS_LIMIT - PAGE) {
            return Ok(None);
        }
        let rows: Vec<Row> = self.list(method, Filter::default(), |row: &Row| row.index).await?;
        Ok(Some(rows.into_iter().map(|row| row.status).collect()))
    }
}

/// How many of them are so.
fn among(statuses: &[String], is_so: impl Fn(&str) -> bool) -> u64 {
    statuses.iter().filter(|status| is_so(status)).map(|_| 1).sum()
}
