// The verification of chains by itself, without a handshake: what no test in Node can make.
#include "tls/trust_store.h"

#include <openssl/bio.h>
#include <openssl/ec_key.h>
#include <openssl/evp.h>
#include <openssl/nid.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "test.h"

namespace s2npkey::test {

namespace {

using Key = bssl::UniquePtr<EVP_PKEY>;
using Certificate = bssl::UniquePtr<X509>;

Key EcKey(int curve = NID_X9_62_prime256v1) {
  const bssl::UniquePtr<EC_KEY> ec(EC_KEY_new_by_curve_name(curve));
  Key key(EVP_PKEY_new());
  if (!EC_KEY_generate_key(ec.get()) || !EVP_PKEY_set1_EC_KEY(key.get(), ec.get())) std::abort();
  return key;
}

Key RsaKey(int bits) {
  const bssl::UniquePtr<RSA> rsa(RSA_new());
  const bssl::UniquePtr<BIGNUM> exponent(BN_new());
  Key key(EVP_PKEY_new());
  if (!BN_set_word(exponent.get(), RSA_F4) ||
      !RSA_generate_key_ex(rsa.get(), bits, exponent.get(), nullptr) ||
      !EVP_PKEY_set1_RSA(key.get(), rsa.get())) {
    std::abort();
  }
  return key;
}

struct Made {
  const char* subject;
  const char* issuer;
  EVP_PKEY* key;
  EVP_PKEY* signs;
  bool authority = false;
  const EVP_MD* digest = EVP_sha256();
  bool pss = false;
  const char* name_constraints = nullptr;  // as OpenSSL writes them
};

void SetName(X509_NAME* name, const char* common) {
  const auto* text = reinterpret_cast<const uint8_t*>(common);
  if (!X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, text, -1, -1, 0)) std::abort();
}

void Add(X509* certificate, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  const bssl::UniquePtr<X509_EXTENSION> extension(
      X509V3_EXT_nconf_nid(nullptr, &context, nid, value));
  if (!extension || !X509_add_ext(certificate, extension.get(), -1)) std::abort();
}

Certificate Make(const Made& made) {
  Certificate certificate(X509_new());
  X509* x509 = certificate.get();
  if (!X509_set_version(x509, X509_VERSION_3) ||
      !ASN1_INTEGER_set(X509_get_serialNumber(x509), 1) ||
      !X509_gmtime_adj(X509_getm_notBefore(x509), -3600) ||
      !X509_gmtime_adj(X509_getm_notAfter(x509), 86400) || !X509_set_pubkey(x509, made.key)) {
    std::abort();
  }
  SetName(X509_get_subject_name(x509), made.subject);
  SetName(X509_get_issuer_name(x509), made.issuer);
  Add(x509, NID_basic_constraints, made.authority ? "critical,CA:TRUE" : "critical,CA:FALSE");
  Add(x509, NID_key_usage,
      made.authority ? "critical,keyCertSign,digitalSignature" : "critical,digitalSignature");
  if (made.name_constraints) Add(x509, NID_name_constraints, made.name_constraints);
  const bssl::ScopedEVP_MD_CTX context;
  EVP_MD_CTX* raw = const_cast<EVP_MD_CTX*>(context.get());
  EVP_PKEY_CTX* key_context = nullptr;
  if (!EVP_DigestSignInit(raw, &key_context, made.digest, nullptr, made.signs)) std::abort();
  if (made.pss && (!EVP_PKEY_CTX_set_rsa_padding(key_context, RSA_PKCS1_PSS_PADDING) ||
                   !EVP_PKEY_CTX_set_rsa_pss_saltlen(key_context, RSA_PSS_SALTLEN_DIGEST))) {
    std::abort();
  }
  if (!X509_sign_ctx(x509, raw)) std::abort();
  // As it comes from a peer: read anew.
  uint8_t* der = nullptr;
  const int length = i2d_X509(x509, &der);
  const uint8_t* bytes = der;
  Certificate read(d2i_X509(nullptr, &bytes, length));
  OPENSSL_free(der);
  if (!read) std::abort();
  return read;
}

std::string Pem(X509* certificate) {
  const bssl::UniquePtr<BIO> bio(BIO_new(BIO_s_mem()));
  const uint8_t* data = nullptr;
  size_t length = 0;
  if (!PEM_write_bio_X509(bio.get(), certificate) || !BIO_mem_contents(bio.get(), &data, &length))
    std::abort();
  return std::string(reinterpret_cast<const char*>(data), length);
}

std::string Outcome(const std::vector<X509*>& trusted, const std::vector<X509*>& sent,
                    tls::TrustStore::Peer peer = tls::TrustStore::Peer::kClient,
                    const char* policy = "default") {
  tls::TrustStoreOptions options;
  for (X509* each : trusted) options.authorities_pem.push_back(Pem(each));
  const auto store = tls::TrustStore::Create(options);
  STACK_OF(X509)* chain = sk_X509_new_null();
  for (X509* each : sent) {
    if (!sk_X509_push(chain, each)) std::abort();
  }
  std::vector<std::vector<uint8_t>> path;
  const tls::Verification result =
      store->Verify(chain, peer, tls::CertificateStrength::OfPolicy(policy), &path);
  sk_X509_free(chain);
  EXPECT_EQ(result.ok(), std::string(result.code()) == "OK");
  return result.code();
}

struct RootAndKey {
  Key key = EcKey();
  Certificate root = Make({"Root", "Root", key.get(), key.get(), true});
};

}  // namespace

