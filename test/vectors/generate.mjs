#!/usr/bin/env node
// Writes accrual.json, by which the contracts and the crate `stream` are judged; README.md beside it has the layout.
// `--check` writes nothing and exits 1 if the file is not what this program makes.
// An implementation of its own, in integers without limit: it shares nothing with those that it judges.
import { readFileSync, writeFileSync } from "node:fs";

const FILE = new URL("accrual.json", import.meta.url);
const TIME_LIMIT = 2n ** 48n - 1n;
const DEPOSIT_LIMIT = 2n ** 128n - 1n;

const min = (a, b) => (a < b ? a : b);
const max = (a, b) => (a > b ? a : b);
const assert = (fact, message) => {
  if (!fact) throw new Error(message);
};

/* RULES */

const depositOf = ({ start, stop, payment, interval }) => {
  const duration = stop - start;
  assert(duration > 0n && duration % interval === 0n, "a timeframe is a whole number of intervals");
  return (duration / interval) * payment;
};

// Whole intervals that have ended, in arrears.
const accruedAt = (terms, time) => {
  const elapsed = min(time, terms.stop) - terms.start;
  return elapsed <= 0n ? 0n : (elapsed / terms.interval) * terms.payment;
};

// The same by counting the ends of intervals, where there are few.
const countedAt = ({ start, stop, payment, interval }, time) => {
  let accrued = 0n;
  for (let end = start + interval; end <= min(time, stop); end += interval) accrued += payment;
  return accrued;
};

const updateOf = (old, withdrawn, time, wish) => {
  const now = min(time, TIME_LIMIT);
  const base = max(now, old.start);
  const nIntervals = (wish.stop - base) / wish.interval;
  assert(nIntervals >= 1n, "an update holds an interval");
  const start = wish.stop - nIntervals * wish.interval;
  assert(base <= start && start < base + wish.interval, "an update starts within an interval");
  const deposit = nIntervals * wish.payment;
  const accrued = accruedAt(old, now);
  const rest = depositOf(old) - accrued;
  const change = wish.isSameToken ? deposit - rest : 0n;
  return {
    start,
    deposit,
    due: accrued - withdrawn,
    pulled: wish.isSameToken ? max(change, 0n) : deposit,
    refunded: wish.isSameToken ? max(-change, 0n) : rest,
  };
};

/* CHANCE */

// xorshift64*, seeded once: the same cases for ever.
let state = 1620n;
const word = () => {
  state ^= state >> 12n;
  state = BigInt.asUintN(64, state ^ (state << 25n));
  state ^= state >> 27n;
  return BigInt.asUintN(64, state * 2685821657736338717n);
};
const below = (limit) => ((word() << 128n) + (word() << 64n) + word()) % limit;
const between = (low, high) => low + below(high - low + 1n);
// Small numbers as often as large ones.
const sized = (high) => between(1n, min(high, 2n ** between(1n, BigInt(high.toString(2).length))));

const anyTerms = () => {
  const start = below(2n) === 0n ? below(1000n) : below(TIME_LIMIT - 1n);
  const room = TIME_LIMIT - start;
  const interval = sized(room);
  const nIntervals = sized(room / interval);
  return { start, stop: start + nIntervals * interval, payment: sized(DEPOSIT_LIMIT / nIntervals), interval };
};

/* CASES */

const DAY = 86_400n;
const TERMS = [
  // The smallest stream there is, from the first moment of the clock.
  { start: 0n, stop: 1n, payment: 1n, interval: 1n },
  // A straight line.
  { start: 100n, stop: 200n, payment: 7n, interval: 1n },
  // One single interval.
  { start: 100n, stop: 200n, payment: 1000n, interval: 100n },
  // Steps: 3,000 of a token with 6 decimals over 30 days by the hour; a month of blocks.
  { start: 1_700_000_000n, stop: 1_700_000_000n + 30n * DAY, payment: 4_166_666n, interval: 3600n },
  { start: 20_000_000n, stop: 20_185_142n, payment: 10n ** 18n, interval: 2n },
  { start: 5n, stop: 26n, payment: 3n, interval: 7n },
  // The longest stream there is, in the shortest and in the longest interval.
  { start: 0n, stop: TIME_LIMIT, payment: 1n, interval: 1n },
  { start: 0n, stop: TIME_LIMIT, payment: DEPOSIT_LIMIT, interval: TIME_LIMIT },
  { start: 0n, stop: TIME_LIMIT, payment: DEPOSIT_LIMIT / TIME_LIMIT, interval: 1n },
  // The last moment of the clock.
  { start: TIME_LIMIT - 1n, stop: TIME_LIMIT, payment: 1n, interval: 1n },
  { start: TIME_LIMIT - 10n, stop: TIME_LIMIT, payment: DEPOSIT_LIMIT / 5n, interval: 2n },
  // The deposit at its limit: in one payment, and in three that divide it exactly.
  { start: 1n, stop: 2n, payment: DEPOSIT_LIMIT, interval: 1n },
  { start: 10n, stop: 13n, payment: DEPOSIT_LIMIT / 3n, interval: 1n },
  { start: 1000n, stop: 1000n + 2n ** 40n, payment: 2n ** 88n - 1n, interval: 1n },
];
while (TERMS.length < 44) TERMS.push(anyTerms());

