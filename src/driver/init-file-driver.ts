import { EPOCH_ZERO, isHighWater, PHYSICAL_MS_MAX } from '../consensus/index.js';
import { InvalidInputError } from '../errors/index.js';
import { initRecordDirectory } from '../storage/index.js';
import type { InitFileDriverOptions } from './file-driver-options.js';
import { encodeHighWaterRecord, HIGH_WATER_RECORD } from './high-water-record.js';

/**
 * Makes the directory of a `FileDriver`: the only act that does. When it resolves, the directory is durable.
 *
 * @throws {InvalidInputError} naming the option.
 * @throws {StorageError} `storage_already_initialized` if the directory holds anything already; `storage_locked`; `storage_io`.
 */
export async function initFileDriver(options: InitFileDriverOptions): Promise<void> {
  const { highWaterMs = 0, ...directory } = options;
  if (!isHighWater(highWaterMs)) {
    throw new InvalidInputError(
      'highWaterMs',
      highWaterMs,
      `must be a whole number of ms within [0, ${PHYSICAL_MS_MAX}]`,
    );
  }
  await initRecordDirectory(
    { ...directory, kind: HIGH_WATER_RECORD },
    encodeHighWaterRecord({ highWaterMs, epoch: EPOCH_ZERO }),
  );
}
