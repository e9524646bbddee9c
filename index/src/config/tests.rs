use super::*;

const HEAD: &str = "store = 'a.db'\nchain = { id = 1, endpoints = [{ url = 'http://127.0.0.1:8545' }] }\n\
                    epochs = { genesis = 0, size = 10, offset = 2 }\n";

const SOURCE: &str = "[[source]]\nname = 'a'\nkind = 'erc1620'\n";

fn parse(text: &str) -> Result<Config> {
    let variable = |name: &str| match name {
        "ETH_RPC_URL" => Some("https://rpc.example/key".to_owned()),
        "EMPTY" => Some(String::new()),
        _ => None,
    };
    Config::parse(text, Path::new("/etc/index"), &variable)
}

#[track_caller]
fn refused(text: &str, expected: &str) {
    let error = parse(text).err().unwrap_or_else(|| panic!("{text} is accepted")).to_string();
    assert!(error.contains(expected), "{error}");
}

/// A configuration with `from` replaced by `to`.
fn with(from: &str, to: &str) -> String {
    let text = format!("{HEAD}{SOURCE}");
    assert!(text.contains(from), "{from}");
    text.replace(from, to)
}

#[test]
fn the_examples_are_right() {
    let streams = parse(STREAMS).unwrap();
    assert_eq!(streams.store, "/etc/index/streams.db");
    assert_eq!(streams.chain.endpoints[0].url, "https://rpc.example/key");
    assert_eq!(streams.chain.endpoints[0].limit.as_deref(), Some("2000/minute;100/second"));
    assert!(matches!(&streams.sources[0].kind, KindConfig::Erc1620(config) if config.contracts.is_empty()));
    let uniswap = parse(UNISWAP).unwrap();
    assert_eq!(uniswap.epochs, Epochs { genesis: 10_000_835, size: 10, offset: 2 });
    let KindConfig::UniswapV2(config) = &uniswap.sources[0].kind else { panic!("it is of Uniswap") };
    assert_eq!((config.pairs.len(), config.stables.len(), config.whitelist.len()), (3, 3, 4));
    assert_eq!(config.whitelist[0], config.weth);
    assert_eq!(config.threshold, None);
}

#[test]
fn variables_and_folders_are_filled_in() {
    let text = with("'a.db'", "'postgres://u:${EMPTY}@h/${ETH_RPC_URL}'");
    assert_eq!(parse(&text).unwrap().store, "postgres://u:@h/https://rpc.example/key");
    assert_eq!(parse(&with("'a.db'", "'/var/a.db'")).unwrap().store, "/var/a.db");
    let own =
        "store is :memory:, of which each connection would have one for itself; name a file, or a postgres:// URL";
    refused(&with("'a.db'", "':memory:'"), own);
    let text = format!("consensus = {{ url = 'http://h', keystore = 'keys/${{EMPTY}}me' }}\n{HEAD}{SOURCE}");
    assert_eq!(parse(&text).unwrap().consensus.unwrap().keystore, Path::new("/etc/index/keys/me"));
    let events = "kind = 'events'\nabi = 'a.json'\ncontracts = ['0x00000000000000000000000000000000000000aa']";
    let config = parse(&with("kind = 'erc1620'", events)).unwrap();
    assert!(
        matches!(&config.sources[0].kind, KindConfig::Events(events) if events.abi == Path::new("/etc/index/a.json"))
    );
    refused(&with("'a.db'", "'${NONE}'"), "store takes the variable NONE of the environment, which is not set; set it");
    refused(&with("127.0.0.1", "${X"), "chain.endpoints[0].url has a ${ without a }: add it");
}

#[test]
fn keys_are_checked() {
    refused(&with("store", "stores"), "unknown field `stores`");
    refused(&with("store = 'a.db'\n", ""), "missing field `store`");
    refused(&with("'a.db'", "''"), "store is empty");
    refused(&with("'a.db'", "'mysql://a:secret@b/c'"), "store begins with mysql://; name a file, or a postgres:// URL");
    refused(&with("id = 1", "id = 'x'"), "invalid type: string \"x\", expected u64");
    refused(&with("{ url = 'http://127.0.0.1:8545' }", ""), "chain.endpoints is empty");
    for url in ["ftp://h", "127.0.0.1:8545", "http://", "file:///x", ""] {
        let expected = "chain.endpoints[0].url is no http:// or https:// URL; write it as in \"http://127.0.0.1:8545\"";
        refused(&with("http://127.0.0.1:8545", url), expected);
    }
    refused(&with("id = 1", "id = 1, poll_ms = 0"), "chain.poll_ms is 0; it is 1 to 3600000 milliseconds");
    refused(&with("size = 10", "size = 0"), "epochs.size is 0 from block 0 on; an epoch has at least 1 block");
    refused(
        &with("genesis = 0", "genesis = 9223372036854775800"),
        "an epoch has at least 1 block, and heights 63 bits",
    );
    refused(&with("offset = 2", "offset = -2"), "-2");
    refused(HEAD, "missing field `source`");
    refused(&format!("source = []\n{HEAD}"), "there is no source; add a [[source]]");
    refused(&format!("consensus = {{ url = 'h', keystore = 'k' }}\n{HEAD}{SOURCE}"), "consensus.url is no http://");
    refused("store = ", "TOML parse error");
}

