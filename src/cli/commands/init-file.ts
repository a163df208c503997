import { z } from 'zod';
import { defineCommand } from '../command.js';
import { pathValue, wholeNumberValue } from '../flag-values.js';
import { SEED_MS_MAX } from '../seed.js';

export const initFileSchema = z.strictObject({
  dataDir: pathValue,
  seedPhysicalMs: wholeNumberValue(0, SEED_MS_MAX).default(0),
});

export const initFileCommand = defineCommand({
  name: 'init file',
  summary: 'Creates the data directory of an oracle of one process, for `serve file`.',
  schema: initFileSchema,
  flags: {
    dataDir: { placeholder: 'DIR', help: 'The directory to create; if it exists it must be empty.' },
    seedPhysicalMs: {
      placeholder: 'N',
      help: 'Every timestamp lies above N, in ms since the Unix epoch: for what takes over from another oracle; default 0.',
    },
  },
  run: async ({ dataDir, seedPhysicalMs }, output) => {
    const { initFileDriver } = await import('../../driver/index.js');
    await initFileDriver({ dataDir, highWaterMs: seedPhysicalMs });
    output.out(`${dataDir} is now the data directory of an oracle of one process.`);
    return 0;
  },
});
