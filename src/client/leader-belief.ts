import type { Epoch } from '../consensus/index.js';

/**
 * What a client believes about who leads. It never moves to an older leadership than one that it knows of
 * (C02), and is not shaken by what says nothing about its leader (C01):
 *
 * 1. A grant is proof: its endpoint leads at its epoch, unless a grant of a higher epoch was seen before.
 * 2. A hint is a rumour: it is followed if its epoch is above the believed one, or equal to it while no
 *    endpoint is believed. A rumour that nobody confirms gives way to any later grant, so that a wrong one
 *    cannot lead astray for ever.
 * 3. A refusal or failure counts only if it is of the believed endpoint, and of an attempt that began under
 *    this very belief.
 */
export class LeaderBelief {
  #endpoint: string | undefined;
  #epoch: Epoch | undefined;
  #provenEpoch: Epoch | undefined;
  #confirmed = false;
  #version = 0;

  /** Raised by each change: names the belief under which an attempt begins. */
  get version(): number {
    return this.#version;
  }

  /** The endpoint that is believed to lead, by a grant or by a hint. */
  get endpoint(): string | undefined {
    return this.#endpoint;
  }

  /** The epoch of the leadership that is believed in; kept when its endpoint has turned out not to serve. */
  get epoch(): Epoch | undefined {
    return this.#epoch;
  }

  /** Whether the endpoint has granted, and has neither refused nor failed since. */
  get isConfirmed(): boolean {
    return this.#confirmed;
  }

  /** `endpoint` has granted at `epoch`. @returns whether the belief has changed. */
  granted(endpoint: string, epoch: Epoch): boolean {
    if (this.#provenEpoch !== undefined && epoch < this.#provenEpoch) return false;
    this.#provenEpoch = epoch;
    if (this.#confirmed && this.#endpoint === endpoint && this.#epoch === epoch) return false;
    this.#set(endpoint, epoch, true);
    return true;
  }

  /** Whether a hint of the leader at `epoch` would be followed. */
  isNews(epoch: Epoch): boolean {
    if (this.#epoch === undefined || epoch > this.#epoch) return true;
    return epoch === this.#epoch && this.#endpoint === undefined;
  }

  /** Somebody says that `endpoint` leads at `epoch`. @returns whether the belief has changed. */
  hinted(endpoint: string, epoch: Epoch): boolean {
    if (!this.isNews(epoch)) return false;
    this.#set(endpoint, epoch, false);
    return true;
  }

  /**
   * An attempt at `endpoint`, begun under `version`, has failed: it may lead all the same.
   * @returns whether the belief has changed.
   */
  failed(endpoint: string, version: number): boolean {
    if (!this.#isAbout(endpoint, version) || !this.#confirmed) return false;
    this.#set(endpoint, this.#epoch, false);
    return true;
  }

  /**
   * An attempt at `endpoint`, begun under `version`, was told that it does not lead.
   * @returns whether the belief has changed.
   */
  denied(endpoint: string, version: number): boolean {
    if (!this.#isAbout(endpoint, version)) return false;
    this.#set(undefined, this.#epoch, false);
    return true;
  }

  #isAbout(endpoint: string, version: number): boolean {
    return endpoint === this.#endpoint && version === this.#version;
  }

  #set(endpoint: string | undefined, epoch: Epoch | undefined, confirmed: boolean): void {
    this.#endpoint = endpoint;
    this.#epoch = epoch;
    this.#confirmed = confirmed;
    this.#version += 1;
  }
}
