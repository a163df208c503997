import type { Command } from './command.js';
import { clusterCommand } from './commands/cluster.js';
import { getCommand } from './commands/get.js';
import { initCommand } from './commands/init.js';
import { initFileCommand } from './commands/init-file.js';
import { inspectCommand } from './commands/inspect.js';
import { serveCommand } from './commands/serve.js';
import { serveFileCommand } from './commands/serve-file.js';

/** All commands, in the order of the help. What a command needs to do its work is loaded when it runs. */
export const commands: readonly Command[] = [
  clusterCommand,
  // Before `init`, whose name it begins with.
  initFileCommand,
  initCommand,
  serveCommand,
  serveFileCommand,
  inspectCommand,
  getCommand,
];
