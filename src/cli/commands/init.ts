import { z } from 'zod';
import { defineCommand } from '../command.js';
import { clusterIdValue, nodeIdValue, pathValue, peersValue } from '../flag-values.js';

export const initSchema = z
  .strictObject({
    dataDir: pathValue,
    clusterId: clusterIdValue,
    nodeId: nodeIdValue,
    peers: peersValue,
  })
  .superRefine(({ nodeId, peers }, context) => {
    if (peers.has(nodeId)) return;
    context.addIssue({
      code: 'custom',
      path: ['peers'],
      message: `must name every member, this node (${nodeId}) included`,
    });
  });

export type InitOptions = z.output<typeof initSchema>;

export const initCommand = defineCommand({
  name: 'init',
  summary:
    'Creates the data directory of one node of a new cluster. Run it once for each node, with the same cluster id and peers.',
  schema: initSchema,
  flags: {
    dataDir: { placeholder: 'DIR', help: 'The directory to create; if it exists it must be empty.' },
    clusterId: { placeholder: 'NAME', help: "The cluster's name, the same on all of its nodes." },
    nodeId: { placeholder: 'N', help: "This node's number, 1 or more, different on each node." },
    peers: {
      placeholder: '1=HOST:PORT,...',
      help: 'Every member, this node included, and where its peers reach it.',
    },
  },
  run: async (options, output) => (await import('../init-node.js')).initNode(options, output),
});
