import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { InitOptions } from '../../src/cli/commands/init.js';
import { initNode } from '../../src/cli/init-node.js';
import { inspectDirectory } from '../../src/cli/inspect-directory.js';
import { SEED_MS_MAX } from '../../src/cli/seed.js';
import { toEpoch } from '../../src/consensus/index.js';
import {
  type HighWaterCommand,
  highWaterCommandCodec,
  highWaterSnapshotCodec,
} from '../../src/high-water/index.js';
import type { LogRecord } from '../../src/omnipaxos/index.js';
import { openJournal } from '../../src/storage/index.js';
import { testCodecs } from '../codec/test-codecs.js';

const codecs = { entryCodec: highWaterCommandCodec, snapshotCodec: highWaterSnapshotCodec };
const silent = { out() {}, err() {} };
const peers = new Map([
  [1, '127.0.0.1:7001'],
  [2, '127.0.0.1:7002'],
  [3, '127.0.0.1:7003'],
]);
let home: string;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'tsoracle-init-'));
});

afterEach(() => rm(home, { recursive: true, force: true }));

function init(name: string, more: Partial<InitOptions> = {}): Promise<number> {
  const options = { dataDir: join(home, name), clusterId: name, nodeId: 1, peers, join: false };
  return initNode({ ...options, ...more }, silent);
}

async function inspect(name: string): Promise<Record<string, unknown>> {
  const lines: string[] = [];
  const output = { ...silent, out: (line: string) => void lines.push(line) };
  await inspectDirectory({ dataDir: join(home, name), json: true }, output);
  return JSON.parse(lines.at(-1) ?? '');
}

function openDirectory(name: string) {
  return openJournal({ dataDir: join(home, name), ...codecs });
}

/** A directory that accepted these advances, of which the first `decidedIdx` are known to be decided. */
async function makeSurvivor(name: string, advances: readonly number[], decidedIdx = 0): Promise<void> {
  await init(name);
  const journal = await openDirectory(name);
  const { directoryId, incarnation } = journal.identity;
  const records = advances.map((atLeast, index): LogRecord<HighWaterCommand> => {
    const id = { directoryId, incarnation, seq: index + 1 };
    return { kind: 'entry', entry: { kind: 'advance', atLeast, epoch: toEpoch(1n), id } };
  });
  await journal.persist(
    [
      { kind: 'append', fromIdx: 0, records },
      { kind: 'decided', decidedIdx },
    ],
    true,
  );
  await journal.close();
}

/** What the first state of a directory says. */
async function seedOf(name: string): Promise<unknown> {
  return (await inspect(name))['snapshotHighWater'];
}

describe('a seed', () => {
  test('every node begins with the same decided state, in the place of the first record', async () => {
    const states: unknown[] = [];
    for (const nodeId of [1, 2, 3]) {
      await init(`n${nodeId}`, { clusterId: 'c', nodeId, seedPhysicalMs: 5_000 });
      const journal = await openDirectory(`n${nodeId}`);
      const { snapshot, decidedIdx, records } = journal.load();
      states.push({ snapshot, decidedIdx, records });
      await journal.close();
    }
    expect(states[0]).toMatchObject({
      snapshot: { compactedIdx: 1, value: { value: 5_000, ledger: [] } },
      decidedIdx: 1,
      records: [],
    });
    expect(states[1]).toEqual(states[0]);
    expect(states[2]).toEqual(states[0]);
  });

  test('is a part of the identity: other seeds, and none, are other clusters', async () => {
    await init('a', { clusterId: 'c', seedPhysicalMs: 1 });
    await init('b', { clusterId: 'c', seedPhysicalMs: 2 });
    await init('c');
    const ids = [await inspect('a'), await inspect('b'), await inspect('c')].map(
      ({ clusterId }) => clusterId,
    );
    expect(ids).toEqual(['c+1', 'c+2', 'c']);
  });
});

