//! What is spoken of Cartesi rollups 2.2.0, and of StreamableToken, the application in the rollup. Owns signatures and
//! published addresses; the contracts themselves are Cartesi's.
#![allow(missing_docs, reason = "the signatures are Cartesi's and the application's; their documents explain them")]
#![allow(clippy::too_many_arguments, reason = "the signatures are given")]

use alloy::primitives::{Address, U256, address};

/// Where Cartesi's deterministic deployment puts the portal of tokens.
pub const ERC20_PORTAL: Address = address!("ACA6586A0Cf05bD831f2501E7B4aea550dA6562D");

/// Where Cartesi's deterministic deployment puts the portal of Ether.
pub const ETHER_PORTAL: Address = address!("A632c5c05812c6a6149B7af5C56117d1D2603828");

/// What stands for Ether where a token is named.
pub const ETHER: Address = Address::ZERO;

/// Levels of the outputs' tree: a proof has so many siblings, from the leaf up.
pub const OUTPUTS_TREE_HEIGHT: usize = 63;

/// Fractions of a base unit that the application's scaled amounts are in: 2^64.
pub const SCALE: U256 = U256::from_limbs([0, 1, 0, 0]);

alloy::sol! {
    #![sol(all_derives)]

    interface IInputBox {
        event InputAdded(address indexed appContract, uint256 indexed index, bytes input);

        error InputTooLarge(address appContract, uint256 inputLength, uint256 maxInputLength);

        function addInput(address appContract, bytes payload) external returns (bytes32);
        function getNumberOfInputs(address appContract) external view returns (uint256);
    }

    struct OutputValidityProof {
        uint64 outputIndex;
        bytes32[] outputHashesSiblings;
    }

    interface IApplication {
        event OutputExecuted(uint64 outputIndex, bytes output);

        error InsufficientFunds(uint256 value, uint256 balance);
        error InvalidOutputHashesSiblingsArrayLength();
        error InvalidOutputsMerkleRoot(bytes32 outputsMerkleRoot);
        error OutputNotExecutable(bytes output);
        error OutputNotReexecutable(bytes output);

        function executeOutput(bytes output, OutputValidityProof proof) external;
        function validateOutput(bytes output, OutputValidityProof proof) external view;
        function wasOutputExecuted(uint256 outputIndex) external view returns (bool);
        function getOutputsMerkleRootValidator() external view returns (address);
        function getDataAvailability() external view returns (bytes);
    }

    interface IOutputsMerkleRootValidator {
        function isOutputsMerkleRootValid(address appContract, bytes32 outputsMerkleRoot) external view returns (bool);
    }

    interface IERC20Portal {
        error ERC20TransferFailed();

        function depositERC20Tokens(address token, address appContract, uint256 value, bytes execLayerData) external;
    }

    interface IEtherPortal {
        error EtherTransferFailed();

        function depositEther(address appContract, bytes execLayerData) external payable;
    }

    interface ISafeERC20Transfer {
        function safeTransfer(address token, address to, uint256 value) external;
    }

    /// How an application says where its inputs are.
    interface DataAvailability {
        function InputBox(address inputBox) external;
    }

    /// What the machine reads.
    interface Inputs {
        function EvmAdvance(uint256 chainId, address appContract, address msgSender, uint256 blockNumber, uint256 blockTimestamp, uint256 prevRandao, uint256 index, bytes payload) external;
    }

    /// How outputs lie in the tree.
    interface Outputs {
        function Voucher(address destination, uint256 value, bytes payload) external;
        function DelegateCallVoucher(address destination, bytes payload) external;
        function Notice(bytes payload) external;
    }

    /// The errors of Cartesi's contracts that a user may meet.
    interface Cartesi {
        error InputTooLarge(address appContract, uint256 inputLength, uint256 maxInputLength);
        error InsufficientFunds(uint256 value, uint256 balance);
        error InvalidOutputHashesSiblingsArrayLength();
        error InvalidOutputsMerkleRoot(bytes32 outputsMerkleRoot);
        error OutputNotExecutable(bytes output);
        error OutputNotReexecutable(bytes output);
        error ERC20TransferFailed();
        error EtherTransferFailed();
    }

    /// Inputs of the application. The zero address as a token is Ether, times are in seconds.
    interface StreamableToken {
        function transfer(address token, address recipient, uint256 amount) external;
        function stream(address token, address recipient, uint256 amount, uint64 start, uint64 duration) external;
        function extendStream(uint64 streamId, uint256 amount, uint64 duration) external;
        function cancelStream(uint64 streamId) external;
        function withdraw(address token, uint256 amount) external;
        function safeWithdraw(address token, uint256 amount) external;
        function batch(bytes[] calls) external;
    }

    /// What the application says has happened. `streamed`, `total` and `refunded` are scaled, see [`SCALE`].
    interface Notices {
        function deposited(uint16 version, address token, address account, uint256 amount) external;
        function transferred(uint16 version, address token, address sender, address recipient, uint256 amount) external;
        function streamStarted(uint16 version, uint64 stream, address token, address sender, address recipient, uint256 amount, uint64 start, uint64 stop) external;
        function streamExtended(uint16 version, uint64 stream, uint256 amount, uint256 streamed, uint256 total, uint64 time, uint64 stop) external;
        function streamCancelled(uint16 version, uint64 stream, uint256 streamed, uint256 refunded, uint64 time) external;
        function withdrawn(uint16 version, address token, address account, uint256 amount) external;
    }
}