TEST(a_key_on_a_small_curve_is_too_weak) {
  const RootAndKey authority;
  const Key small = EcKey(NID_secp224r1);
  const Certificate leaf = Make({"leaf", "Root", small.get(), authority.key.get()});
  EXPECT_EQ(Outcome({authority.root.get()}, {leaf.get()}), "EE_KEY_TOO_SMALL");
}

TEST(a_digest_below_sha256_is_too_weak_with_every_kind_of_signature) {
  const Key rsa = RsaKey(2048);
  const Certificate root = Make({"Root", "Root", rsa.get(), rsa.get(), true, EVP_sha1()});
  const Key key = EcKey();
  for (const bool pss : {false, true}) {
    for (const EVP_MD* digest : {EVP_sha1(), EVP_sha224()}) {
      const Certificate leaf = Make({"leaf", "Root", key.get(), rsa.get(), false, digest, pss});
      EXPECT_EQ(Outcome({root.get()}, {leaf.get()}), "CA_MD_TOO_WEAK");
    }
    for (const EVP_MD* digest : {EVP_sha256(), EVP_sha384(), EVP_sha512()}) {
      const Certificate leaf = Make({"leaf", "Root", key.get(), rsa.get(), false, digest, pss});
      EXPECT_EQ(Outcome({root.get()}, {leaf.get()}), "OK");
    }
  }
}

TEST(a_certificate_that_is_trusted_itself_needs_a_strong_key_but_no_strong_signature) {
  const Key strong = EcKey();
  const Key weak = RsaKey(1024);
  for (const bool authority : {false, true}) {
    const Certificate signed_weakly =
        Make({"self", "self", strong.get(), strong.get(), authority, EVP_sha1()});
    EXPECT_EQ(Outcome({signed_weakly.get()}, {signed_weakly.get()}), "OK");
    const Certificate weak_key = Make({"self", "self", weak.get(), weak.get(), authority});
    EXPECT_EQ(Outcome({weak_key.get()}, {weak_key.get()}), "EE_KEY_TOO_SMALL");
  }
}

