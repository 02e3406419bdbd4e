// Writes TypeScript that gives each dashboard and each of its panels the type
// that Grafana publishes for it, for tsc to compare.
//
//   node dashboard_types.mjs OUT.ts DASHBOARD.json...
import { readFileSync, writeFileSync } from 'node:fs';

// Enums do not take plain strings; `word` does, and checks them. By the name of
// the field and of what it is in.
const ENUMS = {
  'thresholds.mode': 'ThresholdsMode',
  'color.mode': 'FieldColorModeId',
  // The one kind in use: values.
  'mappings.type': 'MappingType.ValueToText',
};

function typed(value, path) {
  if (Array.isArray(value)) return `[${value.map((v) => typed(v, path)).join(',')}]`;
  if (value === null || typeof value !== 'object') {
    // Options are each panel's own, and open in these types.
    const name = path.includes('options') ? undefined : ENUMS[path.slice(-2).join('.')];
    return name ? `word<${name}>(${JSON.stringify(value)})` : JSON.stringify(value);
  }
  const fields = Object.entries(value).map(([k, v]) => `${JSON.stringify(k)}:${typed(v, [...path, k])}`);
  return `{${fields.join(',')}}`;
}

const [out, ...files] = process.argv.slice(2);
let text = `import type { Dashboard, Panel, RowPanel, ThresholdsMode, FieldColorModeId, MappingType } from '@grafana/schema';
const word = <E extends string>(text: \`\${E}\`) => text as unknown as E;
`;
for (const [i, file] of files.entries()) {
  const { panels, ...rest } = JSON.parse(readFileSync(file, 'utf8'));
  text += `export const dashboard${i}: Dashboard = ${typed(rest, [])};\n`;
  for (const panel of panels) {
    const type = panel.type === 'row' ? 'RowPanel' : 'Panel';
    text += `export const panel${i}_${panel.id}: ${type} = ${typed(panel, [])};\n`;
  }
}
writeFileSync(out, text);
