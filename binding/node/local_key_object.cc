#include "node/local_key_object.h"

#include <openssl/mem.h>

#include <string>
#include <string_view>
#include <vector>

#include "node/errors.h"

namespace s2npkey::node {

namespace {

// A text that JavaScript gave: a view of its bytes, or a copy of its string that is wiped at its
// end. (V8's own copies of strings are beyond reach.)
class SecretText {
 public:
  explicit SecretText(const Napi::String& text) : text_(text.Utf8Value()), view_(text_) {}
  explicit SecretText(const Napi::Uint8Array& bytes)
      : view_(reinterpret_cast<const char*>(bytes.Data()), bytes.ByteLength()) {}
  ~SecretText() { OPENSSL_cleanse(text_.data(), text_.size()); }
  SecretText(const SecretText&) = delete;
  SecretText& operator=(const SecretText&) = delete;

  std::string_view view() const { return view_; }

 private:
  std::string text_;
  std::string_view view_;
};

Napi::String StringArgument(const Napi::CallbackInfo& info, size_t index, const char* name) {
  if (info[index].IsString()) return info[index].As<Napi::String>();
  throw Napi::TypeError::New(info.Env(), std::string(name) + ": expected a string");
}

// 0, which is no scheme, for what is not the code of one.
uint16_t SchemeCode(const Napi::Value& value) {
  const double code = value.As<Napi::Number>().DoubleValue();
  return code > 0 && code <= 0xffff ? static_cast<uint16_t>(code) : 0;
}

bool IsBytes(const Napi::Value& value) {
  return value.IsTypedArray() && value.As<Napi::TypedArray>().TypedArrayType() == napi_uint8_array;
}

Napi::Uint8Array BytesArgument(const Napi::CallbackInfo& info, size_t index, const char* name) {
  if (IsBytes(info[index])) return info[index].As<Napi::Uint8Array>();
  throw Napi::TypeError::New(info.Env(), std::string(name) + ": expected a Uint8Array");
}

}  // namespace

Napi::Function LocalKeyObject::Define(Napi::Env env) {
  return DefineClass(env, kName,
                     {
                         StaticMethod<&LocalKeyObject::GenerateMlDsa>("generateMlDsa"),
                         InstanceMethod<&LocalKeyObject::PublicKey>("publicKey"),
                         InstanceMethod<&LocalKeyObject::Sign>("sign"),
                         InstanceMethod<&LocalKeyObject::Verify>("verify"),
                         InstanceMethod<&LocalKeyObject::Wrap>("wrap"),
                     });
}

LocalKeyObject::LocalKeyObject(const Napi::CallbackInfo& info) : SharedObject(info) {
  const SecretText pem = IsBytes(info[0]) ? SecretText(info[0].As<Napi::Uint8Array>())
                                          : SecretText(StringArgument(info, 0, "key"));
  const bool has_passphrase = !info[1].IsUndefined();
  const SecretText passphrase(has_passphrase ? StringArgument(info, 1, "passphrase")
                                             : Napi::String::New(info.Env(), ""));
  Hold(info, [&] { return tls::LocalKey::FromPem(pem.view(), passphrase.view()); });
}

Napi::Value LocalKeyObject::GenerateMlDsa(const Napi::CallbackInfo& info) {
  try {
    const memory::SecretBytes der = tls::LocalKey::GenerateMlDsa(SchemeCode(info[0]));
    return Napi::Buffer<uint8_t>::Copy(info.Env(), der.data(), der.size());
  } catch (const tls::Error& error) {
    throw ToNapiError(info.Env(), error);
  }
}

Napi::Value LocalKeyObject::PublicKey(const Napi::CallbackInfo& info) {
  try {
    const std::vector<uint8_t> der = held()->PublicKeyDer();
    return Napi::Buffer<uint8_t>::Copy(info.Env(), der.data(), der.size());
  } catch (const tls::Error& error) {
    throw ToNapiError(info.Env(), error);
  }
}

Napi::Value LocalKeyObject::Sign(const Napi::CallbackInfo& info) {
  const uint16_t scheme = SchemeCode(info[0]);
  const Napi::Uint8Array input = BytesArgument(info, 1, "input");
  std::vector<uint8_t> signature;
  if (!held()->Sign(scheme, input.Data(), input.ByteLength(), &signature)) {
    throw ToNapiError(info.Env(),
                      tls::Error("ERR_S2N_PKEY_SIGNER",
                                 "this key cannot sign an input of this length under this scheme"));
  }
  return Napi::Buffer<uint8_t>::Copy(info.Env(), signature.data(), signature.size());
}

Napi::Value LocalKeyObject::Verify(const Napi::CallbackInfo& info) {
  const uint16_t scheme = SchemeCode(info[0]);
  const Napi::Uint8Array input = BytesArgument(info, 1, "input");
  const Napi::Uint8Array signature = BytesArgument(info, 2, "signature");
  return Napi::Boolean::New(info.Env(), held()->Verify(scheme, input.Data(), input.ByteLength(),
                                                       signature.Data(), signature.ByteLength()));
}

Napi::Value LocalKeyObject::Wrap(const Napi::CallbackInfo& info) {
  const Napi::Uint8Array wrapping_key = BytesArgument(info, 0, "wrappingKey");
  try {
    const std::vector<uint8_t> wrapped =
        held()->Wrap(wrapping_key.Data(), wrapping_key.ByteLength());
    return Napi::Buffer<uint8_t>::Copy(info.Env(), wrapped.data(), wrapped.size());
  } catch (const tls::Error& error) {
    throw ToNapiError(info.Env(), error);
  }
}

}  // namespace s2npkey::node
