#include "edited_pem.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/mem.h>
#include <openssl/pem.h>

#include "edit.h"

namespace s2npkey::fuzz {

std::string PemBlock(const std::string& label, const std::string& header,
                     const std::vector<uint8_t>& bytes) {
  const bssl::UniquePtr<BIO> out(BIO_new(BIO_s_mem()));
  PEM_write_bio(out.get(), label.c_str(), header.c_str(), bytes.data(),
                static_cast<long>(bytes.size()));
  const uint8_t* text = nullptr;
  size_t length = 0;
  BIO_mem_contents(out.get(), &text, &length);
  return std::string(reinterpret_cast<const char*>(text), length);
}

std::string EditedPem(const std::string& pem, Input* input) {
  const bssl::UniquePtr<BIO> in(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  char* label = nullptr;
  char* header = nullptr;
  uint8_t* data = nullptr;
  long length = 0;
  std::string edited;
  const size_t edits = input->Below(16);
  while (PEM_read_bio(in.get(), &label, &header, &data, &length)) {
    const bssl::UniquePtr<char> owned_label(label);
    const bssl::UniquePtr<char> owned_header(header);
    const bssl::UniquePtr<uint8_t> owned_data(data);
    std::vector<uint8_t> bytes(data, data + length);
    for (size_t i = 0; i < edits; i++) Edit(&bytes, input);
    edited += PemBlock(label, header, bytes);
  }
  ERR_clear_error();
  return edited;
}

}  // namespace s2npkey::fuzz
