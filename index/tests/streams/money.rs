//! Tokens that say any amount, on a real chain through the real StreamPortal: none stops the index.

use alloy::{
    hex,
    primitives::{Address, Bytes, U256},
    sol,
};
use bindings::{
    Clock,
    IMoneyStreaming::{createForCall, redeemCall},
    IStreamPortal::depositCall,
    create2_address, portal_address,
};
use index::{
    block::{Block, Blocks},
    dag::Origin,
    database::{Database, transaction},
    epoch::Epochs,
    kind::erc1620::{
        DepositsPayload, StreamsPayload,
        query::{deposits_project, streams_project},
    },
    rows::Value,
    snapshot::Snapshot,
    stage::{Kinds, Snapshots, Stage},
    verify::{Means, News, verify},
    windows::{self, Window},
};

use crate::{
    chain::{Chain, Log},
    loader::{EPOCH, Index, SOURCE, Silent, epoch, kind},
};

sol! {
    function transferFrom(address from, address to, uint256 amount) external returns (bool);
}

/// A token that moves whatever it is told to, modulo 2^256, and needs nobody's leave.
///
/// Balances are in the slots of the accounts. Its code, after the 9 bytes that return it: `balanceOf` is at 0x29,
/// `transferFrom` at 0x36; an allowance is 0, and all else is answered with 1.
const TOKEN: [u8; 96] = hex!(
    "60578060095f395ff3"
    "60003560e01c"
    "806370a0823114602957"
    "806323b872dd14603657"
    "63dd62ed3e1415"
    "60005260206000f3"
    "5b6004355460005260206000f3"
    "5b604435"
    "80602435540160243555"
    "600435540360043555"
    "600160005260206000f3"
);

const HALF: U256 = U256::from_limbs([0, 0, 0, 1 << 63]);

const EPOCHS: Epochs = Epochs { genesis: 0, size: EPOCH, offset: 0 };

/// What happened: the first epoch of deposits, and after it one for each of the amounts.
struct Happened {
    liar: Address,
    honest: Address,
    app: Address,
    first: u64,
    blocks: Vec<Block>,
    logs: Vec<Log>,
}

/// In the first epoch half of all that there can be, twice, and in each of the next one deposit.
const LATER: [U256; 3] = [U256::from_limbs([5, 0, 0, 0]), HALF, HALF];

impl Happened {
    fn on_chain() -> Self {
        let chain = Chain::start("money");
        chain.deploy_portal();
        let liar = chain.deploy(&Bytes::from_static(&TOKEN));
        let [honest, app] = chain.tokens;
        let (portal, beneficiary) = (portal_address(), chain.accounts[1]);
        let sent = |hash: String| {
            chain.mine();
            chain.expect(&hash);
        };
        let deposit = |token, amount| {
            sent(chain.send(0, portal, &depositCall { token, app, amount, beneficiary }));
            if token == liar {
                sent(chain.send(0, liar, &transferFromCall { from: app, to: beneficiary, amount }));
            }
        };
        let fill = || {
            while !(chain.head() + 1).is_multiple_of(EPOCH) {
                chain.mine();
            }
        };
        fill();
        let first = (chain.head() + 1) / EPOCH;
        // As much as a stream can hold, twice.
        for _ in 0..2 {
            let terms = (U256::from(u128::MAX), U256::ONE, U256::ONE);
            let (payment, interval, n) = terms;
            let create = createForCall { recipient: beneficiary, token: liar, payment, interval, nIntervals: n };
            sent(chain.send(0, create2_address(Clock::Block), &create));
        }
        sent(chain.send(0, create2_address(Clock::Block), &redeemCall { _streamId: U256::ONE }));
        deposit(liar, HALF);
        deposit(liar, HALF);
        deposit(honest, U256::from(500));
        fill();
        for amount in LATER {
            deposit(liar, amount);
            fill();
        }
        let head = chain.head();
        assert_eq!((head + 1) / EPOCH, first + 4);
        let blocks = (0..=head).map(|number| chain.block(number)).collect();
        Self { liar, honest, app, first, blocks, logs: chain.logs(0, head) }
    }

    fn index(&self, tokens: &[Address]) -> Index {
        let mut index = Index::of(kind(&[], Some(portal_address()), tokens));
        index.take(&self.blocks, &self.logs, 7, &Silent).unwrap();
        index
    }

    fn project(&self, token: Address) -> String {
        deposits_project(SOURCE, portal_address(), self.app, token)
    }
}

#[track_caller]
fn found<'a>(snapshots: &'a [Snapshot], project: &str) -> &'a Snapshot {
    snapshots.iter().find(|snapshot| snapshot.project == project).unwrap()
}

