use std::{
    fs,
    io::{BufRead, BufReader, Lines, Read},
    process::{Child, ChildStderr, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

use bindings::{Clock, create2_address};

use crate::harness::{ALICE, BOB, Net};

/// A configuration for the streams of both contracts on the net's chain, and `$CONFIG`, its file.
pub(crate) fn configure(net: &mut Net) {
    let [blocks, seconds] = [Clock::Block, Clock::Timestamp].map(create2_address);
    let text = format!(
        "store = \"streams.db\"\n\
         [chain]\nid = 31337\nendpoints = [{{ url = \"{}\" }}]\npoll_ms = 50\n\
         [epochs]\ngenesis = 0\nsize = 50\noffset = 2\n\
         [[source]]\nname = \"streams\"\nkind = \"erc1620\"\ncontracts = [\"{blocks}\", \"{seconds}\"]\n",
        net.url()
    );
    let file = net.home().join("index.toml");
    fs::write(&file, text).unwrap();
    net.name("$CONFIG", file.display());
}

/// An index that runs, until it is dropped; `$INDEX` is the URL of the first that is started.
pub(crate) struct Running {
    pub(crate) child: Child,
    pub(crate) stderr: Lines<BufReader<ChildStderr>>,
    pub(crate) url: String,
}

impl Running {
    pub(crate) fn start(net: &mut Net) -> Self {
        Self::with(net, "--config $CONFIG")
    }

    pub(crate) fn with(net: &mut Net, options: &str) -> Self {
        let mut command = net.command(None, &format!("index run --json --listen 127.0.0.1:0 {options}"));
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap()).lines();
        let url = loop {
            let line = stderr.next().expect("the index serves its API before it ends").unwrap();
            if let Some(url) = line.strip_prefix("serving the API at ") {
                break url.to_owned();
            }
        };
        net.name("$INDEX", &url);
        Self { child, stderr, url }
    }

    /// Ends it in good order, and gives what it says of its run.
    pub(crate) fn interrupt(&mut self) -> serde_json::Value {
        interrupt(&self.child);
        assert!(self.child.wait().unwrap().success());
        let mut told = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut told).unwrap();
        serde_json::from_str(&told).unwrap()
    }

    /// Waits until the index has block `head` of the chain.
    pub(crate) fn wait(&self, net: &Net) {
        let head = net.rpc("eth_blockNumber", serde_json::json!([]));
        let head = u64::from_str_radix(head.as_str().unwrap().trim_start_matches("0x"), 16).unwrap();
        let end = Instant::now() + Duration::from_secs(60);
        let status = format!("index status --index {} --quiet", self.url);
        while net.json(None, &status)["as_of"]["block"] != head {
            assert!(Instant::now() < end, "the index does not come to block {head}");
        }
    }
}

/// The line that an index says next of those that begin with `start`.
#[track_caller]
pub(crate) fn said(stderr: &mut Lines<BufReader<ChildStderr>>, start: &str) -> String {
    loop {
        let line = stderr.next().unwrap_or_else(|| panic!("it never says {start:?}")).unwrap();
        if line.starts_with(start) {
            return line;
        }
    }
}

/// A desk where snapshotters vote, until it is dropped.
pub(crate) struct Desk(Child);

impl Desk {
    /// Serves the desk of `config`, and gives its URL.
    pub(crate) fn start(net: &Net, config: &str) -> (Self, String) {
        let mut command = net.command(None, &format!("index consensus serve --config {config}"));
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stderr.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.trim().strip_prefix("the desk is at ").expect("the desk says where it is").to_owned();
        (Self(child), url)
    }
}

/// Asks a process to end as Ctrl-C does.
pub(crate) fn interrupt(child: &Child) {
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
}

impl Drop for Desk {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        // It must not be blocked by what nobody reads.
        self.stderr.by_ref().for_each(drop);
    }
}

#[test]
fn index_catches_up_and_is_read() {
    let mut net = Net::with_streams();
    configure(&mut net);
    net.anyone("index run --once --quiet --config $CONFIG");
    net.anyone("index run --once --quiet --json --config $CONFIG");
    net.anyone("index status --config $CONFIG");
    net.anyone("index streams --config $CONFIG");
    net.anyone("index streams --config $CONFIG --state ended --json");
    net.anyone("index streams --config $CONFIG --recipient $CAROL");
    net.anyone("index streams --config $CONFIG --sender $BOB");
    net.anyone("index streams --config $CONFIG --state all --limit 2");
    net.check("index_catches_up_and_is_read");
}

