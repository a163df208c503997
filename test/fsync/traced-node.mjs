// One node of the cluster that is traced. Leading, it makes advances, many at a time; then nobody asks for anything. It ends when its stdin does.
import { StandaloneHost } from '../../dist/index.js';

const [dataDir = '', peerListen = '', rounds = '', together = ''] = process.argv.slice(2);

const host = await StandaloneHost.open({ dataDir, peerListen });
process.stdin.resume();
process.stdin.once('end', () => void host.close());
for await (const state of host.driver.leadershipEvents()) {
  if (state.role !== 'leader') continue;
  try {
    let next = await host.driver.loadHighWater();
    for (let round = 0; round < Number(rounds); round++) {
      const advances = Array.from({ length: Number(together) }, () =>
        host.driver.persistHighWater(++next, state.epoch),
      );
      await Promise.all(advances);
    }
    process.stdout.write('loaded\n');
  } catch {
    // It leads no more: the next leader makes the advances.
  }
}
