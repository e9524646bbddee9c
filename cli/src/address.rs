//! Addresses as people paste them: a wrong checksum is a mistyped character, not a matter of taste.

use alloy::primitives::Address;
use eyre::{bail, eyre};

/// The address that `text` says.
///
/// # Errors
/// If it is no address, or if it is written in mixed case that does not match its checksum.
pub(crate) fn parse_address(text: &str) -> eyre::Result<Address> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    if digits.ends_with(".eth") {
        bail!("names are not looked up; give the address that {text} stands for");
    }
    let address: Address =
        text.parse().map_err(|_| eyre!("an address is 0x and 40 hexadecimal digits, this has {}", digits.len()))?;
    let is_mixed =
        digits.contains(|c: char| c.is_ascii_lowercase()) && digits.contains(|c: char| c.is_ascii_uppercase());
    if is_mixed && address.to_checksum(None)[2..] != *digits {
        bail!("the checksum is wrong, so a character may be mistyped; if not, the address is {address}");
    }
    Ok(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADDRESS: &str = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";

    #[test]
    fn one_case_needs_no_checksum() {
        let expected = ADDRESS.parse::<Address>().unwrap();
        assert_eq!(parse_address(ADDRESS).unwrap(), expected);
        assert_eq!(parse_address(&ADDRESS.to_lowercase()).unwrap(), expected);
        assert_eq!(parse_address(&ADDRESS[2..].to_uppercase()).unwrap(), expected);
    }

    #[test]
    fn a_wrong_checksum_is_named_with_the_right_one() {
        let error = parse_address("0xF39Fd6e51aad88F6F4ce6aB8827279cffFb92266").unwrap_err().to_string();
        assert_eq!(
            error,
            format!("the checksum is wrong, so a character may be mistyped; if not, the address is {ADDRESS}")
        );
    }

    #[test]
    fn what_is_no_address_says_why() {
        let error = parse_address("0x1234").unwrap_err().to_string();
        assert_eq!(error, "an address is 0x and 40 hexadecimal digits, this has 4");
        let error = parse_address("vitalik.eth").unwrap_err().to_string();
        assert_eq!(error, "names are not looked up; give the address that vitalik.eth stands for");
    }
}
