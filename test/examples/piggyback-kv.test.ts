import { readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { KvCluster } from '../../docs/examples/piggyback-kv/kv-cluster.js';
import { kvCodecs, kvOnlyCodecs } from '../../docs/examples/piggyback-kv/kv-log.js';
import type { KvNode } from '../../docs/examples/piggyback-kv/kv-node.js';
import { run } from '../../docs/examples/piggyback-kv/main.js';
import { ByteReader, ByteWriter, type Epoch, Oracle, packTimestamp } from '../../src/index.js';
import { KvWorld } from './kv-world.js';

async function write(world: KvWorld, node: KvNode, name: string, count: number): Promise<void> {
  const writes = Array.from({ length: count }, (_, i) => node.put(`${name}-${i}`, `${i}`));
  await world.drive(Promise.all(writes));
}

function epochOf(node: KvNode): Epoch {
  const state = node.highWater.leadership();
  if (state.role !== 'leader') throw new Error(`expected a leader, not ${state.role}`);
  return state.epoch;
}

describe('piggyback store: one log for both halves', () => {
  test('the store is written to, the high-water stays where it is', async () => {
    await using world = new KvWorld();
    await world.start();
    const [, leader] = await world.leader();
    expect(await world.drive(leader.driver.persistHighWater(700, epochOf(leader)))).toBe(700);
    const before = leader.highWater.snapshot();
    await write(world, leader, 'a', 30);
    expect(leader.highWater.snapshot()).toEqual(before);
    expect(await world.drive(leader.driver.loadHighWater())).toBe(700);
    expect(leader.status().folded).toEqual({ kv: 30, highWater: 2, snapshots: 0 });
  });

  test('the high-water is moved, the store stays as it is', async () => {
    await using world = new KvWorld();
    await world.start();
    const [, leader] = await world.leader();
    await write(world, leader, 'a', 3);
    const before = leader.store.contents();
    await world.drive(leader.driver.persistHighWater(700, epochOf(leader)));
    expect(leader.store.contents()).toEqual(before);
  });

  test('thousands of timestamps are granted, the log grows by the fence and nothing else', async () => {
    await using world = new KvWorld();
    await world.start();
    const [, leader] = await world.leader();
    await using oracle = Oracle.start({ driver: leader.driver, clock: world.clock });
    await world.until(() => (oracle.state().role === 'serving' ? true : undefined));
    const { appliedIdx } = leader.status();
    await world.until(() => (oracle.tryGrant(1).ok ? true : undefined));
    for (let count = 0; count < 5_000; count++) expect(oracle.tryGrant(1).ok).toBe(true);
    expect(leader.status().appliedIdx).toBe(appliedIdx);
    expect(oracle.status().counters.waits).toBe(0);
  });

  test('the leader crashes, both halves are on the node that takes over, and timestamps go on above', async () => {
    await using world = new KvWorld();
    await world.start();
    const [firstId, first] = await world.leader();
    const granted = await world.drive(grantOne(world, first));
    await write(world, first, 'a', 10);
    await world.crash(firstId);
    const [, second] = await world.leader([firstId]);
    const next = await world.drive(grantOne(world, second));
    expect(next > granted).toBe(true);
    expect(second.get('a-9')).toBe('9');
  });

  test('all machines lose their power, both halves come back from the disks', async () => {
    await using world = new KvWorld();
    await world.start();
    const [, leader] = await world.leader();
    await write(world, leader, 'a', 10);
    await world.drive(leader.driver.persistHighWater(700, epochOf(leader)));
    for (const nodeId of [1, 2, 3]) await world.crash(nodeId);
    await world.start();
    const [, next] = await world.leader();
    expect(await world.drive(next.driver.loadHighWater())).toBe(700);
    expect(next.get('a-9')).toBe('9');
  });

  test('a node was away while the log was compacted, one snapshot brings it both halves', async () => {
    await using world = new KvWorld();
    await world.start([1, 2, 3], { snapshotEvery: 8 });
    const [leaderId, leader] = await world.leader();
    const away = leaderId === 1 ? 2 : 1;
    await world.crash(away);
    await write(world, leader, 'a', 20);
    await world.drive(leader.driver.persistHighWater(700, epochOf(leader)));
    await write(world, leader, 'b', 20);
    await world.start([away], { snapshotEvery: 8 });
    await world.settled();
    const node = world.node(away);
    expect(node.status().folded.snapshots).toBeGreaterThan(0);
    expect(node.highWater.applyState.highWater).toBe(700);
    expect(node.snapshot()).toEqual(leader.snapshot());
  });

  test('a write that is too large for one entry: refused at once, and the store goes on', async () => {
    await using world = new KvWorld([1]);
    await world.start();
    const [, node] = await world.leader();
    await expect(node.put('a', 'x'.repeat(1_048_576))).rejects.toThrow('entryTooLarge');
    await write(world, node, 'a', 1);
    expect(node.get('a-0')).toBe('0');
  });

  test('a decided entry cannot be folded, waits end, the node neither serves nor leads any more', async () => {
    await using world = new KvWorld([1]);
    await world.start();
    const [, node] = await world.leader();
    await write(world, node, 'a', 1);
    node.store.fold = () => {
      throw new Error('this fold fails');
    };
    const advance = node.driver.persistHighWater(700, epochOf(node));
    const put = node.put('b', '1');
    const load = node.driver.loadHighWater();
    const ends = await world.drive(Promise.allSettled([advance, put, load]));
    expect(ends).toMatchObject([
      // It is before the write in the log, and was folded.
      { status: 'fulfilled', value: 700 },
      { status: 'rejected', reason: { message: expect.stringContaining('this fold fails') } },
      { status: 'rejected', reason: { code: 'permanent' } },
    ]);
    expect(node.highWater.leadership()).toEqual({ role: 'unknown' });
    expect(node.status().role).toBe('unknown');
  });
});

describe('piggyback store: a log that begins to carry the high-water later', () => {
  test('restarted with the new release, the old entries and snapshots are read and the high-water begins at 0', async () => {
    await using world = new KvWorld([1, 2, 3], kvOnlyCodecs);
    await world.start([1, 2, 3], { snapshotEvery: 8 });
    const [, old] = await world.leader();
    await write(world, old, 'old', 20);
    expect(old.snapshot()).not.toHaveProperty('highWater');
    await world.closeAll();

    world.useCodecs(kvCodecs);
    await world.start([1, 2, 3], { snapshotEvery: 8 });
    const [, leader] = await world.leader();
    expect(leader.get('old-19')).toBe('19');
    expect(await world.drive(leader.driver.loadHighWater())).toBe(0);
    expect(await world.drive(leader.driver.persistHighWater(700, epochOf(leader)))).toBe(700);
    await write(world, leader, 'new', 20);
    await world.closeAll();

    await world.start();
    const [, again] = await world.leader();
    expect(again.get('old-19')).toBe('19');
    expect(again.get('new-19')).toBe('19');
    expect(await world.drive(again.driver.loadHighWater())).toBe(700);
  });

  test('what has no high-water in it, has the bytes of the release before', () => {
    const entry = { kv: { kind: 'put', id: 'i', key: 'k', value: 'v' } } as const;
    const snapshot = { kv: [['k', 'v']] } as const;
    expect(bytesOf((writer) => kvCodecs.entry.encode(entry, writer))).toEqual(
      bytesOf((writer) => kvOnlyCodecs.entry.encode(entry, writer)),
    );
    expect(bytesOf((writer) => kvCodecs.snapshot.encode(snapshot, writer))).toEqual(
      bytesOf((writer) => kvOnlyCodecs.snapshot.encode(snapshot, writer)),
    );
  });

  test('the release before is given a high-water, it refuses it rather than losing it', async () => {
    await using world = new KvWorld([1]);
    await world.start();
    const [, node] = await world.leader();
    await world.drive(node.driver.persistHighWater(700, epochOf(node)));
    const bytes = bytesOf((writer) => kvCodecs.snapshot.encode(node.snapshot(), writer));
    expect(() => kvOnlyCodecs.snapshot.decode(new ByteReader(bytes))).toThrow(/unknown kind/);
    expect(kvCodecs.snapshot.decode(new ByteReader(bytes))).toEqual(node.snapshot());
  });

  test('a stop sign before the first command, is not in the half that begins later', async () => {
    await using world = new KvWorld([1]);
    await world.start();
    const half = world.node(1).highWater;
    const nextConfig = { configId: 2, nodes: [1, 2], leaseMs: 250, maxClockDrift: 0.01 };
    half.foldStopSign({ kind: 'stopSign', idx: 0, stopSign: { nextConfig } });
    expect(half.snapshot()).toBeUndefined();
    const [, node] = await world.leader();
    await world.drive(node.driver.loadHighWater());
    expect(half.snapshot()).not.toHaveProperty('members');
  });
});

describe('piggyback store: as an example', () => {
  const docs = new URL('../../docs/', import.meta.url);
  const folder = new URL('examples/piggyback-kv/', docs);
  const linesIn = (file: string): number =>
    readFileSync(new URL(file, folder), 'utf8').trimEnd().split('\n').length;

  test('the page about embedding, states how many lines its files have', () => {
    const page = readFileSync(new URL('embedding.md', docs), 'utf8');
    const stated = [...page.matchAll(/^\| \[([\w-]+\.ts)\]\(\S+\) \| .+ \| (\d+) \|$/gm)];
    expect(stated.length).toBeGreaterThan(3);
    for (const [, file = '', lines] of stated) expect([file, linesIn(file)]).toEqual([file, Number(lines)]);
  });

  test('what a host has to write for the oracle, is below 150 lines', () => {
    const naming = ['kv-log.ts', 'kv-node.ts']
      .flatMap((file) => readFileSync(new URL(file, folder), 'utf8').split('\n'))
      .filter((line) => /high-?water/i.test(line)).length;
    const written = linesIn('high-water-half.ts') + naming;
    expect(written).toBeLessThan(150);
    expect(readFileSync(new URL('embedding.md', docs), 'utf8')).toContain(`${written} lines in all`);
    // No other file of the service knows how the driver works.
    const node = readFileSync(new URL('kv-node.ts', folder), 'utf8');
    expect(node).not.toMatch(/ballot|epoch|propose\(/i);
  });

  test('a node is killed, its disk is as a crash leaves it and not as a close does; it starts from that', async () => {
    await using cluster = await KvCluster.create();
    await cluster.startAll();
    const [nodeId] = await cluster.leader();
    await cluster.put('a', '1');
    const locks = async () => (await readdir(cluster.dataDir(nodeId))).filter((name) => /lock/.test(name));
    await cluster.kill(nodeId);
    expect(await locks()).toHaveLength(1);
    const again = await cluster.start(nodeId);
    await cluster.settled();
    expect(again.get('a')).toBe('1');
    await cluster.stop(nodeId);
    expect(await locks()).toEqual([]);
  });

  test('main, on real disks and sockets, runs to its end', async () => {
    const lines: string[] = [];
    await run((line) => lines.push(line));
    expect(lines).toHaveLength(7);
    const timestamps = lines.flatMap((line) => /: (\d{15,})$/.exec(line)?.[1] ?? []).map(BigInt);
    expect(timestamps).toHaveLength(3);
    expect([...timestamps].sort((a, b) => (a < b ? -1 : 1))).toEqual(timestamps);
  });
});

/** The first timestamp that an oracle on this node grants. */
async function grantOne(world: KvWorld, node: KvNode): Promise<bigint> {
  await using oracle = Oracle.start({ driver: node.driver, clock: world.clock });
  for (;;) {
    const result = oracle.tryGrant(1);
    if (result.ok) return packTimestamp(result.grant.physicalMs, result.grant.logicalStart);
    await new Promise<void>((resolve) => void world.clock.setTimer(5, resolve));
  }
}

function bytesOf(encode: (writer: ByteWriter) => void): Uint8Array {
  const writer = new ByteWriter();
  encode(writer);
  return writer.finish();
}
