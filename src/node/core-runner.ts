import { TsoracleError } from '../errors/index.js';
import type { Fact, Message, OmniPaxos } from '../omnipaxos/index.js';
import type { Storage } from '../storage/index.js';
import type { PeerTransport } from '../transport/index.js';
import { CommitPipeline } from './commit-pipeline.js';
import type { StopReason } from './stop-reason.js';

/** What a runner is made of. */
export interface CoreRunnerOptions<E, S> {
  readonly core: OmniPaxos<E, S>;
  readonly storage: Storage<E, S>;
  readonly transport: PeerTransport<E, S>;
  /** See {@link CommitPipelineOptions}. */
  readonly heldMessageLimit: number;
  /** Makes what is sent of each message, at the moment when it leaves. */
  readonly outgoing: (message: Message<E, S>) => Message<E, S>;
  /** Applies the facts of a batch, before any message of it leaves. */
  readonly applyFacts: (facts: readonly Fact[]) => void;
  /** All that was caused is carried out. */
  readonly atRest: () => void;
  /** The node must stop in this very turn, and {@link CoreRunner.halt} be called. */
  readonly failed: (reason: StopReason) => void;
}

/**
 * Runs inputs on the core, and carries out the batches that they cause: facts first, then messages, then
 * writes, and what waits for those once they are durable. Nothing that it calls can get between a batch and
 * its predecessor: an input that comes while a batch is carried out adds to the next one.
 */
export class CoreRunner<E, S> {
  readonly #options: CoreRunnerOptions<E, S>;
  readonly #pipeline: CommitPipeline<E, S>;
  #isOpen = false;
  #isHalted = false;
  #carryingOut = false;
  #carryOutIsDue = false;

  constructor(options: CoreRunnerOptions<E, S>) {
    this.#options = options;
    this.#pipeline = new CommitPipeline({
      storage: options.storage,
      heldMessageLimit: options.heldMessageLimit,
      release: (messages) => this.#send(messages),
      durable: (writeToken, held) => this.#onDurable(writeToken, held),
      failed: (error) => this.#fail('storageFailed', error),
    });
  }

  /** Whether a batch is being carried out right now. */
  get isCarryingOut(): boolean {
    return this.#carryingOut;
  }

  /** Log records (every other write counted as one) that wait for the next persist. */
  get gatheredWrites(): number {
    return this.#pipeline.gatheredWrites;
  }

  /** Messages that wait for an fsync. */
  get heldMessages(): number {
    return this.#pipeline.heldMessages;
  }

  /** Messages dropped since too many waited for an fsync. */
  get droppedMessages(): number {
    return this.#pipeline.droppedMessages;
  }

  /** Begins to carry out; until then the core keeps what its inputs cause. */
  open(): void {
    this.#isOpen = true;
  }

  /**
   * Nothing leaves, no input is taken and no write is begun from now on. Resolves, and never rejects, once the write under way has ended.
   */
  async halt(): Promise<void> {
    this.#isHalted = true;
    await this.#pipeline.end();
  }

  /**
   * Runs one input on the core; {@link carryOut} or {@link carryOutSoon} is to follow. One that throws leaves
   * the core unusable, and ends the node.
   * @returns what the input returned; undefined if it failed, or the runner is halted.
   */
  run<R>(input: (core: OmniPaxos<E, S>) => R): R | undefined {
    if (this.#isHalted) return undefined;
    try {
      return input(this.#options.core);
    } catch (error) {
      this.#fail('protocolFailed', error);
      return undefined;
    }
  }

  /** Carries out what the core asks for, until it asks for nothing more. */
  carryOut(): void {
    if (!this.#isOpen || this.#carryingOut) return;
    this.#carryingOut = true;
    this.#guarded(() => {
      for (let batch = this.#take(); batch !== undefined; batch = this.#take()) {
        this.#options.applyFacts(batch.facts);
        this.#send(batch.messages);
        this.#pipeline.add(batch);
      }
    });
    this.#carryingOut = false;
    this.#options.atRest();
  }

  /** As {@link carryOut}, after this turn's promise reactions so far: what one turn's calls cause shares its messages and its fsync. */
  carryOutSoon(): void {
    if (this.#carryOutIsDue) return;
    this.#carryOutIsDue = true;
    queueMicrotask(() => {
      this.#carryOutIsDue = false;
      this.carryOut();
    });
  }

  #take() {
    return this.run((core) => core.takeOutput());
  }

  #onDurable(writeToken: number, held: readonly Message<E, S>[]): void {
    this.run((core) => core.persisted(writeToken));
    this.#guarded(() => this.#send(held));
    this.carryOut();
  }

  #send(messages: readonly Message<E, S>[]): void {
    const { outgoing, transport } = this.#options;
    for (const message of messages) {
      if (this.#isHalted) return;
      transport.send(outgoing(message));
    }
  }

  /** What is carried out in part must not be followed by more: whatever a step throws ends the node. */
  #guarded(step: () => void): void {
    try {
      step();
    } catch (error) {
      this.#fail('protocolFailed', error);
    }
  }

  #fail(kind: 'storageFailed' | 'protocolFailed', error: unknown): void {
    this.#options.failed({ kind, error: asError(error) });
  }
}

/** The error itself, or one that carries what was thrown in its place. */
export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new TsoracleError('internal', String(thrown), { cause: thrown });
}
