import type { ConsensusDriver } from '../../consensus/index.js';

/** One case, to be run by any test runner: it rejects if the driver breaks its contract. */
export interface ConformanceCase {
  readonly name: string;
  run(): Promise<void>;
}

/** Plays the part of an election. */
export interface LeadershipControls {
  /** Ends the driver's leadership. Resolves when the driver no longer leads. */
  lose(): Promise<void>;
  /** Lets the driver lead again. Resolves when it does. */
  regain(): Promise<void>;
}

/** Cuts the driver off from whatever decides its calls, without a change of leadership. */
export interface StallControls {
  /** From now on no call is decided. */
  begin(): void;
  /** Calls are decided again; those that wait may be. */
  end(): void;
  /** Lets at least `ms` pass in the driver's own time. */
  passTime(ms: number): Promise<void>;
}

/**
 * A fresh driver and the world around it, for one case.
 *
 * The driver leads, or will lead soon without being helped, and nobody else calls it. A part that
 * {@link DriverCapabilities} names must be there.
 */
export interface DriverHarness {
  readonly driver: ConsensusDriver;
  /**
   * Waits for `work` while the driver's world goes on, and settles as it does. Default: just waits. A harness
   * on virtual time lets its time pass here. It must reject, in bounded time, if `work` never ends.
   */
  readonly drive?: <T>(work: Promise<T>) => Promise<T>;
  readonly leadership?: LeadershipControls;
  readonly stall?: StallControls;
  /**
   * Closes the driver and opens another one over the same durable state. The harness then disposes of that
   * one.
   */
  readonly reopen?: () => Promise<ConsensusDriver>;
  /** Ends the world. The driver may have been closed before. */
  dispose(): Promise<void>;
}

/**
 * What the driver's world can be made to do: each capability adds cases, and its part of the harness must
 * then be there.
 */
export interface DriverCapabilities {
  /** {@link DriverHarness.leadership}. */
  readonly leadership: boolean;
  /** {@link DriverHarness.stall}. */
  readonly stall: boolean;
  /** {@link DriverHarness.reopen}. */
  readonly reopen: boolean;
}

/** The driver that is held to `driverConformance`. */
export interface DriverConformanceOptions {
  /** Makes a fresh driver and its world; called once for each case. */
  readonly create: () => DriverHarness | Promise<DriverHarness>;
  readonly capabilities: DriverCapabilities;
}
