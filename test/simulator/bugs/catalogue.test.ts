import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { catalogue } from './catalogue.js';
import { withBug } from './find-bug.js';

describe('seeded bugs', () => {
  test('at least 40, each with a name of its own', () => {
    expect(catalogue.length).toBeGreaterThanOrEqual(40);
    expect(new Set(catalogue.map(({ name }) => name)).size).toBe(catalogue.length);
    for (const { name } of catalogue) expect(name).toMatch(/^[a-z]+(-[a-z]+)*$/);
  });

  test.each(catalogue.map((bug) => [bug.name, bug] as const))(
    '%s: its text stands exactly once in the source, and what finds it is there',
    (_, bug) => {
      const text = readFileSync(new URL(`../../../src/${bug.file}`, import.meta.url), 'utf8');
      expect(withBug(text, bug)).not.toBe(text);
      if ('test' in bug.foundBy) {
        expect(existsSync(new URL(`../../${bug.foundBy.test}`, import.meta.url)), bug.foundBy.test).toBe(
          true,
        );
      }
      for (const hazard of bug.hazards) expect(hazard).toMatch(/^[PSADOTCNR]\d{2}$/);
    },
  );

  test('a bug whose text is not there, or there twice: told loudly', () => {
    const [bug] = catalogue;
    if (bug === undefined) throw new Error('there are no bugs');
    expect(() => withBug('', bug)).toThrow(/stands 0 times/);
    expect(() => withBug(bug.find + bug.find, bug)).toThrow(/stands 2 times/);
  });
});
