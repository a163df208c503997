import type { HighWaterCommand, HighWaterSnapshot } from '../../high-water/index.js';
import type { Message, NodeId } from '../../omnipaxos/index.js';
import type { SeededRandom } from '../../runtime/index.js';
import type { FaultCounters } from './counters.js';
import type { FaultPlan } from './fault-plan.js';
import type { Scheduler } from './scheduler.js';

export interface MessageRoutesOptions {
  readonly scheduler: Scheduler;
  readonly random: SeededRandom;
  readonly plan: FaultPlan;
  readonly counters: FaultCounters;
}

/** One direction between two nodes. */
interface Route {
  /** When the last message that keeps its order arrives. */
  lastArrivalMs: number;
  /** Until then nothing arrives. */
  cloggedUntilMs: number;
  slowUntilMs: number;
  bytesPerMs: number;
  /** When all that is large has gone through while the route is slow. */
  bulkUntilMs: number;
}

/** How long a message takes at most once the faults are over, in ms. */
const CALM_DELAY_MAX_MS = 10;
/** By how much longer than the others a message of the tail takes, and a copy. */
const TAIL_FACTOR = 50;

/** Decides of each message when it arrives, and how often. */
export class MessageRoutes {
  readonly #options: MessageRoutesOptions;
  readonly #routes = new Map<number, Route>();
  #isCalm = false;

  constructor(options: MessageRoutesOptions) {
    this.#options = options;
  }

  /** From now on messages arrive, soon, and in whatever order. */
  calm(): void {
    this.#isCalm = true;
  }

  /** For so long nothing arrives from one node at another; then all of it does. */
  clog(from: NodeId, to: NodeId, durationMs: number): void {
    const route = this.#route(from, to);
    route.cloggedUntilMs = Math.max(route.cloggedUntilMs, this.#options.scheduler.nowMs + durationMs);
  }

  /** For so long no more than so many bytes arrive per ms. Heartbeats overtake what is large, as they do on the transport that ships. */
  slowDown(from: NodeId, to: NodeId, bytesPerMs: number, durationMs: number): void {
    const route = this.#route(from, to);
    const { nowMs } = this.#options.scheduler;
    route.bytesPerMs = bytesPerMs;
    route.slowUntilMs = nowMs + durationMs;
    route.bulkUntilMs = Math.max(route.bulkUntilMs, nowMs);
  }

  /** After how many ms each copy of a message arrives. */
  delaysOf(message: Message<HighWaterCommand, HighWaterSnapshot>, bytes: number): readonly number[] {
    const { counters, plan, random, scheduler } = this.#options;
    const { loss, duplication, reordering, delayTail, delayMs } = plan;
    if (this.#isCalm) return [random.between(delayMs.min, Math.min(delayMs.max, CALM_DELAY_MAX_MS))];
    let ownMs = random.between(delayMs.min, delayMs.max);
    if (random.chance(loss)) {
      counters.messagesLost += 1;
      return [];
    }
    if (random.chance(delayTail)) {
      counters.messagesDelayed += 1;
      ownMs *= random.between(1, TAIL_FACTOR);
    }
    const route = this.#route(message.from, message.to);
    const { nowMs } = scheduler;
    ownMs += this.#slowMs(route, message, bytes);
    const inOrderMs = Math.max(ownMs, route.lastArrivalMs - nowMs);
    const overtakes = random.chance(reordering) && ownMs < inOrderMs;
    if (overtakes) counters.messagesReordered += 1;
    // A heartbeat goes beside what is large, and holds nothing up.
    const isBeside = nowMs < route.slowUntilMs && isHeartbeat(message);
    const routedMs = overtakes || isBeside ? ownMs : inOrderMs;
    const firstMs = Math.max(routedMs, route.cloggedUntilMs - nowMs);
    if (!isBeside) route.lastArrivalMs = nowMs + firstMs;
    if (!random.chance(duplication)) return [firstMs];
    counters.messagesDuplicated += 1;
    return [firstMs, random.between(0, TAIL_FACTOR * delayMs.max)];
  }

  #slowMs(route: Route, message: Message<HighWaterCommand, HighWaterSnapshot>, bytes: number): number {
    const { counters, scheduler } = this.#options;
    const { nowMs } = scheduler;
    if (nowMs >= route.slowUntilMs) return 0;
    const takesMs = bytes / route.bytesPerMs;
    if (isHeartbeat(message)) return takesMs;
    counters.messagesSlowed += 1;
    route.bulkUntilMs = Math.max(route.bulkUntilMs, nowMs) + takesMs;
    return route.bulkUntilMs - nowMs;
  }

  #route(from: NodeId, to: NodeId): Route {
    const key = from * 1_024 + to;
    let route = this.#routes.get(key);
    if (route === undefined) {
      route = { lastArrivalMs: 0, cloggedUntilMs: 0, slowUntilMs: 0, bytesPerMs: 1, bulkUntilMs: 0 };
      this.#routes.set(key, route);
    }
    return route;
  }
}

function isHeartbeat({ body }: Message<HighWaterCommand, HighWaterSnapshot>): boolean {
  return body.kind === 'heartbeatRequest' || body.kind === 'heartbeatReply';
}
