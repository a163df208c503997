import { type ForkOptions, fork } from 'node:child_process';
import { Child } from './child.js';

/** How to start one process. */
export interface ChildSpec {
  /** The JavaScript file to run. */
  readonly file: URL;
  readonly args: readonly string[];
  /** Whether its stdout is read; if not, it is thrown away. Its stderr is always the supervisor's. */
  readonly readsOutput: boolean;
}

/** All processes that this supervisor has started: none of them outlives it. */
export class Children implements Disposable {
  readonly #children = new Set<Child>();
  readonly #onExit = (): void => this.killAll();

  constructor() {
    // The last resort, also on an uncaught exception. After a SIGKILL of this process the children notice by
    // their channels.
    process.on('exit', this.#onExit);
  }

  /** How many processes are not known to have ended. */
  get running(): number {
    return this.#children.size;
  }

  start({ file, args, readsOutput }: ChildSpec): Child {
    const options: ForkOptions = {
      detached: true,
      execArgv: [],
      env: environmentForChildren(),
      stdio: ['ignore', readsOutput ? 'pipe' : 'ignore', 'inherit', 'ipc'],
    };
    const child = new Child(fork(file, args, options));
    this.#children.add(child);
    void child.exited.then(() => this.#children.delete(child));
    return child;
  }

  /** SIGKILL to every process that runs. */
  killAll(): void {
    for (const child of this.#children) child.kill();
  }

  [Symbol.dispose](): void {
    this.killAll();
    process.off('exit', this.#onExit);
  }
}

/**
 * What the supervisor was told by TSORACLE_* variables is not meant for its children: they are told
 * everything by flags.
 */
function environmentForChildren(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('TSORACLE_')));
}
