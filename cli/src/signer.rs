//! Who signs: a key from the environment, a file, a keystore or a mnemonic, or an account that the node holds.
//! Keys are read here and nowhere else, and never printed.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use alloy::{
    primitives::Address,
    signers::{
        k256::elliptic_curve::rand_core::OsRng,
        local::{MnemonicBuilder, PrivateKeySigner},
    },
};
use clap::Args;
use eyre::{WrapErr, bail, ensure, eyre};

use crate::{address::parse_address, output::Output};

/// Environment variables that may hold a private key, the first that is set wins.
const KEY_VARIABLES: [&str; 2] = ["STREAMCTL_PRIVATE_KEY", "PRIVATE_KEY"];

/// The options that choose a signer; the same on every command that sends.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Signer")]
pub(crate) struct SignerArgs {
    /// Account that acts; alone it is enough to read and for --dry-run.
    #[arg(long, value_name = "ADDRESS", value_parser = parse_address)]
    pub(crate) from: Option<Address>,
    /// Let the node sign for --from, as anvil does for its own accounts.
    #[arg(long, requires = "from", group = "key")]
    unlocked: bool,
    /// Keystore of this name in ~/.foundry/keystores.
    #[arg(long, value_name = "NAME", group = "key")]
    account: Option<String>,
    /// Keystore file.
    #[arg(long, value_name = "FILE", group = "key")]
    keystore: Option<PathBuf>,
    /// File with the password of the keystore; asked for if missing.
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// File with a private key in hex.
    #[arg(long, value_name = "FILE", group = "key")]
    private_key_file: Option<PathBuf>,
    /// File with a mnemonic phrase.
    #[arg(long, value_name = "FILE", group = "key")]
    mnemonic_file: Option<PathBuf>,
    /// Which account of the mnemonic, counted from 0.
    #[arg(long, value_name = "N", default_value_t = 0)]
    mnemonic_index: u32,
    /// Private key in hex. Other users of this computer can see it: prefer a keystore, or STREAMCTL_PRIVATE_KEY.
    #[arg(long, value_name = "HEX", group = "key")]
    private_key: Option<String>,
}

/// An account and the means to sign for it.
#[derive(Clone, Debug)]
pub(crate) enum Signer {
    Local(PrivateKeySigner),
    /// The node signs.
    Unlocked(Address),
}

impl Signer {
    pub(crate) fn address(&self) -> Address {
        match self {
            Self::Local(key) => key.address(),
            Self::Unlocked(address) => *address,
        }
    }
}

impl SignerArgs {
    /// The signer that the options or the environment name.
    ///
    /// # Errors
    /// If none is named, if it cannot be read, or if it is not the account that `--from` demands.
    pub(crate) fn resolve(&self, output: &Output) -> eyre::Result<Signer> {
        if self.unlocked {
            let from = self.from.ok_or_else(|| eyre!("--unlocked needs --from"))?;
            return Ok(Signer::Unlocked(from));
        }
        let key = self.key(output)?;
        if let Some(from) = self.from {
            ensure!(
                key.address() == from,
                "the key given is that of {}, not of {from}; drop --from or name the right key",
                key.address()
            );
        }
        Ok(Signer::Local(key))
    }

    /// The account that acts, for calls that need no signature.
    pub(crate) fn account(&self, output: &Output) -> eyre::Result<Address> {
        match self.from {
            Some(from) => Ok(from),
            None => Ok(self.resolve(output)?.address()),
        }
    }

    fn key(&self, output: &Output) -> eyre::Result<PrivateKeySigner> {
        if let Some(key) = &self.private_key {
            output.warn(
                "a key on the command line can be seen by other users of this computer and stays in the shell's \
                 history; prefer --account, --keystore or STREAMCTL_PRIVATE_KEY",
            );
            return parse_key(key, "--private-key");
        }
        if let Some(file) = &self.private_key_file {
            return parse_key(&read(file)?, &file.display().to_string());
        }
        if let Some(file) = &self.mnemonic_file {
            return self.read_mnemonic(file);
        }
        if let Some(name) = &self.account {
            return open_keystore(&keystore_of(name)?, self.password_file.as_deref());
        }
        if let Some(file) = &self.keystore {
            return open_keystore(file, self.password_file.as_deref());
        }
        for variable in KEY_VARIABLES {
            if let Ok(key) = env::var(variable) {
                return parse_key(&key, variable);
            }
        }
        bail!(
            "no account to sign with; pass --account, --keystore, --private-key-file or --mnemonic-file, or set \
             STREAMCTL_PRIVATE_KEY"
        )
    }

