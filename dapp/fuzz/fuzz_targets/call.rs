//! Any bytes as a user's input: read, or refused in a short sentence, and never a panic.

#![no_main]

use dapp::call::Call;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|payload: &[u8]| {
    if let Err(error) = Call::decode(payload) {
        let length = error.to_string().chars().count();
        assert!((1..=400).contains(&length), "{error}");
    }
});
