#include "server/recorder/trace_recorder.h"

#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/trace/trace_info.h"
#include "tests/recorder/recorder_test_util.h"

namespace kvplace {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

using TraceRecorderTest = RecorderTest;

TEST_F(TraceRecorderTest, WritesASessionAsItCame) {
  StartByHand();
  RandomSession worker(1);
  const SessionKey key = KeyOf(5);
  std::vector<v1::ConnectRequest> sent = {worker.Hello()};
  for (const auto& m : worker.Inventory()) sent.push_back(m);
  for (int i = 0; i < 20; ++i) {
    for (const auto& m : worker.Step()) sent.push_back(m);
  }
  Send(key, sent);
  v1::ConnectRequest heartbeat;
  heartbeat.mutable_heartbeat();
  recorder_->OnMessage(key, heartbeat);
  recorder_->OnClosed(key);
  EXPECT_TRUE(recorder_->RunOnce());
  EXPECT_FALSE(recorder_->RunOnce());

  EXPECT_THAT(dir_.List(), ElementsAre("n0-3-5-20231114T221320Z-0000.kvtrace"));
  const TraceContent file = Files().at(0);
  ASSERT_THAT(file.records, SizeIs(sent.size() + 1));
  EXPECT_THAT(file.records[0].header().writer(), HasSubstr("kvplaced "));
  EXPECT_EQ(file.records[0].header().recorded_at_ns(),
            1'700'000'000'000000000u);
  for (size_t i = 0; i < sent.size(); ++i) {
    v1::TraceRecord expected;
    if (sent[i].has_hello()) *expected.mutable_hello() = sent[i].hello();
    if (sent[i].has_inventory()) {
      *expected.mutable_inventory() = sent[i].inventory();
    }
    if (sent[i].has_step()) *expected.mutable_step() = sent[i].step();
    if (sent[i].has_move_report()) {
      *expected.mutable_move_report() = sent[i].move_report();
    }
    EXPECT_EQ(file.records[i + 1].SerializeAsString(),
              expected.SerializeAsString());
  }
  EXPECT_EQ(metrics_.records, sent.size() + 1);
  EXPECT_EQ(metrics_.bytes, ReadFile(dir_.File(dir_.List().at(0))).size());
  EXPECT_EQ(disk_bytes_, metrics_.bytes);
  EXPECT_EQ(errors_, 0);
}

TEST_F(TraceRecorderTest, EachFileOfARotatedSessionStandsOnItsOwn) {
  StartByHand({.file_bytes = 1, .flush_interval = absl::ZeroDuration()});
  RandomSession worker(2);
  const SessionKey key = KeyOf(1);
  Greet(key, worker);
  for (int i = 0; i < 60; ++i) {
    Send(key, worker.Step());
    recorder_->RunOnce();
    if (i % 7 == 0) clock_.Advance(absl::Seconds(1));
  }
  recorder_->OnClosed(key);
  recorder_->RunOnce();

  std::vector<int64_t> steps;
  RandomSession::Blocks at_end;
  const std::vector<TraceContent> files = Files();
  EXPECT_GT(files.size(), 20u);
  for (const TraceContent& file : files) {
    for (const int64_t s : ReplaySteps(file, &at_end)) steps.push_back(s);
  }
  std::vector<int64_t> expected(60);
  std::iota(expected.begin(), expected.end(), 100);
  EXPECT_EQ(steps, expected);
  EXPECT_EQ(at_end, worker.blocks());
  EXPECT_EQ(metrics_.Dropped(DropReason::kRecorderQueue), 0u);
  // What other programs make of such a file.
  for (const std::string& name : dir_.List()) {
    const auto info = ReadTraceInfo(dir_.File(name));
    ASSERT_THAT(info, IsOk());
    EXPECT_THAT(info->warnings, IsEmpty());
  }
}

TEST_F(TraceRecorderTest, AGapEndsTheFileAndAnInventoryBeginsAnother) {
  StartByHand();
  RandomSession worker(3);
  const SessionKey key = KeyOf(1);
  Greet(key, worker);
  Send(key, worker.Step());
  recorder_->OnGap(key, "sequence_gap");
  worker.Step();  // never arrives
  Send(key, worker.Inventory());
  Send(key, worker.Step());
  recorder_->OnClosed(key);
  recorder_->RunOnce();

  const std::vector<TraceContent> files = Files();
  ASSERT_THAT(files, SizeIs(2));
  EXPECT_EQ(files[0].records.back().gap().reason(), "sequence_gap");
  EXPECT_THAT(ReplaySteps(files[0], nullptr), ElementsAre(100));
  RandomSession::Blocks at_end;
  // The second Hello says the step after the last one that was seen.
  EXPECT_EQ(files[1].records.at(1).hello().next_step(), 101);
  EXPECT_EQ(files[1].records.back().step().step(), 102);
}

TEST_F(TraceRecorderTest, StepsBetweenGapAndInventoryAreLost) {
  StartByHand();
  RandomSession worker(3);
  const SessionKey key = KeyOf(1);
  Greet(key, worker);
  recorder_->OnGap(key, "x");
  Send(key, worker.Step());
  recorder_->RunOnce();
  EXPECT_GT(metrics_.Dropped(DropReason::kRecorderQueue), 0u);
  recorder_.reset();
  ASSERT_THAT(Files(), SizeIs(1));
  EXPECT_TRUE(Files()[0].records.back().has_gap());
}

TEST_F(TraceRecorderTest, WhatIsGatheredIsWrittenAfterAWhile) {
  StartByHand({.flush_interval = absl::Seconds(10)});
  RandomSession worker(4);
  Greet(KeyOf(1), worker);
  Send(KeyOf(1), worker.Step());
  recorder_->RunOnce();
  const std::string path = dir_.File(dir_.List().at(0));
  const size_t before = ReadFile(path).size();
  clock_.Advance(absl::Seconds(10));
  recorder_->RunOnce();
  EXPECT_GT(ReadFile(path).size(), before);
  EXPECT_EQ(ReadTrace(path).records.back().step().step(), 100);
}

TEST_F(TraceRecorderTest, TheOldestFilesMakeRoom) {
  StartByHand({.file_bytes = 4096,
               .total_bytes = 40000,
               .flush_interval = absl::ZeroDuration()});
  WriteFile(dir_.File("precious.kvtrace"), std::string(100000, 'x'));
  RandomSession worker(5);
  Greet(KeyOf(1), worker);
  for (int i = 0; i < 300; ++i) {
    Send(KeyOf(1), worker.Step());
    recorder_->RunOnce();
    EXPECT_LE(disk_bytes_, 40000u + 4096u);
    clock_.Advance(absl::Milliseconds(300));
  }
  recorder_.reset();
  std::vector<std::string> names = dir_.List();
  EXPECT_EQ(std::count(names.begin(), names.end(), "precious.kvtrace"), 1);
  std::sort(names.begin(), names.end());
  EXPECT_GT(names.size(), 3u);
  // What is left is the newest.
  std::erase(names, "precious.kvtrace");
  const TraceContent newest = ReadTrace(dir_.File(names.back()));
  EXPECT_EQ(newest.records.back().step().step(), 399);
}

TEST_F(TraceRecorderTest, LimitsChangeWhileItRuns) {
  StartByHand({.flush_interval = absl::ZeroDuration()});
  RandomSession worker(6);
  Greet(KeyOf(1), worker);
  for (int i = 0; i < 10; ++i) {
    Send(KeyOf(1), worker.Step());
    recorder_->RunOnce();
  }
  EXPECT_THAT(dir_.List(), SizeIs(1));
  recorder_->SetLimits(1, uint64_t{1} << 30);
  recorder_->RunOnce();
  for (int i = 0; i < 5; ++i) {
    Send(KeyOf(1), worker.Step());
    recorder_->RunOnce();
  }
  EXPECT_GT(dir_.List().size(), 3u);
}

TEST_F(TraceRecorderTest, MoreSessionsThanItRecords) {
  StartByHand({.max_sessions = 2});
  std::vector<RandomSession> workers;
  for (uint32_t i = 0; i < 4; ++i) workers.emplace_back(i);
  for (uint32_t i = 0; i < 4; ++i) Greet(KeyOf(i + 1), workers[i]);
  recorder_->RunOnce();
  EXPECT_THAT(dir_.List(), SizeIs(2));
  EXPECT_EQ(metrics_.Dropped(DropReason::kRecorderQueue), 6u);
  recorder_->OnClosed(KeyOf(1));
  recorder_->OnClosed(KeyOf(4));
  RandomSession late(9);
  Greet(KeyOf(5), late);
  recorder_->RunOnce();
  EXPECT_THAT(dir_.List(), SizeIs(3));
}

TEST_F(TraceRecorderTest, ManySessionsAtOnce) {
  Start({.file_bytes = 50000});
  std::vector<std::thread> threads;
  for (uint32_t t = 1; t <= 4; ++t) {
    threads.emplace_back([this, t] {
      RandomSession worker(t);
      const SessionKey key{absl::StrCat("n", t), 0, 1, t};
      Greet(key, worker);
      for (int i = 0; i < 200; ++i) Send(key, worker.Step());
      recorder_->OnClosed(key);
    });
  }
  for (std::thread& thread : threads) thread.join();
  recorder_.reset();
  size_t steps = 0;
  for (const TraceContent& file : Files()) {
    steps += ReplaySteps(file, nullptr).size();
  }
  EXPECT_EQ(steps, 800u);
  EXPECT_EQ(metrics_.Dropped(DropReason::kRecorderQueue), 0u);
  EXPECT_EQ(errors_, 0);
}

}  // namespace
}  // namespace kvplace