    fn read_mnemonic(&self, file: &Path) -> eyre::Result<PrivateKeySigner> {
        let phrase = read(file)?;
        // The library's own error may quote the phrase.
        MnemonicBuilder::english()
            .phrase(phrase.split_whitespace().collect::<Vec<_>>().join(" "))
            .index(self.mnemonic_index)
            .and_then(|builder| builder.build())
            .map_err(|_| eyre!("{} does not hold a valid English mnemonic phrase", file.display()))
    }
}

/// The key in the keystore `file`; its password is in `password_file`, or else asked for.
///
/// # Errors
/// If there is no such keystore, or the password is not its.
pub(crate) fn open_keystore(file: &Path, password_file: Option<&Path>) -> eyre::Result<PrivateKeySigner> {
    ensure!(file.is_file(), "there is no keystore at {}", file.display());
    let password = password(file, password_file)?;
    PrivateKeySigner::decrypt_keystore(file, password)
        .wrap_err_with(|| format!("opening {}; is the password right?", file.display()))
}

/// A key that nobody has, in a keystore at `file`.
///
/// # Errors
/// If there is a file already, or it cannot be written.
pub(crate) fn make_keystore(file: &Path, password_file: Option<&Path>) -> eyre::Result<PrivateKeySigner> {
    ensure!(!file.exists(), "there is a keystore at {} already, and it stays as it is", file.display());
    let (Some(folder), Some(name)) = (file.parent(), file.file_name().and_then(|name| name.to_str())) else {
        bail!("{} is no name of a file", file.display());
    };
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let password = password(file, password_file)?;
    ensure!(!password.is_empty(), "the password is empty; a keystore without one keeps nothing");
    let key = PrivateKeySigner::random();
    PrivateKeySigner::encrypt_keystore(folder, &mut OsRng, key.to_bytes(), password, Some(name))
        .wrap_err_with(|| format!("writing {}", file.display()))?;
    Ok(key)
}

fn password(file: &Path, password_file: Option<&Path>) -> eyre::Result<String> {
    match password_file {
        Some(file) => Ok(read(file)?.trim_end_matches(['\r', '\n']).to_owned()),
        None => rpassword::prompt_password(format!("Password of {}: ", file.display()))
            .wrap_err("asking for the password; pass --password-file where there is no terminal"),
    }
}

fn keystore_of(name: &str) -> eyre::Result<PathBuf> {
    let home =
        env::home_dir().ok_or_else(|| eyre!("there is no home folder to look for keystores in; pass --keystore"))?;
    Ok(home.join(".foundry").join("keystores").join(name))
}

fn read(file: &Path) -> eyre::Result<String> {
    fs::read_to_string(file).wrap_err_with(|| format!("reading {}", file.display()))
}

/// The error names where the key came from, and never the key.
fn parse_key(text: &str, source: &str) -> eyre::Result<PrivateKeySigner> {
    text.trim().parse().map_err(|_| eyre!("{source} does not hold a private key: 64 hexadecimal digits are expected"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_key_is_not_repeated() {
        let error = parse_key("deadbeef", "KEY").unwrap_err().to_string();
        assert_eq!(error, "KEY does not hold a private key: 64 hexadecimal digits are expected");
    }

    #[test]
    fn a_key_is_read_with_and_without_prefix() {
        let digits = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
        let address = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266".parse::<Address>().unwrap();
        assert_eq!(parse_key(digits, "KEY").unwrap().address(), address);
        assert_eq!(parse_key(&format!("0x{digits}\n"), "KEY").unwrap().address(), address);
    }

    #[test]
    fn a_demanded_account_must_match_the_key() {
        let args = SignerArgs {
            from: Some(Address::ZERO),
            private_key: Some("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80".to_owned()),
            ..SignerArgs::default()
        };
        let error = args.resolve(&Output::default()).unwrap_err().to_string();
        assert!(error.contains("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266, not of 0x0000"), "{error}");
    }
}
