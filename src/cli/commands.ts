import type { Command } from './command.js';
import { clusterCommand } from './commands/cluster.js';
import { getCommand } from './commands/get.js';
import { initCommand } from './commands/init.js';
import { serveCommand } from './commands/serve.js';

/** All commands, in the order of the help. What a command needs to do its work is loaded when it runs. */
export const commands: readonly Command[] = [clusterCommand, initCommand, serveCommand, getCommand];
