import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ClusterPorts } from '../../src/cli/cluster/ports.js';
import { systemRandom } from '../../src/runtime/index.js';

const MAIN_FILE = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const TIMEOUT_MS = 60_000;

/** Runs a script in a mount namespace of its own, where it may mount file systems in `directory`. */
function inNamespace(script: string, directory: string, ports: readonly number[] = []) {
  const [peer, client] = ports.map((port) => `127.0.0.1:${port}`);
  const { status, stdout, stderr } = spawnSync('unshare', ['-Urm', 'sh', '-euc', script], {
    env: {
      ...process.env,
      NO_COLOR: '1',
      DISK: directory,
      NODE: process.execPath,
      MAIN: MAIN_FILE,
      PEER: peer,
      CLIENT: client,
    },
    encoding: 'utf8',
    timeout: TIMEOUT_MS,
  });
  return { status, out: stdout ?? '', err: stderr ?? '' };
}

const canMount = inNamespace('mount -t tmpfs -o size=64k tmpfs "$DISK"', tmpdir()).status === 0;

/** Commands of the scripts below: `told NAME command...` prints the command's exit code. */
const PREAMBLE = `
  tsoracle() { "$NODE" "$MAIN" "$@"; }
  told() { name=$1; shift; code=0; ("$@") || code=$?; echo "$name: $code"; }
  init() { tsoracle init --data-dir "$DISK/node" --cluster-id c --node-id 1 --peers "1=$PEER"; }
  # Takes the place of the shell that calls it.
  serve() {
    exec "$NODE" "$MAIN" serve paxos --data-dir "$DISK/node" --peer-listen "$PEER" --listen "$CLIENT" --advertise "$CLIENT" --status-json
  }
`;

/** No permission to write is not tried: a user who may do anything would not notice it. */
describe(`disks that refuse${canMount ? '' : ' (no file system can be mounted here)'}`, () => {
  const ports = new ClusterPorts(systemRandom);
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tsoracle-disk-'));
  });
  afterAll(() => ports[Symbol.asyncDispose]());
  afterEach(() => rm(directory, { recursive: true, force: true }));

  // S13
  test.skipIf(!canMount)(
    'full: the node does not start, and says which file and what to do; with room again it starts from what was there',
    async () => {
      const script = `${PREAMBLE}
        mount -t tmpfs -o size=1m tmpfs "$DISK"
        told init init
        told serve serve
        told inspect tsoracle inspect --data-dir "$DISK/node" --json
        ls "$DISK/node"
        mount -o remount,size=64m "$DISK"
        mkfifo "$DISK/status"
        (serve) > "$DISK/status" &
        head -n 1 "$DISK/status" > /dev/null
        kill -TERM $!
        wait $!
        told inspect tsoracle inspect --data-dir "$DISK/node" --json`;
      const { err, out } = inNamespace(script, directory, await ports.takePorts(2));
      expect(out, err).toMatch(/^init: 0$/m);
      expect(out, err).toMatch(/^serve: 1$/m);
      expect(err).toMatch(
        /write \S+\/node\/journal-2\.new: ENOSPC: no space is left\. Make room, then start again/,
      );
      const reports = [...out.matchAll(/^\{.*\}$/gm)].map(([line]): unknown => JSON.parse(line));
      expect(reports, out).toMatchObject([
        { incarnation: 0, lock: 'free' },
        { incarnation: 1, lock: 'free' },
      ]);
    },
  );

  // S13
  test.skipIf(!canMount)(
    'read-only: neither kind of oracle starts, each says what to do; what is there can be inspected',
    async () => {
      const script = `${PREAMBLE}
        mount -t tmpfs -o size=16m tmpfs "$DISK"
        told init init
        told init tsoracle init file --data-dir "$DISK/file" --seed-physical-ms 5
        mount -o remount,ro "$DISK"
        told node serve
        told file tsoracle serve file --data-dir "$DISK/file" --listen "$CLIENT"
        told new tsoracle init file --data-dir "$DISK/new"
        told inspect tsoracle inspect --data-dir "$DISK/node" --json
        told inspect tsoracle inspect --data-dir "$DISK/file" --json`;
      const { err, out } = inNamespace(script, directory, await ports.takePorts(2));
      expect(out.match(/^\w+: \d+$/gm), err).toEqual([
        'init: 0',
        'init: 0',
        'node: 1',
        'file: 1',
        'new: 1',
        'inspect: 0',
        'inspect: 0',
      ]);
      const hint = 'the file system is read-only. Mount it so that it can be written to, then start again';
      expect(err.split(hint)).toHaveLength(4);
      expect(err).toMatch(/open \S+\/node\/lock\S*\.new: /);
      expect(err).toMatch(/open \S+\/file\/lock\S*\.new: /);
      expect(err).toMatch(/mkdir \S+\/new: /);
    },
  );
});