TEST(of_several_faults_the_one_that_openssl_finds_last_is_named) {
  const RootAndKey authority;
  const Key weak = RsaKey(1024);
  const Certificate leaf =
      Make({"leaf", "Root", weak.get(), authority.key.get(), false, EVP_sha1()});
  EXPECT_EQ(Outcome({authority.root.get()}, {leaf.get()}), "CA_MD_TOO_WEAK");
  const RootAndKey other;
  EXPECT_EQ(Outcome({other.root.get()}, {leaf.get()}), "CERT_SIGNATURE_FAILURE");
  EXPECT_EQ(Outcome({}, {leaf.get()}), "UNABLE_TO_VERIFY_LEAF_SIGNATURE");
}

// Its names are equal, and that is all: an intermediate that is trusted does not end its chain.
TEST(a_leaf_whose_names_are_equal_does_not_make_an_intermediate_an_anchor) {
  const RootAndKey authority;
  const Key intermediate_key = EcKey();
  const Certificate intermediate =
      Make({"Same", "Root", intermediate_key.get(), authority.key.get(), true});
  const Key key = EcKey();
  const Certificate leaf = Make({"Same", "Same", key.get(), intermediate_key.get()});
  EXPECT_EQ(Outcome({intermediate.get()}, {leaf.get()}), "DEPTH_ZERO_SELF_SIGNED_CERT");
  // Though it is trusted itself: it did not sign itself, so that it is no anchor either.
  EXPECT_EQ(Outcome({intermediate.get(), leaf.get()}, {leaf.get()}), "DEPTH_ZERO_SELF_SIGNED_CERT");
  EXPECT_EQ(Outcome({intermediate.get(), authority.root.get()}, {leaf.get()}), "OK");
}

TEST(a_leaf_that_signed_itself_is_trusted_only_where_it_is_itself_among_the_trusted) {
  const Key key = EcKey();
  const Certificate leaf = Make({"self", "self", key.get(), key.get()});
  EXPECT_EQ(Outcome({leaf.get()}, {leaf.get()}), "OK");
  EXPECT_EQ(Outcome({}, {leaf.get()}), "DEPTH_ZERO_SELF_SIGNED_CERT");
  const Key other_key = EcKey();
  const Certificate other = Make({"self", "self", other_key.get(), other_key.get(), true});
  EXPECT_EQ(Outcome({other.get(), leaf.get()}, {leaf.get()}), "OK");
  EXPECT(Outcome({other.get()}, {leaf.get()}) != "OK");
}

TEST(a_common_name_that_is_no_host_keeps_to_every_dns_constraint) {
  using Peer = tls::TrustStore::Peer;
  const Key root_key = EcKey();
  const Certificate root =
      Make({"Root Inc. of 2026", "Root Inc. of 2026", root_key.get(), root_key.get(), true,
            EVP_sha256(), false, "critical,permitted;DNS:good.test"});
  const Key middle_key = EcKey();
  const Certificate middle =
      Make({"Middle Inc. No. 1", "Root Inc. of 2026", middle_key.get(), root_key.get(), true});
  const Key key = EcKey();
  const auto leaf = [&](const char* common) {
    const Certificate made = Make({common, "Middle Inc. No. 1", key.get(), middle_key.get()});
    std::string outcomes;
    for (const Peer peer : {Peer::kClient, Peer::kServer})
      outcomes += Outcome({root.get()}, {made.get(), middle.get()}, peer) + " ";
    return outcomes;
  };
  EXPECT_EQ(leaf("Meter No. 7"), "OK OK ");
  EXPECT_EQ(leaf("a.good.test"), "OK OK ");
  EXPECT_EQ(leaf("meter"), "OK OK ");
  EXPECT_EQ(leaf("a.bad.test"), "UNSPECIFIED UNSPECIFIED ");
  EXPECT_EQ(leaf("*.bad.test"), "UNSPECIFIED UNSPECIFIED ");
  // A server's could be asked for by a client that does not write it in ASCII.
  EXPECT_EQ(leaf("m\xc3\xbcller.test"), "OK UNSPECIFIED ");
}

}  // namespace s2npkey::test
