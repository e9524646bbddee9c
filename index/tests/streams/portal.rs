//! Deposits through StreamPortal, on a chain with Cartesi's contracts.

use alloy::{
    primitives::{Address, B256, Bytes, U256, address},
    sol,
    sol_types::SolValue,
};
use bindings::{
    Clock, DemoToken,
    IMoneyStreaming::{createForCall, redeemCall},
    IStreamPortal::{
        depositAndCallCall, depositCall, depositEtherCall, forwardCreditCall, forwardStreamCall, inboxOfCall,
        openInboxCall,
    },
    cartesi::{ERC20_PORTAL, ETHER, IERC20Portal::depositERC20TokensCall},
    create2_address, portal_address,
};
use index::{
    Result,
    block::Block,
    kind::{
        Call, Reader,
        erc1620::{
            DepositsPayload,
            query::{At, DepositFilter, DepositView, OriginName, Page, Streams, deposits_project},
        },
    },
};

use crate::{
    chain::{Chain, Log},
    loader::{EPOCH, Index, SOURCE, Silent, epoch},
};

sol! {
    function addInput(address appContract, bytes payload) external returns (bytes32);
}

const INPUT_BOX: Address = address!("1b51e2992A2755Ba4D6F7094032DF91991a0Cfac");

struct Way {
    chain: Chain,
    app: Address,
    inbox: Address,
    first: u64,
}

impl Way {
    /// Deposits of all kinds, each in a block of its own, and some that are none of the portal's.
    fn take() -> Self {
        let chain = Chain::start("portal");
        chain.deploy_portal();
        let (portal, token) = (portal_address(), chain.tokens[0]);
        let (alice, bob) = (chain.accounts[0], chain.accounts[1]);
        // An application is any contract; an inbox of somebody else takes Ether as well.
        let open = openInboxCall { app: token, owner: bob };
        let first = chain.head() + 1;
        let sent = |hash: String| {
            chain.mine();
            chain.expect(&hash);
        };
        sent(chain.send(0, portal, &open));
        let app = chain.call(portal, &inboxOfCall { app: token, owner: bob }, chain.head()).unwrap();
        let inbox = chain.call(portal, &inboxOfCall { app, owner: bob }, chain.head()).unwrap();
        let amount = U256::from(500);
        sent(chain.send(0, portal, &depositCall { token, app, amount, beneficiary: bob }));
        let call = Bytes::from_static(b"what alice wants");
        sent(chain.send(0, portal, &depositAndCallCall { token, app, amount: U256::from(7), call }));
        sent(chain.send_value(1, portal, 9, &depositEtherCall { app, beneficiary: alice }));
        // Alice's own deposit at Cartesi's portal, in the name of StreamPortal's account, and an input that apes one.
        let spender = ERC20_PORTAL;
        sent(chain.send(0, token, &DemoToken::approveCall { spender, value: U256::MAX }));
        let exec = Bytes::copy_from_slice(bob.as_slice());
        let own = depositERC20TokensCall { token, appContract: app, value: amount, execLayerData: exec };
        sent(chain.send(0, ERC20_PORTAL, &own));
        let payload = [token.as_slice(), portal.as_slice(), &amount.to_be_bytes::<32>(), bob.as_slice()].concat();
        sent(chain.send(0, INPUT_BOX, &addInputCall { appContract: app, payload: payload.into() }));
        Self { chain, app, inbox, first }
    }

    /// A stream to bob's inbox, its due forwarded, and then what it owes him after the token has refused the inbox.
    fn forward(&self) {
        let Self { chain, app, inbox, .. } = self;
        let (token, contract, owner) = (chain.tokens[0], create2_address(Clock::Block), chain.accounts[1]);
        let sent = |hash: String| {
            chain.mine();
            chain.expect(&hash);
        };
        let (payment, interval, n) = (U256::from(100), U256::ONE, U256::from(50));
        sent(chain.send(0, contract, &createForCall { recipient: *inbox, token, payment, interval, nIntervals: n }));
        chain.mine();
        let app = *app;
        sent(chain.send(
            3,
            portal_address(),
            &forwardStreamCall { app, owner, streaming: contract, streamId: U256::ONE },
        ));
        sent(chain.send(0, token, &DemoToken::setBlockedCall { account: *inbox, blocked: true }));
        sent(chain.send(0, contract, &redeemCall { _streamId: U256::ONE }));
        sent(chain.send(0, token, &DemoToken::setBlockedCall { account: *inbox, blocked: false }));
        sent(chain.send(3, portal_address(), &forwardCreditCall { app, owner, streaming: contract, token }));
    }
}

