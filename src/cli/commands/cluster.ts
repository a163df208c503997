import { z } from 'zod';
import { defineCommand } from '../command.js';
import { logLevelValue, pathValue, secondsValue, switchValue, wholeNumberValue } from '../flag-values.js';

/** The longest run that can be asked for: 30 days, in s. */
const DURATION_MAX = 30 * 24 * 3600;

/** Seeds have 32 bits. */
const SEED_MAX = 2 ** 32 - 1;

export const clusterSchema = z
  .strictObject({
    nodes: z.enum(['1', '3', '5'], { message: 'must be 1, 3 or 5' }).default('3').transform(Number),
    clients: wholeNumberValue(1, 10_000).default(16),
    duration: secondsValue(1, DURATION_MAX).optional(),
    killLeaderEvery: secondsValue(1, DURATION_MAX).optional(),
    chaos: switchValue,
    seed: wholeNumberValue(0, SEED_MAX).optional(),
    dataDir: pathValue.optional(),
    json: switchValue,
    logLevel: logLevelValue.default('error'),
  })
  .superRefine(({ chaos, seed }, context) => {
    if (seed === undefined || chaos) return;
    context.addIssue({ code: 'custom', path: ['seed'], message: 'is of use with --chaos only' });
  });

export type ClusterOptions = z.output<typeof clusterSchema>;

export const clusterCommand = defineCommand({
  name: 'cluster',
  summary:
    'Runs a cluster on this machine, one process a node, under a load of clients that checks every timestamp, until Ctrl-C.',
  schema: clusterSchema,
  flags: {
    nodes: { placeholder: 'N', help: 'How many nodes: 1, 3 or 5; default 3.' },
    clients: {
      placeholder: 'N',
      help: 'How many clients, each one call after the other: within [1, 10000], default 16.',
    },
    duration: {
      placeholder: 'SECONDS',
      help: 'Ends by itself so long after the first grant, with a verdict.',
    },
    killLeaderEvery: {
      placeholder: 'SECONDS',
      help: 'Kills the leader with SIGKILL so often, and restarts it from its disk two seconds later.',
    },
    chaos: {
      help: 'Kills nodes (one, the leader, or all) and stops and continues their processes, at random, again and again; each is restarted from its disk two seconds later.',
    },
    seed: {
      placeholder: 'N',
      help: `Draws the same faults in the same order as the run with this seed did: with --chaos, within [0, ${SEED_MAX}]; default: random, and told.`,
    },
    dataDir: {
      placeholder: 'DIR',
      help: "Keeps the nodes' data in DIR, and goes on from there next time; default: a temporary one, removed at the end.",
    },
    json: { help: 'Ends stdout with the verdict as one line of JSON; everything else goes to stderr.' },
    logLevel: {
      placeholder: 'LEVEL',
      help: "The nodes' logs: debug, info, warn, error or silent; default error.",
    },
  },
  run: async (options, output) => (await import('../cluster/run-cluster.js')).runCluster(options, output),
});
