// What tests of LoadWorkload share: traces written by hand and a first one.
#ifndef KVPLACE_TESTS_TRACE_WORKLOAD_FIXTURE_H_
#define KVPLACE_TESTS_TRACE_WORKLOAD_FIXTURE_H_

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "server/trace/workload_loader.h"
#include "tests/trace/trace_test_util.h"

namespace kvplace {

class WorkloadLoaderTest : public ::testing::Test {
 protected:
  // Writes a file and returns its path.
  std::string Trace(const std::string& name,
                    const std::vector<v1::TraceRecord>& records) {
    WriteTrace(dir_.File(name), records);
    return dir_.File(name);
  }
  static Workload Load(const std::vector<std::string>& files,
                       const WorkloadOptions& options = {}) {
    auto workload = LoadWorkload(files, options);
    EXPECT_TRUE(workload.ok()) << workload.status();
    return workload.ok() ? *std::move(workload) : Workload();
  }
  static std::string MessageOf(const std::vector<std::string>& files,
                               const WorkloadOptions& options = {}) {
    auto workload = LoadWorkload(files, options);
    EXPECT_FALSE(workload.ok());
    return std::string(workload.status().message());
  }
  static std::vector<uint32_t> Values(std::span<const BlockId> ids) {
    std::vector<uint32_t> values;
    for (const BlockId id : ids) values.push_back(id.value());
    return values;
  }
  static std::vector<std::pair<uint32_t, uint32_t>> Writes(
      const Workload& workload, size_t phase) {
    std::vector<std::pair<uint32_t, uint32_t>> writes;
    for (const KvWrite& write : workload.kv_writes[phase]) {
      writes.emplace_back(write.block.value(), write.tokens);
    }
    return writes;
  }

  TempDir dir_;
};

// Two groups, pages of 4 tokens; sequence 7 has two pages, its third begins
// with step 1.
inline std::vector<v1::TraceRecord> OneSequence() {
  return {Header(3),
          Hello(2, 10),
          Inventory({Range(7, 0, 0, 0, 2), Range(7, 1, 0, 10, 2)}),
          StepOf(0).Tokens(7, 1).Read(0, {0}).Read(1, {10, 11}),
          StepOf(1)
              .Allocate(Range(7, 0, 2, 5, 1))
              .Allocate(Range(7, 1, 2, 12, 1))
              .Tokens(7, 1)
              .Read(0, {0, 5}),
          StepOf(2).Tokens(7, 1).Read(1, {12})};
}

}  // namespace kvplace

#endif  // KVPLACE_TESTS_TRACE_WORKLOAD_FIXTURE_H_
