import { expect, test } from 'vitest';
import { encodeMessage } from '../../src/codec/index.js';
import type { Ballot, MessageBody } from '../../src/omnipaxos/index.js';
import type { FileSystem } from '../../src/storage/index.js';
import { encodeFrame } from '../../src/transport/frame-codec.js';
import { testCodecs } from '../codec/test-codecs.js';
import { TestMachine } from '../storage/journal-harness.js';
import { ClaimChecker } from './claims.js';
import { traceEvents } from './trace-events.js';

const N: Ballot = { configId: 1, n: 3, priority: 0, pid: 2 };
const SOCKET = '20<TCP:[127.0.0.1:40000->127.0.0.1:7002]>';

function hex(bytes: Uint8Array | string): string {
  return [...Buffer.from(bytes)].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('');
}

function sends(body: MessageBody<string, number>): string {
  const message = encodeMessage({ from: 1, to: 2, configId: 1, configHash: 7, body }, testCodecs);
  const frame = encodeFrame('whole', message);
  return `write(${SOCKET}, "${hex(frame)}", ${frame.length}) = ${frame.length}`;
}

/** The same bytes in two calls. */
function inTwo(call: string): [string, string] {
  const bytes = call.match(/\\x[0-9a-f]{2}/g) ?? [];
  const part = (from: number, to: number): string =>
    `write(${SOCKET}, "${bytes.slice(from, to).join('')}", ${to - from}) = ${to - from}`;
  return [part(0, 10), part(10, bytes.length)];
}

const promised = sends({
  kind: 'promise',
  n: N,
  syncToken: { incarnation: 1, counter: 1 },
  nAccepted: { configId: 0, n: 0, priority: 0, pid: 0 },
  decidedIdx: 0,
  acceptedIdx: 0,
  compactedIdx: 0,
  previousPromise: N,
  msSinceLowerBallotReply: 0,
});
const accepted = sends({ kind: 'accepted', n: N, acceptedIdx: 2 });

/** The journal's calls while it promises and accepts, as strace would show them; a line is one call. */
async function journalCalls(): Promise<{
  identity: Uint8Array;
  opening: string[];
  promise: string[];
  sync: string[];
}> {
  const machine = new TestMachine();
  await machine.init();
  const identity = machine.fileSystem.contents('/data/identity');
  let lines: string[] = [];
  const taken = (): string[] => {
    const calls = lines;
    lines = [];
    return calls;
  };
  const fileSystem = traced(machine.fileSystem, (line) => lines.push(line));
  const journal = await machine.open({ fileSystem });
  const opening = taken();
  await journal.persist([{ kind: 'promise', promise: N }], true);
  const promise = taken();
  const records = ['a', 'b'].map((entry) => ({ kind: 'entry', entry }) as const);
  await journal.persist(
    [{ kind: 'sync', acceptedRound: N, logSync: { suffix: records, syncIdx: 0 }, decidedIdx: 0 }],
    true,
  );
  return { identity, opening, promise, sync: taken() };
}

/** The file system, telling each write and sync as strace would. */
function traced(fileSystem: FileSystem, told: (line: string) => void): FileSystem {
  return {
    open: async (path, mode) => {
      const file = await fileSystem.open(path, mode);
      const descriptor = `30<${hex(path)}>`;
      return {
        read: (into, position) => file.read(into, position),
        close: () => file.close(),
        write: async (bytes, position) => {
          const text = hex(bytes);
          const written = await file.write(bytes, position);
          told(`pwrite64(${descriptor}, "${text}", ${written}, ${position}) = ${written}`);
          return written;
        },
        datasync: async () => {
          await file.datasync();
          told(`fdatasync(${descriptor}) = 0`);
        },
        sync: async () => {
          await file.sync();
          told(`fsync(${descriptor}) = 0`);
        },
      };
    },
    link: (existing, path) => fileSystem.link(existing, path),
    rename: (from, to) => fileSystem.rename(from, to),
    unlink: (path) => fileSystem.unlink(path),
    mkdir: (path) => fileSystem.mkdir(path),
    readdir: (path) => fileSystem.readdir(path),
    stat: (path) => fileSystem.stat(path),
    syncDirectory: (path) => fileSystem.syncDirectory(path),
  };
}

