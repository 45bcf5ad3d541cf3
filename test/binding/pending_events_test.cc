// What waits for an environment whose JavaScript is busy.
#include "engine/pending_events.h"

#include <string>
#include <vector>

#include "test.h"

namespace s2npkey::test {

namespace {

using Kind = engine::Event::Kind;

engine::Event Of(engine::StreamId stream, Kind kind, uint8_t number = 0) {
  engine::Event event;
  event.stream = stream;
  if (kind == Kind::kSecure) event.body = engine::Secured{};
  if (kind == Kind::kTruncated) event.body = engine::Truncated{};
  if (kind == Kind::kSession) event.body = engine::SessionReceived{{number}};
  return event;
}

// "1:5" is session 5 of stream 1, "2" another event of stream 2.
std::string Text(const std::vector<engine::Event>& events) {
  std::string text;
  for (const engine::Event& event : events) {
    text += (text.empty() ? "" : " ") + std::to_string(event.stream);
    if (event.kind() == Kind::kSession)
      text += ":" + std::to_string(event.As<engine::SessionReceived>().session.at(0));
  }
  return text;
}

}  // namespace

TEST(of_a_streams_sessions_the_newest_four_wait_in_order_with_its_other_events) {
  engine::PendingEvents pending;
  pending.Add(Of(1, Kind::kSecure));
  for (uint8_t number = 1; number <= 100; number++) {
    pending.Add(Of(1, Kind::kSession, number));
    if (number == 1) pending.Add(Of(2, Kind::kSession, 7));
  }
  pending.Add(Of(2, Kind::kClosed));
  pending.Add(Of(1, Kind::kClosed));
  EXPECT_EQ(pending.size(), 8U);
  EXPECT_EQ(Text(pending.Take(100)), std::string("1 1:97 2:7 1:98 1:99 1:100 2 1"));
  EXPECT(pending.empty());
}

TEST(events_are_taken_in_parts_and_sessions_of_what_is_left_are_still_counted) {
  engine::PendingEvents pending;
  for (uint8_t number = 1; number <= 4; number++) pending.Add(Of(1, Kind::kSession, number));
  EXPECT_EQ(Text(pending.Take(3)), std::string("1:1 1:2 1:3"));
  for (uint8_t number = 5; number <= 9; number++) pending.Add(Of(1, Kind::kSession, number));
  EXPECT_EQ(Text(pending.Take(2)), std::string("1:6 1:7"));
  for (uint8_t stream = 2; stream < 60; stream++) pending.Add(Of(stream, Kind::kClosed));
  pending.Add(Of(1, Kind::kSession, 10));
  pending.Add(Of(1, Kind::kSession, 11));
  pending.Add(Of(1, Kind::kSession, 12));
  EXPECT_EQ(Text(pending.Take(3)), std::string("1:9 1:10 2"));
  EXPECT_EQ(pending.Take(57).size(), 57U);
  EXPECT_EQ(Text(pending.Take(57)), std::string("1:11 1:12"));
  EXPECT_EQ(Text(pending.Take(57)), std::string());
}

TEST(the_events_of_one_stream_can_be_taken_before_those_of_the_others) {
  engine::PendingEvents pending;
  for (int round = 0; round < 2; round++) {
    pending.Add(Of(1, Kind::kSecure));
    pending.Add(Of(2, Kind::kSecure));
    pending.Add(Of(1, Kind::kSession, 1));
    pending.Add(Of(2, Kind::kTruncated));
    pending.Add(Of(2, Kind::kClosed));
    EXPECT_EQ(Text(pending.TakeOf(2)), std::string("2 2 2"));
    EXPECT_EQ(Text(pending.TakeOf(2)), std::string());
    EXPECT_EQ(Text(pending.TakeOf(0)), std::string());
    EXPECT_EQ(pending.size(), 2U);
    EXPECT_EQ(Text(pending.Take(1)), std::string("1"));
    pending.Add(Of(3, Kind::kClosed));
    EXPECT_EQ(Text(pending.TakeOf(1)), std::string("1:1"));
    EXPECT_EQ(Text(pending.Take(5)), std::string("3"));
  }
}

}  // namespace s2npkey::test
