import { systemClock, systemRandom } from '../../runtime/index.js';
import type { CommandOutput } from '../command.js';
import type { ClusterOptions } from '../commands/cluster.js';
import { listenForStop } from '../stop-request.js';
import { Children } from './children.js';
import { ClusterRun } from './cluster-run.js';
import { type ClusterLayout, prepareLayout, removeIfTemporary, removeIfTemporarySync } from './layout.js';
import { ClusterPorts } from './ports.js';
import { Progress } from './progress.js';

/** `tsoracle cluster`: the exit code is 0 if the run kept every promise, else 1. */
export async function runCluster(options: ClusterOptions, output: CommandOutput): Promise<number> {
  using children = new Children();
  let layout: ClusterLayout | undefined;
  const endSuddenly = (): void => {
    children.killAll();
    if (layout !== undefined) removeIfTemporarySync(layout);
  };
  using stopRequest = listenForStop({ beforeSudden: endSuddenly });
  // With --json stdout is for the verdict alone.
  const progress = new Progress({
    write: options.json ? output.err : output.out,
    colours:
      (options.json ? process.stderr : process.stdout).isTTY === true &&
      process.env['NO_COLOR'] === undefined,
    clock: systemClock,
  });
  await using ports = new ClusterPorts(systemRandom);
  layout = await prepareLayout(options, ports, systemRandom);
  try {
    progress.layout(layout);
    const seed = options.seed ?? Math.floor(systemRandom.nextFloat() * 2 ** 32);
    const run = new ClusterRun({ options, layout, children, progress, clock: systemClock, seed });
    const verdict = await run.run(stopRequest.signal);
    progress.verdict(verdict);
    if (options.json) output.out(JSON.stringify(verdict));
    return verdict.ok ? 0 : 1;
  } finally {
    await removeIfTemporary(layout);
  }
}
