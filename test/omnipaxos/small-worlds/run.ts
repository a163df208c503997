import { parseArgs } from 'node:util';
import { explore } from './explore.js';
import { SMALL_WORLDS } from './worlds.js';

const { values } = parseArgs({
  options: {
    depth: { type: 'string' },
    world: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});
const depth = values.depth === undefined ? undefined : Number(values.depth);
const worlds = SMALL_WORLDS.filter(({ name }) => values.world === undefined || name === values.world);
if (depth !== undefined && !(Number.isInteger(depth) && depth >= 1)) {
  process.stderr.write(`--depth must be a whole number of at least 1, not ${values.depth}\n`);
  process.exitCode = 2;
} else if (worlds.length === 0) {
  const names = SMALL_WORLDS.map(({ name }) => name).join(', ');
  process.stderr.write(`--world must be one of: ${names}; not ${values.world}\n`);
  process.exitCode = 2;
} else {
  const results = [];
  for (const world of worlds) {
    const begun = performance.now();
    const result = explore(world, depth);
    const seconds = Math.round((performance.now() - begun) / 100) / 10;
    results.push({ world: world.name, depth: depth ?? world.depth, seconds, ...result });
    const extent = result.exhausted ? 'all there are' : `depth ${depth ?? world.depth}`;
    process.stdout.write(`${world.name}: ${result.states} states visited (${extent}), ${seconds} s\n`);
    if (result.violation !== undefined)
      process.stdout.write(`  ${result.violation.rule}\n    ${result.violation.path.join('\n    ')}\n`);
  }
  const ok = results.every(({ violation }) => violation === undefined);
  const states = results.reduce((sum, result) => sum + result.states, 0);
  if (values.json) process.stdout.write(`${JSON.stringify({ ok, states, worlds: results })}\n`);
  process.exitCode = ok ? 0 : 1;
}
