//! From logs to rows: which log is whose, and which contracts there are by then.

use std::collections::{HashMap, HashSet};

use alloy::primitives::{Address, B256};

use crate::{
    Result,
    abi::{EventTable, RawLog},
    block::Block,
    database::Database,
    event::{Chunk, Emitter, Watch},
    rows::{Rows, Table, Value},
    rpc::Filter,
};

/// What all sources watch, and the children of their factories that are known.
#[derive(Clone, Debug)]
pub struct Plan {
    /// By the first topic.
    watched: HashMap<B256, Vec<Wanted>>,
    tables: Vec<Table>,
    families: Vec<Family>,
}

/// An event that a source wants.
#[derive(Clone, Debug)]
struct Wanted {
    /// The place of its table.
    place: usize,
    table: EventTable,
    start_block: u64,
    contracts: Contracts,
    topic1: Option<B256>,
    /// The family that it has news of, and the column of the child.
    birth: Option<(usize, usize)>,
}

#[derive(Clone, Debug)]
enum Contracts {
    These(HashSet<Address>),
    Family(usize),
}

/// The children of a factory.
#[derive(Clone, Debug)]
struct Family {
    table: String,
    column: String,
    only: Option<HashSet<Address>>,
    /// With the block of birth.
    children: HashMap<Address, u64>,
}

impl Plan {
    /// What these sources watch.
    #[must_use]
    pub fn new(watches: &[&Watch]) -> Self {
        let mut plan = Self { watched: HashMap::new(), tables: Vec::new(), families: Vec::new() };
        for watch in watches {
            let family = watch.factory.as_ref().map(|factory| {
                let table = &watch.events[factory.event].table.table;
                plan.families.push(Family {
                    table: table.name.clone(),
                    column: table.columns[factory.column].name.clone(),
                    only: factory.only.clone(),
                    children: HashMap::new(),
                });
                plan.families.len() - 1
            });
            for (i, event) in watch.events.iter().enumerate() {
                let contracts = match (&event.emitter, family) {
                    (Emitter::Contracts(these), _) => Contracts::These(these.iter().copied().collect()),
                    (Emitter::Children, Some(family)) => Contracts::Family(family),
                    (Emitter::Children, None) => Contracts::These(HashSet::new()),
                };
                let factory = watch.factory.as_ref().filter(|factory| factory.event == i);
                plan.watched.entry(event.table.signature).or_default().push(Wanted {
                    place: plan.tables.len(),
                    table: event.table.clone(),
                    start_block: watch.start_block,
                    contracts,
                    topic1: event.topic1,
                    birth: family.zip(factory.map(|factory| factory.column)),
                });
                plan.tables.push(event.table.table.clone());
            }
        }
        plan
    }

    /// All contracts that can ever be meant; nothing if a factory may make any.
    fn all_contracts(&self) -> Option<Vec<Address>> {
        let mut all = HashSet::new();
        for wanted in self.watched.values().flatten() {
            match &wanted.contracts {
                Contracts::These(these) => all.extend(these),
                Contracts::Family(family) => all.extend(self.families[*family].only.as_ref()?),
            }
        }
        Some(all.into_iter().collect())
    }

    /// The tables of the events, in the order of [`Chunk::rows`].
    #[must_use]
    pub fn tables(&self) -> &[Table] {
        &self.tables
    }

    /// What to ask the chain for. May give more than is wanted, which [`decode`](Self::decode) drops; never less.
    #[must_use]
    pub fn filter(&self) -> Filter {
        let wanted = || self.watched.values().flatten();
        let topic1: Option<Vec<_>> = wanted().map(|wanted| wanted.topic1).collect();
        let contracts = self.all_contracts().unwrap_or_default();
        Filter::new(contracts, self.watched.keys().copied().collect(), topic1.unwrap_or_default())
    }

    /// Reads which children there are.
    ///
    /// # Errors
    /// Those of the database.
    pub fn load(&mut self, database: &mut dyn Database) -> Result<()> {
        for family in &mut self.families {
            let sql = format!("SELECT {}, block FROM {} ORDER BY block DESC, idx DESC", family.column, family.table);
            family.children.clear();
            for row in database.ask(&sql, &[])?.iter() {
                family.add(row.address(0)?, row.count(1)?);
            }
        }
        Ok(())
    }

    /// Forgets the children of blocks after `to`.
    pub fn unwind(&mut self, to: u64) {
        self.families.iter_mut().for_each(|family| family.children.retain(|_, born| *born <= to));
    }

