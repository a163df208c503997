import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { catalogue } from './simulator/bugs/catalogue.js';

const ROOT = resolve(import.meta.dirname, '..');
const PAGES = [
  'README.md',
  'CHANGELOG.md',
  ...readdirSync(join(ROOT, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];
const HAZARD = /\b([PSADOTCNR]\d{2})\b/g;

/** A row of the hazard table: test files, relative to test/ (none where a reason stands instead), and names of seeded bugs. */
interface HazardRow {
  readonly tests: readonly string[];
  readonly bugs: readonly string[];
}

function hazardTable(): Map<string, HazardRow> {
  const page = readFileSync(join(ROOT, 'docs/testing.md'), 'utf8');
  const rows = [...page.matchAll(/^\| ([PSADOTCNR]\d{2}) \| [^|]+ \| ([^|]+) \| ([^|]*)\|$/gm)];
  const quoted = (text: string, pattern: RegExp): string[] =>
    [...text.matchAll(pattern)].map((match) => match[1] ?? '');
  return new Map(
    rows.map(([, id = '', tests = '', bugs = '']) => [
      id,
      { tests: quoted(tests, /`([^`]+\.ts)`/g), bugs: quoted(bugs, /`([^`]+)`/g) },
    ]),
  );
}

/** Which test files mention which hazard in a comment. */
function hazardComments(): Map<string, Set<string>> {
  const found = new Map<string, Set<string>>();
  const folder = join(ROOT, 'test');
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile() || !entry.name.endsWith('.ts')) continue;
    const path = join(entry.parentPath, entry.name);
    for (const comment of readFileSync(path, 'utf8').matchAll(/(?:\/\/|\*)\s(.*)/g)) {
      for (const id of (comment[1] ?? '').matchAll(HAZARD)) {
        const files = found.get(id[1] ?? '') ?? new Set();
        found.set(id[1] ?? '', files.add(relative(folder, path)));
      }
    }
  }
  return found;
}

describe('documentation', () => {
  test('the hazard table names exactly the tests that carry each id', () => {
    const table = hazardTable();
    const comments = hazardComments();
    expect(table.size).toBeGreaterThan(90);
    const wrong = [...new Set([...table.keys(), ...comments.keys()])].flatMap((id) => {
      const named = [...(table.get(id)?.tests ?? [])].sort();
      const carrying = [...(comments.get(id) ?? [])].sort();
      return JSON.stringify(named) === JSON.stringify(carrying)
        ? []
        : [`${id}: the table names ${named}; carried by ${carrying}`];
    });
    expect(wrong).toEqual([]);
  });

  test('the hazard table names exactly the seeded bugs of each id', () => {
    const seeded = new Map<string, string[]>();
    for (const { hazards, name } of catalogue)
      for (const id of hazards) seeded.set(id, [...(seeded.get(id) ?? []), name]);
    const table = hazardTable();
    const named = [...table].filter(([, { bugs }]) => bugs.length > 0).map(([id, { bugs }]) => [id, bugs]);
    expect(Object.fromEntries(named)).toEqual(Object.fromEntries(seeded));
  });

  test('links between pages lead somewhere', () => {
    const broken = PAGES.flatMap((page) => {
      const text = readFileSync(join(ROOT, page), 'utf8');
      return [...text.matchAll(/\]\((?!https?:|#)([^)#]+)/g)]
        .map((match) => match[1] ?? '')
        .filter((target) => !existsSync(join(ROOT, dirname(page), target)))
        .map((target) => `${page}: ${target}`);
    });
    expect(broken).toEqual([]);
  });

  test('pages that are named in the source exist', () => {
    const named = readdirSync(join(ROOT, 'src'), { withFileTypes: true, recursive: true })
      .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
      .flatMap((entry) =>
        [...readFileSync(join(entry.parentPath, entry.name), 'utf8').matchAll(/docs\/[\w-]+\.md/g)].map(
          (match) => match[0],
        ),
      );
    expect([...new Set(named)].filter((page) => !existsSync(join(ROOT, page)))).toEqual([]);
  });

  test('snippets import only what the entry points export', async () => {
    const entryPoints: Readonly<Record<string, () => Promise<object>>> = {
      'tsoracle-driver-paxos': () => import('../src/index.js'),
      'tsoracle-driver-paxos/omnipaxos': () => import('../src/omnipaxos/index.js'),
      'tsoracle-driver-paxos/client': () => import('../src/client/index.js'),
      'tsoracle-driver-paxos/server': () => import('../src/service/index.js'),
      'tsoracle-driver-paxos/testing': () => import('../src/testing/index.js'),
    };
    const wrong: string[] = [];
    let snippets = 0;
    for (const page of PAGES) {
      for (const snippet of readFileSync(join(ROOT, page), 'utf8').matchAll(/```ts\n([\s\S]*?)```/g)) {
        for (const line of (snippet[1] ?? '').matchAll(
          /import \{([^}]+)\} from '(tsoracle-driver-paxos[^']*)'/g,
        )) {
          snippets += 1;
          const load = entryPoints[line[2] ?? ''];
          const exported = load === undefined ? {} : await load();
          for (const name of (line[1] ?? '').split(',').map((part) => part.trim())) {
            if (name !== '' && !name.startsWith('type ') && !(name in exported))
              wrong.push(`${page}: ${name} from ${line[2]}`);
          }
        }
      }
    }
    expect(wrong).toEqual([]);
    expect(snippets).toBeGreaterThan(0);
  });
});
