#include "node/proxy_policy_object.h"

#include <optional>
#include <utility>

#include "node/texts.h"

namespace s2npkey::node {

ProxyPolicyObject::ProxyPolicyObject(const Napi::CallbackInfo& info) : SharedObject(info) {
  std::optional<proxy::Networks> from = proxy::Networks::Parse(ReadTexts(info[0]));
  if (!from) throw Napi::TypeError::New(info.Env(), "ProxyPolicy: no list of networks");
  Hold(info, [&] {
    return std::make_shared<const proxy::Policy>(
        proxy::Policy{std::move(*from), info[1].ToBoolean()});
  });
}

}  // namespace s2npkey::node
