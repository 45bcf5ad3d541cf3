#include "tls/certificate_strength.h"

#include <openssl/ec.h>
#include <openssl/ec_key.h>
#include <openssl/evp.h>
#include <openssl/nid.h>
#include <openssl/obj.h>

#include <algorithm>

#include "s2n/internals.h"
#include "tls/verification.h"

namespace s2npkey::tls {

namespace {

constexpr int kMinimumRsaBits = 2048;
constexpr int kMinimumCurveBits = 256;

// Of an RSA-PSS signature: SHA-1 where the parameters name none (RFC 4055 section 3.1).
int DigestOfPss(const X509_ALGOR* algorithm) {
  const void* parameter = nullptr;
  int type = 0;
  X509_ALGOR_get0(nullptr, &type, &parameter, algorithm);
  if (type != V_ASN1_SEQUENCE) return NID_undef;
  const auto* sequence = static_cast<const ASN1_STRING*>(parameter);
  const uint8_t* bytes = ASN1_STRING_get0_data(sequence);
  const bssl::UniquePtr<RSA_PSS_PARAMS> pss(
      d2i_RSA_PSS_PARAMS(nullptr, &bytes, ASN1_STRING_length(sequence)));
  if (!pss) return NID_undef;
  return pss->hashAlgorithm ? OBJ_obj2nid(pss->hashAlgorithm->algorithm) : NID_sha1;
}

// Whether the digest that an issuer signed is one that nobody can find a second certificate for.
bool IsStrongSignature(X509* certificate) {
  const X509_ALGOR* algorithm = nullptr;
  X509_get0_signature(nullptr, &algorithm, certificate);
  const int signature = X509_get_signature_nid(certificate);
  int digest = NID_undef;
  switch (signature) {
    case NID_ED25519:  // these have no digest to choose
    case NID_MLDSA44:
    case NID_MLDSA65:
    case NID_MLDSA87:
      return true;
    case NID_rsassaPss:
      digest = DigestOfPss(algorithm);
      break;
    default:
      if (!OBJ_find_sigid_algs(signature, &digest, nullptr)) return false;
  }
  switch (digest) {
    case NID_sha256:
    case NID_sha384:
    case NID_sha512:
    case NID_sha512_256:
    case NID_sha3_256:
    case NID_sha3_384:
    case NID_sha3_512:
      return true;
    default:
      return false;
  }
}

bool IsStrongKey(EVP_PKEY* key) {
  switch (EVP_PKEY_id(key)) {
    case EVP_PKEY_RSA:
    case EVP_PKEY_RSA_PSS:
      return EVP_PKEY_bits(key) >= kMinimumRsaBits;
    case EVP_PKEY_EC:
      return EVP_PKEY_bits(key) >= kMinimumCurveBits;
    case EVP_PKEY_ED25519:
    case EVP_PKEY_PQDSA:
      return true;
    default:
      return false;
  }
}

// As s2n-tls's policies number kinds of keys.
int KindOfKey(EVP_PKEY* key) {
  switch (EVP_PKEY_id(key)) {
    case EVP_PKEY_EC:
      return EC_GROUP_get_curve_name(EC_KEY_get0_group(EVP_PKEY_get0_EC_KEY(key)));
    case EVP_PKEY_PQDSA:
      return EVP_PKEY_pqdsa_get_type(key);
    default:
      return EVP_PKEY_id(key);
  }
}

}  // namespace

CertificateStrength CertificateStrength::OfPolicy(const std::string& policy) {
  CertificateStrength result;
  s2npkey_policy_facts facts;
  if (!s2npkey_read_policy(policy.c_str(), &facts)) return result;
  if (facts.restricts_certificate_signatures) {
    const int* signatures = facts.certificate_signatures;
    result.signatures_.emplace(signatures, signatures + facts.certificate_signature_count);
  }
  if (facts.restricts_certificate_keys) {
    result.keys_.emplace();
    for (size_t i = 0; i < facts.certificate_key_count; i++)
      result.keys_->push_back({facts.certificate_keys[i].nid, facts.certificate_keys[i].bits});
  }
  return result;
}

bool CertificateStrength::AllowsKey(X509* certificate) const {
  if (!keys_) return true;
  EVP_PKEY* key = X509_get0_pubkey(certificate);
  return key && std::any_of(keys_->begin(), keys_->end(), [key](const Key& allowed) {
           return allowed.kind == KindOfKey(key) && allowed.bits == EVP_PKEY_bits(key);
         });
}

bool CertificateStrength::AllowsSignature(X509* certificate) const {
  if (!signatures_) return true;
  const int signature = X509_get_signature_nid(certificate);
  return std::find(signatures_->begin(), signatures_->end(), signature) != signatures_->end();
}

int CertificateStrength::CheckLeafKey(X509* leaf) const {
  EVP_PKEY* key = X509_get0_pubkey(leaf);
  if (!key || !IsStrongKey(key)) return X509_V_ERR_EE_KEY_TOO_SMALL;
  return AllowsKey(leaf) ? int{X509_V_OK} : Verification::kPolicyLeafKey;
}

int CertificateStrength::CheckPath(const STACK_OF(X509) * path) const {
  int error = X509_V_OK;
  const size_t length = path ? sk_X509_num(path) : 0;
  for (size_t i = 0; i < length; i++) {
    X509* certificate = sk_X509_value(path, i);
    EVP_PKEY* key = X509_get0_pubkey(certificate);
    if (i > 0 && (!key || !IsStrongKey(key))) {
      error = X509_V_ERR_CA_KEY_TOO_SMALL;
    } else if (i > 0 && !AllowsKey(certificate)) {
      error = Verification::kPolicyAuthorityKey;
    }
    if (i + 1 == length) break;  // nobody relies on how the anchor is signed
    if (!IsStrongSignature(certificate)) {
      error = X509_V_ERR_CA_MD_TOO_WEAK;
    } else if (!AllowsSignature(certificate)) {
      error = Verification::kPolicySignature;
    }
  }
  return error;
}

}  // namespace s2npkey::tls
