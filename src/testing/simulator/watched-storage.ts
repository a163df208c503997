import type { HighWaterCommand, HighWaterSnapshot } from '../../high-water/index.js';
import type { Storage } from '../../storage/index.js';
import type { DiskModel } from './checkers/disk-model.js';

/** The same storage; `model` is told of what is written through it, and of what it acknowledges. */
export function watchStorage(
  storage: Storage<HighWaterCommand, HighWaterSnapshot>,
  model: DiskModel,
): Storage<HighWaterCommand, HighWaterSnapshot> {
  const acknowledge = async (number: number, done: Promise<void>): Promise<void> => {
    await done;
    model.acknowledged(number);
  };
  return {
    identity: storage.identity,
    load: () => storage.load(),
    peers: () => storage.peers(),
    persist: (writes, needsSync) => {
      const number = model.handedOver(writes);
      const done = storage.persist(writes, needsSync);
      return needsSync ? acknowledge(number, done) : done;
    },
    // No write of the protocol's, but durable only with all before it.
    rememberPeers: (peers) => acknowledge(model.handedOver([]), storage.rememberPeers(peers)),
    markRefused: (reason) => acknowledge(model.handedOver([]), storage.markRefused(reason)),
    close: () => storage.close(),
  };
}