async function violationsIn(identity: Uint8Array, calls: readonly string[]): Promise<readonly string[]> {
  const checker = new ClaimChecker({ identity, peerPorts: new Set([7_002]), codecs: testCodecs });
  const lines = calls.map((call, i) => `100 ${i}.5 ${call}`);
  for (const event of traceEvents(lines)) await checker.see(event);
  const { claims, violations } = await checker.report();
  expect(claims).toMatchObject({ promise: 1, accepted: 1 });
  return violations;
}

// S02, P06
test('claims in a trace: each after the sync of what it claims, no violation', async () => {
  const { identity, opening, promise, sync } = await journalCalls();
  expect(await violationsIn(identity, [...opening, ...promise, promised, ...sync, accepted])).toEqual([]);
});

test('claims in a trace: bytes that leave before the sync has returned, each is told', async () => {
  const { identity, opening, promise, sync } = await journalCalls();
  const beforeItsSync = (calls: readonly string[], claim: string): string[] =>
    calls.flatMap((call) => (call.startsWith('fdatasync') ? [claim, call] : [call]));
  expect(
    await violationsIn(identity, [...opening, ...beforeItsSync(promise, promised), ...sync, accepted]),
  ).toEqual(['promise of 1.3.0.2: the promise 0.0.0.0 was durable']);
  expect(
    await violationsIn(identity, [...opening, ...promise, promised, ...beforeItsSync(sync, accepted)]),
  ).toEqual(['accepted of 2 in 1.3.0.2: 0 in 0.0.0.0 were durable']);
});

test('claims in a trace: the sync returns while the call is under way that sends, the bytes may have left before', async () => {
  const { identity, opening, promise, sync } = await journalCalls();
  const checker = new ClaimChecker({ identity, peerPorts: new Set([7_002]), codecs: testCodecs });
  const lines = [
    ...[...opening, ...promise, promised].map((call) => `100 1.5 ${call}`),
    `100 2.5 ${accepted.replace(/\) = \d+$/, ' <unfinished ...>')}`,
    ...sync.map((call) => `101 3.5 ${call}`),
    `100 4.5 <... write resumed>) = ${accepted.split(' = ').at(-1) ?? ''}`,
  ];
  for (const event of traceEvents(lines)) await checker.see(event);
  expect((await checker.report()).violations).toEqual([
    'accepted of 2 in 1.3.0.2: 0 in 0.0.0.0 were durable',
  ]);
});

test('claims in a trace: a frame is written in two parts, the first one before the sync, it is told', async () => {
  const { identity, opening, promise, sync } = await journalCalls();
  const [first, second] = inTwo(accepted);
  expect(
    await violationsIn(identity, [...opening, ...promise, promised, first, ...sync, second]),
  ).toHaveLength(1);
  expect(await violationsIn(identity, [...opening, ...promise, promised, ...sync, first, second])).toEqual(
    [],
  );
});

test('claims in a trace: the sync was entered before the write, or has failed, it does not count', async () => {
  const { identity, opening, promise, sync } = await journalCalls();
  const failed = sync.map((call) => call.replace(/^(fdatasync.*) = 0$/, '$1 = -1 EIO (Input/output error)'));
  expect(await violationsIn(identity, [...opening, ...promise, promised, ...failed, accepted])).toHaveLength(
    1,
  );
  const [write = '', fdatasync = ''] = sync;
  const early = [`${fdatasync.slice(0, fdatasync.indexOf(')'))} <unfinished ...>`];
  const checker = new ClaimChecker({ identity, peerPorts: new Set([7_002]), codecs: testCodecs });
  const lines = [
    ...[...opening, ...promise, promised].map((call) => `100 1.5 ${call}`),
    ...early.map((call) => `101 2.5 ${call}`),
    `100 3.5 ${write}`,
    '101 4.5 <... fdatasync resumed>) = 0',
    `100 5.5 ${accepted}`,
  ];
  for (const event of traceEvents(lines)) await checker.see(event);
  expect((await checker.report()).violations).toHaveLength(1);
});
