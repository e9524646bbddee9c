use std::fs;

use crate::harness::{Net, streamctl};

/// Bob's key as `cast wallet import` keeps it, with the password "secret".
const KEYSTORE: &str = r#"{"crypto":{"cipher":"aes-128-ctr","cipherparams":{"iv":"b58ef50567ed7360027c553e6d4eddd8"},"ciphertext":"4a3a4b9a03ae6bfcf00ab61944fe223b55a335623adad24084527bb3184e473a","kdf":"scrypt","kdfparams":{"dklen":32,"n":8192,"p":1,"r":8,"salt":"bdfd4548b2e2938c5750a69af118b5bc4c5a3ff76f5ddd029df69373b34c6ce3"},"mac":"8011ffff8ddc0cd4a9b900d32c48896b7db6095d71ee17a2e767502947536d9f"},"id":"8325d61f-8100-4745-bc07-331d9a953ab2","version":3}"#;

/// Every way to sign leads to the same account; the keys are the ones that everybody knows.
#[test]
fn sign_by_every_means() {
    let mut net = Net::new();
    let home = net.command(None, "$HOME").get_args().next().unwrap().to_owned();
    let write = |name: &str, text: &str| fs::write(std::path::Path::new(&home).join(name), text).unwrap();
    write("key", "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d\n");
    write("bad-key", "0x59c6\n");
    write("phrase", "test test test test test test test test test test test junk\n");
    write("bad-phrase", "test test\n");
    write("password", "secret\n");
    write("wrong-password", "guess\n");
    fs::create_dir_all(std::path::Path::new(&home).join(".foundry/keystores")).unwrap();
    let keystore = std::path::Path::new(&home).join(".foundry/keystores");
    fs::write(keystore.join("bob"), KEYSTORE).unwrap();
    for means in [
        "--private-key-file $HOME/key",
        "--private-key-file $HOME/bad-key",
        "--private-key-file $HOME/none",
        "--private-key 0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d",
        "--mnemonic-file $HOME/phrase --mnemonic-index 1",
        "--mnemonic-file $HOME/bad-phrase",
        "--account bob --password-file $HOME/password",
        "--account bob --password-file $HOME/wrong-password",
        "--account eve --password-file $HOME/password",
        "--keystore $HOME/.foundry/keystores/bob --password-file $HOME/password",
        "--unlocked --from $BOB",
        "--unlocked",
        "--private-key-file $HOME/key --from $ALICE",
        "--private-key-file $HOME/key --unlocked --from $BOB",
        "--from $BOB",
        "",
    ] {
        net.anyone(&format!("claim --token $TOKEN {means}"));
    }
    net.check("sign_by_every_means");
}

#[test]
fn key_in_the_environment() {
    let net = Net::new();
    let claim = |variable: &str, key: &str| {
        let ran = net.command(None, "claim --token $TOKEN").env(variable, key).output().unwrap();
        String::from_utf8(ran.stderr).unwrap()
    };
    let key = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
    for variable in ["PRIVATE_KEY", "STREAMCTL_PRIVATE_KEY"] {
        assert!(claim(variable, key).contains("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266 has no credit"));
        assert_eq!(
            claim(variable, "secret-but-bad"),
            format!("error: {variable} does not hold a private key: 64 hexadecimal digits are expected\n")
        );
    }
    assert_eq!(streamctl().arg("show").output().unwrap().status.code(), Some(2));
}
