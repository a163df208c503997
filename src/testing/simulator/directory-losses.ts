import type { NodeId } from '../../omnipaxos/index.js';
import type { PeerIdentity } from '../../storage/index.js';

/** What is known of a machine's directory, for the choice of which one is lost. */
export interface RememberingMachine {
  readonly nodeId: NodeId;
  /** Who its directory is, as of its last opening; undefined before the first. */
  readonly identity: Pick<PeerIdentity, 'directoryId' | 'incarnation'> | undefined;
  /** The peers that its disk remembers. */
  readonly remembers: readonly PeerIdentity[];
}

/**
 * Which machine of a world loses its directory: one at most, so that every quorum can do without it.
 *
 * Wiped, restored and cloned directories are found out by what peers remember. So a loss that no peer can see
 * is kept out: what a directory is set back to must be something that all others know to be over. (Documented
 * limits of the design: a wipe while every node that knew the directory is away, and a copy that is set back
 * within the very life in which it was made.)
 */
export class DirectoryLosses {
  readonly #isOn: boolean;
  readonly #machines: ReadonlyMap<NodeId, RememberingMachine>;
  #victim: NodeId | undefined;

  /** @param isOn whether a directory may be lost at all. */
  constructor(isOn: boolean, machines: ReadonlyMap<NodeId, RememberingMachine>) {
    this.#isOn = isOn;
    this.#machines = machines;
  }

  /** The machine that has lost its directory. */
  get victim(): NodeId | undefined {
    return this.#victim;
  }

  /** Whether these members can do without one more machine. */
  mayBeMembers(nodes: readonly NodeId[]): boolean {
    if (!this.#isOn) return true;
    return this.#victim === undefined ? nodes.length >= 3 : !nodes.includes(this.#victim);
  }

  /** Whether bytes of this machine's directory may change. */
  mayBeDamaged({ nodeId }: RememberingMachine): boolean {
    return this.#isOn && this.#victim === undefined && this.#machines.size >= 3 && this.#machines.has(nodeId);
  }

  /** Whether this machine's directory may be set back to one that was opened so often; 0 for an empty one. */
  mayBeSetBack(machine: RememberingMachine, incarnation: number): boolean {
    const { identity, nodeId } = machine;
    if (!this.mayBeDamaged(machine) || identity === undefined) return false;
    return [...this.#machines.values()].every(
      ({ nodeId: other, remembers }) =>
        other === nodeId ||
        remembers.some(
          (peer) =>
            peer.nodeId === nodeId &&
            peer.directoryId === identity.directoryId &&
            peer.incarnation > incarnation,
        ),
    );
  }

  /** This machine has lost its directory. */
  lost(nodeId: NodeId): void {
    this.#victim = nodeId;
  }
}
