// Commands of other threads to an engine thread.
#include <functional>
#include <new>
#include <utility>

#include "engine/engine_loop.h"

namespace s2npkey::engine {

namespace {

// A caller that gets no answer in time asks again. A blocked thread must not collect such commands.
constexpr int kMostQuestions = 16;

}  // namespace

void EngineLoop::Submit(Command command) {
  bool first = false;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    first = commands_.empty();
    commands_.push_back(std::move(command));
  }
  if (first) context_.poller.Wake();
}

void EngineLoop::Adopt(StreamId id, Descriptor tcp,
                       std::shared_ptr<const tls::ServerContexts> contexts,
                       std::shared_ptr<EventSink> sink, std::chrono::milliseconds handshake_timeout,
                       DescriptorTally::Place place, ProxyProtocol proxy) {
  auto adoption = std::make_shared<Adoption>();
  adoption->id = id;
  adoption->sink = std::move(sink);
  adoption->tcp = std::move(tcp);
  adoption->contexts = std::move(contexts);
  adoption->place = std::move(place);
  adoption->proxy = std::move(proxy);
  adoption->handshake_timeout = handshake_timeout;
  Submit([adoption = std::move(adoption)](EngineLoop& loop) {
    loop.Begin(adoption, [&loop](Adoption& given) {
      return std::make_unique<TlsStream>(
          loop.context_, given.id, std::move(given.tcp), std::move(given.contexts), given.sink,
          given.handshake_timeout, std::move(given.place), std::move(given.proxy));
    });
  });
}

void EngineLoop::Connect(StreamId id, Descriptor tcp, Descriptor pair, tls::ClientOptions options,
                         std::shared_ptr<EventSink> sink,
                         std::chrono::milliseconds handshake_timeout) {
  auto adoption = std::make_shared<Adoption>();
  adoption->id = id;
  adoption->sink = std::move(sink);
  adoption->tcp = std::move(tcp);
  adoption->pair = std::move(pair);
  adoption->options = std::move(options);
  adoption->handshake_timeout = handshake_timeout;
  Submit([adoption = std::move(adoption)](EngineLoop& loop) {
    loop.Begin(adoption, [&loop](Adoption& given) {
      return std::make_unique<TlsStream>(loop.context_, given.id, std::move(given.tcp),
                                         std::move(given.pair), std::move(given.options),
                                         given.sink, given.handshake_timeout);
    });
  });
}

// If there is no memory for the stream, JavaScript gets the error as soon as it can be posted.
template <typename Make>
void EngineLoop::Begin(const std::shared_ptr<Adoption>& adoption, Make make) {
  try {
    std::unique_ptr<TlsStream>& stream = streams_[adoption->id];
    stream = make(*adoption);
  } catch (const std::bad_alloc&) {
    streams_.erase(adoption->id);
    adoption->tcp.Close();
    adoption->pair.Close();
    adoption->place.Leave();
    adoption->next = std::move(refused_);
    refused_ = adoption;
  }
}

void EngineLoop::Tell(StreamId id, std::function<void(TlsStream&)> act) {
  Submit([id, act = std::move(act)](EngineLoop& loop) {
    // By reference: there may be no memory for a copy, and nothing would catch the exception.
    if (TlsStream* stream = loop.Find(id)) Do(stream, std::ref(act));
  });
}

std::future<memory::SecretBytes> EngineLoop::ExportKeyingMaterial(
    StreamId id, size_t length, std::string label, std::optional<std::vector<uint8_t>> context) {
  auto promise = std::make_shared<std::promise<memory::SecretBytes>>();
  std::future<memory::SecretBytes> material = promise->get_future();
  Submit([id, length, label = std::move(label), context = std::move(context),
          promise](EngineLoop& loop) {
    memory::SecretBytes exported;
    try {
      if (TlsStream* stream = loop.Find(id))
        exported = stream->ExportKeyingMaterial(length, label, context);
    } catch (const std::bad_alloc&) {
      exported.clear();  // not available
    }
    promise->set_value(std::move(exported));
  });
  return material;
}

void EngineLoop::EndStreamsOf(std::shared_ptr<EventSink> sink) {
  Submit([sink = std::move(sink)](EngineLoop& loop) {
    for (auto& [id, stream] : loop.streams_) {
      if (stream->sink() == sink) Do(stream.get(), &TlsStream::Abandon);
    }
  });
}

std::future<void> EngineLoop::Deliver(std::shared_ptr<EventSink> sink) {
  auto delivery = std::make_shared<std::unique_ptr<Delivery>>(std::make_unique<Delivery>());
  (*delivery)->sink = std::move(sink);
  std::future<void> done = (*delivery)->done.get_future();
  Submit([delivery](EngineLoop& loop) {
    try {
      loop.deliveries_.push_back(std::move(*delivery));
    } catch (const std::bad_alloc&) {
      (*delivery)->done.set_value();  // without waiting
    }
  });
  return done;
}

std::future<LoopStatistics> EngineLoop::Statistics() {
  if (questions_.fetch_add(1) >= kMostQuestions) {
    questions_.fetch_sub(1);
    return {};
  }
  auto promise = std::make_shared<std::promise<LoopStatistics>>();
  std::future<LoopStatistics> statistics = promise->get_future();
  Submit([promise](EngineLoop& loop) {
    promise->set_value(loop.Count());
    loop.questions_.fetch_sub(1);
  });
  return statistics;
}

}  // namespace s2npkey::engine
