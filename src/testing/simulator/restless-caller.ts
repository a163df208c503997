import {
  type ConsensusDriver,
  EPOCH_ZERO,
  type Epoch,
  PHYSICAL_MS_MAX,
  toEpoch,
} from '../../consensus/index.js';
import type { NodeId } from '../../omnipaxos/index.js';
import type { SeededRandom } from '../../runtime/index.js';
import type { Scheduler } from './scheduler.js';
import type { SimulatedMachine } from './simulated-machine.js';
import { InvariantViolation } from './violation.js';

export interface RestlessCallerOptions {
  readonly scheduler: Scheduler;
  readonly random: SeededRandom;
  readonly machines: ReadonlyMap<NodeId, SimulatedMachine>;
  /** The mean time between two calls, in ms. */
  readonly everyMs: number;
  readonly report: (violation: InvariantViolation) => void;
}

type Misuse = 'shortLoad' | 'abortedLoad' | 'staleAdvance' | 'poisonAdvance' | 'secondStream';

/** What no call of this caller may do: move the high-water, or be served by a second stream. */
const MUST_FAIL: ReadonlySet<Misuse> = new Set(['staleAdvance', 'poisonAdvance', 'secondStream']);

/**
 * Calls the drivers beside their oracles as hurried and careless callers do: deadlines too short, aborts, advances at epochs
 * that are over, values that are none, second streams. Such calls end, hurt nobody, and change nothing.
 */
export class RestlessCaller {
  readonly #options: RestlessCallerOptions;
  #calls = 0;

  constructor(options: RestlessCallerOptions) {
    this.#options = options;
  }

  /** How many calls it has made. */
  get calls(): number {
    return this.#calls;
  }

  start(): void {
    if (!Number.isFinite(this.#options.everyMs)) return;
    const { scheduler, random, everyMs } = this.#options;
    scheduler.after(random.between(0, 2 * everyMs), () => {
      this.#call();
      this.start();
    });
  }

  #call(): void {
    const { machines, random, report } = this.#options;
    const machine = random.pick([...machines.values()]);
    const misuse = random.pick([
      'shortLoad',
      'abortedLoad',
      'staleAdvance',
      'poisonAdvance',
      'secondStream',
    ] as const);
    const { driver, host, life } = machine;
    if (driver === undefined || host?.health().state === 'stopped' || machine.clock.frozenForMs > 0) return;
    this.#calls += 1;
    this.#carryOut(misuse, machine, driver).then(
      (answer) => {
        if (!MUST_FAIL.has(misuse) || machine.life !== life) return;
        report(
          new InvariantViolation(
            'a call that must be refused is refused',
            `node ${machine.nodeId} answered ${String(answer)} to a ${misuse}`,
          ),
        );
      },
      // Which error it is has been judged by the watched driver; an abort rejects with its reason.
      () => {},
    );
  }

  async #carryOut(misuse: Misuse, machine: SimulatedMachine, driver: ConsensusDriver): Promise<unknown> {
    const { random, scheduler } = this.#options;
    switch (misuse) {
      case 'shortLoad':
        return driver.loadHighWater({ timeoutMs: 1 + random.below(30) });
      case 'abortedLoad': {
        const abort = new AbortController();
        scheduler.after(random.between(0, 30), () => abort.abort(new Error('the caller has gone')));
        return driver.loadHighWater({ signal: abort.signal });
      }
      case 'staleAdvance':
        return driver.persistHighWater(PHYSICAL_MS_MAX, staleEpoch(machine));
      case 'poisonAdvance': {
        const epoch = machine.host?.status().foldedEpoch ?? EPOCH_ZERO;
        return driver.persistHighWater(random.pick([-1, 0.5, PHYSICAL_MS_MAX + 1, Number.NaN]), epoch);
      }
      case 'secondStream':
        // The oracle holds the one that may be live.
        return driver.leadershipEvents().next();
    }
  }
}

/** An epoch below the one that the node has folded last, or the lowest. */
function staleEpoch({ host }: SimulatedMachine): Epoch {
  const folded = host?.status().foldedEpoch ?? EPOCH_ZERO;
  return folded > EPOCH_ZERO ? toEpoch(folded - 1n) : EPOCH_ZERO;
}
