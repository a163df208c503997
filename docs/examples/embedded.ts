// An oracle in one process, on one file. Run it: npx tsx docs/examples/embedded.ts
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  FileDriver,
  formatTimestamp,
  initFileDriver,
  Oracle,
  packTimestamp,
  timestampToDate,
} from '../../src/index.js';

/** Grants a few timestamps, before and after a restart, and gives them to `print`. */
export async function run(print: (line: string) => void): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'tsoracle-embedded-'));
  const dataDir = join(folder, 'oracle');
  try {
    // Once, when the service is installed: opening never makes a directory.
    await initFileDriver({ dataDir });
    print('a timestamp, the ms that it names, and which start of the process has granted it:');
    for (const life of ['first', 'second']) {
      await using driver = await FileDriver.open({ dataDir });
      await using oracle = Oracle.start({ driver });
      await untilServing(oracle);
      for (let i = 0; i < 3; i++) {
        const { physicalMs, logicalStart } = await oracle.grant(1);
        const timestamp = packTimestamp(physicalMs, logicalStart);
        print(`${formatTimestamp(timestamp)}  ${timestampToDate(timestamp).toISOString()}  ${life} start`);
      }
    }
    print('the second start begins above all that the first could have granted: a second ahead of the clock');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A grant is refused until the first window is durable; a service would answer so, and its clients try again. */
function untilServing(oracle: Oracle): Promise<void> {
  return new Promise((resolve) => {
    const check = (): void => {
      if (oracle.state().role !== 'serving') return;
      oracle.events.off('state', check);
      resolve();
    };
    oracle.events.on('state', check);
    check();
  });
}

if (process.argv[1] === import.meta.filename) await run((line) => void process.stdout.write(`${line}\n`));
