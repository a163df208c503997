/** What the faults of one world have come to. */
export interface FaultCounters {
  /** Processes that were ended by a power cut or by a failing disk. */
  crashes: number;
  /** Those among them that had not come up yet. */
  crashesInRecovery: number;
  /** Those that came between two calls to the disk, or right after one. */
  crashesInWrites: number;
  restarts: number;
  /** Links or sets of links that were cut. */
  partitions: number;
  /** Partial ones among them: everybody is connected to somebody. */
  partialPartitions: number;
  flaps: number;
  freezes: number;
  wallSteps: number;
  /** Writes of which a power cut left a part. */
  tornWrites: number;
  /** Writes, and changes of names, that a power cut took back. */
  lostWrites: number;
  /** Calls of disks that failed, full disks included. */
  diskFailures: number;
  /** Failed syncs among them. */
  fsyncFailures: number;
  fullDisks: number;
  /** Messages that were lost on their way. */
  messagesLost: number;
  messagesDuplicated: number;
  messagesReordered: number;
  /** Hand-overs of the leadership that a leader has begun. */
  handovers: number;
  takeovers: number;
}

export function noFaults(): FaultCounters {
  return {
    crashes: 0,
    crashesInRecovery: 0,
    crashesInWrites: 0,
    restarts: 0,
    partitions: 0,
    partialPartitions: 0,
    flaps: 0,
    freezes: 0,
    wallSteps: 0,
    tornWrites: 0,
    lostWrites: 0,
    diskFailures: 0,
    fsyncFailures: 0,
    fullDisks: 0,
    messagesLost: 0,
    messagesDuplicated: 0,
    messagesReordered: 0,
    handovers: 0,
    takeovers: 0,
  };
}
