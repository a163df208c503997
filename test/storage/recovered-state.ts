import { isDeepStrictEqual } from 'node:util';
import type { StableState } from '../../src/omnipaxos/index.js';
import { readIdentity, recoverDirectory } from '../../src/storage/recover-directory.js';
import type { MemoryFileSystem } from '../../src/testing/memory-file-system.js';
import { testCodecs } from '../codec/test-codecs.js';
import { dataDir } from './journal-harness.js';

type State = StableState<string, number>;

/** What an opening would find: reads only. */
export async function recoverFrom(fileSystem: MemoryFileSystem): Promise<State> {
  const identity = await readIdentity(dataDir, fileSystem);
  return (await recoverDirectory(dataDir, identity, fileSystem, testCodecs)).image.stable.copy();
}

/**
 * How many calls the recovered state shows, if `states[k]` is what is there after k of them.
 * @throws unless it is one of them, and none below `atLeast`.
 */
export function callsShownBy(recovered: State, states: readonly State[], atLeast: number): number {
  const shown = states.findIndex((state, k) => k >= atLeast && isDeepStrictEqual(state, recovered));
  if (shown >= 0) return shown;
  const earlier = states.findIndex((state) => isDeepStrictEqual(state, recovered));
  throw new Error(
    earlier < 0
      ? `the recovered state was never there: ${JSON.stringify(recovered)}`
      : `acknowledged calls are lost: ${atLeast} were, ${earlier} are there`,
  );
}
