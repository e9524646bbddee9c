//! What an input leaves behind for the world outside, and the bodies of the requests that post it.

use alloy_primitives::{Address, B256, U256, hex};
use serde_json::{Value, json};

use crate::notice::Notice;

/// One output of an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// A call that the application's contract makes once the epoch is settled.
    Voucher {
        /// Which contract or account is called.
        destination: Address,
        /// Wei that go with the call. The interface of v1 knows none.
        value: U256,
        /// Its calldata.
        payload: Vec<u8>,
    },
    /// Code that the application's contract runs as its own.
    DelegateCallVoucher {
        /// Whose code.
        destination: Address,
        /// Its calldata.
        payload: Vec<u8>,
    },
    /// A fact that can be proved on chain.
    Notice(Vec<u8>),
    /// A message that cannot.
    Report(Vec<u8>),
}

impl Output {
    /// A report that says what went wrong.
    pub(crate) fn error_report(message: &str) -> Self {
        Self::Report(json!({ "error": true, "message": message }).to_string().into_bytes())
    }

    /// The last part of the path that the output is posted to.
    pub(crate) fn path(&self) -> &'static str {
        match self {
            Self::Voucher { .. } => "voucher",
            Self::DelegateCallVoucher { .. } => "delegate-call-voucher",
            Self::Notice(_) => "notice",
            Self::Report(_) => "report",
        }
    }

    /// What is posted there.
    pub(crate) fn body(&self) -> Value {
        match self {
            Self::Voucher { destination, value, payload } => {
                // 32 bytes, zeros included: one of the servers takes nothing shorter.
                json!({ "destination": destination, "value": B256::from(*value), "payload": hex::encode_prefixed(payload) })
            }
            Self::DelegateCallVoucher { destination, payload } => {
                json!({ "destination": destination, "payload": hex::encode_prefixed(payload) })
            }
            Self::Notice(payload) | Self::Report(payload) => json!({ "payload": hex::encode_prefixed(payload) }),
        }
    }
}

impl From<Notice> for Output {
    fn from(notice: Notice) -> Self {
        Self::Notice(notice.encode())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::address;

    #[track_caller]
    fn check(output: &Output, path: &str, body: &str) {
        assert_eq!((output.path(), output.body().to_string()), (path, body.to_owned()));
    }

    #[test]
    fn bodies_are_what_both_servers_take() {
        let destination = address!("70997970C51812dc3A010C7d01b50e0d17dc79C8");
        check(
            &Output::Voucher { destination, value: U256::from(258), payload: vec![0xab] },
            "voucher",
            r#"{"destination":"0x70997970c51812dc3a010c7d01b50e0d17dc79c8","payload":"0xab","value":"0x0000000000000000000000000000000000000000000000000000000000000102"}"#,
        );
        check(
            &Output::DelegateCallVoucher { destination, payload: Vec::new() },
            "delegate-call-voucher",
            r#"{"destination":"0x70997970c51812dc3a010c7d01b50e0d17dc79c8","payload":"0x"}"#,
        );
        check(&Output::Notice(vec![1, 2]), "notice", r#"{"payload":"0x0102"}"#);
        check(
            &Output::error_report("no"),
            "report",
            r#"{"payload":"0x7b226572726f72223a747275652c226d657373616765223a226e6f227d"}"#,
        );
    }
}
