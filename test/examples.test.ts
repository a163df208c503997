import { describe, expect, test } from 'vitest';
import { run as runCustomDriver } from '../docs/examples/custom-driver.js';
import { run as runEmbedded } from '../docs/examples/embedded.js';
import { run as runForeignLog } from '../docs/examples/foreign-log.js';

describe('examples', () => {
  test('embedded: three timestamps, each greater than the one before', async () => {
    const lines: string[] = [];
    await runEmbedded((line) => lines.push(line));
    const timestamps = lines.map((line) => BigInt(line.split(' ')[0] ?? ''));
    expect(timestamps).toHaveLength(3);
    expect([...timestamps].sort((a, b) => (a < b ? -1 : 1))).toEqual(timestamps);
    expect(new Set(timestamps).size).toBe(3);
  });

  test('foreign log: both halves are folded in one pass, and a second replica catches up by their snapshot', () => {
    const lines: string[] = [];
    runForeignLog((line) => lines.push(line));
    expect(lines).toEqual([
      'first: colour=blue, size=large; high-water 7000',
      'second: colour=blue, size=large; high-water 7000',
    ]);
  });

  test('custom driver: it passes the conformance kit', async () => {
    const lines: string[] = [];
    await runCustomDriver((line) => lines.push(line));
    expect(lines.length).toBeGreaterThan(15);
    expect(lines.every((line) => line.startsWith('passed: '))).toBe(true);
  });
});
