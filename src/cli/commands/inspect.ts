import { z } from 'zod';
import { defineCommand } from '../command.js';
import { pathValue, switchValue } from '../flag-values.js';

export const inspectSchema = z.strictObject({ dataDir: pathValue, json: switchValue });

export type InspectOptions = z.output<typeof inspectSchema>;

export const inspectCommand = defineCommand({
  name: 'inspect',
  summary: "Prints what a node's data directory holds. It reads only; a node may be running from it.",
  schema: inspectSchema,
  flags: {
    dataDir: { placeholder: 'DIR', help: "A node's data directory." },
    json: { help: 'Prints one line of JSON.' },
  },
  run: async (options, output) => (await import('../inspect-directory.js')).inspectDirectory(options, output),
});
