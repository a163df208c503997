import fs from 'node:fs/promises';
import { systemErrorCode } from './storage-error.js';

/** Names one process for as long as its machine runs; pids alone are used again. */
export interface ProcessIdentity {
  readonly pid: number;
  /** When it started, in the machine's own units; empty where it cannot be known. */
  readonly startTime: string;
  /** The machine's present run, new at each boot; empty where it cannot be known. */
  readonly machineBootId: string;
}

/** The seam to the machine's processes. */
export interface ProcessInfo {
  /** This process. */
  self(): Promise<ProcessIdentity>;
  /** Whether that process runs no more. In doubt it does. */
  isGone(process: ProcessIdentity): Promise<boolean>;
}

/** The processes of this machine. Start times and boot ids are known on Linux; elsewhere a process is known by its pid only. */
export const nodeProcessInfo: ProcessInfo = {
  async self() {
    return {
      pid: process.pid,
      startTime: (await readProcess(process.pid))?.startTime ?? '',
      machineBootId: await machineBootId(),
    };
  },
  async isGone(holder) {
    if (differ(holder.machineBootId, await machineBootId())) return true;
    if (!isKnownPid(holder.pid)) return true;
    const found = await readProcess(holder.pid);
    return found !== undefined && (found.ended || differ(holder.startTime, found.startTime));
  },
};

function differ(a: string, b: string): boolean {
  return a !== '' && b !== '' && a !== b;
}

function isKnownPid(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: there is such a process, of another user.
    return systemErrorCode(error) !== 'ESRCH';
  }
}

async function machineBootId(): Promise<string> {
  return (await readText('/proc/sys/kernel/random/boot_id')).trim();
}

/** proc(5): field 3 is the state, field 22 the start time; field 2, the command, is in parentheses and may hold any text. */
async function readProcess(
  pid: number,
): Promise<{ readonly startTime: string; readonly ended: boolean } | undefined> {
  const text = await readText(`/proc/${pid}/stat`);
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state, startTime] = [fields[0], fields[22 - 3]];
  if (state === undefined || startTime === undefined) return undefined;
  return { startTime, ended: state === 'Z' || state === 'X' };
}

async function readText(path: string): Promise<string> {
  try {
    return await fs.readFile(path, 'utf8');
  } catch {
    // Not Linux, or the process has just ended: nothing is known.
    return '';
  }
}
