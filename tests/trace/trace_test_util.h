// Small traces for tests: written by hand, record by record, in a folder of
// their own.
#ifndef KVPLACE_TESTS_TRACE_TRACE_TEST_UTIL_H_
#define KVPLACE_TESTS_TRACE_TRACE_TEST_UTIL_H_

#include <stdlib.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "google/protobuf/util/message_differencer.h"
#include "gtest/gtest.h"
#include "kvplace/v1/trace.pb.h"
#include "server/core/block_codec.h"
#include "server/trace/kvtrace_reader.h"
#include "server/trace/kvtrace_writer.h"

namespace kvplace {

// A folder that is deleted with its content.
class TempDir {
 public:
  TempDir() {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "kvplace-XXXXXX").string();
    path_ = mkdtemp(pattern.data());
  }
  ~TempDir() { std::filesystem::remove_all(path_); }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  std::string File(const std::string& name) const {
    return (std::filesystem::path(path_) / name).string();
  }
  // The names in it.
  std::vector<std::string> List() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(path_)) {
      names.push_back(entry.path().filename().string());
    }
    return names;
  }

 private:
  std::string path_;
};

inline std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline void WriteFile(const std::string& path, const std::string& bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

inline std::string Ascending(const std::vector<uint32_t>& handles) {
  std::vector<BlockId> ids;
  for (const uint32_t handle : handles) ids.push_back(BlockId(handle));
  std::string bytes;
  EncodeAscending(ids, &bytes);
  return bytes;
}

inline v1::TraceRecord Header(uint64_t steps = 0) {
  v1::TraceRecord record;
  record.mutable_header()->set_format_version(1);
  record.mutable_header()->set_writer("test");
  record.mutable_header()->set_steps(steps);
  return record;
}

inline v1::TraceRecord Hello(uint32_t groups, uint32_t handles,
                             uint32_t page_tokens = 4,
                             uint64_t kv_bytes_per_token = 8) {
  v1::TraceRecord record;
  v1::Hello* hello = record.mutable_hello();
  hello->set_protocol_version(1);
  hello->set_node_id("n");
  for (uint32_t g = 0; g < groups; ++g) {
    v1::LayerGroup* group = hello->add_groups();
    group->set_block_bytes(page_tokens * kv_bytes_per_token);
    group->set_handles(handles);
    group->set_page_tokens(page_tokens);
    group->set_kv_bytes_per_token(kv_bytes_per_token);
  }
  return record;
}

inline v1::BlockRange Range(uint64_t sequence, uint32_t group, uint32_t page,
                            uint32_t handle, uint32_t count) {
  v1::BlockRange range;
  range.set_sequence(sequence);
  range.set_group(group);
  range.set_first_page(page);
  range.set_first_handle(handle);
  range.set_count(count);
  range.set_tier(v1::TIER_DRAM);
  return range;
}

inline v1::TraceRecord Inventory(const std::vector<v1::BlockRange>& ranges,
                                 bool last = true) {
  v1::TraceRecord record;
  for (const v1::BlockRange& range : ranges) {
    *record.mutable_inventory()->add_blocks() = range;
  }
  record.mutable_inventory()->set_last(last);
  return record;
}

// Makes a Step record: StepOf(3).Allocate(...).Tokens(7, 1).Read(0, {1, 2}).
class StepOf {
 public:
  explicit StepOf(int64_t step) { step_->set_step(step); }

  StepOf& Allocate(const v1::BlockRange& range) {
    *step_->add_allocated() = range;
    return *this;
  }
  StepOf& Free(uint32_t first, uint32_t count) {
    step_->add_freed()->set_first(first);
    step_->mutable_freed()->rbegin()->set_count(count);
    return *this;
  }
  StepOf& Tokens(uint64_t sequence, uint32_t tokens, bool ended = false) {
    v1::SequenceProgress* progress = step_->add_sequences();
    progress->set_sequence(sequence);
    progress->set_new_tokens(tokens);
    progress->set_ended(ended);
    return *this;
  }
  StepOf& Read(uint32_t group, const std::vector<uint32_t>& handles,
               const std::vector<uint32_t>& near_misses = {},
               const std::string& masses = "") {
    v1::GroupReads* reads = step_->add_reads();
    reads->set_group(group);
    reads->set_handles(Ascending(handles));
    reads->set_near_misses(Ascending(near_misses));
    reads->set_masses(masses);
    return *this;
  }
  StepOf& ReadBitmap(uint32_t group, uint32_t first, const std::string& bits) {
    v1::GroupReads* reads = step_->add_reads();
    reads->set_group(group);
    reads->mutable_bitmap()->set_first_handle(first);
    reads->mutable_bitmap()->set_bits(bits);
    return *this;
  }
  StepOf& ReadAll(uint32_t group, const std::vector<uint64_t>& sequences,
                  const std::string& masses = "") {
    v1::GroupReads* reads = step_->add_reads();
    reads->set_group(group);
    for (const uint64_t s : sequences) reads->mutable_all()->add_sequences(s);
    reads->set_masses(masses);
    return *this;
  }
  v1::Step* operator->() { return step_; }
  operator v1::TraceRecord() const { return record_; }

 private:
  v1::TraceRecord record_;
  v1::Step* step_ = record_.mutable_step();
};

// Frames of `frame_bytes` bytes of records.
inline void WriteTrace(const std::string& path,
                       const std::vector<v1::TraceRecord>& records,
                       size_t frame_bytes = kTraceFrameBytes) {
  KvtraceWriter::Options options;
  options.frame_bytes = frame_bytes;
  options.mode = OutputFile::Mode::kReplaceOnClose;
  auto writer = KvtraceWriter::Create(path, options);
  ASSERT_TRUE(writer.ok()) << writer.status();
  for (const v1::TraceRecord& record : records) {
    ASSERT_TRUE((*writer)->Write(record).ok());
  }
  ASSERT_TRUE((*writer)->Close().ok());
}

// What a reader says of a file.
struct TraceContent {
  absl::Status status;
  std::vector<v1::TraceRecord> records;
  bool truncated = false;
  std::string truncation;
};

inline TraceContent ReadTrace(const std::string& path,
                              const KvtraceReader::Options& options = {}) {
  TraceContent content;
  auto reader = KvtraceReader::Open(path, options);
  if (!reader.ok()) {
    content.status = reader.status();
    return content;
  }
  while (true) {
    v1::TraceRecord record;
    absl::StatusOr<bool> more = (*reader)->Next(&record);
    content.status = more.status();
    if (!more.ok() || !*more) break;
    content.records.push_back(std::move(record));
  }
  content.truncated = (*reader)->truncated();
  content.truncation = (*reader)->truncation();
  return content;
}

inline bool Equal(const v1::TraceRecord& a, const v1::TraceRecord& b) {
  return google::protobuf::util::MessageDifferencer::Equals(a, b);
}

// True if `some` are the first of `all`.
inline bool IsPrefix(const std::vector<v1::TraceRecord>& some,
                     const std::vector<v1::TraceRecord>& all) {
  if (some.size() > all.size()) return false;
  for (size_t i = 0; i < some.size(); ++i) {
    if (!Equal(some[i], all[i])) return false;
  }
  return true;
}

// Path of a recorded trace, or empty where this machine has none: then skip.
inline std::string SharedData(const std::string& name) {
  const char* folder = std::getenv("KVPLACE_DATA_DIR");
  const char* source = std::getenv("KVPLACE_SOURCE_DIR");
  const std::filesystem::path path =
      (folder != nullptr
           ? std::filesystem::path(folder)
           : std::filesystem::path(source != nullptr ? source : ".") /
                 "../shared/data") /
      name;
  return std::filesystem::exists(path) ? path.string() : std::string();
}

// Path of a file of tests/data.
inline std::string TestData(const std::string& name) {
  const char* source = std::getenv("KVPLACE_SOURCE_DIR");
  return (std::filesystem::path(source != nullptr ? source : ".") /
          "tests/data" / name)
      .string();
}

}  // namespace kvplace

#endif  // KVPLACE_TESTS_TRACE_TRACE_TEST_UTIL_H_
