//! The contracts' types, generated from `abi/`. Owns no logic.
#![allow(clippy::too_many_arguments, reason = "the standard's signatures, in generated code")]

macro_rules! bind {
    ($name:ident, $artifact:literal) => {
        alloy::sol!(
            #[sol(all_derives)]
            $name,
            concat!(env!("CARGO_MANIFEST_DIR"), "/abi/", $artifact)
        );
    };
}

bind!(IMoneyStreaming, "MoneyStreaming.json");
bind!(IStreamPortal, "StreamPortal.json");
bind!(IERC20, "IERC20Metadata.json");
bind!(DemoToken, "DemoToken.json");
bind!(BlockMoneyStreaming, "BlockMoneyStreaming.json");
bind!(TimestampMoneyStreaming, "TimestampMoneyStreaming.json");

alloy::sol! {
    /// Errors that common tokens give: those of ERC-6093, OpenZeppelin's, Solady's and the demo token's.
    #[sol(all_derives)]
    interface CommonToken {
        error ERC20InsufficientBalance(address sender, uint256 balance, uint256 needed);
        error ERC20InsufficientAllowance(address spender, uint256 allowance, uint256 needed);
        error ERC20InvalidSender(address sender);
        error ERC20InvalidReceiver(address receiver);
        error ERC20InvalidApprover(address approver);
        error ERC20InvalidSpender(address spender);
        error OwnableUnauthorizedAccount(address account);
        error AccessControlUnauthorizedAccount(address account, bytes32 role);
        error EnforcedPause();
        error ExpectedPause();
        error InsufficientBalance();
        error InsufficientAllowance();
        error AccountBlocked(address account);
    }
}
