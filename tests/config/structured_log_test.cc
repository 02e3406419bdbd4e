#include "server/config/structured_log.h"

#include <cmath>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/testing/fake_clock.h"

namespace kvplace {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class StructuredLogTest : public ::testing::Test {
 protected:
  StructuredLog& Log(StructuredLog::Options options) {
    log_ = std::make_unique<StructuredLog>(
        options, &clock_,
        [this](absl::string_view line) { lines_.emplace_back(line); });
    return *log_;
  }

  FakeClock clock_;
  std::vector<std::string> lines_;
  std::unique_ptr<StructuredLog> log_;
};

TEST_F(StructuredLogTest, Text) {
  Log({}).Write(Severity::kWarning, "resync", "a handle is not alive",
                {{"node", "gpu 7"}, {"device", 3}, {"epoch", uint64_t{9}}});
  EXPECT_THAT(lines_,
              ElementsAre("ts=2023-11-14T22:13:20.000000Z level=warning "
                          "msg=\"a handle is not alive\" cause=resync "
                          "node=\"gpu 7\" device=3 epoch=9"));
}

TEST_F(StructuredLogTest, Json) {
  clock_.Advance(absl::Microseconds(1250));
  Log({.format = LogFormat::kJson})
      .Write(Severity::kError, "disk", "cannot write",
             {{"ok", false}, {"share", 0.5}, {"path", "/a"}});
  EXPECT_THAT(lines_, ElementsAre(R"({"ts":"2023-11-14T22:13:20.001250Z",)"
                                  R"("level":"error","msg":"cannot write",)"
                                  R"("cause":"disk","ok":false,"share":0.5,)"
                                  R"("path":"/a"})"));
}

// What workers call themselves ends up in the log.
TEST_F(StructuredLogTest, NothingFromOutsideBreaksALine) {
  using std::string_literals::operator""s;
  const std::string evil =
      "x\"y\\\n{\"level\":\"error\"}\t\x01\x7f\xff\xc3(\0z"s;
  for (const LogFormat format : {LogFormat::kJson, LogFormat::kText}) {
    lines_.clear();
    Log({.format = format})
        .Write(Severity::kInfo, evil, evil, {{"node", evil}, {"x", NAN}});
    ASSERT_THAT(lines_, SizeIs(1));
    for (const char c : lines_[0]) {
      EXPECT_GE(static_cast<unsigned char>(c), ' ') << lines_[0];
    }
  }
  Log({.format = LogFormat::kJson})
      .Write(Severity::kInfo, evil, evil, {{"node", evil}, {"x", NAN}});
  const auto json = nlohmann::json::parse(lines_.back());
  EXPECT_THAT(json["msg"].get<std::string>(), HasSubstr("x\"y\\\n{"));
  EXPECT_EQ(json["node"], json["msg"]);
  EXPECT_EQ(json["x"], "nan");
}

TEST_F(StructuredLogTest, LeavesOutWhatIsBelowTheMinimum) {
  StructuredLog& log = Log({.minimum = Severity::kWarning});
  log.Write(Severity::kInfo, "a", "no");
  log.Write(Severity::kWarning, "a", "yes");
  log.SetMinimum(Severity::kDebug);
  log.Write(Severity::kDebug, "a", "now");
  EXPECT_THAT(lines_, SizeIs(2));
  EXPECT_EQ(log.suppressed(), 0u);
}

TEST_F(StructuredLogTest, EachCauseHasItsOwnLimit) {
  StructuredLog& log = Log({.burst = 3, .window = absl::Seconds(10)});
  for (int i = 0; i < 10; ++i) log.Write(Severity::kInfo, "noisy", "m");
  log.Write(Severity::kInfo, "quiet", "m");
  EXPECT_THAT(lines_, SizeIs(4));
  EXPECT_EQ(log.suppressed(), 7u);

  clock_.Advance(absl::Seconds(9));
  log.Write(Severity::kInfo, "noisy", "m");
  EXPECT_THAT(lines_, SizeIs(4));

  clock_.Advance(absl::Seconds(1));
  log.Write(Severity::kInfo, "noisy", "m");
  EXPECT_THAT(lines_.back(), HasSubstr(" suppressed=8"));
  log.Write(Severity::kInfo, "noisy", "m");
  EXPECT_THAT(lines_.back(), Not(HasSubstr("suppressed")));
}

TEST_F(StructuredLogTest, ReportsWhatWasHeldBackOfACauseThatFellSilent) {
  StructuredLog& log = Log({.burst = 1, .window = absl::Seconds(10)});
  for (int i = 0; i < 5; ++i) log.Write(Severity::kInfo, "noisy", "m");
  log.ReportSuppressed();
  EXPECT_THAT(lines_, SizeIs(1));
  clock_.Advance(absl::Seconds(10));
  log.ReportSuppressed();
  ASSERT_THAT(lines_, SizeIs(2));
  EXPECT_THAT(lines_[1], HasSubstr("cause=noisy suppressed=4"));
  log.ReportSuppressed(true);
  EXPECT_THAT(lines_, SizeIs(2));
  log.Write(Severity::kInfo, "noisy", "m");
  log.Write(Severity::kInfo, "noisy", "m");
  log.ReportSuppressed(true);
  EXPECT_THAT(lines_.back(), HasSubstr("suppressed=1"));
}

TEST_F(StructuredLogTest, TheNumberOfCausesIsBounded) {
  StructuredLog& log =
      Log({.burst = 1, .window = absl::Seconds(10), .max_causes = 4});
  for (int i = 0; i < 100; ++i) {
    log.Write(Severity::kInfo, absl::StrCat("c", i), "m");
  }
  // Three of their own, and one line of all the others.
  EXPECT_THAT(lines_, SizeIs(4));
  clock_.Advance(absl::Seconds(10));
  log.ReportSuppressed();
  EXPECT_THAT(lines_.back(), HasSubstr("cause=other suppressed=96"));
}

TEST(StructuredLogThreadsTest, ManyThreads) {
  FakeClock clock;
  std::atomic<int> lines{0};
  StructuredLog log({.burst = 1000}, &clock,
                    [&lines](absl::string_view) { ++lines; });
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&log] {
      for (int i = 0; i < 500; ++i) log.Write(Severity::kInfo, "a", "m");
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(lines, 1000);
  EXPECT_EQ(log.suppressed(), 1000u);
}

}  // namespace
}  // namespace kvplace
