import { type ConsensusDriver, type LeaderState, toEpoch } from '../../src/consensus/index.js';
import { MemoryDriver } from '../../src/driver/index.js';
import type { DriverCapabilities, DriverHarness } from '../../src/testing/driver-conformance.js';

export const MEMORY_CAPABILITIES: DriverCapabilities = { leadership: true, stall: false, reopen: false };

/** A memory driver, and what a fault makes of it. */
export function memoryHarness(
  wrap: (driver: MemoryDriver) => ConsensusDriver = (driver) => driver,
): DriverHarness {
  const memory = new MemoryDriver();
  const driver = wrap(memory);
  let highest = 1n;
  return {
    driver,
    leadership: {
      lose: async () => {
        highest += 1n;
        memory.loseLeadership({ epoch: toEpoch(highest), endpoint: 'b:1' });
      },
      regain: async () => {
        highest = memory.gainLeadership();
      },
    },
    dispose: () => driver.close(),
  };
}

/** A driver that passes everything on: what a fault is built from. */
export class PassingDriver implements ConsensusDriver {
  protected readonly inner: ConsensusDriver;

  constructor(inner: ConsensusDriver) {
    this.inner = inner;
  }

  leadershipEvents(): ReturnType<ConsensusDriver['leadershipEvents']> {
    return this.inner.leadershipEvents();
  }

  loadHighWater(...args: Parameters<ConsensusDriver['loadHighWater']>): Promise<number> {
    return this.inner.loadHighWater(...args);
  }

  persistHighWater(...args: Parameters<ConsensusDriver['persistHighWater']>): Promise<number> {
    return this.inner.persistHighWater(...args);
  }

  close(): Promise<void> {
    return this.inner.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** A driver whose stream tells something else than the real one. */
export class AlteredStreamDriver extends PassingDriver {
  readonly #alter: (state: LeaderState) => LeaderState;

  constructor(inner: ConsensusDriver, alter: (state: LeaderState) => LeaderState) {
    super(inner);
    this.#alter = alter;
  }

  override leadershipEvents(): ReturnType<ConsensusDriver['leadershipEvents']> {
    const stream = super.leadershipEvents();
    const next = stream.next.bind(stream);
    stream.next = async () => {
      const result = await next();
      return result.done === true ? result : { done: false, value: this.#alter(result.value) };
    };
    return stream;
  }
}
