// K1 on croner: see schedules.lua.
"use strict";
const { Cron } = require("croner");
const path = require("path");

const file = path.join(__dirname, "schedules.txt");
const [zones, ...texts] = require("fs").readFileSync(file, "utf8").trim().split("\n");
const schedules = [];
for (const timezone of zones.split(" "))
  for (const text of texts) schedules.push(new Cron(text, { timezone }));

function all(count) {
  let sum = 0;
  for (let k = 0; k < count; k++) {
    const from = new Date((1767225600 + k * 3155555) * 1000);
    for (const schedule of schedules) sum += schedule.nextRun(from).getTime() / 1000;
  }
  return sum;
}

all(2);
const start = process.hrtime.bigint();
const sum = all(20);
const took = Number(process.hrtime.bigint() - start);
console.log(`next_ns ${took / (20 * schedules.length)}`);
console.log(`sum ${sum % 1e6}`);
