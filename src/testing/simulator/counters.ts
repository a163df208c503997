/** What the faults of one world have come to. */
export interface FaultCounters {
  /** Processes that were ended by a power cut or by a failing disk. */
  crashes: number;
  /** Those among them that had not come up yet. */
  crashesInRecovery: number;
  /** Those that came between two calls to the disk, or right after one. */
  crashesInWrites: number;
  /** Processes that were asked to stop, and did. */
  orderlyStops: number;
  restarts: number;
  /** Links or sets of links that were cut. */
  partitions: number;
  /** Partial ones among them: everybody is connected to somebody. */
  partialPartitions: number;
  flaps: number;
  /** Connections of which one end only learnt that they had ended. */
  halfOpens: number;
  /** Directions between two nodes on which nothing arrived for a while, and then all of it. */
  clogs: number;
  /** Directions that carried a few bytes a ms only, for a while. */
  slowLinks: number;
  /** Processes that stood still, while their clocks went on. */
  freezes: number;
  /** Event loops that were blocked: timers ran first then. */
  stalls: number;
  /** Machines that were suspended: their monotonic clocks stood still. */
  suspensions: number;
  wallSteps: number;
  /** Wall clocks that were set to 0, years ahead, or to the end of their range. */
  wallJumps: number;
  /** Wall clocks that stood still for a while. */
  wallStops: number;
  /** Writes of which a power cut left a part. */
  tornWrites: number;
  /** Writes, and changes of names, that a power cut took back. */
  lostWrites: number;
  /** Calls of disks that failed, full disks included. */
  diskFailures: number;
  /** Failed syncs among them. */
  fsyncFailures: number;
  fullDisks: number;
  /** Directories that were wiped and made anew; at most one of all these in a world. */
  wipedDirectories: number;
  /** Directories that were set back to a copy made while their node ran. */
  restoredDirectories: number;
  /** Directories of which an exact copy has run first, and then the original. */
  clonedDirectories: number;
  /** Directories of which bytes have changed on the disk. */
  damagedDirectories: number;
  /** Nodes that did not start from such a directory, or stopped by it, for ever. */
  refusals: number;
  /** Messages that were lost on their way. */
  messagesLost: number;
  messagesDuplicated: number;
  messagesReordered: number;
  /** Messages that took far longer than the others. */
  messagesDelayed: number;
  /** Messages that had to wait for a slow link. */
  messagesSlowed: number;
  /** Answers to clients that were under way for seconds. */
  repliesDelayed: number;
  /** Hand-overs of the leadership that a leader has begun. */
  handovers: number;
  takeovers: number;
}

export function noFaults(): FaultCounters {
  return {
    crashes: 0,
    crashesInRecovery: 0,
    crashesInWrites: 0,
    orderlyStops: 0,
    restarts: 0,
    partitions: 0,
    partialPartitions: 0,
    flaps: 0,
    halfOpens: 0,
    clogs: 0,
    slowLinks: 0,
    freezes: 0,
    stalls: 0,
    suspensions: 0,
    wallSteps: 0,
    wallJumps: 0,
    wallStops: 0,
    tornWrites: 0,
    lostWrites: 0,
    diskFailures: 0,
    fsyncFailures: 0,
    fullDisks: 0,
    wipedDirectories: 0,
    restoredDirectories: 0,
    clonedDirectories: 0,
    damagedDirectories: 0,
    refusals: 0,
    messagesLost: 0,
    messagesDuplicated: 0,
    messagesReordered: 0,
    messagesDelayed: 0,
    messagesSlowed: 0,
    repliesDelayed: 0,
    handovers: 0,
    takeovers: 0,
  };
}
