import { z } from 'zod';
import { defineCommand } from '../command.js';
import { endpointListValue, secondsValue, wholeNumberValue } from '../flag-values.js';

/** How many timestamps one call can be granted. */
const COUNT_MAX = 262_144;

export const getSchema = z.strictObject({
  endpoints: endpointListValue,
  count: wholeNumberValue(1, COUNT_MAX).default(1),
  timeout: secondsValue(0.001, 3600).default(5),
});

export type GetOptions = z.output<typeof getSchema>;

export const getCommand = defineCommand({
  name: 'get',
  summary: 'Asks a cluster for timestamps and prints them in decimal, one a line.',
  schema: getSchema,
  flags: {
    endpoints: {
      placeholder: 'HOST:PORT,...',
      help: "The nodes' client endpoints; whichever leads is found.",
    },
    count: {
      placeholder: 'N',
      help: `How many, consecutive, in one call: within [1, ${COUNT_MAX}], default 1.`,
    },
    timeout: { placeholder: 'SECONDS', help: 'How long to try: within [0.001, 3600], default 5.' },
  },
  run: async (options, output) => (await import('../get-timestamps.js')).getTimestamps(options, output),
});
