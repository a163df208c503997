import { describe, expect, test } from 'vitest';
import { isOrderViolation, nameOfError } from '../../src/cli/load/name-of-error.js';
import { TsoClientError, type TsoClientErrorCode } from '../../src/client/index.js';

function attemptError(grpcStatus: number | undefined): Error {
  return Object.assign(new Error('an attempt has failed'), { grpcStatus });
}

describe('name of an error', () => {
  test.each<[TsoClientErrorCode, string]>([
    ['timeout', 'DEADLINE_EXCEEDED'],
    ['closed', 'CANCELLED'],
    ['too_many_calls', 'RESOURCE_EXHAUSTED'],
    ['refused', 'INVALID_ARGUMENT'],
    ['bad_response', 'INTERNAL'],
    ['order_violation', 'DATA_LOSS'],
  ])('%s, is %s', (code, name) => {
    expect(nameOfError(new TsoClientError(code, 'x'))).toBe(name);
  });

  test.each([
    [9, 'FAILED_PRECONDITION'],
    [13, 'INTERNAL'],
    [14, 'UNAVAILABLE'],
    [undefined, 'DEADLINE_EXCEEDED'],
    [99, 'DEADLINE_EXCEEDED'],
  ])('a timeout after an answer with status %s, is %s', (status, name) => {
    expect(nameOfError(new TsoClientError('timeout', 'x', { cause: attemptError(status) }))).toBe(name);
  });

  test('only an order violation, is one', () => {
    expect(isOrderViolation(new TsoClientError('order_violation', 'x'))).toBe(true);
    expect(isOrderViolation(new TsoClientError('timeout', 'x'))).toBe(false);
    expect(isOrderViolation(new Error('order_violation'))).toBe(false);
  });

  test('anything else, is UNKNOWN', () => {
    expect(nameOfError(new Error('x'))).toBe('UNKNOWN');
    expect(nameOfError(undefined)).toBe('UNKNOWN');
  });
});
