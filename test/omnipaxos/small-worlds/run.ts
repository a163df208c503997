import { parseArgs } from 'node:util';
import { explore } from './explore.js';

const { values } = parseArgs({
  options: { depth: { type: 'string', default: '8' }, json: { type: 'boolean', default: false } },
});
const depth = Number(values.depth);
if (!Number.isInteger(depth) || depth < 1) {
  process.stderr.write(`--depth must be a whole number of at least 1, not ${values.depth}\n`);
  process.exitCode = 2;
} else {
  const result = explore(depth);
  const ok = result.violation === undefined;
  if (values.json) process.stdout.write(`${JSON.stringify({ ok, depth, ...result })}\n`);
  else {
    for (const [at, states] of result.statesByDepth.entries())
      process.stdout.write(`depth ${at}: ${states} new states\n`);
    process.stdout.write(`${result.states} states visited\n`);
    if (result.violation !== undefined)
      process.stdout.write(`${result.violation.rule}\n  ${result.violation.path.join('\n  ')}\n`);
  }
  process.exitCode = ok ? 0 : 1;
}
