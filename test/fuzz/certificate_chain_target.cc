// Certificate chains' PEM texts, as a user gives them to a server, under the security policies that
// treat them differently.
#include <openssl/nid.h>

#include <array>
#include <iterator>
#include <string>
#include <vector>

#include "edited_pem.h"
#include "target.h"
#include "test_identity.h"
#include "tls/certificate_chain.h"
#include "tls/config.h"
#include "tls/error.h"

namespace s2npkey::fuzz {

namespace {

constexpr const char* kPolicies[] = {"default", "20240501", "default_pq", "rfc9151", "nonsense"};

const std::array<std::string, 3>& Chains() {
  static const std::string ec = test::Identity::Ecdsa(NID_secp384r1).certificate_pem;
  static const std::string rsa = test::Identity::Rsa(2048).certificate_pem;
  static const std::array<std::string, 3> chains = {ec, rsa, ec + rsa};
  return chains;
}

std::string TextOf(Input* input) {
  const size_t kind = input->Below(2 + Chains().size());
  if (kind == 0) return input->Text(input->Short());
  if (kind == 1) return PemBlock("CERTIFICATE", "", input->Take(input->Short()));
  return EditedPem(Chains()[kind - 2], input);
}

}  // namespace

// It is taken, or refused with a code and a reason.
FUZZ_TARGET(certificate_chain) {
  tls::ConfigOptions options;
  options.security_policy = kPolicies[input.Below(std::size(kPolicies))];
  for (size_t count = input.Below(4); count > 0; count--)
    options.alpn_protocols.push_back(input.Text(input.Below(8)));
  try {
    for (size_t count = 1 + input.Below(3); count > 0; count--)
      options.identities.push_back({tls::CertificateChain::Create(TextOf(&input)), nullptr});
    EXPECT(tls::Config::Create(options) != nullptr);
  } catch (const tls::Error& error) {
    EXPECT(std::string(error.code()).rfind("ERR_S2N_PKEY_", 0) == 0);
    EXPECT(std::string(error.what()).size() > 10);
  }
}

}  // namespace s2npkey::fuzz
