import { z } from 'zod';
import { defineCommand } from '../command.js';
import { endpointValue, logLevelValue, pathValue, switchValue } from '../flag-values.js';

export const serveSchema = z.strictObject({
  dataDir: pathValue,
  peerListen: endpointValue,
  listen: endpointValue,
  advertise: endpointValue,
  statusJson: switchValue,
  logLevel: logLevelValue.default('info'),
});

export type ServeOptions = z.output<typeof serveSchema>;

export const serveCommand = defineCommand({
  name: 'serve paxos',
  summary:
    "Runs one node of a cluster: the directory's acceptor, and a timestamp oracle that serves clients while the node leads.",
  schema: serveSchema,
  flags: {
    dataDir: { placeholder: 'DIR', help: "The node's data directory, made by 'tsoracle init'." },
    peerListen: {
      placeholder: 'HOST:PORT',
      help: 'Where this node listens for its peers; loopback only, as yet.',
    },
    listen: { placeholder: 'HOST:PORT', help: 'Where this node listens for clients (gRPC).' },
    advertise: {
      placeholder: 'HOST:PORT',
      help: 'Where clients reach this node, as told to them by its peers.',
    },
    statusJson: {
      help: 'Writes the status to stdout as JSON lines: when ready, at each change, and each second.',
    },
    logLevel: {
      placeholder: 'LEVEL',
      help: 'debug, info, warn, error or silent; default info. Logs go to stderr.',
    },
  },
  run: async (options, output) => (await import('../serve/serve-node.js')).serveNode(options, output),
});
