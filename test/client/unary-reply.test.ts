import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { binaryHeader, frameMessage, readReply, unframeMessage } from '../../src/client/unary-reply.js';

const EMPTY = Buffer.alloc(0);

describe('unary reply: frames', () => {
  test('golden bytes', () => {
    expect(frameMessage(Uint8Array.of(0x08, 0x01)).toString('hex')).toBe('00' + '00000002' + '0801');
    expect(frameMessage(EMPTY).toString('hex')).toBe('0000000000');
  });

  test('every message comes back; cut or lengthened, none does', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (message) => {
        const frame = frameMessage(message);
        expect(unframeMessage(frame)).toEqual(Buffer.from(message));
        for (let length = 0; length < frame.length; length += 1) {
          expect(unframeMessage(frame.subarray(0, length))).toBeUndefined();
        }
        expect(unframeMessage(Buffer.concat([frame, Buffer.of(0)]))).toBeUndefined();
        expect(unframeMessage(Buffer.concat([frame, frame]))).toBeUndefined();
      }),
      { numRuns: 30 },
    );
  });

  test('a compressed message is none', () => {
    const frame = frameMessage(Uint8Array.of(1));
    frame[0] = 1;
    expect(unframeMessage(frame)).toBeUndefined();
  });
});

describe('unary reply: status', () => {
  const ok = { ':status': 200 };

  test('in the trailers, or in the headers if there are only those', () => {
    expect(readReply(ok, { 'grpc-status': '0' }, frameMessage(Uint8Array.of(7)))).toMatchObject({
      status: 0,
      details: '',
      message: Buffer.of(7),
    });
    expect(
      readReply({ ...ok, 'grpc-status': '9', 'grpc-message': 'not%20here' }, undefined, EMPTY),
    ).toMatchObject({
      status: 9,
      details: 'not here',
      message: undefined,
    });
  });

  test('cut short before the status, it is no reply', () => {
    expect(readReply(undefined, undefined, EMPTY)).toBeUndefined();
    expect(readReply(ok, undefined, frameMessage(EMPTY))).toBeUndefined();
    expect(readReply(ok, {}, frameMessage(EMPTY))).toBeUndefined();
  });

  test.each([
    ['-1', 2],
    ['', 2],
    ['0x0', 2],
    ['1e1', 2],
    ['16', 16],
    ['999', 999],
  ])('the status %j is read as %i', (text, status) => {
    expect(readReply(ok, { 'grpc-status': text }, EMPTY)?.status).toBe(status);
  });

  test('an HTTP error is UNKNOWN, and never success, whatever else it says', () => {
    expect(readReply({ ':status': 503, 'grpc-status': '0' }, undefined, EMPTY)).toMatchObject({
      status: 2,
      details: 'the answer has the HTTP status 503',
    });
  });

  test('a text that is not percent-encoded as it should be stays as it is', () => {
    expect(readReply({ ...ok, 'grpc-status': '5', 'grpc-message': '100%' }, undefined, EMPTY)?.details).toBe(
      '100%',
    );
  });
});

describe('unary reply: binary headers', () => {
  test.each([
    ['AQI=', [1, 2]],
    ['AQI', [1, 2]],
    ['', []],
  ])('%j is read, padded or not', (text, bytes) => {
    expect(binaryHeader({ 'x-bin': text }, 'x-bin')).toEqual(Buffer.from(bytes));
  });

  test.each([['AQI=, AQI='], ['A QI='], ['=AQI'], ['AQI-'], [['AQI=', 'AQI=']]])('%j is none', (value) => {
    expect(binaryHeader({ 'x-bin': value }, 'x-bin')).toBeUndefined();
  });

  test('an absent one is none', () => {
    expect(binaryHeader({}, 'x-bin')).toBeUndefined();
  });
});
