#include "tls/private_key_pem.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/ec_key.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/nid.h>
#include <openssl/pem.h>
#include <openssl/pkcs8.h>

#include <cstring>
#include <new>
#include <string>

#include "tls/error.h"

namespace s2npkey::tls {

namespace {

// Beyond any key with a chain of certificates around it; BIO_new_mem_buf takes an int.
constexpr size_t kLongestPem = 1 << 20;

struct Passphrase {
  std::string_view text;
  size_t longest = 0;  // what AWS-LC has room for
  bool asked = false;  // the key is encrypted in a way that AWS-LC knows
};

int GivePassphrase(char* buffer, int size, int, void* context) {
  auto* passphrase = static_cast<Passphrase*>(context);
  passphrase->asked = true;
  passphrase->longest = static_cast<size_t>(size);
  if (passphrase->text.size() > passphrase->longest) return -1;
  std::memcpy(buffer, passphrase->text.data(), passphrase->text.size());
  return static_cast<int>(passphrase->text.size());
}

// Why AWS-LC read no key, as far as its error queue tells.
struct ReadFailure {
  bool no_key = false;  // no block of a private key in the text
  bool unknown_encryption = false;
  bool unknown_algorithm = false;
  bool unknown_curve = false;
};

ReadFailure TakeReadFailure() {
  ReadFailure failure;
  while (const uint32_t error = ERR_get_error()) {
    const int reason = ERR_GET_REASON(error);
    switch (ERR_GET_LIB(error)) {
      case ERR_LIB_PEM:
        failure.no_key |= reason == PEM_R_NO_START_LINE;
        failure.unknown_encryption |= reason == PEM_R_UNSUPPORTED_ENCRYPTION;
        break;
      case ERR_LIB_PKCS8:
        failure.unknown_encryption |= reason == PKCS8_R_UNKNOWN_ALGORITHM ||
                                      reason == PKCS8_R_UNSUPPORTED_KEY_DERIVATION_FUNCTION ||
                                      reason == PKCS8_R_UNSUPPORTED_CIPHER ||
                                      reason == PKCS8_R_UNSUPPORTED_PRF;
        break;
      case ERR_LIB_EVP:
        failure.unknown_algorithm |= reason == EVP_R_UNSUPPORTED_ALGORITHM;
        break;
      case ERR_LIB_EC:
        failure.unknown_curve |= reason == EC_R_UNKNOWN_GROUP;
        break;
      default:
        break;
    }
  }
  return failure;
}

[[noreturn]] void Refuse(const std::string& given) {
  throw Error(
      "ERR_S2N_PKEY_KEY_INVALID",
      "key: expected an RSA key of 2048 to 4096 bits, an EC key on P-256, P-384 or P-521, or "
      "an ML-DSA key, as PEM; given " +
          given);
}

// The text holds no block that is a private key: what does it hold?
[[noreturn]] void RefuseTextWithoutKey(std::string_view pem) {
  const auto holds = [pem](const char* label) { return pem.find(label) != std::string_view::npos; };
  if (holds("-----BEGIN OPENSSH PRIVATE KEY-----")) {
    Refuse(
        "a key in OpenSSH's own format; convert a copy of it with "
        "`ssh-keygen -p -m PKCS8 -f FILE`");
  }
  if (holds("PRIVATE KEY-----")) Refuse("a private key whose text is cut off or damaged");
  if (holds("PUBLIC KEY-----")) Refuse("a public key");
  if (holds("-----BEGIN CERTIFICATE-----")) Refuse("a certificate without its private key");
  Refuse("text without \"-----BEGIN PRIVATE KEY-----\"");
}

[[noreturn]] void RefuseUnread(std::string_view pem, const Passphrase& passphrase) {
  const ReadFailure failure = TakeReadFailure();
  // A wrong passphrase can decrypt to bytes that parse as nothing, but not to a well-formed key of
  // another kind.
  if (failure.unknown_curve) Refuse("an EC key on a curve that is not supported");
  if (failure.unknown_algorithm) Refuse("a key of another kind");
  if (failure.unknown_encryption) {
    Refuse(
        "a key encrypted in a way that is not supported; encrypt it anew with "
        "`openssl pkcs8 -topk8 -v2 aes-256-cbc -v2prf hmacWithSHA256`");
  }
  if (!passphrase.asked) {
    if (failure.no_key) RefuseTextWithoutKey(pem);
    Refuse("a private key whose text is cut off or damaged");
  }
  if (passphrase.text.size() > passphrase.longest) {
    throw Error("ERR_S2N_PKEY_PASSPHRASE",
                "passphrase: expected at most " + std::to_string(passphrase.longest) +
                    " bytes; given " + std::to_string(passphrase.text.size()));
  }
  throw Error("ERR_S2N_PKEY_PASSPHRASE",
              passphrase.text.empty() ? "passphrase: the key is encrypted; pass its passphrase"
                                      : "passphrase: it does not decrypt the key; pass the one "
                                        "that the key was encrypted with");
}

void CheckKind(const EVP_PKEY* key) {
  switch (EVP_PKEY_id(key)) {
    case EVP_PKEY_RSA: {
      const int bits = EVP_PKEY_bits(key);
      if (bits < 2048 || bits > 4096) Refuse("an RSA key of " + std::to_string(bits) + " bits");
      return;
    }
    case EVP_PKEY_EC: {
      const int curve = EC_GROUP_get_curve_name(EC_KEY_get0_group(EVP_PKEY_get0_EC_KEY(key)));
      if (curve != NID_X9_62_prime256v1 && curve != NID_secp384r1 && curve != NID_secp521r1) {
        const char* name = OBJ_nid2sn(curve);
        Refuse(std::string("an EC key on ") + (name ? name : "another curve"));
      }
      return;
    }
    case EVP_PKEY_PQDSA:
      return;
    case EVP_PKEY_ED25519:
      Refuse("an Ed25519 key, which is not supported by s2n-tls");
    case EVP_PKEY_RSA_PSS:
      Refuse(
          "an RSA key restricted to RSASSA-PSS (id-RSASSA-PSS); a plain RSA key signs with "
          "RSA-PSS too");
    case EVP_PKEY_DSA:
      Refuse("a DSA key");
    default:
      Refuse("a key of another kind");
  }
}

}  // namespace

bssl::UniquePtr<EVP_PKEY> ReadPrivateKeyPem(std::string_view pem, std::string_view passphrase) {
  if (pem.size() > kLongestPem) {
    Refuse("a text of " + std::to_string(pem.size()) + " bytes, which is too long for a key");
  }
  const bssl::UniquePtr<BIO> bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  if (!bio) throw std::bad_alloc();
  Passphrase given{passphrase};
  ERR_clear_error();
  bssl::UniquePtr<EVP_PKEY> key(
      PEM_read_bio_PrivateKey(bio.get(), nullptr, GivePassphrase, &given));
  if (!key) RefuseUnread(pem, given);
  ERR_clear_error();
  CheckKind(key.get());
  return key;
}

}  // namespace s2npkey::tls
