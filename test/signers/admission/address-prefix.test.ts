import { expect } from 'chai';
import { addressPrefix } from '../../../lib/signers/admission/address-prefix.ts';

const usual = { ipv4Prefix: 32, ipv6Prefix: 64 };

describe('the network that a client counts for', () => {
  it('is one IPv4 address, unless a shorter prefix is asked for', () => {
    expect(addressPrefix('192.0.2.77', usual)).to.equal('192.0.2.77');
    expect(addressPrefix('192.0.2.77', { ...usual, ipv4Prefix: 24 })).to.equal('192.0.2.0/24');
    expect(addressPrefix('203.0.113.255', { ...usual, ipv4Prefix: 20 })).to.equal('203.0.112.0/20');
    expect(addressPrefix('203.0.113.255', { ...usual, ipv4Prefix: 0 })).to.equal('0.0.0.0/0');
  });

  it('is a /64 of IPv6, however the address is written', () => {
    const network = '2001:db8:0:1/64';
    expect(addressPrefix('2001:db8:0:1::7', usual)).to.equal(network);
    expect(addressPrefix('2001:db8:0:1:ffff:ffff:ffff:ffff', usual)).to.equal(network);
    expect(addressPrefix('2001:db8:0:2::7', usual)).to.equal('2001:db8:0:2/64');
    expect(addressPrefix('::1', usual)).to.equal('0:0:0:0/64');
    expect(addressPrefix('fe80::1%eth0', usual)).to.equal('fe80:0:0:0/64');
  });

  it('cuts prefixes inside a group', () => {
    expect(addressPrefix('2001:db8:abcd:12ff::1', { ...usual, ipv6Prefix: 56 })).to.equal(
      '2001:db8:abcd:1200/56',
    );
    expect(addressPrefix('2001:db8:abcd:12ff::1', { ...usual, ipv6Prefix: 48 })).to.equal('2001:db8:abcd/48');
  });

  it('is the IPv4 address of a client that a dual-stack socket reports as IPv6', () => {
    expect(addressPrefix('::ffff:192.0.2.77', usual)).to.equal('192.0.2.77');
    expect(addressPrefix('64:ff9b::192.0.2.33', { ...usual, ipv6Prefix: 128 })).to.equal(
      '64:ff9b:0:0:0:0:c000:221/128',
    );
  });

  it('is none for a peer without an address', () => {
    expect(addressPrefix('', usual)).to.equal(undefined);
  });
});
