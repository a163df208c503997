import type { PaxosHighWaterHost } from '../../driver/index.js';

/** Plays the part of an election. */
export interface HostLeadershipControls {
  /**
   * Ends the host's leadership: another node leads, and a command of that leader is decided. Resolves when the host has folded it,
   * and has come to know its leader.
   */
  lose(): Promise<void>;
  /** Lets the host lead again. Resolves when it does. */
  regain(): Promise<void>;
}

/**
 * A fresh host and the world around it, for one case.
 *
 * The host leads, or will lead soon without being helped, and nobody else proposes on it: a driver on it is not called. A part that
 * {@link HostCapabilities} names must be there.
 */
export interface HostHarness {
  readonly host: PaxosHighWaterHost;
  /**
   * Lets the host's world go on until `condition` holds, asking it again and again. It must reject, in bounded time, if that never
   * happens.
   */
  readonly until: (condition: () => boolean) => Promise<void>;
  readonly leadership?: HostLeadershipControls;
  /** Lets the next decided command be one that the host cannot fold. Returns at once; the kit proposes that command. */
  readonly breakApply?: () => void;
  /** Closes the host and opens another one over the same durable state. The harness then disposes of that one. */
  readonly reopen?: () => Promise<PaxosHighWaterHost>;
  /** Ends the world. */
  dispose(): Promise<void>;
}

/** What the host's world can be made to do: each adds cases, and its part of the harness must then be there. */
export interface HostCapabilities {
  /** {@link HostHarness.leadership}. */
  readonly leadership: boolean;
  /** {@link HostHarness.breakApply}. */
  readonly breakApply: boolean;
  /** {@link HostHarness.reopen}. */
  readonly reopen: boolean;
}

/** The host that is held to `hostConformance`. */
export interface HostConformanceOptions {
  /** Makes a fresh host and its world; called once for each case. */
  readonly create: () => HostHarness | Promise<HostHarness>;
  readonly capabilities: HostCapabilities;
}
