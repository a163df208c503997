// Suites without a test runner: lists of `{ name, run }`.

export { SeededRandom } from '../runtime/index.js';
export { MemoryNetwork, type MemoryNetworkOptions } from '../transport/index.js';
export * from './apply-laws.js';
// Generators for fast-check, which is an optional peer dependency.
export * from './arbitraries/index.js';
export * from './driver-conformance.js';
export * from './high-water-laws.js';
export * from './host-conformance.js';
// Virtual worlds.
export { MemoryDecidedLog } from './memory-decided-log.js';
export {
  type FileSystemCall,
  type FileSystemCallName,
  type FileSystemFault,
  MemoryFileSystem,
  type Survival,
  type UnsyncedChange,
} from './memory-file-system.js';
export { type ShrinkOptions, type ShrunkWorld, shrinkSimulation } from './simulator/shrink.js';
export {
  runSimulation,
  SimulationFailure,
  type SimulationOptions,
  type SimulationReport,
} from './simulator/simulation.js';
export { InvariantViolation } from './simulator/violation.js';
export * from './storage-conformance.js';
export { settleMicrotasks, VirtualClock } from './virtual-clock.js';
export { heldAfterAppend, YieldPointHold } from './yield-points.js';