fn deposited(snapshots: &[Snapshot], project: &str) -> (u64, U256) {
    let payload: DepositsPayload = serde_ipld_dagcbor::from_slice(&found(snapshots, project).bytes).unwrap();
    (payload.deposits, U256::from_be_bytes(payload.deposited.0))
}

#[test]
fn tokens_that_lie_stop_nothing() {
    let happened = Happened::on_chain();
    let Happened { liar, honest, first, blocks, .. } = &happened;
    let mut index = happened.index(&[]);
    let (lies, truth) = (happened.project(*liar), happened.project(*honest));
    let snapshots = index.snapshots(&epoch(*first, blocks));
    assert_eq!(deposited(&snapshots, &lies), (2, U256::MAX), "at the top");
    assert_eq!(deposited(&snapshots, &truth), (1, U256::from(500)));
    // Streams hold 128 bits each, so that sums of them are exact.
    let streams = found(&snapshots, &streams_project(SOURCE, create2_address(Clock::Block), *liar));
    let streams: StreamsPayload = serde_ipld_dagcbor::from_slice(&streams.bytes).unwrap();
    let [deposited_by_streams, locked] = [streams.deposited, streams.locked].map(|word| U256::from_be_bytes(word.0));
    assert_eq!((streams.created, streams.redeemed, streams.open), (2, 1, 1));
    assert_eq!((deposited_by_streams, locked), (U256::from(u128::MAX) << 1_usize, U256::from(u128::MAX)));
    for (id, amount) in (first + 1..).zip(LATER) {
        assert_eq!(deposited(&index.snapshots(&epoch(id, blocks)), &lies), (1, amount));
    }
    check_totals(&mut index, &happened);

    // Whoever names the tokens that count has nothing to do with others.
    let mut index = happened.index(&[*honest]);
    let projects: Vec<String> =
        index.snapshots(&epoch(first + 3, blocks)).into_iter().map(|snapshot| snapshot.project).collect();
    assert_eq!(projects, [truth]);
    assert_eq!(index.snapshots(&epoch(*first, blocks)), [found(&snapshots, &projects[0]).clone()]);
}

/// The epochs add up, windows are what happened in them, and all of it is found again.
fn check_totals(index: &mut Index, happened: &Happened) {
    let Happened { liar, first, blocks, .. } = happened;
    let kinds = Kinds::new(vec![Box::new(kind(&[], Some(portal_address()), &[]))]);
    let mut stage = Snapshots::new(EPOCHS, kinds);
    for id in 0..first + 4 {
        let epoch = epoch(id, blocks);
        let sql = "INSERT INTO epoch (id, first, last, begin_parent_hash, end_hash, end_timestamp, state) \
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, 1)";
        let (begin, end) = (Value::Blob(epoch.begin_parent_hash.as_slice()), Value::Blob(epoch.end_hash.as_slice()));
        let [number, first, last, timestamp] =
            [id, epoch.blocks.first, epoch.blocks.last, epoch.end_timestamp].map(Value::count);
        index.database.run(sql, &[number, first, last, begin, end, timestamp]).unwrap();
        index.database.run("INSERT INTO job (epoch, source) VALUES (?1, ?2)", &[number, Value::Text(SOURCE)]).unwrap();
    }
    let last = blocks.len() as u64 - 1;
    let done = transaction(&mut index.database, |database| stage.execute(database, Blocks { first: 0, last })).unwrap();
    assert_eq!(done.map(|done| done.number), Some(last), "all are added up");

    let project = happened.project(*liar);
    let mut check = |from: u64, to: u64, expected: U256| {
        let window = Window { from: first + from, to: first + to };
        assert_eq!(windows::sum(&mut index.database, &project, "deposited", window).unwrap(), expected, "{window:?}");
    };
    check(0, 0, U256::MAX);
    check(1, 1, U256::from(5));
    check(1, 2, HALF + U256::from(5));
    check(2, 2, HALF);
    check(3, 3, HALF);
    // What does not fit is a residue: the two halves, and 5.
    check(1, 3, U256::from(5));

    let origin = Origin { chain_id: 31_337, epochs: EPOCHS };
    let mut kinds: [Box<dyn index::kind::Kind>; 1] = [Box::new(kind(&[], Some(portal_address()), &[]))];
    let mut differences = Vec::new();
    let mut means = Means { kinds: &mut kinds, sums: None };
    let progress = verify(&mut index.database, &origin, &mut means, &mut |news| {
        if let News::Difference(difference) = news {
            differences.push(difference);
        }
    });
    assert_eq!(differences, []);
    assert_eq!(progress.unwrap().n_epochs, first + 4);
}
