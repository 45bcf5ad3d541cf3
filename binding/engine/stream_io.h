// What all phases of a stream share: its two descriptors, the records between TCP and s2n, its
// deadline and its events. s2n gets no descriptor, so that its reads are bounded and its writes
// are gathered. Created, used and destroyed on its engine thread.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "engine/deadlines.h"
#include "engine/descriptor.h"
#include "engine/descriptor_tally.h"
#include "engine/events.h"
#include "engine/intrusive_queue.h"
#include "engine/loop_context.h"
#include "engine/next_phase.h"
#include "engine/output_queue.h"
#include "engine/poller.h"
#include "tls/connection.h"

namespace s2npkey::engine {

class TlsStream;

class StreamIo {
 public:
  // What the poller reported of one descriptor since the last call to the kernel.
  struct Side final : Watcher {
    explicit Side(TlsStream* of) : stream(of) {}
    TlsStream* const stream;
    bool readable = false;
    bool writable = true;
    bool read_closed = false;
    bool closed = false;
    void OnReady(const Readiness& readiness) override;
  };
  // Which events about the end of the stream JavaScript has, in this order.
  enum class Told : uint8_t { kNothing, kSecure, kBroken, kEnd };
  enum class Discarded : uint8_t { kMore, kAll, kEnd, kBroken };

  // `transport_of`: of the stream's connection. It calls Read, ReadEnd and Send.
  StreamIo(LoopContext& loop, TlsStream* owner, tls::Transport* transport_of, StreamId stream_id,
           Descriptor tcp_end, Descriptor pair_end, std::shared_ptr<EventSink> to,
           DescriptorTally::Place counted, bool is_client);
  StreamIo(const StreamIo&) = delete;
  StreamIo& operator=(const StreamIo&) = delete;

  // Like read(2) on TCP.
  ssize_t Read(uint8_t* buffer, size_t length);
  // Reads once, as much as the thread has room for, into Arrivals(): s2n's own reads would be of
  // one record each, with as many acknowledgements. Returns how much arrived.
  size_t ReadRecords();
  uint8_t* Arrivals() noexcept;
  // For s2n, which has all that arrived and asks how it ended: like read(2).
  ssize_t ReadEnd() const;
  // Reads and drops a chunk, so that the peer can go on and its end is noticed.
  Discarded Discard();
  // The peer's bytes since the start, or since Progressed.
  size_t received() const noexcept { return received_; }
  void Progressed() noexcept { received_ = 0; }
  // Whether the peer has sent more than a limit allows. Nothing is read from then on.
  bool Excessive(size_t limit) noexcept;
  bool excessive() const noexcept { return excessive_; }
  int receive_error() const noexcept { return receive_error_; }  // errno of the failed read

  // Takes records from s2n, to send them with the next Flush, or at once if they are in the
  // thread's buffer of data records.
  void Send(const uint8_t* data, uint32_t length) noexcept;
  int send_error() const noexcept { return send_error_; }  // errno of the failed write in Send
  // Throws std::bad_alloc if records were lost because memory ran out.
  void CheckRecords() const;
  // Records that exist now cannot be told from those that memory was missing for.
  void LoseRecords() noexcept;
  // Keeps the records of the handshake's last step for the next Flush. Session tickets of TLS 1.3
  // are sent with the first bytes that JavaScript writes, or by the idle check: by themselves they
  // would cost a system call and a packet. For a TLS 1.2 server's Finished, see
  // Open::Outbound::kAwaitsTaking.
  void Hold();
  bool holds() const noexcept { return !held_.empty(); }
  OutputQueue::Result Flush();
  // Ends the stream with RST: TCP is closed with the phase.
  ToEnd Reset();

  void SetNoDelay(bool on);
  void SetKeepAlive(bool on, int initial_delay_seconds);

  void Post(Event::Body body);
  // The last event, unless it was posted before.
  void PostClosed();
  void Schedule() noexcept;
  void SetDeadline(Clock::time_point when) noexcept;

  LoopContext& context;
  TlsStream* const stream;
  tls::Transport* const transport;
  const StreamId id;
  const bool client;
  const std::shared_ptr<EventSink> sink;
  DescriptorTally::Place place;  // as long as tcp is open
  Descriptor tcp;
  Descriptor pair;  // a server's: from the end of the handshake
  Side tcp_side;
  Side pair_side;
  OutputQueue to_tcp;  // records
  Told told = Told::kNothing;
  // Of the current phase. They exist as long as the stream, because creating one needs memory.
  Deadlines<TlsStream>::Entry deadline;
  Deadlines<TlsStream>::Entry idle_check;

 private:
  OutputQueue::Result Write(const uint8_t* data, size_t length);

  std::vector<uint8_t> held_;
  size_t received_ = 0;
  int receive_error_ = 0;
  int send_error_ = 0;
  bool records_lost_ = false;
  bool excessive_ = false;
  bool fin_received_ = false;
};

}  // namespace s2npkey::engine