#[test]
fn index_writes_configurations() {
    let mut net = Net::with_streams();
    net.create("--clock timestamp --recipient $BOB --token $TOKEN --amount 240 --over 1d --every 1h");
    net.anyone("index init --to $HOME/streams.toml");
    net.anyone("index init --to $HOME/streams.toml");
    net.anyone("index run --once --quiet --listen 127.0.0.1:0 --config $HOME/streams.toml");
    net.anyone("list --state all --clock timestamp");
    net.anyone("index streams --config $HOME/streams.toml --state pending --json");
    net.anyone("index init --to $HOME/one.toml --contract $CONTRACT --json");
    net.anyone("index init --to $HOME/none.toml --contract $BOB");
    net.anyone("index init uniswap --to $HOME/uniswap.toml");
    net.anyone("index init uniswap --to $HOME/two.toml --contract $CONTRACT");
    net.anyone("index init --to $HOME/no/folder.toml");
    for file in ["streams.toml", "one.toml"] {
        let text = fs::read_to_string(net.home().join(file)).unwrap();
        net.remark(&format!("{file}\n{}", text.trim_end()));
    }
    assert!(!net.home().join("none.toml").exists() && !net.home().join("two.toml").exists());
    let mut elsewhere = net.command(None, "index init --rpc-url $URL --to $HOME/elsewhere.toml");
    assert!(elsewhere.env_remove("ETH_RPC_URL").output().unwrap().status.success());
    let text = fs::read_to_string(net.home().join("elsewhere.toml")).unwrap();
    assert!(text.contains(&format!("url = \"{}\"", net.url())), "{text}");
    let mut offline = net.command(None, "index init --to $HOME/offline.toml");
    assert!(offline.env_remove("ETH_RPC_URL").output().unwrap().status.success());
    assert_eq!(fs::read_to_string(net.home().join("offline.toml")).unwrap(), ::index::config::STREAMS);
    net.check("index_writes_configurations");
}

#[test]
fn index_configurations_that_cannot_be() {
    let mut net = Net::new();
    configure(&mut net);
    let whole = fs::read_to_string(net.named("$CONFIG")).unwrap();
    let write = |name: &str, from: &str, to: &str| {
        assert!(whole.contains(from), "{from}");
        fs::write(net.home().join(name), whole.replace(from, to)).unwrap();
    };
    write("folder.toml", "streams.db", "none/streams.db");
    write("store.toml", "streams.db", "index.toml");
    write("typing.toml", "poll_ms = 50", "poll_ms = fifty");
    write("key.toml", "poll_ms", "pol_ms");
    // In a store of its own, which is of chain 1 from then on.
    write("chain.toml", "streams.db\"\n[chain]\nid = 31337", "chain.db\"\n[chain]\nid = 1");
    write("kind.toml", "erc1620", "erc20");
    write("variable.toml", &net.url(), "${SOME_NODE}");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    net.name("$NODE", net.url().trim_start_matches("http://"));
    net.name("$TAKEN", taken.local_addr().unwrap());
    net.anyone("index run --once --config $HOME/nothing.toml");
    net.anyone("index status --config $HOME/nothing.toml");
    for file in ["folder", "store", "typing", "key", "chain", "kind", "variable"] {
        net.anyone(&format!("index run --once --config $HOME/{file}.toml"));
    }
    net.anyone("index status --config $CONFIG");
    net.anyone("index verify --config $CONFIG");
    net.anyone("index unwind --to 7 --config $CONFIG");
    net.anyone("index run --once --listen $TAKEN --config $CONFIG");
    net.anyone("index run --once --quiet --config $CONFIG");
    net.remark("what only reads needs no endpoint");
    net.anyone("index status --config $HOME/variable.toml");
    net.anyone("index status --config $HOME/store.toml");
    net.anyone("index consensus key --config $CONFIG");
    net.anyone("index consensus serve --config $CONFIG");
    net.anyone("index car export --to $HOME/none.car --config $CONFIG --project nothing");
    net.anyone("index snapshot --config $CONFIG");
    net.anyone("index streams --config $CONFIG --block 1000");
    net.anyone("index streams --config $CONFIG --after 1000");
    net.anyone("index streams --config $CONFIG --source pairs");
    net.anyone("list --index 127.0.0.1:8620");
    net.anyone("list --index ftp://127.0.0.1:8620");
    net.anyone("list --index http://127.0.0.1:1");
    net.anyone("list --index $URL");
    net.check("index_configurations_that_cannot_be");
}

