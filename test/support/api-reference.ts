import { join, resolve } from 'node:path';
import ts from 'typescript';

const ROOT = resolve(import.meta.dirname, '../..');

/** Entry points, as users import them, with their sources. */
const ENTRY_POINTS: Readonly<Record<string, string>> = {
  'tsoracle-driver-paxos': 'src/index.ts',
  'tsoracle-driver-paxos/omnipaxos': 'src/omnipaxos/index.ts',
  'tsoracle-driver-paxos/client': 'src/client/index.ts',
  'tsoracle-driver-paxos/server': 'src/service/index.ts',
  'tsoracle-driver-paxos/testing': 'src/testing/index.ts',
};

/** Members that say what every error, or everything that can be disposed of, says by them. */
const SELF_EXPLAINING = new Set(['name', 'code', '[Symbol.dispose]', '[Symbol.asyncDispose]']);

interface Exported {
  readonly name: string;
  readonly kind: string;
  /** What its doc comment says. */
  readonly doc: string;
  /** Public members of a class without a doc comment, their own or that of what they implement. */
  readonly bareMembers: readonly string[];
}

/** What each entry point exports, in the order of the alphabet. */
export function exportedApi(): ReadonlyMap<string, readonly Exported[]> {
  const config = ts.getParsedCommandLineOfConfigFile(
    join(ROOT, 'tsconfig.json'),
    {},
    {
      ...ts.sys,
      onUnRecoverableConfigFileDiagnostic: () => {},
    },
  );
  const program = ts.createProgram(
    Object.values(ENTRY_POINTS).map((file) => join(ROOT, file)),
    config?.options ?? {},
  );
  const checker = program.getTypeChecker();
  return new Map(
    Object.entries(ENTRY_POINTS).map(([entry, file]) => {
      const source = program.getSourceFile(join(ROOT, file));
      const module = source === undefined ? undefined : checker.getSymbolAtLocation(source);
      if (module === undefined) throw new Error(`${file} is no module`);
      const symbols = checker.getExportsOfModule(module).map((symbol) => describe(symbol, checker));
      return [entry, symbols.sort((a, b) => (a.name < b.name ? -1 : 1))];
    }),
  );
}

/** The page that names everything that is exported. */
export function referencePage(): string {
  const sections = [...exportedApi()].map(([entry, symbols]) => {
    const rows = symbols.map(({ name, kind, doc }) => `| \`${name}\` | ${kind} | ${firstSentence(doc)} |`);
    return [`## ${entry}`, '', '| export | is | for |', '| --- | --- | --- |', ...rows].join('\n');
  });
  return [
    '# Reference',
    '',
    'Everything that the package exports, with the first sentence of what its source says. The source says the rest: guarantees, units, ranges, errors, examples.',
    'This page is written by `npm run reference`; a test fails if it is not up to date.',
    '',
    sections.join('\n\n'),
    '',
  ].join('\n');
}

function describe(exported: ts.Symbol, checker: ts.TypeChecker): Exported {
  const symbol = exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported;
  return {
    name: exported.name,
    kind: kindOf(symbol),
    doc: docOf(symbol, checker),
    bareMembers: bareMembersOf(symbol, checker),
  };
}

function docOf(symbol: ts.Symbol, checker: ts.TypeChecker): string {
  return ts.displayPartsToString(symbol.getDocumentationComment(checker)).trim();
}

function kindOf({ flags }: ts.Symbol): string {
  if (flags & ts.SymbolFlags.Class) return 'class';
  if (flags & ts.SymbolFlags.Function) return 'function';
  if (flags & ts.SymbolFlags.Interface) return 'interface';
  return flags & ts.SymbolFlags.TypeAlias ? 'type' : 'value';
}

function bareMembersOf(symbol: ts.Symbol, checker: ts.TypeChecker): string[] {
  const members = symbol.declarations?.find(ts.isClassDeclaration)?.members ?? [];
  return members.flatMap((member) => {
    const { name } = member;
    if (name === undefined || ts.isPrivateIdentifier(name) || SELF_EXPLAINING.has(name.getText())) return [];
    if (ts.getCombinedModifierFlags(member) & ts.ModifierFlags.Private) return [];
    const memberSymbol = checker.getSymbolAtLocation(name);
    const tags = memberSymbol?.getJsDocTags(checker) ?? [];
    const isDocumented =
      memberSymbol !== undefined && (docOf(memberSymbol, checker) !== '' || tags.length > 0);
    return isDocumented ? [] : [name.getText()];
  });
}

/** As one cell of a table. */
function firstSentence(doc: string): string {
  const [paragraph = ''] = doc.split(/\n\s*\n/);
  const text = paragraph
    .replaceAll(/\{@link\s+([^}]+)\}/g, '`$1`')
    .replaceAll(/\s+/g, ' ')
    .trim();
  const sentence = /^.*?[.:!?](?=\s+[A-Z`({*]|$)/.exec(text)?.[0] ?? text;
  return sentence.replace(/:$/, '.').replaceAll('|', '\\|');
}
