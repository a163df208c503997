import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MalformedError } from '../../src/codec/index.js';
import { MessageAssembler } from '../../src/transport/message-assembler.js';

/** The payload of a `first` frame. */
function first(messageBytes: number, part: Uint8Array): Uint8Array {
  const payload = Buffer.alloc(4 + part.length);
  payload.writeUInt32BE(messageBytes);
  payload.set(part, 4);
  return payload;
}

describe('message assembler', () => {
  test('a message in parts of any lengths, is joined', () => {
    const messages = fc.array(fc.array(fc.uint8Array({ minLength: 1, maxLength: 30 }), { minLength: 1 }));
    fc.assert(
      fc.property(messages, (list) => {
        const assembler = new MessageAssembler(10_000);
        for (const parts of list) {
          const whole = Buffer.concat(parts);
          const [head = new Uint8Array(), ...tail] = parts;
          const results = [
            assembler.first(first(whole.length, head)),
            ...tail.map((part) => assembler.more(part)),
          ];
          expect(results.slice(0, -1).every((result) => result === undefined)).toBe(true);
          expect(Buffer.from(results.at(-1) ?? [])).toEqual(whole);
          expect(assembler.isOpen).toBe(false);
        }
      }),
    );
  });

  test.each([
    [
      'more than the message has',
      (a: MessageAssembler) => [a.first(first(3, Uint8Array.of(1))), a.more(new Uint8Array(3))],
    ],
    ['more of no message', (a: MessageAssembler) => a.more(Uint8Array.of(1))],
    [
      'an empty part',
      (a: MessageAssembler) => [a.first(first(3, Uint8Array.of(1))), a.more(new Uint8Array())],
    ],
    ['an empty first part', (a: MessageAssembler) => a.first(first(3, new Uint8Array()))],
    ['an empty message', (a: MessageAssembler) => a.first(first(0, new Uint8Array()))],
    ['no length', (a: MessageAssembler) => a.first(Uint8Array.of(0, 0, 1))],
    ['a message above the limit', (a: MessageAssembler) => a.first(first(1_001, Uint8Array.of(1)))],
    ['a message of 2^32 - 1 bytes', (a: MessageAssembler) => a.first(first(2 ** 32 - 1, Uint8Array.of(1)))],
    ['a second first part', (a: MessageAssembler) => [1, 2].map(() => a.first(first(3, Uint8Array.of(1))))],
    [
      'a whole message in between',
      (a: MessageAssembler) => [a.first(first(3, Uint8Array.of(1))), a.requireClosed()],
    ],
  ])('%s, is refused', (_, act) => {
    expect(() => act(new MessageAssembler(1_000))).toThrow(MalformedError);
  });

  // T05
  test('a large message announced, takes memory only as its parts arrive', () => {
    const assembler = new MessageAssembler(2 ** 28);
    assembler.first(first(2 ** 28, new Uint8Array(10)));
    expect(assembler.heldBytes).toBeLessThanOrEqual(20);
    for (let arrived = 11; arrived < 5_000; arrived++) {
      assembler.more(Uint8Array.of(1));
      if (assembler.heldBytes > 2 * arrived) throw new Error(`${assembler.heldBytes} bytes for ${arrived}`);
    }
  });
});