describe('recovery from a directory that is left', () => {
  const recover = (name: string, seedPhysicalMs: number, more: Partial<InitOptions> = {}) =>
    init(name, { recoverFrom: join(home, 'old'), seedPhysicalMs, ...more });

  test('an advance that was accepted and not known to be decided, counts', async () => {
    await makeSurvivor('old', [1_000, 3_000], 1);
    await recover('new', 0);
    expect(await seedOf('new')).toBe(3_000);
  });

  test('an advance that is not the last, counts if it is the highest', async () => {
    await makeSurvivor('old', [9_000, 3_000]);
    await recover('new', 0);
    expect(await seedOf('new')).toBe(9_000);
  });

  test('what was compacted away, counts by its snapshot', async () => {
    await init('old', { seedPhysicalMs: 7_000 });
    await recover('new', 0);
    expect(await seedOf('new')).toBe(7_000);
  });

  test('a time given that is higher than all that is found, wins', async () => {
    await makeSurvivor('old', [1_000]);
    await recover('new', 2_000);
    expect(await seedOf('new')).toBe(2_000);
  });

  test('the new directory: another cluster, another directory, nothing promised; the old one unchanged', async () => {
    await makeSurvivor('old', [1_000]);
    const before = await inspect('old');
    await recover('new', 2_000);
    const made = await inspect('new');
    expect(made).toMatchObject({ clusterId: 'new+2000', incarnation: 0, promise: '0.0.0.0', acceptedIdx: 1 });
    expect(made['directoryId']).not.toBe(before['directoryId']);
    expect(await inspect('old')).toEqual(before);
  });

  test('a node runs from the old directory, refused and nothing made', async () => {
    await makeSurvivor('old', [1_000]);
    const journal = await openDirectory('old');
    await expect(recover('new', 2_000)).rejects.toMatchObject({ field: '--recover-from' });
    await journal.close();
    expect(await readdir(home)).toEqual(['old']);
  });

  test('a lock that names nobody, refused and nothing made: a process may run from it', async () => {
    await makeSurvivor('old', [1_000]);
    await writeFile(join(home, 'old', 'lock'), 'not JSON');
    await expect(recover('new', 2_000)).rejects.toMatchObject({ field: '--recover-from' });
    await expect(recover('new', 2_000)).rejects.toThrow(/remove the file lock/);
    expect(await readdir(home)).toEqual(['old']);
  });

  test('entries of another host, refused and nothing made: what it granted cannot be read', async () => {
    await init('old');
    const journal = await openJournal({
      dataDir: join(home, 'old'),
      entryCodec: testCodecs.entry,
      snapshotCodec: testCodecs.snapshot,
    });
    await journal.persist(
      [{ kind: 'append', fromIdx: 0, records: [{ kind: 'entry', entry: 'its own' }] }],
      true,
    );
    await journal.close();
    await expect(recover('new', 2_000)).rejects.toMatchObject({ field: '--recover-from' });
    await expect(recover('new', 2_000)).rejects.toThrow(/choose --seed-physical-ms by the clocks alone/);
    expect(await readdir(home)).toEqual(['old']);
  });

  test.each(['old', 'seeded'])(
    'the name of the lost cluster (%s), refused and nothing made',
    async (lost) => {
      await init('old', { clusterId: lost, ...(lost === 'seeded' ? { seedPhysicalMs: 5 } : {}) });
      await expect(recover('new', 2_000, { clusterId: lost })).rejects.toMatchObject({
        field: '--cluster-id',
      });
      expect(await readdir(home)).toEqual(['old']);
    },
  );

  test('no timestamps would be left above what is found, refused and nothing made', async () => {
    await makeSurvivor('old', [SEED_MS_MAX + 1]);
    await expect(recover('new', 2_000)).rejects.toMatchObject({ field: '--recover-from' });
    expect(await readdir(home)).toEqual(['old']);
  });

  test('a directory that is not there, refused and nothing made', async () => {
    await expect(recover('new', 2_000)).rejects.toMatchObject({ code: 'storage_not_initialized' });
    expect(await readdir(home)).toEqual([]);
  });
});
