import { anything } from '../options/kinds.ts';

/** A Date; or, as files of settings say it, a text. */
export const dateOption = anything<Date>({
  ...{ type: 'Date', expected: "a Date, or a text such as '2027-01-01T00:00:00Z'", isSecret: false },
  isRequired: true,
  json: { type: 'string' },
  fits: (value) => (typeof value === 'string' || value instanceof Date ? isTime(value) : false),
  read: (_name, value) => new Date(value as string | Date),
});

/** Without a time zone a text would be another time on each machine. */
function isTime(value: string | Date): boolean {
  if (typeof value === 'string' && !/^\d{4}-\d\d-\d\d(T[\d:.]+(Z|[+-]\d\d:\d\d))?$/.test(value)) return false;
  return !Number.isNaN(new Date(value).getTime());
}
