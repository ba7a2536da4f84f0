// Runs every page of the corpus in the module. node corpus.mjs MODULE
import { readFileSync, readdirSync } from 'node:fs';

const module = new WebAssembly.Module(readFileSync(process.argv[2]));
const folder = new URL('../../proto/tests/corpus/', import.meta.url);
const pages = readdirSync(folder).filter((name) => name.endsWith('.md') && name !== 'README.md');
let [count, wrong] = [0, ''];
for (const name of pages) {
  // One for each page: a panic ends it.
  const { put, get, run } = new WebAssembly.Instance(module).exports;
  for (const byte of readFileSync(new URL(name, folder))) put(byte);
  const bytes = [];
  try {
    count += run();
  } catch (error) {
    bytes.push(...Buffer.from(`${error}: `));
  }
  for (let at = 0, byte; (byte = get(at)) !== -1; at += 1) bytes.push(byte);
  if (bytes.length > 0) wrong += `${name}: ${Buffer.from(bytes)}`;
}
if (wrong !== '' || count < 150) {
  console.error(`${wrong}${count} cases`);
  process.exit(1);
}
console.log(`${count} cases in ${pages.length} pages, whole, byte by byte and cut in two`);
