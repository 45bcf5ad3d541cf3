import type { ArnScope } from '../store/arn.ts';
import { KmsException } from '../store/errors.ts';
import type { KeyRecord } from '../store/key-record.ts';

/**
 * Key policies, as far as a KMS with one caller needs them: who asks is the account's root user, and a statement is for that
 * caller when its Principal is `*`, the account or its root user. Evaluated as the "Policy evaluation logic" of the IAM User Guide: a
 * statement that denies goes first, and what no statement allows is refused. Enforced for what keys are used for and read by;
 * policies themselves can always be changed, so that nobody locks himself out of a development key.
 */

/** What a request has that conditions ask about: condition keys, such as `kms:SigningAlgorithm`. */
export type RequestContext = Readonly<Record<string, string | undefined>>;

interface Statement {
  readonly allows: boolean;
  /** Patterns of actions, such as `kms:Sign` and `kms:*`; of those that it is not for where `isNegated`. */
  readonly actions: readonly string[];
  readonly isNegated: boolean;
  readonly conditions: readonly Condition[];
}

interface Condition {
  readonly operator: string;
  readonly key: string;
  readonly values: readonly string[];
}

/** Parsed once for each record: records never change. */
const parsed = new WeakMap<KeyRecord, readonly Statement[]>();

/** Throws `AccessDeniedException` unless the key's policy allows the caller `kms:OPERATION`. */
export function authorize(
  record: KeyRecord,
  arns: ArnScope,
  operation: string,
  context: RequestContext = {},
): void {
  let statements = parsed.get(record);
  if (statements === undefined) {
    statements = statementsOf(record.policy, arns);
    parsed.set(record, statements);
  }
  const action = `kms:${operation}`;
  const asked = statements.filter(
    ({ actions, isNegated }) => actions.some((pattern) => matches(pattern, action)) !== isNegated,
  );
  const denied = asked.some(({ allows, conditions }) => !allows && holdsAll(conditions, context, true));
  const allowed = asked.some(({ allows, conditions }) => allows && holdsAll(conditions, context, false));
  if (allowed && !denied) return;
  throw new KmsException(
    'AccessDeniedException',
    `User: ${arns.rootArn} is not authorized to perform: ${action} on resource: ${arns.keyArn(record.keyId)} ` +
      (denied
        ? 'with an explicit deny in a resource-based policy'
        : `because no resource-based policy allows the ${action} action`),
  );
}

function statementsOf(policy: string, arns: ArnScope): Statement[] {
  const document = JSON.parse(policy) as { Statement?: unknown };
  return listOf(document.Statement)
    .filter(isObject)
    .filter((statement) => isForCaller(statement['Principal'], arns))
    .map((statement) => ({
      allows: statement['Effect'] === 'Allow',
      actions: textsOf(statement['Action'] ?? statement['NotAction']),
      isNegated: statement['Action'] === undefined,
      conditions: conditionsOf(statement['Condition']),
    }));
}

function isForCaller(principal: unknown, arns: ArnScope): boolean {
  const named = isObject(principal) ? textsOf(principal['AWS']) : textsOf(principal);
  return named.some((name) => name === '*' || name === arns.account || name === arns.rootArn);
}

function conditionsOf(condition: unknown): Condition[] {
  if (!isObject(condition)) return [];
  return Object.entries(condition).flatMap(([operator, keys]) =>
    Object.entries(isObject(keys) ? keys : {}).map(([key, values]) => ({
      operator,
      key,
      values: textsOf(values),
    })),
  );
}

/** An operator that is not known here counts as `unknown` says: for the caller's worse. */
function holdsAll(conditions: readonly Condition[], context: RequestContext, unknown: boolean): boolean {
  return conditions.every(({ operator, key, values }) => {
    const value = context[key];
    switch (operator) {
      case 'StringEquals':
        return value !== undefined && values.includes(value);
      case 'StringNotEquals':
        return value === undefined || !values.includes(value);
      case 'StringLike':
        return value !== undefined && values.some((pattern) => matches(pattern, value));
      case 'StringNotLike':
        return value === undefined || !values.some((pattern) => matches(pattern, value));
      default:
        return unknown;
    }
  });
}

/** `*` stands for any characters, `?` for one; actions are compared without case. */
function matches(pattern: string, text: string): boolean {
  const escaped = pattern.replace(/[.+^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`^${escaped.replaceAll('*', '.*').replaceAll('?', '.')}$`, 'i').test(text);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : value === undefined ? [] : [value];
}

function textsOf(value: unknown): string[] {
  return listOf(value).filter((one) => typeof one === 'string');
}
