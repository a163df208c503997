#!/usr/bin/env node
import { readFile } from 'node:fs/promises';
import { InvalidInputError } from '../errors/index.js';
import type { Command, CommandOutput } from './command.js';
import { commands } from './commands.js';

/** Exit codes: 0 done, 1 failed, 2 refused because of what was typed. */
const EXIT_FAILED = 1;
const EXIT_USAGE = 2;

const output: CommandOutput = {
  out: (line) => void process.stdout.write(`${line}\n`),
  err: (line) => void process.stderr.write(`${line}\n`),
};

// The reader of a pipe may leave before everything is written; nobody is left to be told.
process.stdout.on('error', () => {});

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  const [first] = args;
  if (first === '--version' || first === '-v') return printVersion();
  if (first === '--help' || first === '-h' || first === 'help') {
    output.out(overview());
    return 0;
  }
  const command = commands.find(({ name }) => startsWith(args, name.split(' ')));
  if (command === undefined) return refuseCommand(args);
  const rest = args.slice(command.name.split(' ').length);
  if (rest.includes('--help') || rest.includes('-h')) {
    output.out(command.help());
    return 0;
  }
  return runCommand(command, rest);
}

async function runCommand(command: Command, args: readonly string[]): Promise<number> {
  try {
    return await command.run(args, process.env, output);
  } catch (error) {
    output.err(`tsoracle ${command.name}: ${error instanceof Error ? error.message : String(error)}`);
    if (!(error instanceof InvalidInputError)) return EXIT_FAILED;
    output.err(`See 'tsoracle ${command.name} --help'.`);
    return EXIT_USAGE;
  }
}

function startsWith(args: readonly string[], words: readonly string[]): boolean {
  return words.every((word, index) => args[index] === word);
}

function refuseCommand(args: readonly string[]): number {
  const typed = args.filter((word) => !word.startsWith('-')).join(' ') || args.join(' ');
  const near = commands.find(({ name }) => name.startsWith(`${args[0]} `));
  if (typed === '') output.err('tsoracle: a command is missing.');
  else if (near === undefined) output.err(`tsoracle: ${JSON.stringify(typed)} is not a command.`);
  else
    output.err(`tsoracle: ${JSON.stringify(typed)} is not a command; did you mean 'tsoracle ${near.name}'?`);
  output.err("See 'tsoracle --help'.");
  return EXIT_USAGE;
}

function overview(): string {
  return [
    'Usage: tsoracle COMMAND [options]',
    '',
    'A timestamp oracle that survives the loss of its leader.',
    '',
    'Commands:',
    ...commands.flatMap(({ name, summary }) => [`  ${name}`, `      ${summary}`]),
    '',
    "'tsoracle COMMAND --help' explains a command. Every flag can also be given as a TSORACLE_* variable; the flag wins.",
  ].join('\n');
}

async function printVersion(): Promise<number> {
  const manifest: unknown = JSON.parse(
    await readFile(new URL('../../package.json', import.meta.url), 'utf8'),
  );
  const version =
    typeof manifest === 'object' && manifest !== null ? Reflect.get(manifest, 'version') : undefined;
  output.out(String(version));
  return 0;
}
