//! The commands, in the order of a stream's life.

pub(crate) use balance::BalanceArgs;
pub(crate) use claim::ClaimArgs;
pub(crate) use completions::CompletionsArgs;
pub(crate) use create::CreateArgs;
pub(crate) use demo::DemoArgs;
pub(crate) use deploy::DeployArgs;
pub(crate) use index::IndexArgs;
pub(crate) use list::ListArgs;
pub(crate) use plan::PlanArgs;
pub(crate) use portal::PortalArgs;
pub(crate) use redeem::RedeemArgs;
pub(crate) use rollup::RollupArgs;
pub(crate) use settle::SettleArgs;
pub(crate) use show::ShowArgs;
pub(crate) use sim::SimArgs;
pub(crate) use update::UpdateArgs;
pub(crate) use watch::WatchArgs;
pub(crate) use withdraw::WithdrawArgs;

mod balance;
mod claim;
mod completions;
mod create;
mod demo;
mod deploy;
mod index;
mod list;
mod plan;
mod portal;
mod redeem;
mod rollup;
mod settle;
mod show;
mod sim;
mod update;
mod watch;
mod withdraw;
