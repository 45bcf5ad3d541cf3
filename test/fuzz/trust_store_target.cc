// Texts of authorities and revocation lists, as a user gives them, read with and without leaving
// out what cannot be used.
#include <openssl/nid.h>

#include <string>
#include <vector>

#include "edited_pem.h"
#include "target.h"
#include "test_identity.h"
#include "tls/error.h"
#include "tls/trust_store.h"

namespace s2npkey::fuzz {

namespace {

constexpr const char* kLabels[] = {"CERTIFICATE", "TRUSTED CERTIFICATE", "X509 CERTIFICATE",
                                   "X509 CRL", "PKCS7"};

std::string TextOf(Input* input) {
  static const std::string certificate =
      test::Identity::Ecdsa(NID_X9_62_prime256v1).certificate_pem;
  switch (input->Below(4)) {
    case 0:
      return input->Text(input->Short());
    case 1:
      return PemBlock(kLabels[input->Below(5)], "", input->Take(input->Short()));
    case 2:
      return EditedPem(certificate + certificate, input);
    default:
      return EditedPem(certificate, input);
  }
}

std::vector<std::string> TextsOf(Input* input) {
  std::vector<std::string> texts;
  for (size_t count = input->Below(4); count > 0; count--) texts.push_back(TextOf(input));
  return texts;
}

}  // namespace

// They are taken, refused with a code and a reason, or left out by their index.
FUZZ_TARGET(trust_store) {
  tls::TrustStoreOptions options;
  options.skip_unusable = input.Below(2) == 1;
  options.allow_partial_chain = input.Below(2) == 1;
  options.authorities_pem = TextsOf(&input);
  options.revocation_lists_pem = TextsOf(&input);
  try {
    const auto store = tls::TrustStore::Create(options);
    EXPECT(options.skip_unusable || store->skipped().empty());
    for (const size_t index : store->skipped()) EXPECT(index < options.authorities_pem.size());
  } catch (const tls::Error& error) {
    const std::string code = error.code();
    EXPECT(code == "ERR_S2N_PKEY_CA_INVALID" || code == "ERR_S2N_PKEY_CRL_INVALID");
    EXPECT(!options.skip_unusable || code == "ERR_S2N_PKEY_CRL_INVALID");
    EXPECT(std::string(error.what()).size() > 10);
  }
}

}  // namespace s2npkey::fuzz
