// Connection and keying material for protocols above TLS.
#include <openssl/digest.h>
#include <openssl/hmac.h>
#include <openssl/mem.h>

#include <algorithm>

#include "s2n/internals.h"
#include "tls/connection.h"

namespace s2npkey::tls {

namespace {

// P_hash (RFC 5246 section 5). False: out of memory.
bool ExpandTls12(const EVP_MD* hash, const memory::SecretBytes& secret,
                 const std::vector<uint8_t>& seed, memory::SecretBytes* output) {
  memory::SecretBytes a(seed.begin(), seed.end());
  for (size_t filled = 0; filled < output->size();) {
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    if (!HMAC(hash, secret.data(), secret.size(), a.data(), a.size(), digest, &size)) return false;
    a.assign(digest, digest + size);
    memory::SecretBytes input = a;
    input.insert(input.end(), seed.begin(), seed.end());
    if (!HMAC(hash, secret.data(), secret.size(), input.data(), input.size(), digest, &size))
      return false;
    const size_t taken = std::min(static_cast<size_t>(size), output->size() - filled);
    std::copy_n(digest, taken, output->begin() + static_cast<ptrdiff_t>(filled));
    filled += taken;
    OPENSSL_cleanse(digest, sizeof digest);
  }
  return true;
}

}  // namespace

bool Connection::ExportKeyingMaterial(const std::string& label,
                                      const std::optional<std::vector<uint8_t>>& context,
                                      memory::SecretBytes* output) {
  s2n_connection* connection = connection_.get();
  const auto length = static_cast<uint32_t>(output->size());
  if (s2n_connection_get_actual_protocol_version(connection) >= S2N_TLS13) {
    // No context and an empty one are the same there (RFC 8446 section 7.5).
    static const uint8_t nothing = 0;
    const std::vector<uint8_t> given = context.value_or(std::vector<uint8_t>());
    return s2n_connection_tls_exporter(
               connection, reinterpret_cast<const uint8_t*>(label.data()),
               static_cast<uint32_t>(label.size()), given.empty() ? &nothing : given.data(),
               static_cast<uint32_t>(given.size()), output->data(), length) == S2N_SUCCESS;
  }
  memory::SecretBytes secret(48);
  if (s2n_connection_get_master_secret(connection, secret.data(), secret.size()) != S2N_SUCCESS)
    return false;
  std::vector<uint8_t> seed(label.begin(), label.end());
  const size_t randoms = seed.size();
  seed.resize(randoms + 64);
  s2npkey_hello_randoms(connection, seed.data() + randoms);
  if (context) {
    seed.push_back(static_cast<uint8_t>(context->size() >> 8));
    seed.push_back(static_cast<uint8_t>(context->size()));
    seed.insert(seed.end(), context->begin(), context->end());
  }
  const EVP_MD* hash = s2npkey_prf_is_sha384(connection) ? EVP_sha384() : EVP_sha256();
  return ExpandTls12(hash, secret, seed, output);
}

}  // namespace s2npkey::tls
