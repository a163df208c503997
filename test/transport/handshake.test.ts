import { describe, expect, test } from 'vitest';
import { MalformedError } from '../../src/codec/index.js';
import { settleMicrotasks } from '../../src/testing/virtual-clock.js';
import { decodeFrame, encodeFrame, type FrameKind } from '../../src/transport/frame-codec.js';
import { Handshake, type HandshakeOutcome } from '../../src/transport/handshake.js';
import { encodeHello, PROTOCOL_VERSION } from '../../src/transport/hello-codec.js';
import type { Admission, Hello } from '../../src/transport/index.js';
import { testHello } from './test-hello.js';

/** One side of a handshake, with what it has written and how it has ended. */
class Side {
  readonly written: Buffer[] = [];
  readonly judged: Hello[] = [];
  readonly hello: Hello;
  readonly handshake: Handshake;
  outcome: HandshakeOutcome | undefined;
  admission: Promise<Admission> = Promise.resolve({ ok: true });
  generation: number | undefined = 7;

  constructor(hello: Hello) {
    this.hello = hello;
    this.handshake = new Handshake(hello.nodeId, {
      hello: () => hello,
      admit: (peer) => {
        this.judged.push(peer);
        return this.admission;
      },
      establish: () => this.generation,
      write: (frame) => void this.written.push(frame),
      onOutcome: (outcome) => {
        expect(this.outcome).toBeUndefined();
        this.outcome = outcome;
      },
    });
  }
}

function kinds(side: Side): FrameKind[] {
  return side.written.map((frame) => decodeFrame(frame).kind);
}

/** Carries frames between two sides until none is left; `done` is what has been carried before. */
async function run(a: Side, b: Side, done = new Map<Side, number>()): Promise<Map<Side, number>> {
  for (let isMoving = true; isMoving; ) {
    isMoving = false;
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const) {
      for (let i = done.get(from) ?? 0; i < from.written.length; i++) {
        to.handshake.onFrame(decodeFrame(from.written[i] ?? Buffer.alloc(0)));
        done.set(from, i + 1);
        isMoving = true;
      }
      await settleMicrotasks();
    }
  }
  return done;
}

function pair(changesOfOne: Partial<Hello> = {}, changesOfTwo: Partial<Hello> = {}): [Side, Side] {
  const one = new Side(testHello(1, changesOfOne));
  const two = new Side(testHello(2, changesOfTwo));
  one.handshake.begin();
  two.handshake.begin();
  return [one, two];
}

