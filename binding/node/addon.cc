// What the addon exports: classes and functions, each in a file of its own. Called once an
// environment.
#include <napi.h>

#include "node/certificate_chain_object.h"
#include "node/config_object.h"
#include "node/descriptor_tally_object.h"
#include "node/environment.h"
#include "node/local_key_object.h"
#include "node/proxy_policy_object.h"
#include "node/server_contexts_object.h"
#include "node/socket_pair.h"
#include "node/trust_store_object.h"
#include "node/unix_socket.h"

namespace s2npkey::node {

static Napi::Object Init(Napi::Env env, Napi::Object exports) {
  exports.Set("CertificateChain", CertificateChainObject::Define(env));
  exports.Set("Config", ConfigObject::Define(env));
  exports.Set("DescriptorTally", DescriptorTallyObject::Define(env));
  exports.Set("Environment", Environment::Define(env));
  exports.Set("LocalKey", LocalKeyObject::Define(env));
  exports.Set("ProxyPolicy", ProxyPolicyObject::Define(env));
  exports.Set("ServerContexts", ServerContextsObject::Define(env));
  exports.Set("peerCredentials", Napi::Function::New<PeerCredentials>(env, "peerCredentials"));
  exports.Set("sendDatagram", Napi::Function::New<SendDatagram>(env, "sendDatagram"));
  exports.Set("endWriting", Napi::Function::New<EndWriting>(env, "endWriting"));
  exports.Set("isReadable", Napi::Function::New<IsReadable>(env, "isReadable"));
  exports.Set("socketPair", Napi::Function::New<SocketPair>(env, "socketPair"));
  exports.Set("TrustStore", TrustStoreObject::Define(env));
  return exports;
}

}  // namespace s2npkey::node

static Napi::Object InitAddon(Napi::Env env, Napi::Object exports) {
  return s2npkey::node::Init(env, exports);
}

NODE_API_MODULE(s2n_pkey, InitAddon)
