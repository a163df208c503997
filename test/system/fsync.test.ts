import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const RUN_FILE = fileURLToPath(new URL('../fsync/run.ts', import.meta.url));
const hasStrace = spawnSync('strace', ['--version']).error === undefined;

describe(`fsync discipline of running nodes${hasStrace ? '' : ' (strace is not installed)'}`, () => {
  // S02, P06, P07
  test.skipIf(!hasStrace)(
    'under strace: every claim after its sync, one sync for many records, none when idle',
    async () => {
      const child = spawn(process.execPath, ['--import', 'tsx', RUN_FILE], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let out = '';
      child.stdout.on('data', (chunk: Buffer) => {
        out += chunk.toString();
      });
      const [code] = await once(child, 'exit');
      const totals: unknown = JSON.parse(out.trim().split('\n').at(-1) ?? '');
      expect(totals, out).toMatchObject({ ok: true, violations: 0, idleSyncs: 0 });
      expect(code).toBe(0);
    },
  );
});
