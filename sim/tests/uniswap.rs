//! Two pairs of Uniswap's bytecode and their arbitrageur: numbers that were worked out by hand, and money to the unit.

#[path = "models/bounds.rs"]
mod bounds;
#[path = "models/mod.rs"]
mod models;

use std::{fs, path::Path};

use alloy_primitives::{Address, U256, keccak256};
use bounds::broken;
use models::{Table, changed, close, ran, run};
use sim::{
    agents::{Agent, Kind},
    economy::State,
};

const NETLIST: &str = "uniswap-v2.toml";

/// Ten days in place of 180.
const SHORT: (&str, &str) = ("duration = \"180d\"", "duration = \"10d\"");

/// The external pair prices FLASH four times as high.
const DEAR: (&str, &str) = (
    "wallet = { FLASH = \"reserves\", ALT = \"reserves * price\" }\nfactory = \"ExternalFactory\"",
    "wallet = { FLASH = \"reserves\", ALT = \"reserves * price * 4\" }\nfactory = \"ExternalFactory\"",
);

/// A row each tick.
const OFTEN: (&str, &str) = ("log_every = \"1d\"", "log_every = \"6h\"");

/// What the arbitrageur gives and gets where 1000 and 1000 go to a price of 4, from exact integers.
const GIVEN: f64 = 1_001.502_818_419_490_8;
const PAID: f64 = 499.624_295_395_127_3;
/// The same where it stops when nothing gains any more.
const GIVEN_FOR_GAIN: f64 = 999.997_739_838_173_1;
const PAID_FOR_GAIN: f64 = 499.248_308_270_145_8;

const NOBODY: [(&str, f64); 3] = [("n_traders", 0.0), ("n_internal_traders", 0.0), ("n_providers", 0.0)];

/// Equal but for the rounding of reserves to floats.
#[track_caller]
fn close_to(actual: f64, expected: f64) {
    assert!((actual / expected - 1.0).abs() < 1e-13, "{actual} is not {expected}");
}

#[track_caller]
fn keeps_its_promises(table: &Table) {
    table.is_conserved();
    assert_eq!(broken(NETLIST, &|column| table.column(column).to_vec()), Vec::<String>::new());
}

/// 1000 FLASH and 1000 ALT at a price of 4. With the fee, (x + i) (1000 x + 997 i) = 4 * 1000 x²: i = 1001.502818419…
/// where FLASH's T - a, without a fee, is 1000.
#[test]
fn the_arbitrageur_goes_to_the_price_as_flash_does() {
    let economy = changed(NETLIST, &[SHORT, OFTEN, DEAR], &[]);
    let table = ran(&economy, 1, &[NOBODY.as_slice(), &[("reserves", 1000.0)]].concat());
    keeps_its_promises(&table);
    close_to(table.column("ALT in the internal pair")[1], 1000.0 + GIVEN);
    close_to(table.column("FLASH in the internal pair")[1], 1000.0 - PAID);
    close_to(table.column("gap before arbitrage")[1], 0.75);
    close_to(table.column("arbitrageur's profit")[1], 4.0 * PAID - GIVEN);
    close_to(table.last("internal price"), 4.0);
    // There is nothing left to do but rounding.
    assert!(table.column("gap after arbitrage").iter().all(|gap| *gap < 1e-15));
    close_to(table.last("arbitrageur's profit"), 4.0 * PAID - GIVEN);
}

/// It stops where a unit more would lose: 1000 x + 997 i = sqrt(997 * 1000 * 4) x.
#[test]
fn the_arbitrageur_stops_within_the_fee() {
    let economy = changed(NETLIST, &[SHORT, OFTEN, DEAR], &[]);
    let values = [NOBODY.as_slice(), &[("reserves", 1000.0), ("only_gains", 1.0)]].concat();
    let table = ran(&economy, 1, &values);
    keeps_its_promises(&table);
    close_to(table.column("ALT in the internal pair")[1], 1000.0 + GIVEN_FOR_GAIN);
    close_to(table.column("arbitrageur's profit")[1], 4.0 * PAID_FOR_GAIN - GIVEN_FOR_GAIN);
    let gap = table.last("gap after arbitrage");
    assert!((0.0015..0.0031).contains(&gap), "{gap}");
    assert_eq!(table.last("n_arbitrages"), 1.0);
    // Going on to the price costs what the fee takes.
    assert!(table.last("arbitrageur's profit") > 4.0 * PAID - GIVEN + 1e-3);
}

