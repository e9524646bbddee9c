#!/usr/bin/env node
// Writes bindings/abi/*.json, what the Rust types are made from, out of forge's artifacts.
// `--check` writes nothing and exits 1 if a file differs from what the contracts give.
// FORGE is the forge to build with; FORGE_OUT and FORGE_CACHE move its folders.
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const folder = dirname(fileURLToPath(import.meta.url));
const root = dirname(folder);
const out = process.env.FORGE_OUT ?? join(root, "out");
const cache = process.env.FORGE_CACHE ?? join(root, "cache");

// The two clocks share one interface, so theirs is bound once, from the abstract contract: it alone lists the errors
// of the libraries that it calls beside its own. The deployable contracts add bytecode and nothing else.
const ARTIFACTS = {
  MoneyStreaming: { source: "contracts/MoneyStreaming.sol", fields: ["abi"] },
  BlockMoneyStreaming: { source: "contracts/BlockMoneyStreaming.sol", fields: ["bytecode", "deployedBytecode"] },
  TimestampMoneyStreaming: {
    source: "contracts/TimestampMoneyStreaming.sol",
    fields: ["bytecode", "deployedBytecode"],
  },
  // From the contract, as MoneyStreaming: it alone lists the errors of its libraries. Cartesi's portals, which are
  // constructor arguments, come after the bytecode.
  StreamPortal: { source: "contracts/StreamPortal.sol", fields: ["abi", "bytecode"] },
  IERC20Metadata: {
    source: "lib/node_modules/@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol",
    fields: ["abi"],
  },
  DemoToken: { source: "test/mocks/DemoToken.sol", fields: ["abi", "bytecode", "deployedBytecode"] },
};

const fail = (message) => {
  console.error(`error: ${message}`);
  process.exit(1);
};

const build = () => {
  const sources = Object.values(ARTIFACTS).map(({ source }) => source);
  const forge = process.env.FORGE ?? "forge";
  try {
    // A fresh file is compared with a fresh build, never with whatever the folder holds; forge's cache keeps it quick.
    execFileSync(forge, ["build", ...sources, "--out", out, "--cache-path", cache], {
      cwd: root,
      stdio: ["ignore", "ignore", "inherit"],
    });
  } catch (error) {
    fail(error.code === "ENOENT" ? `no forge at ${forge}; run \`make bindings\`` : `forge build: ${error.message}`);
  }
};

// forge's own order depends on its version.
const sorted = (abi) => {
  const key = ({ type, name = "", inputs = [] }) => `${type} ${name}(${inputs.map((input) => input.type)})`;
  return [...abi].sort((a, b) => (key(a) < key(b) ? -1 : 1));
};

const render = (name, { source, fields }) => {
  const file = join(out, source.split("/").at(-1), `${name}.json`);
  const artifact = JSON.parse(readFileSync(file, "utf8"));
  if (fields.includes("bytecode") && !/^0x[0-9a-f]+$/.test(artifact.bytecode.object)) {
    fail(`${source}: the bytecode of ${name} is empty or not linked`);
  }
  const parts = [
    fields.includes("abi")
      ? `"abi": [\n    ${sorted(artifact.abi).map((item) => JSON.stringify(item)).join(",\n    ")}\n  ]`
      : `"abi": []`,
    ...["bytecode", "deployedBytecode"]
      .filter((field) => fields.includes(field))
      .map((field) => `"${field}": "${artifact[field].object}"`),
  ];
  return `{\n  ${parts.join(",\n  ")}\n}\n`;
};

const isCheck = process.argv.includes("--check");
build();
const abi = join(folder, "abi");
mkdirSync(abi, { recursive: true });
const stale = [];
for (const [name, artifact] of Object.entries(ARTIFACTS)) {
  const file = join(abi, `${name}.json`);
  const expected = render(name, artifact);
  let actual = "";
  try {
    actual = readFileSync(file, "utf8");
  } catch (error) {
    if (error.code !== "ENOENT") throw error;
  }
  if (actual === expected) continue;
  stale.push(`bindings/abi/${name}.json`);
  if (!isCheck) writeFileSync(file, expected);
}
const strangers = readdirSync(abi).filter((file) => !(file.replace(/\.json$/, "") in ARTIFACTS));
stale.push(...strangers.map((file) => `bindings/abi/${file}`));
if (!isCheck) strangers.forEach((file) => rmSync(join(abi, file)));
if (isCheck && stale.length !== 0) {
  fail(`${stale.join(", ")} ${stale.length === 1 ? "differs" : "differ"} from the contracts; run \`make bindings\``);
}
