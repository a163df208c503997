import type { NodeId } from '../../src/omnipaxos/index.js';
import type { Hello } from '../../src/transport/index.js';

/** The Hello of a node, in its first life unless told otherwise. */
export function testHello(nodeId: NodeId, changes: Partial<Hello> = {}): Hello {
  return {
    clusterId: 'test',
    nodeId,
    configId: 1,
    configHash: 0xabcdef,
    directoryId: nodeId.toString(16).padStart(16, '0'),
    incarnation: 1,
    bootId: 'b00b00b00b00b001',
    members: [],
    ...changes,
  };
}
