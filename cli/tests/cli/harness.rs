//! A local chain per test, people who type commands on it, and a transcript of what they see.
//!
//! Everything that a transcript shows is the same on every machine: anvil's known accounts, block times that only
//! advance as told, and filters for what a change of the contract's code may move.

use std::{
    env,
    fmt::Write as _,
    io::{BufRead, BufReader, Read, Write as _},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use alloy::{primitives::hex, sol_types::SolCall};
use bindings::{Clock, DemoToken, create2_address, portal_address};
use serde_json::{Value, json};

/// Time of the first block: 2026-01-01 00:00 UTC.
const GENESIS: u64 = 1_767_225_600;
/// Seconds between two blocks.
pub(crate) const BLOCK_TIME: u64 = 12;
/// Blocks before a test begins, so that the block time can be measured.
const N_BLOCKS: u64 = 100;

/// Anvil's accounts, by role: the sender, the recipient, and somebody else.
pub(crate) const ALICE: &str = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
pub(crate) const BOB: &str = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";
pub(crate) const CAROL: &str = "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC";
/// An account that has nothing.
pub(crate) const POOR: &str = "0x26E5DAA7Ba3590b11e15329Cffd55D9e0Ff47A41";

/// Keys that everybody knows.
const KEYS: [(&str, &str); 4] = [
    (ALICE, "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"),
    (BOB, "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d"),
    (CAROL, "0x5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a"),
    (POOR, "0x5cbdd86a2fa8dc4bddd8a8f69dba48572eec07fb5d7b3c8fb3d8e2ef0ab9b1a8"),
];

/// A local chain with both stream contracts and a token of which alice has 10,000.
pub(crate) struct Net {
    anvil: Anvil,
    pub(crate) token: String,
    home: PathBuf,
    transcript: String,
    /// What stands for addresses and the like, in what is typed and in the transcript.
    names: Vec<(&'static str, String)>,
}

impl Net {
    /// A chain with nothing on it but blocks.
    pub(crate) fn bare() -> Self {
        static N_HOMES: AtomicU32 = AtomicU32::new(0);
        let home = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!(
            "home-{}-{}",
            std::process::id(),
            N_HOMES.fetch_add(1, Ordering::Relaxed)
        ));
        std::fs::create_dir_all(&home).unwrap();
        let anvil = Anvil::start(&home);
        let net = Self { anvil, token: String::new(), home, transcript: String::new(), names: Vec::new() };
        net.rpc("anvil_setBlockTimestampInterval", json!([BLOCK_TIME]));
        net.mine(N_BLOCKS);
        net
    }

    /// A chain with the contracts and the token.
    pub(crate) fn new() -> Self {
        let mut net = Self::bare();
        let deployed = net.command(Some(ALICE), "deploy --yes --quiet").output().unwrap();
        assert!(deployed.status.success(), "{}", String::from_utf8_lossy(&deployed.stderr));
        net.token = net.deploy(&DemoToken::BYTECODE);
        let mint = DemoToken::mintCall { account: ALICE.parse().unwrap(), amount: "10000000000".parse().unwrap() };
        net.send(ALICE, &net.token, &mint);
        net
    }

    /// What a person without a key types.
    pub(crate) fn anyone(&mut self, line: &str) {
        self.run(None, line);
    }

    pub(crate) fn alice(&mut self, line: &str) {
        self.run(Some(ALICE), line);
    }

    pub(crate) fn bob(&mut self, line: &str) {
        self.run(Some(BOB), line);
    }

    pub(crate) fn carol(&mut self, line: &str) {
        self.run(Some(CAROL), line);
    }

    pub(crate) fn poor(&mut self, line: &str) {
        self.run(Some(POOR), line);
    }

    /// Runs the command and adds it, with all that it prints, to the transcript.
    fn run(&mut self, account: Option<&str>, line: &str) {
        let ran = self.command(account, line).output().unwrap();
        let name = match account {
            Some(ALICE) => "alice",
            Some(BOB) => "bob",
            Some(CAROL) => "carol",
            Some(POOR) => "poor",
            _ => "anyone",
        };
        let transcript = &mut self.transcript;
        writeln!(transcript, "{name}$ streamctl {line}").unwrap();
        for (stream, bytes) in [("stdout", &ran.stdout), ("stderr", &ran.stderr)] {
            for line in String::from_utf8_lossy(bytes).lines() {
                writeln!(transcript, "{stream}| {line}").unwrap();
            }
        }
        writeln!(transcript, "exit {}\n", ran.status.code().unwrap()).unwrap();
    }

    /// The command, ready to run. `$TOKEN`, `$BOB` and the like in the line stand for addresses, `$HOME` for a folder.
    pub(crate) fn command(&self, account: Option<&str>, line: &str) -> Command {
        let expand = |word: &str| {
            let (block, url) = (create2_address(Clock::Block).to_string(), self.anvil.url());
            [
                ("$TOKEN", self.token.as_str()),
                ("$ALICE", ALICE),
                ("$BOB", BOB),
                ("$CAROL", CAROL),
                ("$POOR", POOR),
                ("$CONTRACT", &block),
                ("$URL", url.as_str()),
                ("$HOME", self.home.to_str().unwrap()),
            ]
            .into_iter()
            .chain(self.names.iter().map(|(name, value)| (*name, value.as_str())))
            .fold(word.to_owned(), |word, (name, value)| word.replace(name, value))
        };
        let mut command = streamctl();
        command.args(line.split_whitespace().map(expand)).env("ETH_RPC_URL", self.anvil.url()).env("HOME", &self.home);
        if let Some(account) = account {
            let (_, key) = KEYS.iter().find(|(address, _)| *address == account).unwrap();
            command.env("STREAMCTL_PRIVATE_KEY", key);
        }
        command
    }

    /// Has `name`, such as `$APP`, stand for `value`.
    pub(crate) fn name(&mut self, name: &'static str, value: impl ToString) {
        self.names.push((name, value.to_string()));
    }

    /// What a name stands for.
    pub(crate) fn named(&self, name: &str) -> &str {
        &self.names.iter().find(|(known, _)| *known == name).unwrap().1
    }

    /// The folder that `$HOME` stands for.
    pub(crate) fn home(&self) -> &Path {
        &self.home
    }

    /// Adds a remark to the transcript.
    pub(crate) fn remark(&mut self, text: &str) {
        writeln!(self.transcript, "# {text}\n").unwrap();
    }

    /// The JSON that a command prints; it must succeed.
    pub(crate) fn json(&self, account: Option<&str>, line: &str) -> Value {
        let ran = self.command(account, &format!("{line} --json")).output().unwrap();
        assert!(ran.status.success(), "{line}: {}", String::from_utf8_lossy(&ran.stderr));
        serde_json::from_slice(&ran.stdout).unwrap()
    }

    /// Ends the chain: nothing answers at its endpoint any more.
    pub(crate) fn stop(&mut self) {
        self.anvil.stop();
    }

    /// The node's endpoint.
    pub(crate) fn url(&self) -> String {
        self.anvil.url()
    }

    pub(crate) fn mine(&self, n_blocks: u64) {
        self.rpc("anvil_mine", json!([format!("{n_blocks:#x}"), format!("{BLOCK_TIME:#x}")]));
    }

    /// Units of the token that `account` holds.
    pub(crate) fn balance(&self, account: &str) -> u128 {
        let call = bindings::IERC20::balanceOfCall { account: account.parse().unwrap() };
        let params = json!([{ "to": self.token, "data": hex::encode_prefixed(call.abi_encode()) }, "latest"]);
        let answer = self.rpc("eth_call", params);
        u128::from_str_radix(answer.as_str().unwrap().trim_start_matches("0x"), 16).unwrap()
    }

    /// Has the token refuse, or serve, an account.
    pub(crate) fn set_blocked(&self, account: &str, blocked: bool) {
        let call = DemoToken::setBlockedCall { account: account.parse().unwrap(), blocked };
        self.send(ALICE, &self.token, &call);
    }

    /// Deploys `code` from carol, so that alice's and bob's addresses and nonces do not move.
    pub(crate) fn deploy(&self, code: &[u8]) -> String {
        let params = json!([{ "from": CAROL, "data": hex::encode_prefixed(code) }]);
        let receipt = self.receipt(&self.rpc("eth_sendTransaction", params));
        let address = receipt["contractAddress"].as_str().unwrap();
        address.parse::<alloy::primitives::Address>().unwrap().to_string()
    }

    /// Sends a transaction that must succeed; anvil signs for its accounts.
    pub(crate) fn send(&self, from: &str, to: &str, call: &impl SolCall) {
        self.transact(from, to, &call.abi_encode());
    }

    /// As [`send`](Self::send), with call data as they are.
    pub(crate) fn transact(&self, from: &str, to: &str, data: &[u8]) {
        let params = json!([{ "from": from, "to": to, "data": hex::encode_prefixed(data) }]);
        let receipt = self.receipt(&self.rpc("eth_sendTransaction", params));
        assert_eq!(receipt["status"], "0x1");
    }

    /// Anvil mines a moment after it has answered.
    fn receipt(&self, hash: &Value) -> Value {
        let end = Instant::now() + Duration::from_secs(20);
        loop {
            let receipt = self.rpc("eth_getTransactionReceipt", json!([hash]));
            if !receipt.is_null() {
                return receipt;
            }
            assert!(Instant::now() < end, "{hash} is not mined");
            std::thread::yield_now();
        }
    }

    pub(crate) fn rpc(&self, method: &str, params: Value) -> Value {
        self.anvil.rpc(method, params)
    }

    /// Compares the transcript with the one on file.
    #[track_caller]
    pub(crate) fn check(self, name: &str) {
        let fixed = [("$URL", self.anvil.url()), ("$HOME", self.home.to_str().unwrap().to_owned())];
        let transcript = fixed.iter().chain(&self.names).fold(self.transcript.clone(), |text, (name, value)| {
            // As it is, and as an argument in calldata.
            text.replace(value, name).replace(value.trim_start_matches("0x").to_lowercase().as_str(), name)
        });
        check(name, &transcript);
    }
}

/// Compares a transcript with the one on file.
#[track_caller]
pub(crate) fn check(name: &str, transcript: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    for (clock, stand_in) in [(Clock::Block, "$CONTRACT"), (Clock::Timestamp, "$SECONDS_CONTRACT")] {
        let (address, stand_in) = (create2_address(clock).to_string(), stand_in.replace('$', "$$"));
        settings.add_filter(&address, &stand_in);
        // As an argument in calldata.
        settings.add_filter(&address[2..].to_lowercase(), &stand_in);
    }
    settings.add_filter(&portal_address().to_string(), "$$PORTAL");
    settings.add_filter(r"0x[0-9a-f]{2000,}", "[creation code]");
    settings.add_filter(r"0x[0-9a-f]{64}\b", "[hash]");
    // Content addresses have block hashes in them.
    settings.add_filter(r"\bbaf[a-z2-7]{56}\b", "[cid]");
    settings.add_filter(r#"\{"bytes":"[A-Za-z0-9+/]{43}"\}"#, "\"[32 bytes]\"");
    settings.add_filter(r#"\{"bytes":"[A-Za-z0-9+/]{27}"\}"#, "\"[20 bytes]\"");
    settings.add_filter(r"at most [0-9.]+ of", "at most [fee] of");
    settings.add_filter(r"gas( +)[0-9,]+", "gas$1[gas]");
    settings.add_filter(r#""gas":"?[0-9]+"?"#, r#""gas":[gas]"#);
    settings.add_filter(r"[0-9]+ requests in [0-9]+ round trips", "[n] requests in [n] round trips");
    settings.bind(|| insta::assert_snapshot!(name, transcript));
}

/// The program, in an environment without anything of the machine's.
pub(crate) fn streamctl() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_streamctl"));
    command.env_clear().stdin(Stdio::null());
    command
}

/// A process of the test's own, which ends with it.
struct Anvil {
    child: Child,
    port: u16,
}

impl Anvil {
    /// Keeps the states of old blocks in `home`; left to itself it leaves them under the home directory.
    fn start(home: &Path) -> Self {
        let mut child = Command::new(anvil())
            .args(["--port", "0", "--timestamp", &GENESIS.to_string()])
            .arg("--cache-path")
            .arg(home.join("chain"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("anvil starts");
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        let port = loop {
            line.clear();
            assert_ne!(stdout.read_line(&mut line).unwrap(), 0, "anvil ended before it listened");
            if let Some(address) = line.trim().strip_prefix("Listening on ") {
                break address.rsplit(':').next().unwrap().parse().unwrap();
            }
        };
        // What anvil goes on to print has to go somewhere.
        std::thread::spawn(move || std::io::copy(&mut stdout, &mut std::io::sink()));
        Self { child, port }
    }

    fn stop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn rpc(&self, method: &str, params: Value) -> Value {
        rpc(&self.url(), method, params)
    }
}

/// Asks a node of a chain.
pub(crate) fn rpc(url: &str, method: &str, params: Value) -> Value {
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string();
    let mut connection = TcpStream::connect(url.trim_start_matches("http://")).unwrap();
    write!(
        connection,
        "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nconnection: close\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    let answer: Value = serde_json::from_str(body).unwrap();
    assert!(answer.get("error").is_none(), "{method}: {answer}");
    answer["result"].clone()
}

impl Drop for Anvil {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        // Else it would go on to write into the folder.
        self.anvil.stop();
        let _ = std::fs::remove_dir_all(&self.home);
    }
}

/// `STREAMCTL_ANVIL`, else what npm installed in the repository, else the one on the `PATH`.
pub(crate) fn anvil() -> PathBuf {
    if let Some(program) = env::var_os("STREAMCTL_ANVIL") {
        return program.into();
    }
    let packages = Path::new(env!("CARGO_MANIFEST_DIR")).join("../lib/node_modules/@foundry-rs");
    let installed = packages.read_dir().into_iter().flatten().flatten();
    installed
        .filter(|package| package.file_name().to_string_lossy().starts_with("anvil-"))
        .map(|package| package.path().join("bin/anvil"))
        .find(|program| program.is_file())
        .unwrap_or_else(|| "anvil".into())
}
