// A replicated key-value store that carries the oracle's high-water in its own log. Run it: npx tsx docs/examples/piggyback-kv/main.ts
import { isDeepStrictEqual } from 'node:util';
import { compareTimestamps, formatTimestamp } from '../../../src/index.js';
import { KvCluster } from './kv-cluster.js';

/** Runs the whole story, and tells it to `print`. Rejects if anything is not as it says. */
export async function run(print: (line: string) => void): Promise<void> {
  await using cluster = await KvCluster.create();

  await cluster.startAll('kv only');
  await write(cluster, 'old');
  await cluster.stopAll();
  print('the store has run for a while: 40 writes, its log compacted, no high-water in it');

  await cluster.startAll();
  const first = await grant1000(cluster);
  expectEqual((await cluster.leader())[1].get('old-39'), '39');
  print(`the next release carries the high-water in the log that was there: ${formatTimestamp(first.last)}`);
  print(`1000 timestamps took ${first.entries} log entries: they are granted from memory`);

  for (let isSettled = false; !isSettled; ) {
    const before = (await cluster.leader())[1].highWater.applyState.snapshot();
    await write(cluster, 'new');
    const after = (await cluster.leader())[1].highWater.applyState.snapshot();
    // A new leader fences, which moves it. That was not the writes; try again.
    isSettled = before.epoch === after.epoch;
    if (isSettled) expectEqual(before.value, after.value);
  }
  print('40 more writes of the store have not moved the high-water');

  const [leaderId] = await cluster.leader();
  await cluster.kill(leaderId);
  const second = await grant1000(cluster);
  expectEqual(compareTimestamps(first.last, second.first) < 0, true);
  expectEqual((await cluster.leader())[1].get('new-39'), '39');
  print(`node ${leaderId}, the leader, has died. Both halves have survived: ${formatTimestamp(second.last)}`);

  await write(cluster, 'meanwhile');
  const returned = await cluster.start(leaderId);
  await cluster.settled();
  expectEqual(returned.status().folded.snapshots > 0, true);
  for (const node of cluster.nodes) {
    expectEqual(isDeepStrictEqual(node.snapshot(), returned.snapshot()), true);
  }
  print(`node ${leaderId} is back, and has caught up by a snapshot of both halves`);

  await cluster.stopAll();
  await cluster.startAll();
  const third = await grant1000(cluster);
  expectEqual(compareTimestamps(second.last, third.first) < 0, true);
  expectEqual((await cluster.leader())[1].get('meanwhile-39'), '39');
  print(`all three were restarted from their disks: ${formatTimestamp(third.last)}`);
}

/** 40 writes. Resolves when all nodes have them. */
async function write(cluster: KvCluster, name: string): Promise<void> {
  await Promise.all(Array.from({ length: 40 }, (_, i) => cluster.put(`${name}-${i}`, `${i}`)));
  await cluster.settled();
}

/** Grants 1,000 timestamps, one by one. `entries`: how many log entries of the oracle that has taken. */
async function grant1000(cluster: KvCluster) {
  const first = await cluster.timestamp();
  const before = highWaterEntries(cluster);
  let last = first;
  for (let count = 1; count < 1_000; count++) {
    const timestamp = await cluster.timestamp();
    expectEqual(compareTimestamps(last, timestamp) < 0, true);
    last = timestamp;
  }
  return { first, last, entries: highWaterEntries(cluster) - before };
}

function highWaterEntries(cluster: KvCluster): number {
  return Math.max(...cluster.nodes.map((node) => node.status().folded.highWater));
}

function expectEqual<T>(actual: T, expected: T): void {
  if (actual !== expected) throw new Error(`expected ${expected}, found ${actual}`);
}

if (process.argv[1] === import.meta.filename) await run((line) => void process.stdout.write(`${line}\n`));