/// Streams in every state, and an index of them that is at the chain's head; `$PROJECT` is that of the streams.
fn indexed() -> Net {
    let mut net = Net::with_streams();
    configure(&mut net);
    let ran = net.command(None, "index run --once --config $CONFIG").output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let projects = net.json(None, "index projects --config $CONFIG");
    let project = projects["items"][0]["project"].as_str().unwrap();
    net.name("$PROJECT", project);
    net
}

#[test]
fn index_shows_snapshots() {
    let mut net = indexed();
    net.anyone("index projects --config $CONFIG");
    net.anyone("index projects --config $CONFIG --json");
    net.anyone("index projects --config $CONFIG --prefix nothing/");
    net.anyone("index snapshot --config $CONFIG --project $PROJECT");
    net.anyone("index snapshot --config $CONFIG --project $PROJECT --epoch 2");
    net.anyone("index snapshot --config $CONFIG --project $PROJECT --epoch 2 --json");
    net.anyone("index snapshot --config $CONFIG --project $PROJECT --epoch 1");
    net.anyone("index snapshot --config $CONFIG --project nothing/at/all");
    net.anyone("index snapshot --config $CONFIG --cid bafyreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy");
    net.anyone("index snapshot --config $CONFIG --cid 7");
    net.anyone("index snapshot --config $CONFIG --project $PROJECT --pooler");
    net.anyone("index windows --config $CONFIG --project $PROJECT --window 1h");
    net.anyone("index windows --config $CONFIG --project $PROJECT --from 2 --to 2 --json");
    net.anyone("index windows --config $CONFIG --project $PROJECT --name nothing");
    net.anyone("index windows --config $CONFIG --project nothing/at/all");
    net.anyone("index pairs --config $CONFIG");
    net.anyone("index tokens --config $CONFIG --json");
    net.check("index_shows_snapshots");
}

#[test]
fn index_verifies_exports_and_unwinds() {
    let mut net = indexed();
    net.anyone("index verify --config $CONFIG");
    net.anyone("index verify --config $CONFIG --quick --json");
    net.anyone("index export rows --config $CONFIG --table streams_log_create --to $HOME/created.csv");
    net.anyone("index export rows --config $CONFIG --table streams_log_redeem --to $HOME/ended.parquet --json");
    net.anyone("index export rows --config $CONFIG --table nothing --to $HOME/nothing.csv");
    net.anyone("index export rows --config $CONFIG --table streams_log_create --to $HOME/created.xls");
    net.anyone("index export snapshots --config $CONFIG --to $HOME/snapshots.csv");
    net.anyone("index export sums --config $CONFIG --project $PROJECT --from-epoch 2 --to-epoch 2 --to $HOME/sums.csv");
    net.anyone("index export sums --config $CONFIG --project nothing/at/all --to $HOME/nothing.csv");
    net.anyone("index car export --config $CONFIG --to $HOME/all.car");
    let archive = fs::read_to_string(net.named("$CONFIG")).unwrap().replace("streams.db", "archive.db");
    fs::write(net.home().join("archive.toml"), archive).unwrap();
    net.anyone("index car import $HOME/all.car --config $HOME/archive.toml");
    net.anyone("index car import $HOME/all.car --config $HOME/archive.toml --json");
    net.anyone("index verify --config $HOME/archive.toml");
    net.anyone("index car import $HOME/created.csv --config $HOME/archive.toml");
    net.anyone("index unwind --to 940 --config $CONFIG");
    net.anyone("index unwind --to 940 --config $CONFIG --yes");
    net.anyone("index unwind --to 940 --config $CONFIG --yes");
    net.anyone("index status --config $CONFIG");
    net.anyone("index run --once --quiet --config $CONFIG");
    net.anyone("index verify --config $CONFIG");
    net.anyone("index consensus status --config $CONFIG");
    net.anyone("index consensus status --config $CONFIG --json");
    for file in ["created.csv", "snapshots.csv", "sums.csv"] {
        let text = fs::read_to_string(net.home().join(file)).unwrap();
        net.remark(&format!("{file}\n{}", text.trim_end()));
    }
    net.check("index_verifies_exports_and_unwinds");
}

