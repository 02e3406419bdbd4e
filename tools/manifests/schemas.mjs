// Checks Kubernetes objects against their schemas, strictly.
//
//   node schemas.mjs FILE...      prints each finding; exit 1 if there is one
//
// Three layers, because no package has all of it: compiled JSON schemas (types,
// required fields, patterns; custom resources too), the client's tables of
// attributes (unknown fields at any depth), and TypeScript's literals (unknown
// fields of custom resources, one per object).
import {execFileSync} from 'node:child_process';
import {mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {parseAllDocuments} from 'yaml';
import * as client from '@kubernetes/client-node';

const HERE = dirname(fileURLToPath(import.meta.url));
const CORE = 'kubernetes-models';
const CUSTOM = '@kubernetes-models/prometheus-operator';
const isCustom = object => object.apiVersion.startsWith('monitoring.coreos.com/');

let findings = 0;
function report(where, what) {
  findings++;
  console.log(`${where}: ${what}`);
}

function* objects(file) {
  for (const document of parseAllDocuments(readFileSync(file, 'utf8'), {uniqueKeys: true})) {
    if (document.errors.length) {
      report(file, document.errors[0].message);
      continue;
    }
    const object = document.toJS();
    if (object == null) continue;
    const where = `${file}: ${object.kind}/${object.metadata?.name}`;
    if (!object.apiVersion || !object.kind) report(where, 'without apiVersion or kind');
    else yield {object, where};
  }
}

async function checkSchema({object, where}) {
  let Model;
  try {
    const module = `${isCustom(object) ? CUSTOM : CORE}/${object.apiVersion}/${object.kind}`;
    Model = (await import(module))[object.kind];
  } catch {
    return report(where, `no schema of ${object.apiVersion} ${object.kind}`);
  }
  try {
    new Model(object).validate();
  } catch (error) {
    report(where, error.message);
  }
}

function checkFields({object, where}) {
  if (isCustom(object)) return;
  const version = object.apiVersion.split('/').pop();
  const prefix = version[0].toUpperCase() + version.slice(1);
  const type = client[prefix + object.kind] ?? client[`Core${prefix}${object.kind}`];
  if (!type) return report(where, `no such API: ${object.apiVersion} ${object.kind}`);
  walk(object, type.name, where);
}

function walk(value, type, path) {
  if (value == null) return;
  let match = /^Array<(.*)>$/.exec(type);
  if (match) {
    if (!Array.isArray(value)) return report(path, 'is no list');
    return value.forEach((item, i) => walk(item, match[1], `${path}[${i}]`));
  }
  match = /^\{ \[key: string\]: (.*); \}$/.exec(type);
  if (match) {
    return Object.entries(value).forEach(([key, item]) => walk(item, match[1], `${path}.${key}`));
  }
  if (!client[type]?.getAttributeTypeMap || typeof value !== 'object') return;
  const attributes = client[type].getAttributeTypeMap();
  for (const [key, item] of Object.entries(value)) {
    const attribute = attributes.find(a => a.baseName === key);
    if (attribute) walk(item, attribute.type, `${path}.${key}`);
    else report(`${path}.${key}`, `unknown field in ${type}`);
  }
}

// One TypeScript file of all custom resources as literals of their types.
function checkCustomFields(list) {
  const customs = list.filter(({object}) => isCustom(object));
  if (!customs.length) return;
  const folder = mkdtempSync(join(HERE, 'node_modules/.typed-'));
  try {
    const lines = customs.map(({object}, i) =>
      `import {I${object.kind} as T${i}} from "${CUSTOM}/${object.apiVersion}"; ` +
      `export const x${i}: T${i} = ${JSON.stringify(object)};`);
    writeFileSync(join(folder, 'typed.ts'), lines.join('\n') + '\n');
    execFileSync(process.execPath, [join(HERE, 'node_modules/typescript/bin/tsc'), '--noEmit', '--strict',
      '--skipLibCheck', '--module', 'nodenext', '--target', 'es2022', join(folder, 'typed.ts')],
      {encoding: 'utf8', stdio: 'pipe'});
  } catch (error) {
    for (const line of error.stdout.split('\n')) {
      const match = /typed\.ts\((\d+),\d+\): error (.*)$/.exec(line);
      if (match) report(customs[match[1] - 1].where, match[2]);
    }
    if (!/typed\.ts\(/.test(error.stdout)) report('tsc', error.stdout || error.message);
  } finally {
    rmSync(folder, {recursive: true});
  }
}

const all = process.argv.slice(2).flatMap(file => [...objects(file)]);
for (const one of all) {
  await checkSchema(one);
  checkFields(one);
}
checkCustomFields(all);
console.log(`${all.length} objects, ${findings} findings`);
process.exit(findings || !all.length ? 1 : 0);