#[test]
fn sources_are_checked() {
    for name in ["", "A", "1a", "-a", "a-", "a--b", "a_b", "ä", "a b", &"a".repeat(33)] {
        refused(
            &with("'a'", &format!("'{name}'")),
            &format!("the source's name {name:?} is not 1 to 32 small letters"),
        );
    }
    for name in ["sqlite", "sqlite-a", "pg", "pg-class"] {
        refused(&with("'a'", &format!("'{name}'")), "which databases keep; rename it");
    }
    assert!(parse(&with("'a'", "'pgx-1'")).is_ok());
    refused(&format!("{HEAD}{SOURCE}{SOURCE}"), "two sources have the name a; rename one");
    refused(&with("name = 'a'\n", ""), "a source has no name");
    refused(&with("name = 'a'", "name = 7"), "source.name is 7, and must be a text");
    refused(
        &with("'erc1620'", "'erc20'"),
        "the kind of source a is \"erc20\"; it is one of erc1620, uniswap-v2 and events",
    );
    refused(&with("kind = 'erc1620'\n", ""), "the kind of source a is \"\"");
    refused(
        &format!("{HEAD}{SOURCE}contract = []"),
        "source a: unknown field `contract`, expected one of `contracts`, `portal`, `tokens`",
    );
    refused(&format!("{HEAD}{SOURCE}start_block = -1"), "start_block of source a");
    refused(&format!("{HEAD}{SOURCE}start_block = 9223372036854775808"), "start_block");
    let address = "'0x00000000000000000000000000000000000000aa'";
    let twice = format!("{HEAD}{SOURCE}contracts = [{address}, {address}]");
    refused(&twice, "source a: contracts has 0x00000000000000000000000000000000000000AA twice; remove one");
    let twice = format!("{HEAD}{SOURCE}tokens = [{address}, {address}]");
    refused(&twice, "source a: tokens has 0x00000000000000000000000000000000000000AA twice; remove one");
    refused(&format!("{HEAD}{SOURCE}contracts = ['0xaa']"), "source a: ");
    let events = "kind = 'events'\nabi = 'x.json'";
    refused(&with("kind = 'erc1620'", events), "source a: contracts is empty; add one, or a factory");
    let factory = format!("factory = {{ address = {address}, event = 'event E(address c)', argument = 'c' }}");
    let both = format!("{events}\n{factory}\ncontracts = [{address}]");
    refused(&with("kind = 'erc1620'", &both), "source a: there are contracts and a factory");
    let typo = format!("{events}\n{}", factory.replace("argument", "arguments"));
    refused(&with("kind = 'erc1620'", &typo), "source a: unknown field `arguments`");
    let bare =
        format!("kind = 'uniswap-v2'\nfactory = {address}\nweth = {address}\nstables = []\nwhitelist = [{address}]");
    refused(&with("kind = 'erc1620'", &bare), "stables and whitelist have at least one token each");
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = Config::read(Path::new("/nowhere/index.toml")).unwrap_err().to_string();
    assert!(error.starts_with("/nowhere/index.toml: No such file or directory"), "{error}");
    assert!(error.ends_with("name another file, or write one by `streamctl index init`"), "{error}");
}

#[test]
fn epochs_of_pairs_are_short_enough_for_their_snapshots() {
    let sized = |size: u64| UNISWAP.replace("size = 10\n", &format!("size = {size}\n"));
    assert!(parse(&sized(10_000)).unwrap().kinds().is_ok());
    let error = parse(&sized(10_001)).unwrap().kinds().err().expect("it is refused").to_string();
    let told = "epochs.size is 10001, and source uniswap takes epochs of at most 10000 blocks, whose snapshots IPFS tools \
                take; make it smaller";
    assert_eq!(error, told);
}
