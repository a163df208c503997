import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CommitPipeline } from '../../src/node/commit-pipeline.js';
import type { Message, OutputBatch, StableWrite } from '../../src/omnipaxos/index.js';
import { settleMicrotasks } from '../../src/testing/virtual-clock.js';
import { ballot, THREE } from './scripted-node.js';
import { ScriptedStorage } from './scripted-storage.js';

type Writes = 'none' | 'lazy' | 'durable' | 'both';

function writesOf(kind: Writes, token: number): StableWrite<string, number>[] {
  const lazy: StableWrite<string, number> = { kind: 'decided', decidedIdx: token };
  const durable: StableWrite<string, number> = { kind: 'promise', promise: ballot(token, 2) };
  return kind === 'none' ? [] : kind === 'lazy' ? [lazy] : kind === 'durable' ? [durable] : [durable, lazy];
}

function batchOf(token: number, kind: Writes, messages: number): OutputBatch<string, number> {
  const message = (): Message<string, number> => ({
    from: 1,
    to: 2,
    configId: 1,
    configHash: 0,
    body: { kind: 'accepted', n: ballot(1, 2), acceptedIdx: token },
  });
  return {
    writeToken: token,
    facts: [],
    writes: writesOf(kind, token),
    messages: [],
    messagesAfterWrites: Array.from({ length: messages }, message),
  };
}

/** The token of the batch that a message belongs to. */
function tokenOf(message: Message<string, number>): number {
  return message.body.kind === 'accepted' ? message.body.acceptedIdx : -1;
}

function pipelineOver(storage: ScriptedStorage, heldMessageLimit = 1_000) {
  const released: number[] = [];
  const tokens: number[] = [];
  const failures: unknown[] = [];
  const pipeline = new CommitPipeline<string, number>({
    storage,
    heldMessageLimit,
    release: (messages) => void released.push(...messages.map(tokenOf)),
    durable: (token, messages) => {
      tokens.push(token);
      released.push(...messages.map(tokenOf));
    },
    failed: (error) => void failures.push(error),
  });
  return { pipeline, released, tokens, failures };
}

const steps = fc.array(
  fc.oneof(
    {
      weight: 3,
      arbitrary: fc.record({
        do: fc.constant('add' as const),
        writes: fc.constantFrom<Writes>('none', 'lazy', 'durable', 'both'),
        messages: fc.nat({ max: 2 }),
      }),
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('complete' as const) }) },
  ),
  { maxLength: 30 },
);

