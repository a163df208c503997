import type { SeededBug } from './bug.js';

/** Faults of the identity gate: wiped, rolled back and cloned directories. */
export const identityBugs: readonly SeededBug[] = [
  {
    name: 'own-history-not-checked',
    hazards: ['S10', 'R15'],
    effect: 'a node that a peer remembers otherwise goes on',
    file: 'node/identity-gate.ts',
    find: "  if (ownLife !== undefined) return { kind: 'refuseSelf', reason: ownLife };\n",
    replace: '',
    foundBy: { test: 'node/identity-gate.test.ts' },
  },
  {
    name: 'memory-of-others-not-learned',
    hazards: ['R15'],
    effect: 'what a peer remembers of other nodes is not taken over',
    file: 'node/identity-gate.ts',
    find: '    if (isThirdMember) learned = remember(learned, identityOf(member));\n',
    replace: '',
    foundBy: { test: 'node/identity-gate.test.ts' },
  },
  {
    name: 'peer-counts-before-it-is-remembered',
    hazards: ['S10', 'R15'],
    effect: 'a peer is admitted before its identity is durable',
    file: 'node/peer-table.ts',
    find: 'await this.#storage.rememberPeers(',
    replace: 'void this.#storage.rememberPeers(',
    foundBy: { test: 'node/admission.test.ts' },
  },
  {
    name: 'disputed-peer-heard',
    hazards: ['R15'],
    effect: 'messages of a peer count although two directories of it are known',
    file: 'node/peer-traffic.ts',
    find: '    if (peers.isDisputed(message.from)) {',
    replace: '    if (peers.isDisputed(message.from) && this.#disputedMessages < 0) {',
    foundBy: { test: 'node/admission.test.ts' },
  },
  {
    name: 'refused-directory-not-marked',
    hazards: ['S10', 'R15'],
    effect: 'a refused directory can be started again',
    file: 'node/paxos-node.ts',
    find: "    if (reason.kind === 'refused') await this.#markRefused(reason.reason);\n",
    replace: '',
    foundBy: { test: 'node/admission.test.ts' },
  },
  {
    name: 'history-of-a-peer-not-judged',
    hazards: ['S10', 'R15'],
    effect:
      'a directory that was rolled back, and could not note that it was refused, passes at its next start',
    file: 'node/identity-gate.ts',
    find: ' ?? refuseHistory(hello, facts.memory);',
    replace: ';',
    foundBy: { test: 'node/cluster.test.ts' },
  },
];
