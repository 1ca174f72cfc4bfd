// A transcript: a line a step with what it gave or the error it met. The expected transcript is beside the program.
"use strict";
const fs = require("node:fs");
const path = require("node:path");

const lines = [];
const text = (value) => JSON.stringify(value, (_, v) => (typeof v === "bigint" ? Number(v) : v));

async function step(name, act) {
  let said;
  try {
    said = text(await act()) ?? "ok";
  } catch (e) {
    const inner = (e.errors || [])[0];
    said = `error ${e.type || e.apiId || (inner && (inner.type || inner.apiId)) || e.message}`;
  }
  lines.push(`${name}: ${said}`);
  console.log(`  ${lines.at(-1)}`);
}

// Runs the program and compares its transcript with NAME.expected.
step.run = (name, program) => program().then(() => {
  const expected = fs.readFileSync(path.join(__dirname, `${name}.expected`), "utf8").trimEnd().split("\n");
  const at = lines.findIndex((line, i) => line !== expected[i]);
  if (at >= 0 || lines.length !== expected.length) throw new Error(`${name}: line ${at + 1} should be: ${expected[at]}`);
  console.log(`${name}: ok`);
  process.exit(0);
}).catch((e) => { console.error(e); process.exit(1); });

async function until(holds, ms = 20000) {
  for (const end = Date.now() + ms; !holds();) {
    if (Date.now() > end) throw new Error("timed out");
    await new Promise((go) => setTimeout(go, 50));
  }
}

module.exports = { step, until };
