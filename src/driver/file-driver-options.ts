import type { Clock, Logger } from '../runtime/index.js';
import type { DirectorySeams } from '../storage/index.js';

/** How to make the directory of a `FileDriver`. */
export interface InitFileDriverOptions extends DirectorySeams {
  /** Made, with the directories above it, if it is not there; else it must be empty, or left by such a call that did not come to its end. */
  readonly dataDir: string;
  /**
   * The high-water to begin with, in ms: every timestamp lies above it. Within [0, 2^46 - 1], default 0. To go on after another oracle, name a time above
   * everything that it can have granted.
   */
  readonly highWaterMs?: number;
}

/** How to open a `FileDriver`. */
export interface FileDriverOptions extends DirectorySeams {
  /** A directory that `initFileDriver` has made. */
  readonly dataDir: string;
  /** Default: the machine's clock. Only deadlines depend on it. */
  readonly clock?: Clock;
  /** Default: silent. */
  readonly logger?: Logger;
  /** The deadline of calls that do not name their own, in ms, within [1, 2^31 - 1]. Default 5,000. */
  readonly callTimeoutMs?: number;
  /** How many calls may wait for the disk at a time; one beyond rejects with `transient`. Within [1, 2^20], default 4,096. */
  readonly maxPendingCalls?: number;
}
