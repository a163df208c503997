import { z } from 'zod';
import { defineCommand } from '../command.js';
import {
  clusterIdValue,
  nodeIdValue,
  pathValue,
  peersValue,
  switchValue,
  wholeNumberValue,
} from '../flag-values.js';
import { SEED_MS_MAX } from '../seed.js';

export const initSchema = z
  .strictObject({
    dataDir: pathValue,
    clusterId: clusterIdValue,
    nodeId: nodeIdValue,
    peers: peersValue,
    seedPhysicalMs: wholeNumberValue(0, SEED_MS_MAX).optional(),
    recoverFrom: pathValue.optional(),
    join: switchValue,
  })
  .superRefine(({ nodeId, peers, join, recoverFrom, seedPhysicalMs }, context) => {
    const refuse = (path: string, message: string): void =>
      context.addIssue({ code: 'custom', path: [path], message });
    if (peers.has(nodeId) === join) {
      refuse(
        'peers',
        join
          ? `must name the members of the running cluster, without this node (${nodeId})`
          : `must name every member, this node (${nodeId}) included`,
      );
    }
    if (recoverFrom !== undefined && join) {
      refuse(
        'join',
        'must not stand beside --recover-from, which is for the nodes that a new cluster begins with',
      );
    }
    if (recoverFrom !== undefined && seedPhysicalMs === undefined) {
      refuse(
        'seedPhysicalMs',
        'is needed with --recover-from: a time above every clock and window of the nodes that are lost',
      );
    }
  });

export type InitOptions = z.output<typeof initSchema>;

export const initCommand = defineCommand({
  name: 'init',
  summary:
    'Creates the data directory of one node of a new cluster. Run it once for each node, with the same cluster id, peers and seed.',
  schema: initSchema,
  flags: {
    dataDir: { placeholder: 'DIR', help: 'The directory to create; if it exists it must be empty.' },
    clusterId: { placeholder: 'NAME', help: "The cluster's name, the same on all of its nodes." },
    nodeId: { placeholder: 'N', help: "This node's number, 1 or more, different on each node." },
    peers: {
      placeholder: '1=HOST:PORT,...',
      help: 'Every member, this node included, and where its peers reach it.',
    },
    seedPhysicalMs: {
      placeholder: 'N',
      help: 'Every timestamp of this cluster lies above N, in ms since the Unix epoch: for what takes over from another oracle.',
    },
    recoverFrom: {
      placeholder: 'DIR',
      help: 'The directory of a node that is left of a cluster whose majority is lost: timestamps lie above everything that it knows of, and above --seed-physical-ms.',
    },
    join: {
      help: 'For a node that is to become a member of a running cluster, by a reconfiguration: --peers names the members that it has now.',
    },
  },
  run: async (options, output) => (await import('../init-node.js')).initNode(options, output),
});
