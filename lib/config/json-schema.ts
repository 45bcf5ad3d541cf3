import type { Option, Schema } from '../options/option.ts';

/** A JSON Schema (draft 2020-12), or a part of one. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** The JSON Schema of a file whose entries these options are, by which editors complete and check it. */
export function jsonSchemaOf(title: string, schema: Schema): JsonSchema {
  const whole = objectOf(schema);
  // Files name their schema by this entry.
  const properties = { $schema: { type: 'string' }, ...(whole['properties'] as object) };
  return { $schema: 'https://json-schema.org/draft/2020-12/schema', title, ...whole, properties };
}

function objectOf(schema: Schema): JsonSchema {
  const entries = Object.entries(schema);
  const required = entries.filter(([, { isRequired }]) => isRequired === true).map(([name]) => name);
  return {
    type: 'object',
    properties: Object.fromEntries(entries.map(([name, option]) => [name, valueOf(option)])),
    ...(required.length === 0 ? {} : { required }),
    additionalProperties: false,
  };
}

function valueOf(option: Option<unknown>): JsonSchema {
  const { expected, fallback, items, json, members, type } = option;
  const description = `${expected.slice(0, 1).toUpperCase()}${expected.slice(1)}`;
  const facts = {
    description,
    ...(isJson(fallback) ? { default: fallback } : {}),
  };
  if (members !== undefined) {
    const whole = { ...objectOf(members), ...json };
    const isSwitch = type.endsWith(' | false');
    return isSwitch ? { ...facts, anyOf: [{ const: false }, whole] } : { ...facts, ...whole };
  }
  if (items !== undefined) return { ...facts, type: 'array', items: valueOf(items), ...json };
  return { ...facts, type, ...json };
}

function isJson(value: unknown): boolean {
  return typeof value === 'string' || typeof value === 'boolean' || Number.isFinite(value);
}
