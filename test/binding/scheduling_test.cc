// What tunes the engine, and that each tuning can be switched off.
#include "engine/scheduling.h"

#include <chrono>

#include "test.h"

using s2npkey::engine::ShortWaits;
using std::chrono::microseconds;
using std::chrono::milliseconds;

namespace {

int LooksIn(ShortWaits* waits, int count, std::chrono::nanoseconds wait) {
  int looks = 0;
  for (int i = 0; i < count; i++) {
    const bool look = waits->ShouldLook();
    waits->Add(wait, look);
    if (look) looks++;
  }
  return looks;
}

}  // namespace

TEST(where_events_are_far_apart_the_thread_sleeps_but_for_a_trial_now_and_then) {
  ShortWaits waits;
  EXPECT_EQ(LooksIn(&waits, 3200, milliseconds(1)), 100);
}

TEST(a_trial_finds_out_that_events_come_at_once_where_only_being_woken_takes_long) {
  ShortWaits waits;
  LooksIn(&waits, 1000, microseconds(100));  // 20 of them are the way to sleep and back
  while (!waits.ShouldLook()) waits.Add(microseconds(100), false);
  waits.Add(microseconds(20), true);
  EXPECT_EQ(LooksIn(&waits, 1000, microseconds(20)), 1000);
}

TEST(a_thread_whose_events_become_rare_soon_looks_no_more) {
  ShortWaits waits;
  while (!waits.ShouldLook()) waits.Add(milliseconds(1), false);
  waits.Add(microseconds(20), true);
  EXPECT(LooksIn(&waits, 320, milliseconds(1)) <= 12);
}

TEST(a_thread_that_may_not_look_sleeps_whatever_the_waits) {
  ShortWaits waits(microseconds(0));
  EXPECT_EQ(LooksIn(&waits, 1000, microseconds(1)), 0);
}
