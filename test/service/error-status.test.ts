import { describe, expect, test } from 'vitest';
import { CONSENSUS_ERROR_CODES, ConsensusError, toEpoch } from '../../src/consensus/index.js';
import { InvalidInputError } from '../../src/errors/index.js';
import { OracleError } from '../../src/oracle/index.js';
import { refusalOf } from '../../src/service/error-status.js';
import { MalformedMessageError } from '../../src/wire/index.js';

const SECRET = 'disk /dev/secret is gone';

describe('error status: one table from error codes to gRPC codes', () => {
  test.each([
    ['not_leader', 9],
    ['fenced', 9],
    ['transient', 14],
    ['closed', 14],
    ['permanent', 13],
    ['advance_out_of_range', 13],
    ['stream_in_use', 13],
  ] as const)('%s is gRPC code %i, and tells nothing of the error', (code, status) => {
    const refusal = refusalOf(new ConsensusError(code, SECRET, { cause: new Error(SECRET) }));
    expect(refusal.status).toBe(status);
    expect(refusal.details).not.toContain(SECRET);
    expect(refusal.leader).toBeUndefined();
  });

  test('every code of the driver family is in the table above', () => {
    expect(CONSENSUS_ERROR_CODES).toHaveLength(7);
  });

  test.each(['transient', 'permanent', 'closed', 'not_leader'] as const)(
    'an oracle and a driver mean the same by %s',
    (code) => {
      expect(refusalOf(new OracleError(code, SECRET))).toEqual({
        ...refusalOf(new ConsensusError(code, SECRET)),
        ...(code === 'not_leader' && { leader: undefined }),
      });
    },
  );

  test('only not_leader carries the leader', () => {
    const leader = { epoch: toEpoch(7n), endpoint: 'a:1' };
    expect(refusalOf(new OracleError('not_leader', '', { leader })).leader).toEqual(leader);
    expect(refusalOf(new OracleError('transient', '', { leader })).leader).toBeUndefined();
  });

  test('what is wrong with the request is told', () => {
    expect(refusalOf(new InvalidInputError('count', 0, 'must be at least 1'))).toEqual({
      status: 3,
      details: 'count: must be at least 1; received 0 (number)',
    });
    expect(refusalOf(new MalformedMessageError('field 1 is cut'))).toEqual({
      status: 3,
      details: 'not a GetTsRequest: field 1 is cut',
    });
  });

  test.each([
    ['an error without a code', new Error(SECRET)],
    ["the system's error", Object.assign(new Error(SECRET), { code: 'EIO' })],
    [
      'an error whose code is a property that every object has',
      Object.assign(new Error(SECRET), { code: 'toString' }),
    ],
    ['a text', SECRET],
    ['nothing', undefined],
  ])('%s is INTERNAL, and tells nothing', (_name, error) => {
    expect(refusalOf(error)).toEqual({ status: 13, details: 'this node has failed' });
  });
});