    /// Makes rows of the logs of `blocks`, which are in order; notes the children that they tell of on the way.
    ///
    /// # Errors
    /// If a row of our own does not read back.
    pub fn decode<'a>(&mut self, blocks: Vec<Block>, logs: impl Iterator<Item = RawLog<'a>>) -> Result<Chunk> {
        let mut rows: Vec<_> = self.tables.iter().map(|table| Rows::new(table.columns.len())).collect();
        let mut undecoded = Rows::new(5);
        let Self { watched, families, .. } = self;
        for log in logs {
            let wanted = log.topics.first().and_then(|topic| watched.get(topic));
            let mut is_decoded = true;
            for wanted in wanted.into_iter().flatten() {
                if !wanted.wants(&log, families) {
                    continue;
                }
                let Some((family, column)) = wanted.birth else {
                    is_decoded &= wanted.table.push(&mut rows[wanted.place], &log);
                    continue;
                };
                let mut row = Rows::new(rows[wanted.place].n_columns());
                is_decoded &= wanted.table.push(&mut row, &log);
                if let Some(birth) = row.first() {
                    families[family].add(birth.address(column)?, log.block);
                    rows[wanted.place].append(&row);
                }
            }
            if !is_decoded {
                undecoded.push(Value::count(log.block));
                undecoded.push(Value::count(log.idx));
                undecoded.push(Value::Blob(log.contract.as_slice()));
                undecoded.push(Value::Blob(&log.topics.concat()));
                undecoded.push(Value::Blob(log.data));
            }
        }
        Ok(Chunk { blocks, rows, undecoded })
    }
}

impl Wanted {
    fn wants(&self, log: &RawLog<'_>, families: &[Family]) -> bool {
        log.block >= self.start_block
            && self.topic1.is_none_or(|topic| log.topics.get(1) == Some(&topic))
            && match &self.contracts {
                Contracts::These(these) => these.contains(&log.contract),
                Contracts::Family(family) => families[*family].children.contains_key(&log.contract),
            }
    }
}

impl Family {
    /// A child is one from the first time that its factory tells of it.
    fn add(&mut self, child: Address, block: u64) {
        if self.only.as_ref().is_none_or(|only| only.contains(&child)) {
            let born = self.children.entry(child).or_insert(block);
            *born = (*born).min(block);
        }
    }
}

#[cfg(test)]
mod tests {
    use alloy::json_abi::Event;

    use super::*;
    use crate::{
        database,
        event::{Factory, Watched},
    };

    const FACTORY: Address = Address::repeat_byte(0xfa);
    const CHILD: Address = Address::repeat_byte(1);
    const OTHER: Address = Address::repeat_byte(2);

    /// A factory that says `Born(child)`, and children that say `Said(what)`.
    fn watch(source: &str, only: Option<HashSet<Address>>) -> Watch {
        let table = |event: &str| EventTable::new(source, &Event::parse(event).unwrap()).unwrap();
        let born = table("event Born(address indexed child)");
        let column = born.column("child").unwrap();
        let watched = |table, emitter| Watched { table, emitter, topic1: None };
        Watch {
            source: source.to_owned(),
            start_block: 10,
            events: vec![
                watched(born, Emitter::Contracts(vec![FACTORY])),
                watched(table("event Said(uint32 what)"), Emitter::Children),
            ],
            factory: Some(Factory { event: 0, column, only }),
        }
    }

    /// A log: its block, its place, whose it is, and what it holds.
    type Said = (u64, u64, Address, u64);

    /// Births are logs of the factory, whose content is the child.
    fn decode(plan: &mut Plan, logs: &[Said]) -> Chunk {
        let watch = watch("toy", None);
        let topics: Vec<Vec<B256>> = logs
            .iter()
            .map(|(_, _, contract, content)| match *contract == FACTORY {
                true => vec![watch.events[0].table.signature, child(*content).into_word()],
                false => vec![watch.events[1].table.signature],
            })
            .collect();
        let words: Vec<B256> = logs.iter().map(|log| B256::left_padding_from(&log.3.to_be_bytes())).collect();
        let raw = logs.iter().enumerate().map(|(i, (block, idx, contract, _))| {
            let data: &[u8] = if *contract == FACTORY { &[] } else { words[i].as_slice() };
            RawLog { block: *block, idx: *idx, tx: B256::ZERO, contract: *contract, topics: &topics[i], data }
        });
        plan.decode(Vec::new(), raw).unwrap()
    }

    fn child(number: u64) -> Address {
        Address::repeat_byte(u8::try_from(number).unwrap())
    }

    /// What was said, by block and place.
    #[track_caller]
    fn check(chunk: &Chunk, expected: &[(u64, u64, u64)]) {
        let rows = chunk.rows[1].iter();
        let said: Vec<_> =
            rows.map(|row| (row.count(0).unwrap(), row.count(1).unwrap(), row.count(4).unwrap())).collect();
        assert_eq!(said, expected);
        assert!(chunk.undecoded.is_empty());
    }

    #[test]
    fn children_are_heard_from_their_birth_on() {
        let mut plan = Plan::new(&[&watch("toy", None)]);
        // Block 9 is before the first; a child that speaks before it is born is none yet.
        let logs = [(9, 0, FACTORY, 2), (10, 0, CHILD, 7), (10, 1, FACTORY, 1), (10, 2, CHILD, 8), (11, 0, OTHER, 9)];
        let chunk = decode(&mut plan, &logs);
        check(&chunk, &[(10, 2, 8)]);
        assert_eq!(chunk.rows[0].len(), 1);
        // They are known in the chunks that follow, until their birth is taken back.
        check(
            &decode(&mut plan, &[(12, 0, CHILD, 3), (13, 0, FACTORY, 2), (13, 1, OTHER, 4)]),
            &[(12, 0, 3), (13, 1, 4)],
        );
        plan.unwind(12);
        check(&decode(&mut plan, &[(13, 0, CHILD, 5), (13, 1, OTHER, 6)]), &[(13, 0, 5)]);
        plan.unwind(9);
        check(&decode(&mut plan, &[(13, 0, CHILD, 5)]), &[]);
    }

