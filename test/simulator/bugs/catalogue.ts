import type { SeededBug } from './bug.js';
import { edgeBugs } from './edge-bugs.js';
import { nodeBugs } from './node-bugs.js';
import { protocolBugs } from './protocol-bugs.js';
import { serviceBugs } from './service-bugs.js';

/** Every seeded bug. */
export const catalogue: readonly SeededBug[] = [...protocolBugs, ...nodeBugs, ...serviceBugs, ...edgeBugs];
