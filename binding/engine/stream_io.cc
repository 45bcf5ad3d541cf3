#include "engine/stream_io.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <new>
#include <utility>

#include "engine/tls_stream.h"

namespace s2npkey::engine {

namespace {

// The most bytes that a connection may receive without plaintext: about 6,000 empty records.
constexpr size_t kLongestWithoutData = 128 * 1024;

}  // namespace

void StreamIo::Side::OnReady(const Readiness& readiness) {
  readable = readable || readiness.readable;
  writable = writable || readiness.writable;
  read_closed = read_closed || readiness.read_closed;
  closed = closed || readiness.closed;
  stream->Schedule();
}

StreamIo::StreamIo(LoopContext& loop, TlsStream* owner, tls::Transport* transport_of,
                   StreamId stream_id, Descriptor tcp_end, Descriptor pair_end,
                   std::shared_ptr<EventSink> to, DescriptorTally::Place counted, bool is_client)
    : context(loop),
      stream(owner),
      transport(transport_of),
      id(stream_id),
      client(is_client),
      sink(std::move(to)),
      place(std::move(counted)),
      tcp(std::move(tcp_end)),
      pair(std::move(pair_end)),
      tcp_side(owner),
      pair_side(owner) {}

ssize_t StreamIo::Read(uint8_t* buffer, size_t length) {
  const ssize_t received = read(tcp.get(), buffer, length);
  if (received < 0) {
    if (errno == EAGAIN) {
      tcp_side.readable = false;
    } else {
      receive_error_ = errno;
    }
    return -1;
  }
  if (received == 0) fin_received_ = true;
  received_ += static_cast<size_t>(received);
  // A short read has emptied the descriptor, unless the peer has ended: that edge was reported
  // before.
  if (received < static_cast<ssize_t>(length) && !tcp_side.read_closed) tcp_side.readable = false;
  return received;
}

size_t StreamIo::ReadRecords() {
  if (!tcp_side.readable || Excessive(kLongestWithoutData)) return 0;
  const ssize_t received = Read(Arrivals(), LoopContext::kChunk);
  // Bytes that s2n kept of earlier records go before it, and those that it keeps of these behind
  // it.
  context.received_used =
      std::max(context.received_used, static_cast<size_t>(std::max<ssize_t>(received, 0)) +
                                          2 * tls::Connection::kRecordRoom);
  return received > 0 ? static_cast<size_t>(received) : 0;
}

uint8_t* StreamIo::Arrivals() noexcept {
  return context.received.data() + tls::Connection::kRecordRoom;
}

ssize_t StreamIo::ReadEnd() const {
  if (fin_received_) return 0;
  errno = excessive_ ? EIO : receive_error_ != 0 ? receive_error_ : EAGAIN;
  return -1;
}

StreamIo::Discarded StreamIo::Discard() {
  if (fin_received_) return Discarded::kEnd;
  if (!tcp_side.readable) return Discarded::kAll;
  const ssize_t received = read(tcp.get(), context.received.data(), LoopContext::kChunk);
  if (received > 0) return Discarded::kMore;
  if (received == 0) {
    fin_received_ = true;
    return Discarded::kEnd;
  }
  tcp_side.readable = false;
  if (errno == EAGAIN) return Discarded::kAll;
  receive_error_ = errno;
  return Discarded::kBroken;
}

bool StreamIo::Excessive(size_t limit) noexcept {
  excessive_ = excessive_ || received_ >= limit;
  return excessive_;
}

void StreamIo::Send(const uint8_t* data, uint32_t length) noexcept {
  // s2n calls this, and no exception may pass through C code.
  try {
    if (data != context.data_records.data()) {
      context.records.insert(context.records.end(), data, data + length);
      return;
    }
    // s2n creates the next records in the same place.
    if (Write(data, length) == OutputQueue::Result::kBroken) send_error_ = errno;
  } catch (const std::bad_alloc&) {
    records_lost_ = true;
  }
}

void StreamIo::CheckRecords() const {
  if (records_lost_) throw std::bad_alloc();
}

void StreamIo::LoseRecords() noexcept {
  records_lost_ = records_lost_ || !context.records.empty();
  context.records.clear();
}

void StreamIo::Hold() {
  held_ = context.records;  // a copy of the right size; the thread keeps its buffer
  context.records.clear();
}

OutputQueue::Result StreamIo::Flush() {
  CheckRecords();
  if (!held_.empty()) {
    context.records.insert(context.records.begin(), held_.begin(), held_.end());
    std::vector<uint8_t>().swap(held_);
  }
  const OutputQueue::Result result = Write(context.records.data(), context.records.size());
  context.records.clear();
  return result;
}

OutputQueue::Result StreamIo::Write(const uint8_t* data, size_t length) {
  const OutputQueue::Result result = to_tcp.Write(tcp.get(), data, length);
  if (result == OutputQueue::Result::kBlocked) tcp_side.writable = false;
  return result;
}

ToEnd StreamIo::Reset() {
  const linger abort{1, 0};
  setsockopt(tcp.get(), SOL_SOCKET, SO_LINGER, &abort, sizeof abort);
  PostClosed();
  return {};
}

void StreamIo::SetNoDelay(bool on) {
  const int value = on ? 1 : 0;
  if (tcp) setsockopt(tcp.get(), IPPROTO_TCP, TCP_NODELAY, &value, sizeof value);
}

void StreamIo::SetKeepAlive(bool on, int initial_delay_seconds) {
  if (!tcp) return;
  const int value = on ? 1 : 0;
  setsockopt(tcp.get(), SOL_SOCKET, SO_KEEPALIVE, &value, sizeof value);
  if (on && initial_delay_seconds > 0) {
    // Like libuv (uv_tcp_keepalive). The system's default is 9 probes, 75 seconds apart.
    const int seconds_between_probes = 1;
    const int probes = 10;
    setsockopt(tcp.get(), IPPROTO_TCP, TCP_KEEPIDLE, &initial_delay_seconds,
               sizeof initial_delay_seconds);
    setsockopt(tcp.get(), IPPROTO_TCP, TCP_KEEPINTVL, &seconds_between_probes,
               sizeof seconds_between_probes);
    setsockopt(tcp.get(), IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
  }
}

void StreamIo::Post(Event::Body body) {
  context.events.Post(sink, Event{id, std::move(body)}, context.now);
}

void StreamIo::PostClosed() {
  if (told == Told::kEnd) return;
  Post(Closed{});
  told = Told::kEnd;
}

void StreamIo::Schedule() noexcept { stream->Schedule(); }

void StreamIo::SetDeadline(Clock::time_point when) noexcept {
  deadline.Set(context.deadlines, when, stream);
}

}  // namespace s2npkey::engine
