import { KmsException, notFoundException } from './errors.ts';

/** A key as a request names it: by its id, or through an alias. */
export type KeyIdentifier = { readonly keyId: string } | { readonly aliasName: string };

const keyIdPattern = /^(?:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|mrk-[0-9a-f]{32})$/i;

/**
 * The names of keys in one Region of one account
 * (https://docs.aws.amazon.com/kms/latest/developerguide/concepts.html#key-id).
 */
export class ArnScope {
  readonly region: string;
  readonly account: string;
  readonly partition: string;

  constructor(region: string, account: string) {
    this.region = region;
    this.account = account;
    if (region.startsWith('cn-')) this.partition = 'aws-cn';
    else this.partition = region.startsWith('us-gov-') ? 'aws-us-gov' : 'aws';
  }

  keyArn(keyId: string): string {
    return `arn:${this.partition}:kms:${this.region}:${this.account}:key/${keyId}`;
  }

  /** `aliasName` with its prefix: `alias/site`. */
  aliasArn(aliasName: string): string {
    return `arn:${this.partition}:kms:${this.region}:${this.account}:${aliasName}`;
  }

  /** The account's root user: what requests are made as, and whom the default key policy allows everything. */
  get rootArn(): string {
    return `arn:${this.partition}:iam::${this.account}:root`;
  }

  /**
   * Reads a key id, key ARN, alias name or alias ARN. `operation` is for the message of a refusal.
   * Throws `NotFoundException`, `InvalidArnException`, or `AccessDeniedException` for another account's key.
   */
  parse(identifier: string, operation: string): KeyIdentifier {
    if (identifier.startsWith('alias/')) return { aliasName: identifier };
    if (!identifier.startsWith('arn:')) {
      if (!keyIdPattern.test(identifier)) throw notFoundException(`Invalid keyId '${identifier}'`);
      return { keyId: identifier.toLowerCase() };
    }
    const [, partition, service, region, account, resource, ...rest] = identifier.split(':');
    if (partition !== this.partition || service !== 'kms' || resource === undefined || rest.length > 0) {
      throw new KmsException('InvalidArnException', `Invalid arn ${identifier}`);
    }
    if (region !== this.region) throw notFoundException(`Invalid arn ${region ?? ''}`);
    if (account !== this.account) {
      const action = `kms:${operation}`;
      throw new KmsException(
        'AccessDeniedException',
        `User: ${this.rootArn} is not authorized to perform: ${action} on resource: ${identifier} ` +
          `because no resource-based policy allows the ${action} action`,
      );
    }
    if (resource.startsWith('alias/')) return { aliasName: resource };
    const keyId = resource.startsWith('key/') ? resource.slice('key/'.length) : '';
    if (!keyIdPattern.test(keyId)) throw new KmsException('InvalidArnException', `Invalid arn ${identifier}`);
    return { keyId: keyId.toLowerCase() };
  }
}
