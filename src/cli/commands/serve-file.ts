import { z } from 'zod';
import { defineCommand } from '../command.js';
import { endpointValue, logLevelValue, pathValue } from '../flag-values.js';

export const serveFileSchema = z.strictObject({
  dataDir: pathValue,
  listen: endpointValue,
  logLevel: logLevelValue.default('info'),
});

export type ServeFileOptions = z.output<typeof serveFileSchema>;

export const serveFileCommand = defineCommand({
  name: 'serve file',
  summary:
    'Runs an oracle of one process, its high-water in one file of a local disk. Nobody takes over while it is down.',
  schema: serveFileSchema,
  flags: {
    dataDir: { placeholder: 'DIR', help: "Its data directory, made by 'tsoracle init file'." },
    listen: { placeholder: 'HOST:PORT', help: 'Where it listens for clients (gRPC).' },
    logLevel: {
      placeholder: 'LEVEL',
      help: 'debug, info, warn, error or silent; default info. Logs go to stderr.',
    },
  },
  run: async (options) => (await import('../serve/serve-file.js')).serveFile(options),
});