const timesOf = ({ start, stop, interval }) => {
  const n = (stop - start) / interval;
  const ends = [0n, 1n, 2n, n / 2n, n - 1n, n].filter((k) => k >= 0n && k <= n).map((k) => start + k * interval);
  const times = [0n, TIME_LIMIT, TIME_LIMIT + 1n, 2n ** 64n - 1n, between(start, stop), between(start, stop)];
  for (const end of ends) times.push(end - 1n, end, end + 1n);
  return [...new Set(times.filter((time) => time >= 0n))].sort((a, b) => (a < b ? -1 : 1));
};

const accrual = TERMS.flatMap((terms) =>
  timesOf(terms).map((time, i) => {
    const deposit = depositOf(terms);
    const accrued = accruedAt(terms, time);
    const nIntervals = (terms.stop - terms.start) / terms.interval;
    if (nIntervals <= 64n) assert(accrued === countedAt(terms, time), "the formula counts the ends of intervals");
    assert(accrued <= deposit && deposit <= DEPOSIT_LIMIT, "accrual is within the deposit");
    const withdrawn = [0n, accrued, below(accrued + 1n)][i % 3];
    const due = accrued - withdrawn;
    return { ...terms, withdrawn, time, deposit, accrued, due, refundable: deposit - accrued };
  }),
);

const ONE = { start: 100n, stop: 200n, payment: 50n, interval: 10n };
const wishes = [
  // The same rate for longer and for less long, off the old grid as well.
  { time: 125n, stop: 300n, payment: 50n, interval: 10n },
  { time: 125n, stop: 150n, payment: 50n, interval: 10n },
  { time: 125n, stop: 303n, payment: 50n, interval: 10n },
  // Nothing to pull and nothing to refund: eight payments left, eight to come.
  { time: 120n, stop: 280n, payment: 50n, interval: 20n },
  // Before the start, at the first moment, at the start, around the end of an interval, at the stop and after it.
  { time: 0n, stop: 200n, payment: 60n, interval: 10n },
  { time: 99n, stop: 205n, payment: 50n, interval: 10n },
  { time: 100n, stop: 205n, payment: 50n, interval: 10n },
  { time: 109n, stop: 200n, payment: 51n, interval: 10n },
  { time: 110n, stop: 200n, payment: 51n, interval: 10n },
  { time: 111n, stop: 200n, payment: 51n, interval: 10n },
  { time: 199n, stop: 209n, payment: 50n, interval: 10n },
  { time: 200n, stop: 210n, payment: 50n, interval: 10n },
  { time: 500n, stop: 512n, payment: 50n, interval: 7n },
  // One interval that just fits, and one that leaves a gap of all but one unit.
  { time: 150n, stop: 350n, payment: 1n, interval: 200n },
  { time: 150n, stop: 549n, payment: 1n, interval: 200n },
  // The limits.
  { time: 150n, stop: TIME_LIMIT, payment: 1n, interval: 1n },
  { time: 150n, stop: TIME_LIMIT, payment: DEPOSIT_LIMIT, interval: TIME_LIMIT - 150n },
  { time: TIME_LIMIT - 1n, stop: TIME_LIMIT, payment: DEPOSIT_LIMIT, interval: 1n },
].map((wish) => ({ old: ONE, ...wish }));
for (const old of TERMS) {
  for (let i = 0; i < 2; i++) {
    const time = [between(0n, old.stop), between(old.start, min(old.stop + old.interval, TIME_LIMIT - 1n))][i];
    const base = max(time, old.start);
    if (base >= TIME_LIMIT) continue;
    const interval = i === 0 ? min(old.interval, TIME_LIMIT - base) : sized(TIME_LIMIT - base);
    const nIntervals = sized((TIME_LIMIT - base) / interval);
    const stop = min(base + nIntervals * interval + below(interval), TIME_LIMIT);
    const isPaymentKept = i === 0 && old.payment <= DEPOSIT_LIMIT / nIntervals;
    const payment = isPaymentKept ? old.payment : sized(DEPOSIT_LIMIT / nIntervals);
    if (stop === old.stop && payment === old.payment && interval === old.interval) continue;
    wishes.push({ old, time, stop, payment, interval });
  }
}