#[cfg(test)]
mod tests {
    use alloy::{
        primitives::{b256, hex},
        sol_types::{SolCall, SolError, SolEvent},
    };

    use super::*;

    /// As the published contracts have them, and as the application documents them.
    #[test]
    fn selectors_are_those_of_the_contracts() {
        let topic = b256!("c05d337121a6e8605c6ec0b72aa29c4210ffe6e5b9cefdd6a7058188a8f66f98");
        assert_eq!(IInputBox::InputAdded::SIGNATURE_HASH, topic);
        for (actual, expected) in [
            (Inputs::EvmAdvanceCall::SELECTOR, hex!("415bf363")),
            (Outputs::NoticeCall::SELECTOR, hex!("c258d6e5")),
            (Outputs::VoucherCall::SELECTOR, hex!("237a816f")),
            (Outputs::DelegateCallVoucherCall::SELECTOR, hex!("10321e8b")),
            (DataAvailability::InputBoxCall::SELECTOR, hex!("b12c9ede")),
            (Cartesi::InputTooLarge::SELECTOR, hex!("9f21b8a0")),
            (Cartesi::OutputNotExecutable::SELECTOR, hex!("d284c01e")),
            (Cartesi::OutputNotReexecutable::SELECTOR, hex!("7b97a6bb")),
            (Cartesi::InvalidOutputsMerkleRoot::SELECTOR, hex!("44a192ff")),
            (StreamableToken::transferCall::SELECTOR, hex!("beabacc8")),
            (StreamableToken::streamCall::SELECTOR, hex!("f5626dbc")),
            (StreamableToken::extendStreamCall::SELECTOR, hex!("5495ef3c")),
            (StreamableToken::cancelStreamCall::SELECTOR, hex!("d9e8f780")),
            (StreamableToken::withdrawCall::SELECTOR, hex!("f3fef3a3")),
            (StreamableToken::safeWithdrawCall::SELECTOR, hex!("5058c460")),
            (StreamableToken::batchCall::SELECTOR, hex!("1e897afb")),
            (Notices::depositedCall::SELECTOR, hex!("b14f6137")),
            (Notices::transferredCall::SELECTOR, hex!("d10751af")),
            (Notices::streamStartedCall::SELECTOR, hex!("4169469f")),
            (Notices::streamExtendedCall::SELECTOR, hex!("8623c2ff")),
            (Notices::streamCancelledCall::SELECTOR, hex!("858ff4b8")),
            (Notices::withdrawnCall::SELECTOR, hex!("2ddf3c4a")),
        ] {
            assert_eq!(hex::encode(actual), hex::encode(expected));
        }
    }
}
