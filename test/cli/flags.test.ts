import { describe, expect, test } from 'vitest';
import { flagName, parseFlags, variableName } from '../../src/cli/command.js';
import { clusterCommand, clusterSchema } from '../../src/cli/commands/cluster.js';
import { getCommand, getSchema } from '../../src/cli/commands/get.js';
import { initCommand, initSchema } from '../../src/cli/commands/init.js';
import { initFileSchema } from '../../src/cli/commands/init-file.js';
import { inspectSchema } from '../../src/cli/commands/inspect.js';
import { serveCommand, serveSchema } from '../../src/cli/commands/serve.js';
import { serveFileSchema } from '../../src/cli/commands/serve-file.js';
import { commands } from '../../src/cli/commands.js';
import { InvalidInputError } from '../../src/errors/index.js';

const silent = { out() {}, err() {} };

/** The schema's flags, without help: enough to parse. */
function flagsOf<Shape extends object>(
  shape: Shape,
): { readonly [Key in keyof Shape]: { help: string; placeholder?: string } } {
  const entries = Object.keys(shape).map((key) => [
    key,
    SWITCHES.has(key) ? { help: '' } : { help: '', placeholder: 'X' },
  ]);
  // The entries have exactly the shape's keys.
  return Object.fromEntries(entries) as {
    readonly [Key in keyof Shape]: { help: string; placeholder?: string };
  };
}

const SWITCHES: ReadonlySet<string> = new Set(['statusJson', 'json', 'chaos', 'join']);

const initArgs = [
  '--data-dir',
  '/d',
  '--cluster-id',
  'c1',
  '--node-id',
  '1',
  '--peers',
  '1=127.0.0.1:7001,2=[::1]:7002',
];
const serveArgs = [
  '--data-dir',
  '/d',
  '--peer-listen',
  'localhost:1',
  '--listen',
  '0.0.0.0:2',
  '--advertise',
  'db.example:3',
];

/** What each command needs to be accepted. */
const completeArgs: Readonly<Record<'init' | 'serve' | 'get' | 'cluster', readonly string[]>> = {
  init: initArgs,
  serve: serveArgs,
  get: ['--endpoints', 'a:1'],
  cluster: [],
};

const parse = {
  init: (args: readonly string[], env = {}) => parseFlags(initSchema, flagsOf(initSchema.shape), args, env),
  serve: (args: readonly string[], env = {}) =>
    parseFlags(serveSchema, flagsOf(serveSchema.shape), args, env),
  get: (args: readonly string[], env = {}) => parseFlags(getSchema, flagsOf(getSchema.shape), args, env),
  cluster: (args: readonly string[], env = {}) =>
    parseFlags(clusterSchema, flagsOf(clusterSchema.shape), args, env),
};