#[test]
fn deposits_are_those_of_the_portal_and_tell_where_they_come_from() {
    let way = Way::take();
    way.forward();
    let Way { chain, app, first, .. } = &way;
    while !(chain.head() + 1).is_multiple_of(EPOCH) {
        chain.mine();
    }
    let head = chain.head();
    let blocks: Vec<Block> = (0..=head).map(|number| chain.block(number)).collect();
    let mut index = Index::empty(&[], Some(portal_address()));
    index.take(&blocks, &chain.logs(0, head), 4, &Silent).unwrap();
    let mut streams = Streams::of(&mut index.database, SOURCE);
    let page = Page { after: None, limit: 100 };
    let at = At { block: head, timestamp: 0 };
    let all = streams.deposits(&DepositFilter::default(), at, page).unwrap().rows;
    let before = At { block: all[2].block - 1, timestamp: 0 };
    assert_eq!(streams.deposits(&DepositFilter::default(), before, page).unwrap().rows, all[..2]);
    let (alice, bob, token) = (chain.accounts[0], chain.accounts[1], chain.tokens[0]);
    let expected = [
        (token, bob, 500, OriginName::Owned, &b""[..]),
        (token, alice, 7, OriginName::Owned, b"what alice wants"),
        (ETHER, alice, 9, OriginName::Owned, b""),
        (token, bob, 200, OriginName::Stream, b""),
        (token, bob, 200, OriginName::Credit, b""),
    ];
    assert_eq!(all.len(), expected.len(), "{all:?}");
    for (i, (deposit, (token, account, amount, origin, call))) in all.iter().zip(expected).enumerate() {
        assert_eq!((deposit.token.0, deposit.account.0, deposit.origin), (token, account, origin), "{i}");
        assert_eq!((deposit.app.0, deposit.amount.0, &deposit.call[..]), (*app, U256::from(amount), call), "{i}");
        let streaming = (origin != OriginName::Owned).then(|| create2_address(Clock::Block));
        assert_eq!(deposit.contract.map(|contract| contract.0), streaming, "{i}");
        assert_eq!(deposit.stream_id.map(|id| id.0), (origin == OriginName::Stream).then_some(U256::ONE), "{i}");
        assert!(
            deposit.block >= *first && deposit.timestamp == blocks[usize::try_from(deposit.block).unwrap()].timestamp
        );
    }
    check_filters(&mut streams, &all);
    check_tokens(&blocks, &chain.logs(0, head), token, &all);
    check_snapshots(&mut index, &blocks, &all, *app);
}

/// After all blocks.
const LATE: At = At { block: u64::MAX, timestamp: 0 };

fn check_filters(streams: &mut Streams<'_>, all: &[DepositView]) {
    let (token, account, app) = (all[0].token.0, all[0].account.0, all[0].app.0);
    let mut check = |filter: DepositFilter, places: &[usize]| {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let part = streams.deposits(&filter, LATE, Page { after, limit: 2 }).unwrap();
            found.extend(part.rows);
            after = part.next;
            if after.is_none() {
                break;
            }
        }
        let expected: Vec<_> = places.iter().map(|i| all[*i].clone()).collect();
        assert_eq!(found, expected, "{filter:?}");
    };
    let none = DepositFilter::default();
    check(none, &[0, 1, 2, 3, 4]);
    check(DepositFilter { account: Some(account), ..none }, &[0, 3, 4]);
    check(DepositFilter { app: Some(app), token: Some(ETHER), ..none }, &[2]);
    check(DepositFilter { token: Some(token), ..none }, &[0, 1, 3, 4]);
    check(DepositFilter { app: Some(token), ..none }, &[]);
}

