#include "tls/security_policy.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/ec_key.h>
#include <openssl/evp.h>
#include <openssl/nid.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <algorithm>
#include <utility>

#include "s2n.h"
#include "s2n/internals.h"
#include "tls/error.h"

namespace s2npkey::tls {

namespace {

constexpr char kOffered[] =
    "'default' (TLS 1.2 and 1.3), 'default_tls13', 'default_fips', '20250414' (TLS 1.3 only) or "
    "'rfc9151' "
    "(SHA-384 only)";
constexpr char kOfferedMlDsa[] =
    "'default_pq' (ML-DSA-44, -65 and -87, beside ECDSA) or 'cnsa_2' (ML-DSA-87 alone)";

[[noreturn]] void Refuse(const std::string& policy, const std::string& reason) {
  throw Error("ERR_S2N_PKEY_SECURITY_POLICY", "security policy '" + policy + "' " + reason);
}

}  // namespace

CertificateKey CertificateKey::OfChain(const std::string& certificate_chain_pem) {
  const bssl::UniquePtr<BIO> bio(BIO_new_mem_buf(certificate_chain_pem.data(),
                                                 static_cast<int>(certificate_chain_pem.size())));
  const bssl::UniquePtr<X509> leaf(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  EVP_PKEY* key = leaf ? X509_get0_pubkey(leaf.get()) : nullptr;
  if (!key) {
    throw Error("ERR_S2N_PKEY_CERTIFICATE_INVALID",
                "cert: expected a PEM certificate chain, the server's own certificate first; no "
                "certificate could "
                "be read");
  }
  CertificateKey result;
  result.bits = EVP_PKEY_bits(key);
  switch (EVP_PKEY_id(key)) {
    case EVP_PKEY_RSA:
      result.type = Type::kRsa;
      result.name = "RSA-" + std::to_string(result.bits);
      return result;
    case EVP_PKEY_EC: {
      result.type = Type::kEcdsa;
      const int curve = EC_GROUP_get_curve_name(EC_KEY_get0_group(EVP_PKEY_get0_EC_KEY(key)));
      if (curve == NID_X9_62_prime256v1) {
        result.group = 23;
        result.name = "P-256";
      } else if (curve == NID_secp384r1) {
        result.group = 24;
        result.name = "P-384";
      } else if (curve == NID_secp521r1) {
        result.group = 25;
        result.name = "P-521";
      }
      if (result.group) return result;
      break;
    }
    case EVP_PKEY_PQDSA:
      result.type = Type::kMlDsa;
      switch (EVP_PKEY_pqdsa_get_type(key)) {
        case NID_MLDSA44:
          result.scheme = 0x0904;
          result.name = "ML-DSA-44";
          return result;
        case NID_MLDSA65:
          result.scheme = 0x0905;
          result.name = "ML-DSA-65";
          return result;
        case NID_MLDSA87:
          result.scheme = 0x0906;
          result.name = "ML-DSA-87";
          return result;
        default:
          break;
      }
      break;
    default:
      break;
  }
  throw Error("ERR_S2N_PKEY_CERTIFICATE_INVALID",
              "cert: the certificate's key is of a kind that s2n-tls cannot sign with through a "
              "signer; expected RSA "
              "(2048 to 4096 bits), ECDSA P-256, P-384, P-521, or ML-DSA-44, -65, -87 (Ed25519 "
              "certificates are not supported)");
}

namespace {

s2npkey_policy_facts ReadPolicy(const std::string& policy) {
  s2npkey_policy_facts facts;
  if (!s2npkey_read_policy(policy.c_str(), &facts)) {
    Refuse(policy, std::string("does not exist in this s2n-tls; expected for example ") + kOffered);
  }
  return facts;
}

VersionRange OwnVersions(const s2npkey_policy_facts& facts) {
  VersionRange own;
  own.lowest = facts.offers_tls12 ? facts.minimum_protocol_version : S2N_TLS13;
  own.highest = facts.offers_tls13 ? S2N_TLS13 : S2N_TLS12;
  return own;
}

}  // namespace

VersionRange NegotiableVersions(const std::string& policy, const VersionRange& range) {
  const VersionRange own = OwnVersions(ReadPolicy(policy));
  VersionRange both;
  both.lowest = std::max(own.lowest, range.lowest);
  both.highest = std::min(own.highest, range.highest);
  if (both.lowest > both.highest) {
    Refuse(policy, std::string("has no TLS version that minVersion and maxVersion allow; it has ") +
                       (own.lowest >= S2N_TLS13 ? "TLS 1.3" : "TLS 1.2") +
                       (own.lowest < own.highest ? " and later" : " alone"));
  }
  return both;
}

NarrowedPolicy::NarrowedPolicy(std::string policy, const VersionRange& versions)
    : policy_(std::move(policy)) {
  const VersionRange own = OwnVersions(ReadPolicy(policy_));
  if (versions.lowest <= own.lowest && versions.highest >= own.highest) return;
  const size_t size = s2npkey_narrowed_policy_size(policy_.c_str());
  memory_.resize((size + sizeof(std::max_align_t) - 1) / sizeof(std::max_align_t));
  s2npkey_narrow_policy(policy_.c_str(), versions.lowest, versions.highest, memory_.data());
}

void NarrowedPolicy::Use(s2n_config* config, const std::string& what) const {
  CheckS2n(memory_.empty() ? s2n_config_set_cipher_preferences(config, policy_.c_str())
                           : s2npkey_use_narrowed_policy(config, memory_.data()),
           "ERR_S2N_PKEY_SECURITY_POLICY", what);
}

void CheckSecurityPolicy(const std::string& policy, const VersionRange& versions,
                         const CertificateKey& key) {
  const s2npkey_policy_facts facts = ReadPolicy(policy);
  if (facts.minimum_protocol_version < S2N_TLS12) {
    Refuse(policy, std::string("allows TLS versions below 1.2, whose signatures use SHA-1, which "
                               "no KMS makes; choose ") +
                       kOffered);
  }
  const bool rsa = key.type == CertificateKey::Type::kRsa;
  if (rsa && facts.offers_rsa_key_exchange) {
    Refuse(policy, std::string("allows RSA key exchange, in which the private key decrypts instead "
                               "of signing; choose ") +
                       kOffered);
  }
  const bool mldsa = key.type == CertificateKey::Type::kMlDsa;
  const uint8_t key_type = rsa ? S2NPKEY_KEY_RSA : mldsa ? S2NPKEY_KEY_MLDSA : S2NPKEY_KEY_ECDSA;
  bool tls12 = false;
  bool tls13 = false;
  for (size_t i = 0; i < facts.scheme_count; i++) {
    const s2npkey_policy_scheme& scheme = facts.schemes[i];
    if (scheme.key_type != key_type || (mldsa && scheme.iana != key.scheme)) continue;
    if (scheme.weak_hash) {
      Refuse(policy,
             std::string("allows signatures with SHA-1 or SHA-224, which no KMS makes; choose ") +
                 kOffered);
    }
    tls12 = tls12 ||
            (!mldsa && scheme.tls12 && (rsa ? facts.offers_tls12_rsa : facts.offers_tls12_ecdsa));
    tls13 = tls13 || (scheme.tls13 && facts.offers_tls13 &&
                      (rsa || mldsa || scheme.tls13_curve == 0 || scheme.tls13_curve == key.group));
  }
  if (facts.minimum_protocol_version > S2N_TLS12 || versions.lowest > S2N_TLS12) tls12 = false;
  if (versions.highest < S2N_TLS13) tls13 = false;
  if (!tls12 && !tls13) {
    Refuse(policy, "has no signature scheme for this certificate's key (" + key.name +
                       "), so no handshake could ever succeed; choose another policy, such as " +
                       (mldsa ? kOfferedMlDsa : kOffered) +
                       ", or a certificate for another kind of key");
  }
}

}  // namespace s2npkey::tls
