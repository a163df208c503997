import type { SeededBug } from './bug.js';

/** Faults in how a directory that was wiped, set back or cloned is found out. */
export const directoryBugs: readonly SeededBug[] = [
  {
    name: 'own-life-not-judged',
    hazards: ['S10', 'R15'],
    effect: 'a node that is remembered with another directory or life runs on, in vain',
    file: 'node/identity-gate.ts',
    find: 'const ownLife = refuseSelf(hello, facts.identity);',
    replace: 'const ownLife = undefined as string | undefined;',
    foundBy: { seeds: 250 },
  },
  {
    name: 'refusal-forgotten',
    hazards: ['S10', 'R15'],
    effect: 'a restart lets a refused directory try again',
    file: 'storage/storage-operation.ts',
    find: 'this.#refusedReason = operation.reason;',
    replace: 'this.#refusedReason = undefined;',
    foundBy: { seeds: 250 },
  },
];
