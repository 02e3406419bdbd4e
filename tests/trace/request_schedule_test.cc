// Admission of requests, compared with a twin that walks step by step.
#include "server/trace/request_schedule.h"

#include <random>
#include <tuple>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace kvplace {
namespace {

using ::testing::HasSubstr;

std::vector<ScheduledRequest> Schedule(const std::vector<Request>& requests,
                                       const AdmissionOptions& options,
                                       uint64_t steps = 1000) {
  const auto schedule = ScheduleRequests(requests, options, steps);
  EXPECT_TRUE(schedule.ok()) << schedule.status();
  return schedule.value();
}

TEST(RequestScheduleTest, TheExampleOfTheHeader) {
  const auto schedule =
      Schedule({{1000, 8, 2}, {1000, 8, 4}, {1000, 8, 1}, {1400, 8, 1}},
               {.milliseconds_per_step = 50, .max_active = 2});
  ASSERT_EQ(schedule.size(), 4u);
  const uint64_t expected[][3] = {{0, 2, 0}, {0, 4, 1}, {3, 4, 0}, {8, 9, 0}};
  for (size_t i = 0; i < 4; ++i) {
    SCOPED_TRACE(i);
    EXPECT_EQ(schedule[i].request, i);
    EXPECT_EQ(schedule[i].first_step, expected[i][0]);
    EXPECT_EQ(schedule[i].last_step, expected[i][1]);
    EXPECT_EQ(schedule[i].slot, expected[i][2]);
    EXPECT_EQ(schedule[i].prompt_tokens, 8u);
  }
}

TEST(RequestScheduleTest, TokensAreDividedAndRoundedUp) {
  const auto schedule = Schedule({{0, 17, 1}, {0, 16, 9}}, {.scale_tokens = 8});
  EXPECT_EQ(schedule[0].prompt_tokens, 3u);
  EXPECT_EQ(schedule[0].last_step, 1u);
  EXPECT_EQ(schedule[1].prompt_tokens, 2u);
  EXPECT_EQ(schedule[1].last_step, 2u);
}

TEST(RequestScheduleTest, OnlyWhatIsAdmittedInTime) {
  const std::vector<Request> requests = {{0, 8, 5}, {0, 8, 1}, {100000, 8, 1}};
  EXPECT_EQ(Schedule(requests, {.max_active = 1}, 6).size(), 1u);
  EXPECT_EQ(Schedule(requests, {.max_active = 1}, 7).size(), 2u);
  EXPECT_EQ(Schedule(requests, {.max_active = 1}, 2000).size(), 2u);
  EXPECT_EQ(Schedule(requests, {.max_active = 1}, 2001).size(), 3u);
  EXPECT_TRUE(Schedule({}, {}).empty());
}

TEST(RequestScheduleTest, ManyPlacesCostNothing) {
  EXPECT_EQ(Schedule({{0, 8, 1}}, {.max_active = UINT32_MAX}).size(), 1u);
}

using Row = std::tuple<uint32_t, uint32_t, uint64_t, uint64_t>;

// Every step: places whose request has ended become free, then the queue's
// head takes the lowest one.
std::vector<Row> Twin(const std::vector<Request>& requests, uint64_t ms,
                      uint32_t max_active, uint64_t scale, uint64_t steps) {
  std::vector<Row> rows;
  std::vector<uint64_t> free_from(max_active, 0);
  size_t next = 0;
  for (uint64_t step = 0; step < steps; ++step) {
    while (next < requests.size() &&
           requests[next].timestamp_ms - requests[0].timestamp_ms <
               (step + 1) * ms) {
      uint32_t slot = 0;
      while (slot < max_active && free_from[slot] > step) ++slot;
      if (slot == max_active) break;
      const uint64_t last =
          step + (requests[next].output_tokens + scale - 1) / scale;
      rows.emplace_back(next++, slot, step, last);
      free_from[slot] = last + 1;
    }
  }
  return rows;
}

TEST(RequestScheduleTest, AgreesWithTheTwinOnRandomRequests) {
  for (uint32_t seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    const auto below = [&](uint32_t n) {
      return static_cast<uint32_t>(random() % n);
    };
    std::vector<Request> requests;
    uint64_t time = below(1000);
    for (uint32_t i = 0; i < 1 + below(60); ++i) {
      time += below(3) * below(200);
      requests.push_back({time, 1 + below(100), 1 + below(40)});
    }
    const AdmissionOptions options{.milliseconds_per_step = 1 + below(100),
                                   .max_active = 1 + below(6),
                                   .scale_tokens = 1 + below(4)};
    const uint64_t steps = 1 + below(400);
    std::vector<Row> rows;
    for (const ScheduledRequest& one : Schedule(requests, options, steps)) {
      rows.emplace_back(one.request, one.slot, one.first_step, one.last_step);
    }
    EXPECT_EQ(rows, Twin(requests, options.milliseconds_per_step,
                         options.max_active, options.scale_tokens, steps));
  }
}

TEST(RequestScheduleTest, NonsenseIsRefused) {
  const auto message = [](const AdmissionOptions& options) {
    const std::vector<Request> requests = {{0, 1, 1}};
    return std::string(
        ScheduleRequests(requests, options, 10).status().message());
  };
  EXPECT_THAT(message({.milliseconds_per_step = 0}),
              HasSubstr("time per step is 0; expected at least 1"));
  EXPECT_THAT(message({.max_active = 0}), HasSubstr("max active is 0"));
  EXPECT_THAT(message({.scale_tokens = 0}), HasSubstr("scale tokens is 0"));
}

}  // namespace
}  // namespace kvplace
