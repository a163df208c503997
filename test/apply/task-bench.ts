import {
  type ApplyDeath,
  ApplyEngine,
  ApplyTask,
  type ApplyYieldPoint,
  type Fold,
  type SnapshotOptions,
} from '../../src/apply/index.js';
import { MemoryDecidedLog } from '../../src/testing/memory-decided-log.js';
import { VirtualClock } from '../../src/testing/virtual-clock.js';
import { type LogLine, recordingLogger } from '../driver/recording-logger.js';
import { ListHost } from './list-host.js';

type List = readonly string[];

export interface TaskBenchOptions {
  /** Default: folds into {@link TaskBench.host}. */
  readonly fold?: Fold<string, List>;
  readonly snapshots?: SnapshotOptions<List>;
  readonly chunkItems?: number;
  readonly onApplied?: (appliedIdx: number) => void;
  readonly onDied?: (death: ApplyDeath) => void;
  readonly yieldPoint?: (point: ApplyYieldPoint) => void | PromiseLike<void>;
}

/** An apply task over a log in memory, in virtual time, with everything that it tells. */
export class TaskBench {
  readonly log = new MemoryDecidedLog<string, List>();
  readonly host = new ListHost();
  readonly clock = new VirtualClock();
  readonly lines: LogLine[] = [];
  readonly applied: number[] = [];
  readonly deaths: ApplyDeath[] = [];
  readonly engine: ApplyEngine<string, List>;
  readonly task: ApplyTask<string, List>;
  /** The wake-up callbacks of the runs that are subscribed. */
  readonly subscribers = new Set<() => void>();
  /** All wake-up callbacks ever subscribed, also those of runs that have ended. */
  readonly everSubscribed: (() => void)[] = [];

  constructor(options: TaskBenchOptions = {}) {
    const logger = recordingLogger(this.lines);
    this.engine = new ApplyEngine<string, List>({
      log: this.log,
      fold: options.fold ?? this.host.fold,
      logger,
      ...(options.chunkItems === undefined ? {} : { chunkItems: options.chunkItems }),
      ...(options.snapshots === undefined ? {} : { snapshots: options.snapshots }),
    });
    this.task = new ApplyTask<string, List>({
      engine: this.engine,
      clock: this.clock,
      logger,
      subscribe: (wake) => this.#subscribe(wake),
      onApplied: (appliedIdx) => {
        this.applied.push(appliedIdx);
        options.onApplied?.(appliedIdx);
      },
      onDied: (death) => {
        this.deaths.push(death);
        options.onDied?.(death);
      },
      ...(options.yieldPoint === undefined ? {} : { yieldPoint: options.yieldPoint }),
    });
  }

  /** Decides entries, named by their index, and signals it once. */
  decide(count: number): void {
    for (let left = count; left > 0; left--) this.log.decideEntries(`e${this.log.decidedIdx}`);
    for (const wake of this.subscribers) wake();
  }

  #subscribe(wake: () => void): () => void {
    this.subscribers.add(wake);
    this.everSubscribed.push(wake);
    return () => {
      this.subscribers.delete(wake);
    };
  }
}
