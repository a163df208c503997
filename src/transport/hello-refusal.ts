import type { NodeId } from '../omnipaxos/index.js';
import type { Hello } from './peer-transport.js';
import type { TcpSettings } from './tcp-options.js';

/** What a transport knows when it looks at a Hello. */
export interface HelloExpectation {
  readonly settings: Pick<TcpSettings, 'nodeId'>;
  /** This node's cluster. */
  readonly clusterId: string;
  /** The node that was dialled; undefined on the side that was called. */
  readonly dialled: NodeId | undefined;
}

/** Why whoever states this Hello is turned away, before the node is asked to judge it; undefined if nothing speaks against it. */
export function refusalOf(hello: Hello, expectation: HelloExpectation): string | undefined {
  const { settings, clusterId, dialled } = expectation;
  const { nodeId } = settings;
  if (hello.clusterId !== clusterId) {
    return `it belongs to cluster ${JSON.stringify(hello.clusterId)}, this node to ${JSON.stringify(clusterId)}`;
  }
  if (dialled !== undefined && hello.nodeId !== dialled) {
    return `node ${hello.nodeId} answers where node ${dialled} was dialled: the addresses of the peers are mixed up`;
  }
  if (hello.nodeId === nodeId) return `it claims to be node ${nodeId}, as this node does`;
  return undefined;
}
