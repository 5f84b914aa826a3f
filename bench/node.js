// The workloads on Node: node --expose-gc node.js WORKLOAD [FUNCTIONS]
// Its numbers are those of measure.h, its timers have whole milliseconds.
'use strict';

const fs = require('fs');
const { spawn } = require('child_process');
const net = require('net');

const MILLION = 1000000;
const LIVE = 100000;
const PERIODIC = 1000;
const GRID_SECONDS = Number(process.env.GRID_SECONDS || 5);
const LATEST_US = 1000000;
const SPAWNS = 2000;
const SPAWNED_AT_ONCE = 32;
const PUMPED_BYTES = 100000000;

const nothing = () => {};
const put = (key, value) => console.log(key, Number(value.toPrecision(6)));
const nowNs = () => performance.now() * 1e6;
const since = (startNs, count) => (nowNs() - startNs) / count;

function rss() {
  const status = fs.readFileSync('/proc/self/status', 'latin1');
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)[1]) * 1024;
}

function cpuSeconds() {
  const { user, system } = process.cpuUsage();
  return (user + system) * 1e-6;
}

function draws(count) {
  const fractions = new Float64Array(count);
  let x = 1;
  for (let i = 0; i < count; i++) {
    x = (x * 1664525 + 1013904223) % 2 ** 32;
    fractions[i] = x / 2 ** 32;
  }
  return fractions;
}

function ramp(count) {
  return Float64Array.from({ length: count }, (_, i) => i / count);
}

function shuffle(fractions) {
  const order = new Int32Array(fractions.length);
  for (let i = 0; i < order.length; i++) {
    const other = Math.floor(fractions[i] * (i + 1));
    order[i] = order[other];
    order[other] = i;
  }
  return order;
}

function insertAndCancel() {
  const delays = draws(MILLION);
  const order = shuffle(delays);
  global.gc();
  const before = rss();
  const timers = new Array(MILLION);
  let start = nowNs();
  for (let i = 0; i < MILLION; i++) {
    timers[i] = setTimeout(nothing, Math.floor(1000 + 59000 * delays[i]));
  }
  put('insert_ns', since(start, MILLION));
  put('bytes', (rss() - before) / MILLION);

  start = nowNs();
  for (let i = 0; i < MILLION; i++) clearTimeout(timers[order[i]]);
  put('cancel_ns', since(start, MILLION));
}

function distinctFunctions(count, state) {
  return Array.from({ length: count }, (_, i) => new Function('state',
    `return () => { state.fired++; state.last = ${i}; };`)(state));
}

// A delay below 1 ms is taken as 1 ms here.
function fire(delays, distinct = 1) {
  const state = { fired: 0, last: 0 };
  const functions = distinctFunctions(Number(distinct), state);
  const start = cpuSeconds();
  for (let i = 0; i < MILLION; i++) {
    setTimeout(functions[i % functions.length], Math.floor(1000 * delays[i]));
  }
  process.on('exit', () => {
    if (state.fired !== MILLION) throw new Error('not every timer fired');
    put('cpu_ns', (cpuSeconds() - start) * 1e9 / MILLION);
  });
}

// refresh() keeps a timer's own delay, so here all begin with 30 s.
function rearm() {
  const chosen = draws(MILLION);
  const timers = [];
  for (let i = 0; i < LIVE; i++) timers.push(setTimeout(nothing, 30000));
  const start = nowNs();
  for (let i = 0; i < MILLION; i++) {
    timers[Math.floor(chosen[i] * LIVE)].refresh();
  }
  put('rearm_ns', since(start, MILLION));
  process.exit(0);
}

// Node has no pipe of its own, a pair of sockets stands in for one.
function socketPair(ready) {
  const server = net.createServer((reader) => ready(reader, writer));
  let writer;
  server.listen(0, '127.0.0.1', () => {
    writer = net.connect(server.address().port, '127.0.0.1');
  });
}

// setImmediate, because a delay of 0 becomes 1 ms.
function zeroDelay() {
  socketPair((reader, writer) => {
    const start = nowNs();
    let turns = 0;
    let served = 'never';
    reader.on('data', () => { served = turns - MILLION / 2; });
    setImmediate(function turn() {
      turns++;
      if (turns === MILLION / 2) writer.write('!');
      if (turns < MILLION) {
        setImmediate(turn);
        return;
      }
      put('each_ns', since(start, MILLION));
      console.log('served_turns', served);
      process.exit(0);
    });
  });
}

function quantile(atUs, count, fraction) {
  let left = fraction * count;
  let us = 0;
  while (us < LATEST_US && (left -= atUs[us]) > 0) us++;
  return us;
}

function putLateness(seen, cpu) {
  put('p50_us', quantile(seen.atUs, seen.count, 0.50));
  put('p99_us', quantile(seen.atUs, seen.count, 0.99));
  put('cpu_s', cpu);
  put('early', seen.early);
  put('ticks', seen.count);
}

function startTicker(seen, periodMs) {
  const start = nowNs();
  let ticks = 0;
  setInterval(() => {
    const lateUs = (nowNs() - start) * 1e-3 - ++ticks * periodMs * 1000;
    seen.count++;
    if (lateUs < 0) seen.early++;
    seen.atUs[Math.min(Math.max(Math.floor(lateUs), 0), LATEST_US)]++;
  }, periodMs);
}

function onTheGrid() {
  const seen = { count: 0, early: 0, atUs: new Uint32Array(LATEST_US + 1) };
  const start = cpuSeconds();
  for (let i = 0; i < PERIODIC; i++) {
    startTicker(seen, Math.round((5000 + 15 * i) / 1000));
  }
  setTimeout(() => {
    putLateness(seen, cpuSeconds() - start);
    process.exit(0);
  }, GRID_SECONDS * 1000);
}

function spawnAndReap() {
  const cpu = cpuSeconds();
  const start = nowNs();
  let started = 0;
  let ended = 0;
  const next = () => {
    started++;
    spawn('/bin/true', { stdio: 'inherit' }).on('exit', (code) => {
      if (code !== 0) throw new Error(`exit status ${code}`);
      if (started < SPAWNS) next();
      if (++ended < SPAWNS) return;
      put('cpu_us', (cpuSeconds() - cpu) * 1e6 / SPAWNS);
      put('spawns_s', SPAWNS / ((nowNs() - start) * 1e-9));
    });
  };
  for (let i = 0; i < SPAWNED_AT_ONCE; i++) next();
}

function pump() {
  const start = nowNs();
  const piece = Buffer.alloc(65536, 'x');
  const cat = spawn('cat', { stdio: ['pipe', 'pipe', 'inherit'] });
  let left = PUMPED_BYTES;
  let taken = 0;
  const send = () => {
    if (left === 0) return cat.stdin.end();
    const count = Math.min(left, piece.length);
    left -= count;
    cat.stdin.write(piece.subarray(0, count), send);
  };
  send();
  cat.stdout.on('data', (data) => { taken += data.length; });
  cat.on('close', () => {
    if (taken !== PUMPED_BYTES) throw new Error(`${taken} bytes`);
    put('mb_s', PUMPED_BYTES * 1e-6 / ((nowNs() - start) * 1e-9));
    put('cpu_ms', cpuSeconds() * 1e3);
  });
}

const workloads = {
  P1: spawnAndReap,
  P2: pump,
  T1: insertAndCancel,
  T2: (...rest) => fire(draws(MILLION), ...rest),
  T2s: (...rest) => fire(ramp(MILLION), ...rest),
  T3: rearm,
  T4: zeroDelay,
  T5: onTheGrid,
};

workloads[process.argv[2]](...process.argv.slice(3));
