import { unreachable } from '../errors/index.js';
import type { LogRecord } from './log-record.js';
import type { Message, MessageKind } from './messages.js';
import type { Fact, OutputBatch } from './output-batch.js';
import type { StableWrite } from './stable-state.js';

/**
 * The order in which messages of one batch go to one peer. Heartbeats first, so that nothing delays them; a session's AcceptSync
 * before what continues it.
 */
function sendingRank(kind: MessageKind): number {
  switch (kind) {
    case 'heartbeatRequest':
    case 'heartbeatReply':
      return 0;
    case 'acceptSync':
      return 1;
    case 'acceptDecide':
      return 2;
    case 'decide':
      return 3;
    case 'prepareReq':
      return 4;
    case 'notAccepted':
      return 5;
    case 'proposalForward':
      return 6;
    case 'takeLeadership':
      return 7;
    case 'configAhead':
      return 8;
    case 'fetchDecided':
      return 9;
    case 'prepare':
    case 'promise':
    case 'accepted':
    case 'decidedSync':
      return 10;
    default:
      return unreachable(kind);
  }
}

/** Gathers what inputs cause until the runner takes it as one batch. */
export class OutputCollector<E, S> {
  #token = 1;
  #facts: Fact[] = [];
  #writes: StableWrite<E, S>[] = [];
  #messages: Message<E, S>[] = [];
  #messagesAfterWrites: Message<E, S>[] = [];
  /** The records of the append at the end of `#writes`, if it is one and has not been handed out. */
  #openAppend: LogRecord<E>[] | undefined;

  /** The writeToken of the batch being gathered. */
  get token(): number {
    return this.#token;
  }

  fact(fact: Fact): void {
    this.#facts.push(fact);
  }

  write(write: StableWrite<E, S>): void {
    this.#openAppend = undefined;
    this.#writes.push(write);
  }

  /** An `append`, joined with the one just before it. */
  writeAppend(fromIdx: number, records: readonly LogRecord<E>[]): void {
    if (this.#openAppend === undefined) {
      const gathered: LogRecord<E>[] = [];
      this.write({ kind: 'append', fromIdx, records: gathered });
      this.#openAppend = gathered;
    }
    for (const record of records) this.#openAppend.push(record);
  }

  /** A message that claims nothing about stable storage. */
  send(message: Message<E, S>): void {
    this.#messages.push(message);
  }

  /** A message that claims what this batch's or earlier batches' writes make durable. */
  sendAfterWrites(message: Message<E, S>): void {
    this.#messagesAfterWrites.push(message);
  }

  /** Hands out what was gathered; undefined if nothing was. */
  take(): OutputBatch<E, S> | undefined {
    if (
      this.#facts.length === 0 &&
      this.#writes.length === 0 &&
      this.#messages.length === 0 &&
      this.#messagesAfterWrites.length === 0
    ) {
      return undefined;
    }
    const batch: OutputBatch<E, S> = {
      writeToken: this.#token,
      facts: this.#facts,
      writes: this.#writes,
      messages: this.#messages.sort((a, b) => sendingRank(a.body.kind) - sendingRank(b.body.kind)),
      messagesAfterWrites: this.#messagesAfterWrites,
    };
    this.#token += 1;
    this.#facts = [];
    this.#writes = [];
    this.#messages = [];
    this.#messagesAfterWrites = [];
    this.#openAppend = undefined;
    return batch;
  }
}
