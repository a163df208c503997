// One node in one process, on a data directory of its own. Run it: npx tsx docs/examples/embedded.ts
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  formatTimestamp,
  initDataDirectory,
  Oracle,
  packTimestamp,
  StandaloneHost,
  timestampToDate,
} from '../../src/index.js';

/** Grants a few timestamps, and gives them to `print`. */
export async function run(print: (line: string) => void): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'tsoracle-embedded-'));
  const dataDir = join(folder, 'node-1');
  try {
    await initDataDirectory({
      dataDir,
      clusterId: 'embedded',
      nodeId: 1,
      config: { configId: 1, nodes: [1], leaseMs: 250, maxClockDrift: 0.01 },
      peerAddresses: new Map(),
    });
    await using host = await StandaloneHost.open({ dataDir, peerListen: '127.0.0.1:0' });
    await using oracle = Oracle.start({ driver: host.driver });
    await untilServing(oracle);
    for (let i = 0; i < 3; i++) {
      const { physicalMs, logicalStart } = await oracle.grant(1);
      const timestamp = packTimestamp(physicalMs, logicalStart);
      print(`${formatTimestamp(timestamp)}  ${timestampToDate(timestamp).toISOString()}`);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A grant is refused while nobody leads; a service would answer so, and its clients try again. */
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