    #[test]
    fn a_child_that_is_born_twice_goes_with_its_first_birth() {
        let mut plan = Plan::new(&[&watch("toy", None)]);
        decode(&mut plan, &[(10, 0, FACTORY, 1), (20, 0, FACTORY, 1)]);
        plan.unwind(15);
        check(&decode(&mut plan, &[(21, 0, CHILD, 5)]), &[(21, 0, 5)]);
    }

    #[test]
    fn children_are_known_again_from_the_database() {
        let mut plan = Plan::new(&[&watch("toy", None)]);
        let mut database = database::open(":memory:").unwrap();
        plan.tables().iter().for_each(|table| database.create(table).unwrap());
        let chunk = decode(&mut plan, &[(10, 0, FACTORY, 1), (12, 0, FACTORY, 2), (14, 0, FACTORY, 1)]);
        database.insert(&plan.tables()[0].clone(), &chunk.rows[0]).unwrap();
        let mut again = Plan::new(&[&watch("toy", None)]);
        again.load(database.as_mut()).unwrap();
        again.unwind(11);
        check(&decode(&mut again, &[(13, 0, CHILD, 5), (13, 1, OTHER, 6)]), &[(13, 0, 5)]);
    }

    #[test]
    fn only_wanted_children_are_heard() {
        let only = Some(HashSet::from([OTHER]));
        let mut plan = Plan::new(&[&watch("toy", only)]);
        let logs = [(10, 0, FACTORY, 1), (10, 1, FACTORY, 2), (11, 0, CHILD, 3), (11, 1, OTHER, 4)];
        let chunk = decode(&mut plan, &logs);
        check(&chunk, &[(11, 1, 4)]);
        assert_eq!(chunk.rows[0].len(), 2, "births of others are rows all the same");
    }

    #[test]
    fn each_source_has_its_own_rows_and_children() {
        let mut plan = Plan::new(&[&watch("toy", None), &watch("other", Some(HashSet::new()))]);
        let names: Vec<_> = plan.tables().iter().map(|table| table.name.as_str()).collect();
        assert_eq!(names, ["toy_born", "toy_said", "other_born", "other_said"]);
        let chunk = decode(&mut plan, &[(10, 0, FACTORY, 1), (11, 0, CHILD, 3)]);
        let n_rows: Vec<_> = chunk.rows.iter().map(Rows::len).collect();
        assert_eq!(n_rows, [1, 1, 1, 0]);
    }

    #[test]
    fn logs_that_do_not_fit_are_kept_once() {
        let mut plan = Plan::new(&[&watch("toy", None), &watch("other", None)]);
        decode(&mut plan, &[(10, 0, FACTORY, 1)]);
        let topic = [watch("toy", None).events[1].table.signature];
        let log = RawLog { block: 11, idx: 5, tx: B256::ZERO, contract: CHILD, topics: &topic, data: &[1, 2] };
        let chunk = plan.decode(Vec::new(), [log].into_iter()).unwrap();
        assert!(chunk.rows.iter().all(Rows::is_empty));
        let row = chunk.undecoded.first().unwrap();
        assert_eq!((chunk.undecoded.len(), row.count(0).unwrap(), row.count(1).unwrap()), (1, 11, 5));
        assert_eq!(
            (row.address(2).unwrap(), row.hash(3).unwrap(), row.blob(4).unwrap()),
            (CHILD, topic[0], &[1, 2][..])
        );
    }

    #[test]
    fn the_chain_is_asked_for_no_less_than_is_wanted() {
        let signatures: Vec<_> = watch("toy", None).events.iter().map(|event| event.table.signature).collect();
        let all = Plan::new(&[&watch("toy", None)]).filter();
        assert_eq!(all, Filter::new(Vec::new(), signatures.clone(), Vec::new()), "anybody may be a child");
        let known = Plan::new(&[&watch("toy", Some(HashSet::from([CHILD])))]).filter();
        assert_eq!(known, Filter::new(vec![FACTORY, CHILD], signatures.clone(), Vec::new()));
        let mut narrow = watch("toy", Some(HashSet::from([CHILD])));
        narrow.events[0].topic1 = Some(CHILD.into_word());
        let filter = Plan::new(&[&narrow]).filter();
        assert_eq!(filter, known, "one event wants any first argument");
        narrow.events[1].topic1 = Some(B256::ZERO);
        let filter = Plan::new(&[&narrow]).filter();
        assert_eq!(filter, Filter::new(vec![FACTORY, CHILD], signatures, vec![B256::ZERO, CHILD.into_word()]));
    }
}
