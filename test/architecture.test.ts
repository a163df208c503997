import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { describe, expect, test } from 'vitest';

const SRC = resolve(import.meta.dirname, '../src');

/** What each room may import; every room may import `errors`. `docs/architecture.md` says why. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  errors: [],
  consensus: [],
  runtime: [],
  omnipaxos: [],
  apply: ['omnipaxos', 'runtime'],
  'high-water': ['consensus', 'omnipaxos', 'codec', 'runtime'],
  codec: ['omnipaxos'],
  storage: ['omnipaxos', 'codec', 'runtime'],
  transport: ['omnipaxos', 'codec', 'runtime'],
  node: ['omnipaxos', 'storage', 'transport', 'runtime'],
  driver: ['consensus', 'high-water', 'runtime', 'storage'],
  host: [
    'driver',
    'apply',
    'high-water',
    'node',
    'storage',
    'transport',
    'consensus',
    'omnipaxos',
    'runtime',
  ],
  oracle: ['consensus', 'runtime'],
  wire: ['consensus'],
  service: ['oracle', 'consensus', 'runtime', 'wire'],
  client: ['consensus', 'runtime', 'oracle', 'wire'],
  testing: [
    'consensus',
    'runtime',
    'omnipaxos',
    'apply',
    'high-water',
    'codec',
    'storage',
    'transport',
    'node',
    'driver',
    'host',
    'oracle',
    'wire',
    'service',
    'client',
  ],
};

interface Import {
  readonly file: string;
  readonly specifier: string;
  /** The file that it names, relative to src; undefined for a package. */
  readonly target: string | undefined;
}

function sourceFiles(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => join(entry.parentPath, entry.name));
}

function importsOf(path: string): Import[] {
  const file = relative(SRC, path);
  return [...readFileSync(path, 'utf8').matchAll(/\b(?:from|import) '([^']+)';|\bimport\('([^']+)'\)/g)].map(
    (match) => {
      const specifier = match[1] ?? match[2] ?? '';
      const isRelative = specifier.startsWith('.');
      const target = isRelative ? relative(SRC, resolve(dirname(path), specifier)) : undefined;
      return { file, specifier, target };
    },
  );
}

function roomOf(file: string): string {
  return file.includes(sep) ? (file.split(sep)[0] ?? '') : '(top)';
}

const IMPORTS = sourceFiles(SRC).flatMap(importsOf);

describe('architecture', () => {
  test('there are imports to judge, of every room', () => {
    expect(new Set(IMPORTS.map(({ file }) => roomOf(file)))).toEqual(
      new Set([...Object.keys(MAY_IMPORT), 'cli', '(top)']),
    );
  });

  test('rooms import only the rooms that they may', () => {
    const wrong = IMPORTS.filter(({ file, target }) => {
      const room = roomOf(file);
      const other = target === undefined ? room : roomOf(target);
      if (room === other || room === 'cli' || room === '(top)' || other === 'errors') return false;
      return !(MAY_IMPORT[room] ?? []).includes(other);
    });
    expect(
      wrong.map(
        ({ file, specifier }) => `${file} imports ${specifier}: see docs/architecture.md for a way round`,
      ),
    ).toEqual([]);
  });

  test('rooms are entered by their index', () => {
    const wrong = IMPORTS.filter(({ file, target }) => {
      if (target === undefined || roomOf(file) === roomOf(target)) return false;
      return (
        !/(^|[\\/])index\.js$/.test(target) && !(roomOf(file) === 'testing' && roomOf(target) === 'testing')
      );
    });
    expect(
      wrong.map(({ file, specifier }) => `${file} imports ${specifier}: import the room's index.js`),
    ).toEqual([]);
  });

  test('the protocol core, the contract and the oracle import no package but zod and eventemitter3', () => {
    const pure = ['errors', 'consensus', 'omnipaxos', 'apply', 'high-water', 'codec', 'oracle'];
    const wrong = IMPORTS.filter(
      ({ file, target, specifier }) =>
        target === undefined && pure.includes(roomOf(file)) && !['zod', 'eventemitter3'].includes(specifier),
    );
    expect(wrong.map(({ file, specifier }) => `${file} imports ${specifier}`)).toEqual([]);
  });

  test('only service, client and command line load gRPC; only the command line loads pino; only arbitraries load fast-check', () => {
    const homes: Readonly<Record<string, readonly string[]>> = {
      '@grpc/grpc-js': ['service', 'client', 'cli'],
      pino: ['cli'],
      'fast-check': ['testing'],
    };
    const wrong = IMPORTS.filter(({ file, specifier }) => homes[specifier]?.includes(roomOf(file)) === false);
    expect(wrong.map(({ file, specifier }) => `${file} imports ${specifier}`)).toEqual([]);
  });

  test('the main entry point reaches neither gRPC, the command line nor the test kits', () => {
    const reached = new Set<string>();
    const visit = (file: string): void => {
      if (reached.has(file)) return;
      reached.add(file);
      for (const { target } of importsOf(join(SRC, file)))
        if (target !== undefined) visit(target.replace(/\.js$/, '.ts'));
    };
    visit('index.ts');
    const rooms = new Set([...reached].map(roomOf));
    for (const room of ['service', 'client', 'cli', 'testing']) expect(rooms).not.toContain(room);
    expect(rooms).toContain('oracle');
  });

  test('no wall clock, timer, randomness or console outside runtime and the command line', () => {
    const banned: readonly (readonly [RegExp, string])[] = [
      [/\bDate\.now\(/, 'Clock.wallMs'],
      [/\bperformance\.now\(/, 'Clock.monotonicMs'],
      [/\bsetTimeout\(/, 'Clock.setTimer'],
      [/\bsetInterval\(/, 'Clock.setTimer'],
      [/\bMath\.random\(/, 'Random.nextFloat'],
      [/\bconsole\./, 'Logger'],
    ];
    const wrong = sourceFiles(SRC).flatMap((path) => {
      const file = relative(SRC, path);
      if (['runtime', 'cli'].includes(roomOf(file))) return [];
      const code = readFileSync(path, 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, '');
      return banned
        .filter(([pattern]) => pattern.test(code))
        .map(([pattern, better]) => `${file}: ${pattern.source}: use ${better}`);
    });
    expect(wrong).toEqual([]);
  });
});