describe('commit pipeline', () => {
  test('any batches, any completions: one persist at a time, all writes once and in order, messages in order and none too early', async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (script) => {
        const storage = new ScriptedStorage({ nodeId: 1, config: THREE });
        const { pipeline, released } = pipelineOver(storage);
        const added: { token: number; kind: Writes; messages: number }[] = [];
        /** The obvious twin: what each call to the storage covers, and how many calls are durable. */
        const durableThrough = (): number => {
          const doneCalls = storage.trace.filter((line) => line === 'done').length;
          const calls = storage.trace.filter((line) => line !== 'done');
          const durableTokens = calls
            .slice(0, doneCalls)
            .flatMap((call) =>
              [...call.matchAll(/promise 1\.(\d+)\.0\.2/g)].map((match) => Number(match[1])),
            );
          return Math.max(0, ...durableTokens);
        };
        const check = (): void => {
          expect(storage.underWay.length).toBeLessThanOrEqual(1);
          const mayLeave: number[] = [];
          for (const { token, messages } of added) {
            const awaited = Math.max(
              0,
              ...added
                .filter(
                  (other) => other.token <= token && (other.kind === 'durable' || other.kind === 'both'),
                )
                .map((other) => other.token),
            );
            if (awaited <= durableThrough()) mayLeave.push(...Array<number>(messages).fill(token));
          }
          expect(released).toEqual(mayLeave);
        };
        for (const step of script) {
          if (step.do === 'add') {
            const token = added.length + 1;
            added.push({ token, kind: step.writes, messages: step.messages });
            pipeline.add(batchOf(token, step.writes, step.messages));
          } else if (storage.underWay.length > 0) {
            storage.complete();
            await settleMicrotasks();
          }
          check();
        }
        while (storage.underWay.length > 0) {
          storage.complete();
          await settleMicrotasks();
          check();
        }
        const persisted = storage.trace
          .filter((line) => line !== 'done')
          .flatMap((line) => line.slice(line.indexOf('[') + 1, -1).split(', '));
        expect(persisted).toEqual(
          added.flatMap(({ token, kind }) =>
            writesOf(kind, token).map((write) =>
              write.kind === 'promise' ? `promise 1.${token}.0.2` : `decided ${token}`,
            ),
          ),
        );
      }),
      { numRuns: 300 },
    );
  });

  test('an fsync is asked for only if a write needs it, and tells the token of the last batch that it covers', async () => {
    const storage = new ScriptedStorage({ nodeId: 1, config: THREE });
    const { pipeline, tokens } = pipelineOver(storage);
    pipeline.add(batchOf(1, 'lazy', 0));
    pipeline.add(batchOf(2, 'lazy', 0));
    storage.complete();
    await settleMicrotasks();
    expect(storage.underWay).toEqual(['write [decided 2]']);
    pipeline.add(batchOf(3, 'durable', 0));
    pipeline.add(batchOf(4, 'durable', 0));
    pipeline.add(batchOf(5, 'lazy', 0));
    expect(tokens).toEqual([]);
    storage.complete();
    await settleMicrotasks();
    storage.complete();
    await settleMicrotasks();
    expect(tokens).toEqual([4]);
  });

  // S01
  test('a persist fails: nothing held is ever released, nothing further is written, and the failure is told once', async () => {
    const storage = new ScriptedStorage({ nodeId: 1, config: THREE });
    const { pipeline, released, failures } = pipelineOver(storage);
    pipeline.add(batchOf(1, 'durable', 1));
    pipeline.add(batchOf(2, 'durable', 1));
    pipeline.add(batchOf(3, 'none', 1));
    const error = new Error('EIO');
    storage.fail(error);
    await settleMicrotasks();
    pipeline.add(batchOf(4, 'durable', 1));
    pipeline.add(batchOf(5, 'none', 1));
    await settleMicrotasks();
    expect({ released, failures }).toEqual({ released: [], failures: [error] });
    expect(storage.underWay).toEqual([]);
  });

  // S01
  test('a lazy write fails: a message that waits for nothing is not released either', async () => {
    const storage = new ScriptedStorage({ nodeId: 1, config: THREE });
    const { pipeline, released, failures } = pipelineOver(storage);
    pipeline.add(batchOf(1, 'lazy', 0));
    storage.fail();
    await settleMicrotasks();
    pipeline.add(batchOf(2, 'none', 1));
    expect({ released, failures: failures.length }).toEqual({ released: [], failures: 1 });
  });

  test('a storage that throws in place of rejecting: the same', async () => {
    const storage = new ScriptedStorage({ nodeId: 1, config: THREE });
    const error = new Error('a broken storage');
    storage.persist = () => {
      throw error;
    };
    const { pipeline, failures } = pipelineOver(storage);
    pipeline.add(batchOf(1, 'durable', 1));
    await settleMicrotasks();
    expect(failures).toEqual([error]);
  });

  test('it is ended while a persist is under way: nothing is told or begun after it, and the end waits for it', async () => {
    const storage = new ScriptedStorage({ nodeId: 1, config: THREE });
    const { pipeline, released, tokens, failures } = pipelineOver(storage);
    pipeline.add(batchOf(1, 'durable', 1));
    pipeline.add(batchOf(2, 'durable', 1));
    let hasEnded = false;
    const end = pipeline.end().then(() => {
      hasEnded = true;
    });
    await settleMicrotasks();
    expect(hasEnded).toBe(false);
    storage.fail(new Error('too late to matter'));
    await end;
    expect({ released, tokens, failures }).toEqual({ released: [], tokens: [], failures: [] });
    expect(storage.underWay).toEqual([]);
  });

  test('more messages wait than may: the newest are dropped and counted, the others leave in order', async () => {
    const storage = new ScriptedStorage({ nodeId: 1, config: THREE });
    const { pipeline, released } = pipelineOver(storage, 3);
    pipeline.add(batchOf(1, 'durable', 2));
    pipeline.add(batchOf(2, 'none', 2));
    pipeline.add(batchOf(3, 'durable', 2));
    expect(pipeline.heldMessages).toBe(3);
    expect(pipeline.droppedMessages).toBe(3);
    storage.complete();
    await settleMicrotasks();
    pipeline.add(batchOf(4, 'none', 1));
    storage.complete();
    await settleMicrotasks();
    expect(released).toEqual([1, 1, 2, 4]);
  });
});