describe('handshake', () => {
  test('both admit each other, both are told the peer and the generation that the lower node gave', async () => {
    const [one, two] = pair({ incarnation: 3 });
    await run(one, two);
    expect(one.outcome).toEqual({ kind: 'established', peer: two.hello, generation: 7 });
    expect(two.outcome).toEqual({ kind: 'established', peer: one.hello, generation: 7 });
    expect(kinds(one)).toEqual(['hello', 'established']);
    expect(kinds(two)).toEqual(['hello', 'admitted']);
  });

  test.each([
    ['the lower node refuses', 0],
    ['the higher node refuses', 1],
  ])('%s, both are told the reason and neither is established', async (_, refuser) => {
    const sides = pair();
    const other = sides[1 - refuser];
    const side = sides[refuser];
    if (side === undefined || other === undefined) throw new Error('no side');
    side.admission = Promise.resolve({ ok: false, reason: 'not today' });
    await run(...sides);
    expect(side.outcome).toEqual({ kind: 'refused', reason: 'it is refused: not today' });
    expect(other.outcome).toEqual({ kind: 'refused', reason: 'it refuses this node: not today' });
  });

  test('the lower node prefers another connection, neither is established', async () => {
    const [one, two] = pair();
    one.generation = undefined;
    await run(one, two);
    expect(one.outcome).toEqual({ kind: 'redundant' });
    expect(two.outcome).toBeUndefined();
    expect(kinds(one)).toEqual(['hello']);
  });

  test.each([
    ['the lower node', 0],
    ['the higher node', 1],
  ])('%s takes its time to judge, nobody is established before', async (_, slow) => {
    const sides = pair();
    let decide: (admission: Admission) => void = () => {};
    const side = sides[slow];
    if (side === undefined) throw new Error('no side');
    side.admission = new Promise((resolve) => {
      decide = resolve;
    });
    const delivered = await run(...sides);
    expect(sides.map(({ outcome }) => outcome)).toEqual([undefined, undefined]);
    decide({ ok: true });
    await settleMicrotasks();
    await run(...sides, delivered);
    expect(sides.map(({ outcome }) => outcome?.kind)).toEqual(['established', 'established']);
  });

  // T06
  test('a newer protocol version, is refused with a reason that both can read', async () => {
    const one = new Side(testHello(1));
    one.handshake.begin();
    const theirHello = encodeFrame('hello', encodeHello(testHello(2), PROTOCOL_VERSION + 1));
    one.handshake.onFrame(decodeFrame(theirHello));
    expect(one.outcome).toEqual({
      kind: 'refused',
      reason: 'it is refused: protocol version 2 is not 1, the one spoken here: upgrade the older node',
    });
    expect(kinds(one)).toEqual(['hello', 'refused']);
    expect(one.judged).toEqual([]);
  });

  test('judging fails, the handshake fails and nothing is left unhandled', async () => {
    const [one, two] = pair();
    const error = new Error('disk');
    two.admission = Promise.reject(error);
    await run(one, two);
    expect(two.outcome).toEqual({ kind: 'failed', error });
  });

  test('a Hello that cannot be told, the handshake fails', () => {
    const one = new Side(testHello(1, { bootId: '' }));
    one.handshake.begin();
    expect(one.outcome).toMatchObject({ kind: 'failed' });
  });

  test('cancelled while judging, nothing is written or told any more', async () => {
    const [one, two] = pair();
    two.handshake.onFrame(decodeFrame(one.written[0] ?? Buffer.alloc(0)));
    two.handshake.cancel();
    await settleMicrotasks();
    expect(kinds(two)).toEqual(['hello']);
    expect(two.outcome).toBeUndefined();
  });

  test('a long reason with control characters, arrives short and printable', () => {
    const one = new Side(testHello(1));
    one.handshake.onFrame({ kind: 'refused', payload: Buffer.from(`\n\u001b[2J${'x'.repeat(5_000)}`) });
    const { outcome } = one;
    if (outcome?.kind !== 'refused') throw new Error('not refused');
    expect(outcome.reason).toMatch(/^it refuses this node: {3}\[2Jx+$/);
    expect(outcome.reason.length).toBeLessThan(600);
  });

  const hello = (nodeId: number): Buffer => encodeFrame('hello', encodeHello(testHello(nodeId)));

  test.each<[string, Buffer[]]>([
    ['a second Hello', [hello(2), hello(2)]],
    ['admitted before the Hello', [encodeFrame('admitted')]],
    ['admitted twice', [hello(2), encodeFrame('admitted'), encodeFrame('admitted')]],
    [
      'established by the node that does not decide',
      [hello(2), encodeFrame('established', new Uint8Array(8))],
    ],
    ['a message', [encodeFrame('whole', Uint8Array.of(1))]],
    ['a heartbeat', [hello(2), encodeFrame('urgent', Uint8Array.of(1))]],
    ['an acknowledgement', [hello(2), encodeFrame('ack', new Uint8Array(8))]],
    ['no Hello', [encodeFrame('hello', Buffer.from('GET / HTTP/1.1'))]],
  ])('%s, is malformed', (_, frames) => {
    const one = new Side(testHello(1));
    // A verdict that does not come, so that the handshake goes on.
    one.admission = new Promise(() => {});
    one.handshake.begin();
    expect(() => {
      for (const frame of frames) one.handshake.onFrame(decodeFrame(frame));
    }).toThrow(MalformedError);
    expect(one.outcome).toBeUndefined();
  });

  test('established before this side has admitted the peer, is malformed', () => {
    const two = new Side(testHello(2));
    two.admission = new Promise(() => {});
    two.handshake.onFrame(decodeFrame(hello(1)));
    expect(() => two.handshake.onFrame({ kind: 'established', payload: new Uint8Array(8) })).toThrow(
      MalformedError,
    );
  });
});