const updates = wishes.flatMap(({ old, time, ...terms }, i) =>
  [true, false].map((isSameToken) => {
    const accrued = accruedAt(old, time);
    const withdrawn = [0n, accrued, below(accrued + 1n)][i % 3];
    const update = updateOf(old, withdrawn, time, { ...terms, isSameToken });
    assert(update.deposit <= DEPOSIT_LIMIT, "an update's deposit is within its limit");
    return {
      ...old,
      withdrawn,
      time,
      newStop: terms.stop,
      newPayment: terms.payment,
      newInterval: terms.interval,
      isSameToken: BigInt(isSameToken),
      newStart: update.start,
      newDeposit: update.deposit,
      due: update.due,
      pulled: update.pulled,
      refunded: update.refunded,
    };
  }),
);
// The terms as they are, in another token, are an update too.
updates.push(
  ...[100n, 120n].map((time) => {
    const { start, deposit, due, pulled, refunded } = updateOf(ONE, 0n, time, { ...ONE, isSameToken: false });
    const terms = { newStop: ONE.stop, newPayment: ONE.payment, newInterval: ONE.interval, isSameToken: 0n };
    return { ...ONE, withdrawn: 0n, time, ...terms, newStart: start, newDeposit: deposit, due, pulled, refunded };
  }),
);

/* REFUSALS */

const WORD_LIMIT = 2n ** 256n - 1n;
const refusal = (terms, name, ...values) => {
  const [argument1 = 0n, argument2 = 0n, argument3 = 0n] = values;
  return { ...terms, nArguments: BigInt(values.length), argument1, argument2, argument3, name };
};
const invalid = [];
const refuse = (change, name, ...values) => {
  invalid.push(refusal({ time: 50n, start: 100n, stop: 200n, payment: 3n, interval: 10n, ...change }, name, ...values));
};
refuse({ start: 49n }, "StartInPast", 49n, 50n);
refuse({ start: 0n }, "StartInPast", 0n, 50n);
refuse({ time: TIME_LIMIT, start: 0n, stop: 1n, interval: 1n }, "StartInPast", 0n, TIME_LIMIT);
// A clock beyond its limit reads as the limit, so that this start is not in the past.
for (const time of [TIME_LIMIT + 1n, 2n ** 64n - 1n]) {
  const start = TIME_LIMIT;
  refuse({ time, start, stop: start, interval: 1n }, "TimeframeInvalid", start, start, TIME_LIMIT);
  refuse({ time, start: start - 1n, stop: start, interval: 1n }, "StartInPast", start - 1n, start);
}
refuse({ interval: 0n }, "IntervalZero");
refuse({ interval: 0n, start: 300n, payment: 0n }, "IntervalZero");
refuse({ stop: 100n }, "TimeframeInvalid", 100n, 100n, TIME_LIMIT);
refuse({ stop: 99n }, "TimeframeInvalid", 100n, 99n, TIME_LIMIT);
refuse({ stop: 0n, payment: 0n }, "TimeframeInvalid", 100n, 0n, TIME_LIMIT);
for (const stop of [TIME_LIMIT + 1n, 2n ** 64n - 1n, 2n ** 64n, WORD_LIMIT]) {
  refuse({ stop, interval: 1n }, "TimeframeInvalid", 100n, stop, TIME_LIMIT);
}
for (const start of [TIME_LIMIT, 2n ** 64n, WORD_LIMIT]) {
  refuse({ start, stop: TIME_LIMIT, interval: 1n }, "TimeframeInvalid", start, TIME_LIMIT, TIME_LIMIT);
}
refuse({ stop: 201n }, "TimeframeNotDivisible", 101n, 10n);
refuse({ interval: 101n }, "TimeframeNotDivisible", 100n, 101n);
for (const interval of [2n ** 48n, 2n ** 64n, WORD_LIMIT]) {
  refuse({ interval }, "TimeframeNotDivisible", 100n, interval);
}
refuse({ payment: 0n, interval: 3n }, "TimeframeNotDivisible", 100n, 3n);
refuse({ payment: 0n }, "PaymentZero");
for (const [payment, nIntervals] of [
  [DEPOSIT_LIMIT + 1n, 1n],
  [WORD_LIMIT, 1n],
  [DEPOSIT_LIMIT, 2n],
  [WORD_LIMIT, 100n],
  [DEPOSIT_LIMIT / 3n + 1n, 3n],
  [2n ** 127n, 2n],
  [2n ** 88n, 2n ** 40n],
]) {
  const stop = 100n + nIntervals;
  refuse({ stop, payment, interval: 1n }, "DepositExceedsLimit", payment, nIntervals, DEPOSIT_LIMIT);
}