describe('flags and environment', () => {
  test('init: all flags, are read with their types', () => {
    expect(parse.init(initArgs)).toEqual({
      dataDir: '/d',
      clusterId: 'c1',
      nodeId: 1,
      peers: new Map([
        [1, '127.0.0.1:7001'],
        [2, '[::1]:7002'],
      ]),
      join: false,
    });
  });

  test('init: what contradicts itself, is refused by the name of the flag', () => {
    const refused = (...more: string[]): unknown => thrownBy(() => parse.init([...initArgs, ...more])).field;
    expect(refused('--join')).toBe('--peers');
    expect(refused('--recover-from', '/old')).toBe('--seed-physical-ms');
    const joining = [
      '--data-dir',
      '/d',
      '--cluster-id',
      'c',
      '--node-id',
      '4',
      '--peers',
      '1=localhost:7001',
      '--join',
    ];
    const recovering = ['--recover-from', '/old', '--seed-physical-ms', '1'];
    expect(thrownBy(() => parse.init([...joining, ...recovering])).field).toBe('--join');
    expect(refused('--seed-physical-ms', '-1')).toBe('--seed-physical-ms');
    expect(refused('--seed-physical-ms', String(2 ** 46))).toBe('--seed-physical-ms');
  });

  test('serve: all flags, are read with their types and defaults', () => {
    expect(parse.serve(serveArgs)).toEqual({
      dataDir: '/d',
      peerListen: 'localhost:1',
      listen: '0.0.0.0:2',
      advertise: 'db.example:3',
      statusJson: false,
      logLevel: 'info',
    });
  });

  test('get and cluster: nothing but what is required, defaults are filled in', () => {
    expect(parse.get(['--endpoints', 'a:1,b:2'])).toEqual({
      endpoints: ['a:1', 'b:2'],
      count: 1,
      timeout: 5,
    });
    expect(parse.cluster([])).toEqual({
      nodes: 3,
      clients: 16,
      chaos: false,
      json: false,
      logLevel: 'error',
    });
  });

  test('cluster: a seed, is within 32 bits and for chaos only', () => {
    expect(parse.cluster(['--chaos', '--seed', '42'])).toMatchObject({ chaos: true, seed: 42 });
    expect(thrownBy(() => parse.cluster(['--seed', '42'])).field).toBe('--seed');
    expect(thrownBy(() => parse.cluster(['--chaos', '--seed', String(2 ** 32)])).field).toBe('--seed');
  });

  test('environment: stands in for a flag, the flag wins, empty counts as absent', () => {
    const env = { TSORACLE_ENDPOINTS: 'env:1', TSORACLE_COUNT: '7', TSORACLE_TIMEOUT: '' };
    expect(parse.get([], env)).toEqual({ endpoints: ['env:1'], count: 7, timeout: 5 });
    expect(parse.get(['--count', '2'], env)).toMatchObject({ count: 2 });
  });

  test.each(['1', 'true', 'yes', 'on'])('environment: a switch set to %s, is on', (value) => {
    expect(parse.cluster([], { TSORACLE_JSON: value }).json).toBe(true);
  });

  test('a name, is the same in schema, flag and variable', () => {
    expect(flagName('killLeaderEvery')).toBe('--kill-leader-every');
    expect(variableName('killLeaderEvery')).toBe('TSORACLE_KILL_LEADER_EVERY');
  });

  test.each([
    ['init', '--data-dir', ''],
    ['init', '--cluster-id', 'a b'],
    ['init', '--cluster-id', 'x'.repeat(65)],
    ['init', '--node-id', '0'],
    ['init', '--node-id', '1.5'],
    ['init', '--node-id', '281474976710656'],
    ['init', '--peers', '1=127.0.0.1'],
    ['init', '--peers', 'one=127.0.0.1:1'],
    ['init', '--peers', '1=a:1,1=a:2'],
    ['init', '--peers', '1=a:1,2=a:1'],
    ['init', '--peers', '2=a:1,3=a:2'],
    ['init', '--peers', '1=a:1,'],
    ['serve', '--peer-listen', 'localhost'],
    ['serve', '--listen', 'localhost:0'],
    ['serve', '--listen', 'localhost:65536'],
    ['serve', '--listen', '::1:80'],
    ['serve', '--advertise', 'http://a:1'],
    ['serve', '--log-level', 'loud'],
    ['get', '--endpoints', ''],
    ['get', '--endpoints', 'a:1,a:1'],
    ['get', '--count', '0'],
    ['get', '--count', '262145'],
    ['get', '--count', '1e3'],
    ['get', '--timeout', '0'],
    ['cluster', '--nodes', '2'],
    ['cluster', '--clients', '0'],
    ['cluster', '--duration', '0.5'],
    ['cluster', '--duration', 'NaN'],
    ['cluster', '--kill-leader-every', '-1'],
    ['cluster', '--data-dir', ''],
  ] as const)('%s: %s %j refused, names the flag and the value', (command, flag, value) => {
    const base = completeArgs[command];
    const at = base.indexOf(flag);
    const others = at < 0 ? base : [...base.slice(0, at), ...base.slice(at + 2)];
    const error = thrownBy(() => parse[command]([...others, `${flag}=${value}`]));
    expect(error).toMatchObject({ field: flag, value });
    expect(error.message.startsWith(`${flag}: must `)).toBe(true);
    expect(error.message).toContain(JSON.stringify(value));
  });

  test.each([
    ['init', 'TSORACLE_NODE_ID', 'x'],
    ['serve', 'TSORACLE_LISTEN', 'nowhere'],
    ['serve', 'TSORACLE_STATUS_JSON', 'perhaps'],
    ['get', 'TSORACLE_COUNT', '-3'],
    ['cluster', 'TSORACLE_NODES', '4'],
  ] as const)('%s: %s=%s refused, names the variable and the value', (command, variable, value) => {
    const base = completeArgs[command];
    const at = base.indexOf(variable.replace('TSORACLE_', '--').toLowerCase().replace('_', '-'));
    const others = at < 0 ? base : [...base.slice(0, at), ...base.slice(at + 2)];
    const error = thrownBy(() => parse[command](others, { [variable]: value }));
    expect(error).toMatchObject({ field: variable, value });
    expect(error.message).toContain(JSON.stringify(value));
  });

  test.each([
    ['init', '--data-dir', 'TSORACLE_DATA_DIR'],
    ['serve', '--data-dir', 'TSORACLE_DATA_DIR'],
    ['get', '--endpoints', 'TSORACLE_ENDPOINTS'],
  ] as const)(
    '%s: %s missing, says so and names the variable that could stand in',
    (command, flag, variable) => {
      const error = thrownBy(() => parse[command]([]));
      expect(error.field).toBe(flag);
      expect(error.message).toContain('is required');
      expect(error.message).toContain(variable);
    },
  );

  test.each([
    [['--counts', '3'], '--counts'],
    [['--count'], '--count'],
    [['three'], 'three'],
  ])('arguments %j, are refused by name', (args, named) => {
    expect(thrownBy(() => parse.get(args)).field).toBe(named);
  });
});

describe('commands', () => {
  test.each(commands.map((command) => [command.name, command] as const))(
    '%s: help, shows each flag and its variable',
    (_, command) => {
      const schema = {
        init: initSchema,
        'init file': initFileSchema,
        'serve paxos': serveSchema,
        'serve file': serveFileSchema,
        inspect: inspectSchema,
        get: getSchema,
        cluster: clusterSchema,
      }[command.name];
      const keys = Object.keys(schema?.shape ?? {});
      expect(keys.length).toBeGreaterThan(1);
      for (const key of keys) {
        expect(command.help()).toContain(flagName(key));
        expect(command.help()).toContain(`[${variableName(key)}]`);
      }
    },
  );

  test.each([initCommand, serveCommand, getCommand])(
    '$name: a flag refused, does nothing and rejects',
    async (command) => {
      await expect(command.run(['--nonsense'], {}, silent)).rejects.toBeInstanceOf(InvalidInputError);
    },
  );

  test('cluster: a flag refused, does nothing and rejects', async () => {
    await expect(clusterCommand.run(['--nodes', '7'], {}, silent)).rejects.toMatchObject({
      field: '--nodes',
      value: '7',
    });
  });
});

function thrownBy(action: () => unknown): InvalidInputError {
  try {
    action();
  } catch (error) {
    if (error instanceof InvalidInputError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}