/// What is listed from an index is what is listed from the chain, to the byte.
#[test]
fn an_index_lists_what_the_chain_lists() {
    let mut net = Net::with_streams();
    net.create("--clock timestamp --recipient $BOB --token $TOKEN --amount 240 --over 1d --every 1h");
    for (who, line) in
        [(BOB, "withdraw 2 12.5 --yes"), (BOB, "update propose 2 --payment 20 --yes"), (ALICE, "update accept 2 --yes")]
    {
        let ran = net.command(Some(who), line).output().unwrap();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    }
    // A token that answers nothing, and one whose every question takes all the gas.
    net.create_in_spoiled(&["0x00", "0xfe"]);
    configure(&mut net);
    let index = Running::start(&mut net);
    index.wait(&net);
    for line in [
        "list",
        "list --state all",
        "list --state ended",
        "list --state pending",
        "list --state streaming",
        "list --state stopped",
        "list --recipient $CAROL",
        "list --sender $ALICE --recipient $BOB --token $TOKEN --state streaming",
        "list --from-block 109 --state all",
        "list --from-block 113",
        "list --from-block 100000000 --state all",
        "list --sender $BOB",
        "list --token $BOB",
        "list --clock timestamp --state all",
        "watch 1 2 3 5 6 7 --count 1",
        "watch 1 --count 1 --clock timestamp",
        "watch 4 --count 1",
        "watch 99 --count 1",
    ] {
        for form in ["", " --json"] {
            let line = format!("{line}{form}");
            let told = |options: &str| {
                let ran = net.command(None, &format!("{line}{options}")).output().unwrap();
                let text = |bytes| String::from_utf8(bytes).unwrap();
                (text(ran.stdout), text(ran.stderr), ran.status.code())
            };
            assert_eq!(told(" --index $INDEX"), told(""), "{line}");
        }
    }
}

/// Two of three snapshotters are there, and agree.
#[test]
fn index_votes_at_a_desk() {
    let mut net = Net::with_streams();
    configure(&mut net);
    let whole = fs::read_to_string(net.named("$CONFIG")).unwrap();
    let home = net.home().to_owned();
    fs::write(home.join("password"), "correct horse\n").unwrap();
    let mut peers = Vec::new();
    for name in ["one", "two", "three"] {
        let store = whole.replace("streams.db", &format!("{name}.db"));
        let voter = format!("{store}[consensus]\nurl = \"http://127.0.0.1:1\"\nkeystore = \"{name}.json\"\n");
        fs::write(home.join(format!("{name}.toml")), voter).unwrap();
        let line = format!("index consensus key --new --password-file $HOME/password --config $HOME/{name}.toml");
        peers.push(net.json(None, &line)["address"].as_str().unwrap().to_owned());
    }
    let again = "index consensus key --password-file $HOME/password --config $HOME/one.toml";
    assert_eq!(net.json(None, again)["address"], peers[0].as_str());
    let desk =
        format!("{}[desk]\nlisten = \"127.0.0.1:0\"\npeers = {peers:?}\n", whole.replace("streams.db", "desk.db"));
    fs::write(home.join("desk.toml"), desk).unwrap();
    let (_desk, url) = Desk::start(&net, "$HOME/desk.toml");
    let mut running = Vec::new();
    for name in ["one", "two"] {
        let file = home.join(format!("{name}.toml"));
        fs::write(&file, fs::read_to_string(&file).unwrap().replace("http://127.0.0.1:1", &url)).unwrap();
        running.push(Running::with(&mut net, &format!("--password-file $HOME/password --config $HOME/{name}.toml")));
    }
    let finalized = |name: &str| net.json(None, &format!("index consensus status --config $HOME/{name}.toml"));
    let end = Instant::now() + Duration::from_secs(60);
    while ["one", "two"].iter().any(|name| finalized(name)["finalized"] != "17") {
        assert!(Instant::now() < end, "{} {}", finalized("one"), finalized("two"));
    }
    assert_eq!(finalized("one")["disputed"], "0");
    drop(running);
    net.name("$DESK", url);
    net.name("$PEER", &peers[0]);
    net.anyone("index consensus status --config $HOME/one.toml");
    net.anyone("index consensus key --new --password-file $HOME/password --config $HOME/one.toml");
    net.anyone("index consensus key --password-file $HOME/password --config $HOME/one.toml");
    net.anyone("index consensus key --password-file $HOME/one.toml --config $HOME/one.toml");
    net.anyone("index run --once --config $HOME/one.toml");
    net.check("index_votes_at_a_desk");
}

