// LocalKey: a key read from PEM signs digests, under every scheme that it has, from any thread.
#include "tls/local_key.h"

#include <openssl/bio.h>
#include <openssl/bytestring.h>
#include <openssl/evp.h>
#include <openssl/nid.h>
#include <openssl/pem.h>

#include <atomic>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "test.h"
#include "test_identity.h"
#include "tls/error.h"

namespace s2npkey::test {

namespace {

using tls::LocalKey;

struct Scheme {
  uint16_t code;
  size_t digest_length;
};

constexpr Scheme kEcdsaSchemes[] = {{0x0403, 32}, {0x0503, 48}, {0x0603, 64}};
constexpr Scheme kRsaSchemes[] = {{0x0401, 32}, {0x0501, 48}, {0x0601, 64},
                                  {0x0804, 32}, {0x0805, 48}, {0x0806, 64}};
constexpr uint16_t kEcdsaSha256 = 0x0403;

std::vector<uint8_t> Digest(size_t length) {
  std::vector<uint8_t> digest(length);
  for (size_t i = 0; i < length; i++) digest[i] = static_cast<uint8_t>(i * 7 + 1);
  return digest;
}

bool Verifies(const LocalKey& key, uint16_t scheme, const std::vector<uint8_t>& digest,
              const std::vector<uint8_t>& signature) {
  return key.Verify(scheme, digest.data(), digest.size(), signature.data(), signature.size());
}

// The key's text, encrypted: as PKCS#8 (RFC 8018), or the way of RFC 1421 that OpenSSL's older
// commands wrote.
std::string Encrypted(const std::string& pem, const std::string& passphrase, bool traditional) {
  const bssl::UniquePtr<BIO> in(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  const bssl::UniquePtr<EVP_PKEY> key(PEM_read_bio_PrivateKey(in.get(), nullptr, nullptr, nullptr));
  const bssl::UniquePtr<BIO> out(BIO_new(BIO_s_mem()));
  const int length = static_cast<int>(passphrase.size());
  std::string secret = passphrase;
  const int written =
      traditional ? PEM_write_bio_PrivateKey_traditional(out.get(), key.get(), EVP_aes_256_cbc(),
                                                         reinterpret_cast<uint8_t*>(secret.data()),
                                                         length, nullptr, nullptr)
                  : PEM_write_bio_PKCS8PrivateKey(out.get(), key.get(), EVP_aes_256_cbc(),
                                                  secret.data(), length, nullptr, nullptr);
  const uint8_t* data = nullptr;
  size_t size = 0;
  if (!written || !BIO_mem_contents(out.get(), &data, &size)) std::abort();
  return std::string(reinterpret_cast<const char*>(data), size);
}

// The code of the error, or "" when the key was taken.
std::string RefusedWith(const std::string& pem, const std::string& passphrase = "") {
  try {
    LocalKey::FromPem(pem, passphrase);
    return "";
  } catch (const tls::Error& error) {
    return error.code();
  }
}

void SignsAndVerifies(const LocalKey& key, const Scheme& scheme) {
  std::vector<uint8_t> digest = Digest(scheme.digest_length);
  std::vector<uint8_t> signature;
  EXPECT(key.Sign(scheme.code, digest.data(), digest.size(), &signature));
  EXPECT(Verifies(key, scheme.code, digest, signature));
  digest[0] ^= 1;
  EXPECT(!Verifies(key, scheme.code, digest, signature));
}

}  // namespace

TEST(an_ec_key_signs_a_digest_of_every_hash_whatever_its_curve) {
  for (const int curve : {NID_X9_62_prime256v1, NID_secp384r1, NID_secp521r1}) {
    const auto key = LocalKey::FromPem(Identity::Ecdsa(curve).private_key_pem, "");
    for (const Scheme& scheme : kEcdsaSchemes) SignsAndVerifies(*key, scheme);
  }
}

TEST(an_rsa_key_signs_pss_and_pkcs1) {
  const auto key = LocalKey::FromPem(Identity::Rsa(2048).private_key_pem, "");
  for (const Scheme& scheme : kRsaSchemes) SignsAndVerifies(*key, scheme);
}

TEST(an_ml_dsa_key_that_was_made_here_signs_a_mu_under_its_own_level_alone) {
  constexpr uint16_t kLevels[] = {0x0904, 0x0905, 0x0906};
  for (const uint16_t level : kLevels) {
    const memory::SecretBytes der = LocalKey::GenerateMlDsa(level);
    const bssl::UniquePtr<BIO> out(BIO_new(BIO_s_mem()));
    EXPECT(PEM_write_bio(out.get(), "PRIVATE KEY", "", der.data(), static_cast<long>(der.size())));
    const uint8_t* text = nullptr;
    size_t size = 0;
    EXPECT(BIO_mem_contents(out.get(), &text, &size));
    const auto key =
        LocalKey::FromPem(std::string_view(reinterpret_cast<const char*>(text), size), "");
    SignsAndVerifies(*key, {level, 64});
    const std::vector<uint8_t> mu = Digest(64);
    std::vector<uint8_t> signature;
    EXPECT(!key->Sign(level, mu.data(), 63, &signature));
    for (const uint16_t other : {0x0403, 0x0603, 0x0804, 0x0904, 0x0905, 0x0906}) {
      if (other != level) EXPECT(!key->Sign(other, mu.data(), mu.size(), &signature));
    }
  }
  for (const uint16_t code : {0x0403, 0x0804, 0x0907, 0x0000}) {
    bool refused = false;
    try {
      LocalKey::GenerateMlDsa(code);
    } catch (const tls::Error& error) {
      refused = error.code() == std::string("ERR_S2N_PKEY_KEY_INVALID");
    }
    EXPECT(refused);
  }
}

TEST(a_key_signs_nothing_that_does_not_fit_it) {
  const auto ec = LocalKey::FromPem(Identity::Ecdsa(NID_secp384r1).private_key_pem, "");
  const auto rsa = LocalKey::FromPem(Identity::Rsa(2048).private_key_pem, "");
  const std::vector<uint8_t> digest = Digest(64);
  std::vector<uint8_t> signature = {1, 2, 3};
  for (const Scheme& scheme : kRsaSchemes) {
    EXPECT(!ec->Sign(scheme.code, digest.data(), scheme.digest_length, &signature));
    EXPECT(signature.empty());
  }
  for (const Scheme& scheme : kEcdsaSchemes) {
    EXPECT(!rsa->Sign(scheme.code, digest.data(), scheme.digest_length, &signature));
    EXPECT(!ec->Sign(scheme.code, digest.data(), scheme.digest_length - 1, &signature));
    EXPECT(!ec->Sign(scheme.code, digest.data(), 0, &signature));
  }
  // SHA-1 (RFC 8446 section 4.2.3), Ed25519, ML-DSA-44, and no scheme at all.
  for (const uint16_t code : {0x0203, 0x0201, 0x0807, 0x0904, 0x0000}) {
    for (const size_t length : {20, 32, 64}) {
      EXPECT(!ec->Sign(code, digest.data(), length, &signature));
      EXPECT(!rsa->Sign(code, digest.data(), length, &signature));
    }
  }
}

TEST(a_signature_of_another_key_or_scheme_does_not_verify) {
  const auto key = LocalKey::FromPem(Identity::Ecdsa(NID_X9_62_prime256v1).private_key_pem, "");
  const auto other = LocalKey::FromPem(Identity::Ecdsa(NID_X9_62_prime256v1).private_key_pem, "");
  const std::vector<uint8_t> digest = Digest(32);
  std::vector<uint8_t> signature;
  EXPECT(key->Sign(kEcdsaSha256, digest.data(), digest.size(), &signature));
  EXPECT(!Verifies(*other, kEcdsaSha256, digest, signature));
  signature.pop_back();
  EXPECT(!Verifies(*key, kEcdsaSha256, digest, signature));
  EXPECT(!Verifies(*key, kEcdsaSha256, digest, {}));

  const auto rsa = LocalKey::FromPem(Identity::Rsa(2048).private_key_pem, "");
  EXPECT(rsa->Sign(0x0804, digest.data(), digest.size(), &signature));
  EXPECT(!Verifies(*rsa, 0x0401, digest, signature));
}

TEST(a_public_key_is_a_subject_public_key_info) {
  const auto key = LocalKey::FromPem(Identity::Ecdsa(NID_secp521r1).private_key_pem, "");
  const std::vector<uint8_t> der = key->PublicKeyDer();
  CBS cbs;
  CBS_init(&cbs, der.data(), der.size());
  const bssl::UniquePtr<EVP_PKEY> parsed(EVP_parse_public_key(&cbs));
  EXPECT(parsed != nullptr);
  EXPECT_EQ(CBS_len(&cbs), 0u);
  EXPECT_EQ(EVP_PKEY_bits(parsed.get()), 521);
}

TEST(an_encrypted_key_needs_its_passphrase) {
  const std::string pem = Identity::Ecdsa(NID_X9_62_prime256v1).private_key_pem;
  const std::vector<uint8_t> public_key = LocalKey::FromPem(pem, "")->PublicKeyDer();
  for (const bool traditional : {false, true}) {
    const std::string encrypted = Encrypted(pem, "sesame", traditional);
    EXPECT(LocalKey::FromPem(encrypted, "sesame")->PublicKeyDer() == public_key);
    EXPECT_EQ(RefusedWith(encrypted), "ERR_S2N_PKEY_PASSPHRASE");
    EXPECT_EQ(RefusedWith(encrypted, "wrong"), "ERR_S2N_PKEY_PASSPHRASE");
    EXPECT_EQ(RefusedWith(encrypted, std::string(5000, 'x')), "ERR_S2N_PKEY_PASSPHRASE");
  }
}

// One wrong passphrase in 256 decrypts to padding that looks right, and then to bytes that are no
// key.
TEST(a_wrong_passphrase_is_never_taken_for_a_damaged_key) {
  const std::string encrypted =
      Encrypted(Identity::Ecdsa(NID_X9_62_prime256v1).private_key_pem, "sesame", true);
  for (int i = 0; i < 2000; i++) {
    EXPECT_EQ(RefusedWith(encrypted, "wrong" + std::to_string(i)), "ERR_S2N_PKEY_PASSPHRASE");
  }
}

TEST(a_text_that_holds_no_usable_key_is_refused) {
  const Identity identity = Identity::Ecdsa(NID_X9_62_prime256v1);
  const std::string& pem = identity.private_key_pem;
  EXPECT_EQ(RefusedWith(""), "ERR_S2N_PKEY_KEY_INVALID");
  EXPECT_EQ(RefusedWith(identity.certificate_pem), "ERR_S2N_PKEY_KEY_INVALID");
  EXPECT_EQ(RefusedWith(pem.substr(0, pem.size() / 2)), "ERR_S2N_PKEY_KEY_INVALID");
  EXPECT_EQ(RefusedWith(std::string(2 << 20, '-')), "ERR_S2N_PKEY_KEY_INVALID");
  EXPECT_EQ(RefusedWith(Identity::Ecdsa(NID_secp224r1).private_key_pem),
            "ERR_S2N_PKEY_KEY_INVALID");
  EXPECT_EQ(RefusedWith(Identity::Rsa(1024).private_key_pem), "ERR_S2N_PKEY_KEY_INVALID");
  EXPECT_EQ(RefusedWith(identity.certificate_pem + pem), "");
}

TEST(threads_share_one_key) {
  for (const Identity& identity : {Identity::Ecdsa(NID_secp384r1), Identity::Rsa(2048)}) {
    const auto key = LocalKey::FromPem(identity.private_key_pem, "");
    const bool is_rsa = key->PublicKeyDer().size() > 200;
    const Scheme scheme = is_rsa ? kRsaSchemes[3] : kEcdsaSchemes[1];
    std::atomic<int> signatures{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; i++) {
      threads.emplace_back([&, shared = key] {
        const std::vector<uint8_t> digest = Digest(scheme.digest_length);
        for (int n = 0; n < 25; n++) {
          std::vector<uint8_t> signature;
          if (shared->Sign(scheme.code, digest.data(), digest.size(), &signature) &&
              Verifies(*shared, scheme.code, digest, signature)) {
            signatures++;
          }
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(signatures.load(), 100);
  }
}

}  // namespace s2npkey::test
