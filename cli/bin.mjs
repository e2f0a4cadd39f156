#!/usr/bin/env node
// Plain JavaScript: an older Node cannot read what main.ts is written in, and should say so in words.
const [major] = process.versions.node.split('.').map(Number);
if (major < 24) {
  process.stderr.write(
    `opencrane needs Node 24 or newer; this is ${process.versions.node}.\n mend: run it as "npx opencrane": npm ci has installed a Node 24 beside it\n`,
  );
  process.exit(6);
}
await import('./main.ts');
