// Records between TCP and s2n, which is not let near a descriptor: what it reads is bounded, and
// what it writes is gathered.
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>
#include <vector>

#include "engine/tls_stream.h"

namespace s2npkey::engine {

namespace {

// RFC 8446 section 5.1
constexpr uint8_t kFirstRecordType = 20;
constexpr uint8_t kLastRecordType = 23;
// How often s2n may read in one call: a record, and what is left of the one before.
constexpr int kReadsACall = 2;
// The longest handshake of a peer, in bytes: two client hellos and a certificate chain at s2n's
// limit of 64 KiB each, and room to spare.
constexpr size_t kLongestHandshake = 256 * 1024;
// What a connection may receive without a byte of plaintext in it: 6,000 empty records, say.
constexpr size_t kLongestWithoutData = 128 * 1024;

}  // namespace

ssize_t TlsStream::ReceiveRecords(uint8_t* buffer, uint32_t length) {
  if (phase_ == Phase::kOpen) {
    // It has what came already, and asks how that ended.
    if (fin_received_) return 0;
    errno = excessive_ ? EIO : receive_error_ != 0 ? receive_error_ : EAGAIN;
    return -1;
  }
  // s2n goes on by itself as long as there are records that hold no plaintext (key updates, say),
  // so this is where its work is bounded: in one call, and altogether.
  if (!tcp_side_.readable || reads_ >= kReadsACall) {
    errno = EAGAIN;
    return -1;
  }
  if (received_ >= kLongestHandshake) {
    excessive_ = true;
    errno = EIO;
    return -1;
  }
  const ssize_t received = ReadTcp(buffer, length);
  if (received < 0) return -1;
  reads_++;
  // A server may answer with an alert. One that speaks no TLS is not even shown to s2n.
  if (client_ && received > 0 && received_ == static_cast<size_t>(received) &&
      (buffer[0] < kFirstRecordType || buffer[0] > kLastRecordType)) {
    not_tls_ = true;
    errno = EIO;
    return -1;
  }
  return received;
}

void TlsStream::SendRecords(const uint8_t* data, uint32_t length) {
  // It is s2n that calls, and nothing is thrown through frames of C.
  try {
    if (data != context_.data_records.data()) {
      context_.records.insert(context_.records.end(), data, data + length);
      return;
    }
    // s2n makes the next ones in the same place.
    if (WriteTcp(data, length) == OutputQueue::Result::kBroken) send_error_ = errno;
  } catch (const std::bad_alloc&) {
    records_lost_ = true;
  }
}

void TlsStream::CheckRecords() const {
  if (records_lost_) throw std::bad_alloc();
}

uint8_t* TlsStream::Arrivals() noexcept {
  return context_.received.data() + tls::Connection::kRecordRoom;
}

// One read, of as much as the thread has room for: s2n's own reads would be of a record each, and
// as many acknowledgements. How much came.
size_t TlsStream::ReadRecords() {
  if (!tcp_side_.readable || excessive_) return 0;
  if (received_ >= kLongestWithoutData) {
    excessive_ = true;
    return 0;
  }
  const ssize_t received = ReadTcp(Arrivals(), LoopContext::kChunk);
  // What s2n kept of earlier records comes before it, and what it keeps of these behind.
  context_.received_used =
      std::max(context_.received_used, static_cast<size_t>(std::max<ssize_t>(received, 0)) +
                                           2 * tls::Connection::kRecordRoom);
  return received > 0 ? static_cast<size_t>(received) : 0;
}

// As read(2), and keeps account of what it told.
ssize_t TlsStream::ReadTcp(uint8_t* buffer, size_t length) {
  const ssize_t received = read(tcp_.get(), buffer, length);
  if (received < 0) {
    if (errno == EAGAIN) {
      tcp_side_.readable = false;
    } else {
      receive_error_ = errno;
    }
    return -1;
  }
  if (received == 0) fin_received_ = true;
  received_ += static_cast<size_t>(received);
  // A short read has emptied the descriptor, unless its end is near: that edge was told already.
  if (received < static_cast<ssize_t>(length) && !tcp_side_.read_closed) tcp_side_.readable = false;
  return received;
}

void TlsStream::HoldRecords() {
  held_ = context_.records;  // a copy of the right size; the thread keeps its buffer
  context_.records.clear();
}

OutputQueue::Result TlsStream::FlushRecords() {
  CheckRecords();
  if (!held_.empty()) {
    if (std::exchange(awaits_taking_, false)) deadline_.Cancel();
    context_.records.insert(context_.records.begin(), held_.begin(), held_.end());
    std::vector<uint8_t>().swap(held_);
  }
  const OutputQueue::Result result = WriteTcp(context_.records.data(), context_.records.size());
  context_.records.clear();
  return result;
}

OutputQueue::Result TlsStream::WriteTcp(const uint8_t* data, size_t length) {
  const OutputQueue::Result result = to_tcp_.Write(tcp_.get(), data, length);
  if (result == OutputQueue::Result::kBlocked) tcp_side_.writable = false;
  return result;
}

}  // namespace s2npkey::engine