const invalidUpdates = [];
const refuseUpdate = (change, name, ...values) => {
  const terms = { time: 125n, newStop: 300n, newPayment: 50n, newInterval: 10n, isSameToken: 1n };
  const { newStop, newPayment, newInterval, isSameToken, time } = { ...terms, ...change };
  invalidUpdates.push(
    refusal({ ...ONE, time, newStop, newPayment, newInterval, isSameToken }, name, ...values),
  );
};
refuseUpdate({ newInterval: 0n }, "IntervalZero");
refuseUpdate({ newInterval: 0n, newStop: WORD_LIMIT }, "IntervalZero");
for (const newStop of [TIME_LIMIT + 1n, 2n ** 64n, WORD_LIMIT]) {
  refuseUpdate({ newStop }, "TimeframeInvalid", 125n, newStop, TIME_LIMIT);
}
refuseUpdate({ newStop: 134n }, "UpdateTooShort", 125n, 134n, 10n);
refuseUpdate({ newStop: 125n }, "UpdateTooShort", 125n, 125n, 10n);
refuseUpdate({ newStop: 0n, newPayment: 0n }, "UpdateTooShort", 125n, 0n, 10n);
refuseUpdate({ newInterval: 176n }, "UpdateTooShort", 125n, 300n, 176n);
refuseUpdate({ newInterval: WORD_LIMIT }, "UpdateTooShort", 125n, 300n, WORD_LIMIT);
refuseUpdate({ time: 7n, newStop: 109n }, "UpdateTooShort", 100n, 109n, 10n);
refuseUpdate({ time: 195n, newStop: 200n, newPayment: 60n }, "UpdateTooShort", 195n, 200n, 10n);
refuseUpdate({ time: 2n ** 64n - 1n, newStop: TIME_LIMIT }, "UpdateTooShort", TIME_LIMIT, TIME_LIMIT, 10n);
refuseUpdate({ newPayment: 0n }, "PaymentZero");
refuseUpdate({ newPayment: DEPOSIT_LIMIT }, "DepositExceedsLimit", DEPOSIT_LIMIT, 17n, DEPOSIT_LIMIT);
refuseUpdate({ newPayment: WORD_LIMIT }, "DepositExceedsLimit", WORD_LIMIT, 17n, DEPOSIT_LIMIT);
refuseUpdate({ newStop: 200n }, "TermsUnchanged");
refuseUpdate({ newStop: 200n, time: 0n }, "TermsUnchanged");
// Before they are unchanged, terms are too short: no interval is left of them.
refuseUpdate({ newStop: 200n, time: 191n }, "UpdateTooShort", 191n, 200n, 10n);

/* FILE */

const lines = (items) => items.join(",\n      ");
const section = (rows) => {
  const columns = Object.keys(rows[0]).filter((column) => column !== "name");
  const cells = lines(rows.map((row) => columns.map((column) => `"${row[column]}"`).join(", ")));
  const errors = "name" in rows[0] ? `,\n    "errors": ${JSON.stringify(rows.map((row) => row.name))}` : "";
  return `{\n    "columns": ${JSON.stringify(columns)},\n    "cells": [\n      ${cells}\n    ]${errors}\n  }`;
};
const sections = { accrual, updates, invalid, invalidUpdates };
const body = Object.entries(sections).map(([name, rows]) => `"${name}": ${section(rows)}`);
const text = `{\n  ${body.join(",\n  ")}\n}\n`;

if (!process.argv.includes("--check")) {
  writeFileSync(FILE, text);
} else if (readFileSync(FILE, "utf8") !== text) {
  console.error("error: test/vectors/accrual.json is not what its generator makes; run `node test/vectors/generate.mjs`");
  process.exit(1);
}
