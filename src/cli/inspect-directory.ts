import { highWaterCommandCodec, highWaterSnapshotCodec } from '../high-water/index.js';
import { formatBallot } from '../omnipaxos/index.js';
import { readDataDirectory } from '../storage/index.js';
import type { CommandOutput } from './command.js';
import type { InspectOptions } from './commands/inspect.js';
import { highestAdvance } from './seed.js';

/** `tsoracle inspect`. */
export async function inspectDirectory(
  { dataDir, json }: InspectOptions,
  output: CommandOutput,
): Promise<number> {
  const codecs = { entry: highWaterCommandCodec, snapshot: highWaterSnapshotCodec };
  const { report, state } = await readDataDirectory(dataDir, codecs);
  const { acceptedIdx, acceptedRound, compactedIdx, config, decidedIdx, identity, promise, segment } = report;
  const found = {
    dataDir,
    clusterId: identity.clusterId,
    nodeId: identity.nodeId,
    directoryId: identity.directoryId,
    /** How often it was opened. */
    incarnation: identity.incarnation,
    config,
    peerAddresses: Object.fromEntries(report.peerAddresses),
    promise: formatBallot(promise),
    acceptedRound: formatBallot(acceptedRound),
    compactedIdx,
    decidedIdx,
    acceptedIdx,
    snapshotHighWater: state.snapshot?.value.value ?? null,
    highestAdvance: highestAdvance(state),
    rememberedPeers: report.peers,
    segment,
    refused: report.refusedReason ?? null,
    openedByPid: report.openedBy?.pid ?? null,
  };
  if (json) output.out(JSON.stringify(found));
  else for (const [name, value] of Object.entries(found)) output.out(`${name.padEnd(18)} ${shown(value)}`);
  return 0;
}

function shown(value: unknown): string {
  if (value === null) return '-';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
