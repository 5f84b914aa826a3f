// For croner_spec.lua: reads lines of text, zone and start, separated by tabs; prints the
// next three instants of croner, or "refused".
"use strict";
const { Cron } = require("croner");
const lines = require("fs").readFileSync(0, "utf8").trim().split("\n");
for (const line of lines) {
  const [text, zone, start] = line.split("\t");
  try {
    const cron = new Cron(text, { timezone: zone });
    const runs = cron.nextRuns(3, new Date(Number(start) * 1000));
    console.log(runs.map((run) => run.getTime() / 1000).join(" "));
  } catch (error) {
    console.log("refused");
  }
}
