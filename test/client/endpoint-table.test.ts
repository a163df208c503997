import { describe, expect, test } from 'vitest';
import { EndpointTable } from '../../src/client/endpoint-table.js';

function tableOf(configured: string[], maxHinted: number): { table: EndpointTable; forgotten: string[] } {
  const forgotten: string[] = [];
  return { table: new EndpointTable(configured, maxHinted, (address) => forgotten.push(address)), forgotten };
}

const addresses = (table: EndpointTable): string[] => [...table].map(({ address }) => address);

describe('endpoint table', () => {
  test('an endpoint that is configured twice is one', () => {
    expect(addresses(tableOf(['a', 'b', 'a'], 0).table)).toEqual(['a', 'b']);
  });

  test('a hint to a configured endpoint takes no room', () => {
    const { table } = tableOf(['a', 'b'], 0);
    expect(table.admit('b', undefined)).toBe(table.find('b'));
    expect(table.admit('c', undefined)).toBeUndefined();
  });

  test('past the bound, the least recently named one gives way, and is told', () => {
    const { table, forgotten } = tableOf(['a'], 2);
    for (const address of ['x', 'y', 'x', 'z']) table.admit(address, undefined);
    expect(addresses(table)).toEqual(['a', 'x', 'z']);
    expect(forgotten).toEqual(['y']);
  });

  test('one that is busy or believed to lead does not give way', () => {
    const { table, forgotten } = tableOf(['a'], 3);
    for (const address of ['x', 'y', 'z']) table.admit(address, undefined);
    const x = table.find('x');
    if (x !== undefined) x.busy = 1;
    expect(table.admit('new', 'y')).toBeDefined();
    expect(forgotten).toEqual(['z']);
    const added = table.find('new');
    if (added !== undefined) added.busy = 1;
    expect(table.admit('newer', 'y')).toBeUndefined();
    expect(addresses(table)).toEqual(['a', 'x', 'y', 'new']);
  });
});
