import type { SeededBug } from './bug.js';
import { cliBugs } from './cli-bugs.js';
import { directoryBugs } from './directory-bugs.js';
import { edgeBugs } from './edge-bugs.js';
import { electionBugs } from './election-bugs.js';
import { identityBugs } from './identity-bugs.js';
import { leaseBugs } from './lease-bugs.js';
import { nodeBugs } from './node-bugs.js';
import { reconfigurationBugs } from './reconfiguration-bugs.js';
import { replicationBugs } from './replication-bugs.js';
import { runnerBugs } from './runner-bugs.js';
import { serviceBugs } from './service-bugs.js';
import { storageBugs } from './storage-bugs.js';

/** Every seeded bug. */
export const catalogue: readonly SeededBug[] = [
  ...electionBugs,
  ...replicationBugs,
  ...reconfigurationBugs,
  ...nodeBugs,
  ...runnerBugs,
  ...leaseBugs,
  ...identityBugs,
  ...directoryBugs,
  ...storageBugs,
  ...serviceBugs,
  ...edgeBugs,
  ...cliBugs,
];