/// The contract, the chain and the clock that `list` and `watch` ask for are those that the index has.
#[test]
fn index_asked_for_others() {
    let mut net = Net::with_streams();
    configure(&mut net);
    let index = Running::start(&mut net);
    index.wait(&net);
    net.anyone("list --index $INDEX --chain-id 1");
    net.anyone("list --index $INDEX --contract $TOKEN");
    net.anyone("list --index $INDEX --contract $CONTRACT --clock timestamp");
    net.anyone("list --index $INDEX --clock timestamp --json");
    net.anyone("watch 99 --index $INDEX");
    net.remark("a contract that the configuration has, and that has no stream yet");
    let whole = fs::read_to_string(net.named("$CONFIG")).unwrap();
    let with_bob = whole.replace("streams.db", "bob.db").replace("contracts = [", &format!("contracts = [\"{BOB}\", "));
    fs::write(net.home().join("bob.toml"), with_bob).unwrap();
    let other = Running::with(&mut net, "--config $HOME/bob.toml");
    other.wait(&net);
    net.name("$OTHER", &other.url);
    net.anyone("list --index $OTHER --contract $BOB");
    net.anyone("list --index $OTHER --contract $BOB --clock timestamp --json");
    net.anyone("index status --index $OTHER");
    net.check("index_asked_for_others");
}

/// A reorg is said with its depth; Ctrl-C ends the index, and the store goes on from there.
#[test]
fn index_follows_reorgs_and_ends_in_order() {
    let mut net = Net::with_streams();
    configure(&mut net);
    let mut index = Running::start(&mut net);
    index.wait(&net);
    // A transaction in the first of the blocks, which would else be as they were.
    let pays = serde_json::json!({ "from": ALICE, "to": BOB, "value": "0x1" });
    net.rpc("anvil_reorg", serde_json::json!([3, [[pays, 0]]]));
    net.mine(1);
    index.wait(&net);
    let said = "warning: the chain went another way after block 1,012: 3 blocks taken back";
    loop {
        let line = index.stderr.next().expect("the index says that there was a reorg").unwrap();
        if line == said {
            break;
        }
        assert!(!line.starts_with("warning"), "{line}");
    }
    let ran = index.interrupt();
    assert_eq!(
        [&ran["stored"], &ran["n_reorgs"], &ran["deepest_reorg"]],
        [&serde_json::json!("1016"), &serde_json::json!("1"), &serde_json::json!("3")],
        "{ran}"
    );
    let verified = net.json(None, "index verify --config $CONFIG");
    assert_eq!(verified["n_differences"], "0");
    // The end of stream 4 was in a block that is gone.
    let streams = net.json(None, "index streams --state all --config $CONFIG");
    let states: Vec<_> =
        streams["items"].as_array().unwrap().iter().map(|row| row["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["pending", "streaming", "stopped", "streaming", "streaming"]);
}

/// An endpoint that does not answer is waited for; whoever does not wait until all is done does not succeed.
#[test]
fn index_waits_for_the_chain() {
    let mut net = Net::bare();
    configure(&mut net);
    let whole = fs::read_to_string(net.named("$CONFIG")).unwrap();
    fs::write(net.named("$CONFIG"), whole.replace(&net.url(), "http://127.0.0.1:1")).unwrap();
    let mut command = net.command(None, "index run --once --json --config $CONFIG");
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap()).lines();
    let line = stderr.next().unwrap().unwrap();
    assert!(line.starts_with("warning: ") && line.ends_with("; it is tried again"), "{line}");
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(1));
    assert_eq!(
        stderr.last().unwrap().unwrap(),
        "error: stopped before all was done up to the chain's head; run it again to go on"
    );
    let mut told = String::new();
    child.stdout.take().unwrap().read_to_string(&mut told).unwrap();
    let ran: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!((&ran["head"], &ran["stored"]), (&serde_json::Value::Null, &serde_json::Value::Null));
}

/// What is watched in an index moves as what is watched on the chain.
#[test]
fn an_index_is_watched_as_the_chain_is() {
    let mut net = Net::with_streams();
    configure(&mut net);
    let index = Running::start(&mut net);
    index.wait(&net);
    let watch = |options: &str| -> (Child, Lines<BufReader<ChildStdout>>) {
        let mut command = net.command(None, &format!("watch 2 3 --count 3 --json{options}"));
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        (child, lines)
    };
    let mut watches = [watch(""), watch(" --index $INDEX")];
    for reading in 0..3 {
        let told =
            watches.each_mut().map(|(_, lines)| [lines.next().unwrap().unwrap(), lines.next().unwrap().unwrap()]);
        assert_eq!(told[0], told[1]);
        let time: serde_json::Value = serde_json::from_str(&told[0][0]).unwrap();
        assert_eq!(time["time"], (1015 + reading).to_string());
        // One block at a time: what is mined at once is seen in parts.
        match reading {
            0 => {
                let ran = net.command(Some(ALICE), "settle 3 --yes").output().unwrap();
                assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
            }
            1 => net.mine(1),
            _ => {}
        }
    }
    for (child, lines) in &mut watches {
        assert!(lines.next().is_none());
        assert!(child.wait().unwrap().success());
    }
}
