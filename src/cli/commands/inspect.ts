import { z } from 'zod';
import { defineCommand } from '../command.js';
import { pathValue, switchValue } from '../flag-values.js';

export const inspectSchema = z.strictObject({ dataDir: pathValue, json: switchValue });

export type InspectOptions = z.output<typeof inspectSchema>;

export const inspectCommand = defineCommand({
  name: 'inspect',
  summary:
    'Prints what a data directory holds, of a node or of an oracle of one process. It reads only; a process may be running from it.',
  schema: inspectSchema,
  flags: {
    dataDir: {
      placeholder: 'DIR',
      help: "A data directory, made by 'tsoracle init' or 'tsoracle init file'.",
    },
    json: { help: 'Prints one line of JSON.' },
  },
  run: async (options, output) => (await import('../inspect-directory.js')).inspectDirectory(options, output),
});
