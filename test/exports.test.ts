import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { exportedApi, referencePage } from './support/api-reference.js';

describe('what the package exports', () => {
  const api = exportedApi();

  test('there are five entry points, and much to judge', () => {
    expect(api.size).toBe(5);
    for (const symbols of api.values()) expect(symbols.length).toBeGreaterThan(5);
  });

  test('everything has a doc comment, and so has every public member of every class', () => {
    const bare = [...api].flatMap(([entry, symbols]) =>
      symbols.flatMap(({ name, doc, bareMembers }) => [
        ...(doc === '' ? [`${entry}: ${name}`] : []),
        ...bareMembers.map((member) => `${entry}: ${name}.${member}`),
      ]),
    );
    expect(bare, 'say what it guarantees: units, ranges, errors, order').toEqual([]);
  });

  test('docs/reference.md names all of it', () => {
    const page = readFileSync(new URL('../docs/reference.md', import.meta.url), 'utf8');
    expect(page, 'run: npm run reference').toBe(referencePage());
  });
});
