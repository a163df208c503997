/** A system call of a traced process: `begin` when it was entered, `end` when it had returned. */
export interface TraceEvent {
  readonly at: 'begin' | 'end';
  readonly thread: number;
  /** s since the Unix epoch. */
  readonly seconds: number;
  readonly call: string;
  /** The arguments, as far as they are known: those of a call that was interrupted stand at its beginning. */
  readonly args: string;
  /** Of an end: what it returned; below 0 if it failed. */
  readonly result?: number;
}

const LINE = /^(\d+) +(\d+\.\d+) (.*)$/;
const WHOLE = /^(\w+)\((.*)\) += (-?\d+)/s;
const UNFINISHED = /^(\w+)\((.*) <unfinished \.\.\.>$/s;
const RESUMED = /^<\.\.\. (\w+) resumed>(.*)\) += (-?\d+)/s;

/**
 * The events of a trace that `strace -f -ttt -yy -xx` has written, in the order in which they happened. A call in one line was not interrupted by any other
 * thread's: its beginning and its end stand together.
 */
export function* traceEvents(lines: Iterable<string>): Generator<TraceEvent> {
  const open = new Map<number, string>();
  for (const line of lines) {
    const [, thread, seconds, rest = ''] = LINE.exec(line) ?? [];
    if (thread === undefined) continue;
    const base = { thread: Number(thread), seconds: Number(seconds) };
    const whole = WHOLE.exec(rest);
    if (whole !== null && !rest.startsWith('<...')) {
      const [, call = '', args = '', result] = whole;
      yield { ...base, at: 'begin', call, args };
      yield { ...base, at: 'end', call, args, result: Number(result) };
      continue;
    }
    const unfinished = UNFINISHED.exec(rest);
    if (unfinished !== null) {
      const [, call = '', args = ''] = unfinished;
      open.set(base.thread, args);
      yield { ...base, at: 'begin', call, args };
      continue;
    }
    const resumed = RESUMED.exec(rest);
    if (resumed !== null) {
      const [, call = '', more = '', result] = resumed;
      yield {
        ...base,
        at: 'end',
        call,
        args: `${open.get(base.thread) ?? ''}${more}`,
        result: Number(result),
      };
      open.delete(base.thread);
    }
  }
}

/** The bytes of all strings of a call's arguments, in order. Where strace has cut one, what is missing is taken for zeroes, up to `length`. */
export function bytesIn(args: string, length: number): Buffer {
  const parts: Buffer[] = [];
  for (const [, hex = ''] of args.matchAll(/"((?:\\x[0-9a-f]{2})*)"/g)) {
    parts.push(Buffer.from(hex.replaceAll('\\x', ''), 'hex'));
  }
  const bytes = Buffer.alloc(length);
  Buffer.concat(parts).copy(bytes);
  return bytes;
}

/** The path of the descriptor that is a call's first argument; empty if it is none of a file. */
export function pathIn(args: string): string {
  const [, hex = ''] = /^\d+<((?:\\x[0-9a-f]{2})*)>/.exec(args) ?? [];
  return Buffer.from(hex.replaceAll('\\x', ''), 'hex').toString();
}