/// A provider puts in 100 of each at a price of 1, which rises to 4. Holding is worth 500; without fees the share would be
/// worth 2 sqrt(100 * 100 * 4) = 400, so that the impermanent loss is 100. Fees grow the share by the root of the
/// product's growth.
#[test]
fn impermanent_loss_and_fees_of_a_provider() {
    let economy = changed(NETLIST, &[SHORT, OFTEN, DEAR], &[]);
    let values = [
        ("n_traders", 0.0),
        ("n_internal_traders", 0.0),
        ("n_providers", 1.0),
        ("reserves", 900.0),
        ("provided", 100.0),
        ("away", 0.0),
        ("stays", 1e9),
    ];
    let table = ran(&economy, 1, &values);
    keeps_its_promises(&table);
    // The provider joins before the arbitrageur acts, so that both see 1000 of each.
    close_to(table.column("ALT in the internal pair")[1], 1000.0 + GIVEN);
    assert_eq!(table.last("n_joined"), 1.0);
    close_to(table.last("providers' impermanent loss"), 100.0);
    let growth = ((1000.0 + GIVEN) * (1000.0 - PAID) / 1e6).sqrt();
    close(table.last("providers' fees"), 400.0 * (growth - 1.0));
}

/// Providers who come and go get back what the pair says, whoever trades.
#[test]
fn money_is_conserved_for_all_seeds_and_settings() {
    let economy = changed(NETLIST, &[SHORT], &[]);
    let settings: [&[(&str, f64)]; 4] = [
        &[],
        &[("away", 86_400.0), ("stays", 86_400.0), ("n_providers", 6.0), ("only_gains", 1.0)],
        &[("reserves", 1_000.0), ("most", 3_000.0), ("buys", 0.6), ("provided", 100.0), ("away", 1.0), ("stays", 1.0)],
        &[("price", 0.001), ("most", 1e-17), ("arbitrage_every", 7.0)],
    ];
    for (at, values) in settings.iter().enumerate() {
        for seed in 1..=2 {
            let table = ran(&economy, seed, values);
            keeps_its_promises(&table);
            assert!(table.last("n_arbitrages") > 0.0 || at == 3, "setting {at}");
            assert!(at != 2 || table.last("n_left") > 10.0, "{}", table.last("n_left"));
            assert_eq!(table.last("n_joined"), table.last("n_left") + table.last("n_providers"));
        }
    }
}

#[test]
fn equal_seeds_give_equal_runs_and_others_do_not() {
    let economy = changed(NETLIST, &[SHORT], &[]);
    let price = |seed| ran(&economy, seed, &[]).last("external price");
    assert_eq!(price(3).to_bits(), price(3).to_bits());
    assert_ne!(price(3).to_bits(), price(4).to_bits());
}

/// A pair whose condition on the product is weaker by a factor of a million pays more than the arithmetic says.
#[test]
fn a_pair_that_pays_too_much_is_noticed() {
    let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("../lib/node_modules/@uniswap/v2-core/build");
    let json = fs::read_to_string(home.join("UniswapV2Factory.json")).expect("the package is installed");
    // PUSH3 1000000 becomes PUSH3 1.
    assert!(json.contains("620f4240"));
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("GenerousFactory.json");
    fs::write(&path, json.replace("620f4240", "62000001")).expect("it can be written");
    let artifact = format!("name = \"ExternalFactory\"\nartifact = {path:?}");
    let original = "name = \"ExternalFactory\"\nartifact = \"npm:@uniswap/v2-core/UniswapV2Factory\"";
    let economy = changed(NETLIST, &[SHORT, (original, &artifact)], &[]);
    let failure = run(&economy, 1, &[]).err().expect("the run ends");
    assert!(failure.reason.contains("more than"), "{failure}");
}

/// Takes a unit from the internal pair, past all contracts.
const THIEF: Kind = Kind { name: "thief", doc: "takes a unit", keys: &[], gauges: &[], build: |_| Ok(Box::new(Thief)) };

struct Thief;

impl Agent for Thief {
    fn step(&mut self, _: usize, state: &mut State) -> Result<(), String> {
        if state.tick() == 20 {
            let evm = state.evm.as_mut().expect("there is a chain");
            let pair = evm.chain.names().address("pair of internal").expect("it has a name");
            take(evm.address(0), pair, evm)?;
        }
        Ok(())
    }
}

fn take(token: Address, from: Address, evm: &mut sim::economy::Evm) -> Result<(), String> {
    // Balances are the token's first mapping.
    let slot = keccak256([from.into_word().0, [0; 32]].concat()).into();
    let has = evm.units(token, from)?;
    assert_eq!(evm.chain.storage(token, slot), Ok(has));
    evm.chain.set_storage(token, slot, has - U256::ONE).map_err(|error| error.to_string())
}

#[test]
fn a_missing_unit_is_noticed() {
    let thief = ("[columns]\n", "[[agent]]\nname = \"thief\"\nkind = \"thief\"\n\n[columns]\n");
    let economy = changed(NETLIST, &[SHORT, thief], &[THIEF]);
    let table = ran(&economy, 1, &NOBODY);
    // One unit of the supply is with nobody, and the reserve says one more than the pair has.
    assert_eq!((table.column("unaccounted")[5], table.last("unaccounted")), (0.0, 2.0));
    assert_eq!(broken(NETLIST, &|column| table.column(column).to_vec()), ["units unaccounted for"]);
}