/// Deposits have what their tokens say of themselves; Ether is asked nothing.
fn check_tokens(blocks: &[Block], logs: &[Log], token: Address, all: &[DepositView]) {
    struct Says(Address);
    impl Reader for Says {
        fn read(&self, calls: &[Call], _: Option<B256>) -> Result<Vec<Option<Bytes>>> {
            assert!(calls.iter().all(|call| call.to == self.0), "no other token is deposited or streamed");
            let answer = |call: &Call| match call.input[..] {
                [0x31, 0x3c, 0xe5, 0x67] => U256::from(6).abi_encode(),
                _ => "DEMO".abi_encode(),
            };
            Ok(calls.iter().map(|call| Some(answer(call).into())).collect())
        }
    }
    // Without streams, so that deposits alone lead to the token.
    let first = all.iter().map(|deposit| deposit.block).min().unwrap();
    let deposits = logs.iter().filter(|log| log.contract != create2_address(Clock::Block)).cloned().collect::<Vec<_>>();
    let mut index = Index::empty(&[], Some(portal_address()));
    index.take(blocks, &deposits, 3, &Says(token)).unwrap();
    let page = Page { after: None, limit: 100 };
    let said = Streams::of(&mut index.database, SOURCE).deposits(&DepositFilter::default(), LATE, page).unwrap().rows;
    assert_eq!(said.len(), all.len());
    for (deposit, silent) in said.iter().zip(all) {
        let said = if deposit.token.0 == ETHER { (None, None) } else { (Some("DEMO".to_owned()), Some(6)) };
        assert_eq!((deposit.token_symbol.clone(), deposit.token_decimals), said, "{deposit:?}");
        assert_eq!((&silent.token_symbol, silent.token_decimals), (&None, None), "{silent:?}");
    }
    let before = index.dump();
    assert_eq!(before["streams_token"].len(), 1);
    index.unwind(first - 1);
    assert_eq!(index.dump()["streams_token"].len(), 0);
    let after = usize::try_from(first).unwrap();
    index.take(&blocks[after..], &deposits, 7, &Says(token)).unwrap();
    assert_eq!(index.dump(), before);
}

/// The epochs of the deposits add up to them.
fn check_snapshots(index: &mut Index, blocks: &[Block], all: &[DepositView], app: Address) {
    let n_epochs = blocks.len() as u64 / EPOCH;
    for token in [all[0].token.0, ETHER] {
        let project = deposits_project(SOURCE, portal_address(), app, token);
        let mut sums = [0; 4].map(U256::from);
        for id in 0..n_epochs {
            let end = (id + 1) * EPOCH - 1;
            let snapshots = index.snapshots(&epoch(id, blocks));
            let snapshot = snapshots.iter().find(|snapshot| snapshot.project == project);
            let is_there = all.iter().any(|deposit| deposit.token.0 == token && deposit.block <= end);
            assert_eq!(snapshot.is_some(), is_there, "epoch {id}");
            let Some(snapshot) = snapshot else { continue };
            let payload: DepositsPayload = serde_ipld_dagcbor::from_slice(&snapshot.bytes).unwrap();
            assert_eq!((payload.app.0, payload.token.0, payload.portal.0), (app, token, portal_address()));
            assert_eq!(snapshot.sums[0], ("deposits".into(), U256::from(payload.deposits)));
            sums.iter_mut().zip(&snapshot.sums).for_each(|(sum, (_, amount))| *sum += *amount);
        }
        let amounts = |is_forward: bool| {
            all.iter()
                .filter(|deposit| deposit.token.0 == token && (!is_forward || deposit.origin != OriginName::Owned))
                .map(|deposit| deposit.amount.0)
                .collect::<Vec<_>>()
        };
        let (deposits, forwards) = (amounts(false), amounts(true));
        let expected =
            [U256::from(deposits.len()), deposits.iter().sum(), U256::from(forwards.len()), forwards.iter().sum()];
        assert_eq!(sums, expected, "{token}");
    }
}
