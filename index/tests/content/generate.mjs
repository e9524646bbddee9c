#!/usr/bin/env node
// Writes vectors.json, by which content addresses, chains of snapshots and CAR files are judged. Shares nothing with them.
// `npm install multiformats@14.0.5 @ipld/dag-cbor@10.0.2 @ipld/car@5.4.7 ipfs-unixfs-importer@17.1.1 blockstore-core@7`
// in a folder, copy this file there, and run `node generate.mjs > vectors.json`.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { CarWriter } from "@ipld/car";
import * as dagCbor from "@ipld/dag-cbor";
import { MemoryBlockstore } from "blockstore-core";
import { importer } from "ipfs-unixfs-importer";
import { CID } from "multiformats/cid";
import { sha256 } from "multiformats/hashes/sha2";

const PACKAGES = ["multiformats", "@ipld/dag-cbor", "@ipld/car", "ipfs-unixfs-importer"];
const GENESIS = 100;
const SIZE = 10;
const SKIP = 720;

const hex = (bytes) => Buffer.from(bytes).toString("hex");
const version = (name) => JSON.parse(readFileSync(`node_modules/${name}/package.json`, "utf8")).version;
const block = async (value) => {
  const bytes = dagCbor.encode(value);
  return { cid: CID.create(1, dagCbor.code, await sha256.digest(bytes)), bytes };
};

/* FILES: what `ipfs add --cid-version=1` gives, whose importer this is */

const addressOf = async (content) => {
  const options = { cidVersion: 1, rawLeaves: true, reduceSingleLeafToSelf: true };
  for await (const entry of importer([{ content }], new MemoryBlockstore(), options)) return entry.cid.toString();
};
const files = [];
for (const text of ["", "hello", "hello world", "hello world\n", '{"a":1}']) {
  files.push({ text, repeat: 1, cid: await addressOf(Buffer.from(text)) });
}
for (const repeat of [1, 262143, 262144, 262145]) {
  files.push({ text: "x", repeat, cid: await addressOf(Buffer.from("x".repeat(repeat))) });
}

/* VALUES */

const link = (await block({ a: 1 })).cid;
const values = [];
for (const [name, value] of [
  ["keys sort by length, then by bytes", { bb: 1, a: 2, c: 3, aaa: 4, B: 5 }],
  ["integers", [0, 23, 24, 255, 256, 65535, 65536, 4294967295, 4294967296, Number.MAX_SAFE_INTEGER, 18446744073709551615n]],
  ["below zero", [-1, -24, -25, -256, -257, -65536, -65537, -9223372036854775808n]],
  ["bytes and text", { bytes: new Uint8Array([0, 255]), text: "grüße", none: null, yes: true, no: false }],
  ["links", { link, list: [link, [], {}] }],
]) {
  const { cid, bytes } = await block(value);
  values.push({ name, hex: hex(bytes), cid: cid.toString() });
}

// Each says something that has a shorter or another form. Where the reference accepts one, this is noted.
const refused = [
  ["a longer integer", "1817"],
  ["an integer of 9 bytes that fits in 5", "1b00000000ffffffff"],
  ["keys out of order", "a2616201616101"],
  ["longer key first", "a262616101616201"],
  ["a key twice", "a2616101616102"],
  ["a list without length", "9f01ff"],
  ["a map without length", "bf616101ff"],
  ["text without length", "7f6161ff"],
  ["bytes without length", "5f4100ff"],
  ["undefined", "f7"],
  ["a float of 2 bytes", "f93c00"],
  ["a float of 4 bytes", "fa3f800000"],
  ["not a number", "fb7ff8000000000000"],
  ["infinity", "fb7ff0000000000000"],
  ["another tag", "c100"],
  ["a link without its zero byte", "d82a4101"],
  ["two values", "0101"],
  ["a key that is a number", "a10101"],
  ["text that is no UTF-8", "61ff"],
  ["too short", "8201"],
  ["a long list that is not there", "9b7fffffffffffffff"],
  ["a long text that is not there", "7b7fffffffffffffff"],
  ["nothing", ""],
  ["a length in two bytes that fits in one", "580100"],
].map(([name, bytes]) => {
  let isAccepted = true;
  try {
    dagCbor.decode(Buffer.from(bytes, "hex"));
  } catch {
    isAccepted = false;
  }
  return { name, hex: bytes, isAcceptedByReference: isAccepted };
});

/* CHAINS */

const hash = (number) => new Uint8Array(createHash("sha256").update(`block ${number}`).digest());
const projects = [
  { name: "alpha", source: "alpha", from: 0, isSilent: () => false },
  { name: "beta/pair", source: "beta", from: 5, isSilent: () => false },
  { name: "gamma", source: "gamma", from: 0, isSilent: (epoch) => epoch % 7 === 3 },
];
const chainOf = async ({ name, source, from, isSilent }, nEpochs) => {
  const cids = new Map();
  const blocks = [];
  for (let id = from; id < nEpochs; id++) {
    const [begin, end] = [GENESIS + id * SIZE, GENESIS + id * SIZE + SIZE - 1];
    let data = null;
    if (!isSilent(id)) {
      data = await block({
        v: 1,
        kind: "test",
        source,
        epoch: { id, begin, end },
        beginParentHash: hash(begin - 1),
        endHash: hash(end),
        endTimestamp: 1700000000 + end,
        amount: (id * 7919) % 1009,
      });
    }
    const value = { v: 1, chainId: 31337, project: name, epoch: { begin, end }, height: id };
    value.prev = cids.get(id - 1) ?? null;
    if (id % SKIP === 0 && cids.has(id - SKIP)) value.skip = cids.get(id - SKIP);
    value.data = data?.cid ?? null;
    value.endHash = hash(end);
    const made = await block(value);
    cids.set(id, made.cid);
    blocks.push({ id, made, data });
  }
  return blocks;
};

const N_EPOCHS = 1500;
const heads = [];
for (const project of projects) {
  const chain = await chainOf(project, N_EPOCHS);
  for (const height of [0, 3, 5, 6, 719, 720, 721, 725, 1439, 1440, 1445, 1499]) {
    const found = chain.find(({ id }) => id === height);
    if (found) heads.push({ project: project.name, height, cid: found.made.cid.toString() });
  }
}

/* CAR: the first seven epochs of all, height by height, chains before snapshots */

const N_CAR = 7;
const chains = [];
for (const project of projects) chains.push(await chainOf(project, N_CAR));
const { writer, out } = CarWriter.create(chains.map((chain) => chain.at(-1).made.cid));
const parts = [];
const collected = (async () => {
  for await (const part of out) parts.push(part);
})();
for (let height = 0; height < N_CAR; height++) {
  const here = chains.map((chain) => chain.find(({ id }) => id === height)).filter(Boolean);
  for (const { made } of here) await writer.put(made);
  for (const { data } of here) if (data) await writer.put(data);
}
await writer.close();
await collected;

const tools = Object.fromEntries(PACKAGES.map((name) => [name, version(name)]));
const car = { nEpochs: N_CAR, hex: hex(Buffer.concat(parts)) };
process.stdout.write(`${JSON.stringify({ tools, files, values, refused, nEpochs: N_EPOCHS, heads, car }, null, 1)}\n`);
