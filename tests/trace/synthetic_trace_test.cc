// Generated traces behave as published ones, and are the same everywhere.
#include "server/trace/synthetic_trace.h"

#include <list>
#include <unordered_map>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/trace/trace_info.h"
#include "server/trace/workload_loader.h"
#include "tests/trace/trace_test_util.h"

namespace kvplace {
namespace {

using ::testing::HasSubstr;

class SyntheticTraceTest : public ::testing::Test {
 protected:
  absl::Status Write(const SyntheticOptions& options) {
    KvtraceWriter::Options writer_options;
    writer_options.mode = OutputFile::Mode::kReplaceOnClose;
    auto writer = KvtraceWriter::Create(dir_.File("t"), writer_options);
    if (!writer.ok()) return writer.status();
    auto summary = WriteSyntheticTrace(options, writer->get());
    if (!summary.ok()) return summary.status();
    return (*writer)->Close();
  }
  Workload Make(const SyntheticOptions& options) {
    const absl::Status written = Write(options);
    EXPECT_TRUE(written.ok()) << written;
    const std::string path = dir_.File("t");
    WorkloadOptions window;
    window.masses = true;
    auto workload = LoadWorkload({&path, 1}, window);
    EXPECT_TRUE(workload.ok()) << workload.status();
    return workload.ok() ? *std::move(workload) : Workload();
  }
  // Of 4096 pages 1/16 is read: the regime of the published numbers.
  static SyntheticOptions Published(Locality locality) {
    SyntheticOptions options;
    options.layers = 4;
    options.context_tokens = 65536;
    options.steps = 100;
    options.select_share = 0.0625;
    options.locality = locality;
    options.near_misses = 0;
    return options;
  }
  TempDir dir_;
};

double MeanOverlap(const Workload& workload) {
  double sum = 0;
  for (const GroupInfo& group : MeasureGroups(workload)) sum += group.overlap;
  return sum / workload.groups;
}

TEST_F(SyntheticTraceTest, StickyAndVolatileOverlapAsPublished) {
  EXPECT_NEAR(MeanOverlap(Make(Published(Locality::kSticky))), .85, .015);
  EXPECT_NEAR(MeanOverlap(Make(Published(Locality::kVolatile))), .42, .03);
}

TEST_F(SyntheticTraceTest, MixedLayersDiffer) {
  SyntheticOptions options = Published(Locality::kMixed);
  options.layers = 46;
  options.context_tokens = 8192;
  options.steps = 40;
  const std::vector<GroupInfo> groups = MeasureGroups(Make(options));
  for (size_t layer = 0; layer < 46; ++layer) {
    SCOPED_TRACE(layer);
    if (layer < 2) {
      EXPECT_LT(groups[layer].overlap, .3);
    } else if (layer < 17) {
      EXPECT_NEAR(groups[layer].overlap, .7, .08);
    } else {
      EXPECT_NEAR(groups[layer].overlap, .5, .08);
    }
  }
}

// Share of one group's reads that miss an LRU cache of so many times a step's
// reads, after 20 steps of warming up.
double LruMisses(const Workload& workload, uint32_t group, size_t times) {
  std::list<uint32_t> order;
  std::unordered_map<uint32_t, std::list<uint32_t>::iterator> held;
  double misses = 0;
  double reads = 0;
  for (uint32_t step = 0; step < workload.steps; ++step) {
    const auto blocks = workload.reads[step * workload.groups + group];
    for (const BlockId id : blocks) {
      const auto found = held.find(id.value());
      if (step >= 20) {
        reads += 1;
        misses += found == held.end();
      }
      if (found != held.end()) order.erase(found->second);
      order.push_front(id.value());
      held[id.value()] = order.begin();
    }
    while (held.size() > times * blocks.size()) {
      held.erase(order.back());
      order.pop_back();
    }
  }
  return misses / reads;
}

TEST_F(SyntheticTraceTest, MiddleLayersMissLruAsPublishedForGlm) {
  // 512 pages, 32 read. Published: 30.0, 13.4, 6.7%.
  SyntheticOptions options = Published(Locality::kMixed);
  options.layers = 46;
  options.context_tokens = 8176;
  options.steps = 200;
  const Workload workload = Make(options);
  double misses[3] = {};
  for (uint32_t layer = 2; layer < 17; ++layer) {
    for (int i = 0; i < 3; ++i) {
      misses[i] += LruMisses(workload, layer, size_t{1} << i) / 15;
    }
  }
  EXPECT_NEAR(misses[0], .300, .02);
  EXPECT_NEAR(misses[1], .134, .02);
  EXPECT_NEAR(misses[2], .067, .015);
}

TEST_F(SyntheticTraceTest, ReadsAreTheShareWithSinkAndNewest) {
  SyntheticOptions options;
  options.layers = 3;
  options.sequences = 2;
  options.context_tokens = 1000;
  options.steps = 40;
  options.select_share = 0.25;
  options.near_misses = 5;
  const Workload workload = Make(options);
  EXPECT_EQ(workload.sequences, 2u);
  EXPECT_EQ(workload.groups, 3u);
  for (uint32_t step = 0; step < 40; ++step) {
    const uint32_t pages = (1000 + step) / 16 + 1;
    const uint32_t top = (pages + 2) / 4;
    for (uint32_t g = 0; g < 3; ++g) {
      const auto reads = workload.reads[step * 3 + g];
      ASSERT_EQ(reads.size(), 2 * top);
      ASSERT_EQ(workload.near_misses[step * 3 + g].size(), 10u);
      for (uint32_t q = 0; q < 2; ++q) {
        EXPECT_EQ(workload.PageOf(reads[q * top]), 0u);
        EXPECT_EQ(workload.PageOf(reads[q * top + top - 2]), pages - 2);
        EXPECT_EQ(workload.PageOf(reads[q * top + top - 1]), pages - 1);
      }
    }
  }
  EXPECT_EQ(workload.read_masses.size(), workload.reads.items().size());
}

TEST_F(SyntheticTraceTest, MassesAreOnTheScoresScaleAndAddUpToAboutOne) {
  SyntheticOptions options;
  options.layers = 4;
  options.steps = 20;
  options.select_share = 1;
  const Workload workload = Make(options);
  double total = 0;
  for (const uint8_t mass : workload.read_masses) {
    total += std::exp2(mass / 16.0 - 16);
  }
  const double mean = total / static_cast<double>(workload.phases());
  EXPECT_GT(mean, .5);
  EXPECT_LT(mean, 2.5);
}

TEST_F(SyntheticTraceTest, SameSeedSameTraceEverywhere) {
  SyntheticOptions options;
  options.layers = 2;
  options.context_tokens = 640;
  options.steps = 30;
  options.seed = 7;
  ASSERT_TRUE(Write(options).ok());
  const TraceContent first = ReadTrace(dir_.File("t"));
  ASSERT_TRUE(Write(options).ok());
  const TraceContent again = ReadTrace(dir_.File("t"));
  EXPECT_EQ(first.records.size(), again.records.size());
  EXPECT_TRUE(IsPrefix(first.records, again.records));
  options.seed = 8;
  ASSERT_TRUE(Write(options).ok());
  EXPECT_FALSE(IsPrefix(first.records, ReadTrace(dir_.File("t")).records));
  // Written down on x86-64 with gcc 12: other platforms must agree.
  uint64_t hash = 14695981039346656037u;
  for (size_t i = 3; i < first.records.size(); ++i) {
    for (const v1::GroupReads& reads : first.records[i].step().reads()) {
      for (const char c : reads.handles() + reads.masses()) {
        hash = (hash ^ static_cast<uint8_t>(c)) * 1099511628211u;
      }
    }
  }
  EXPECT_EQ(hash, 14530793053197825792u);
}

TEST_F(SyntheticTraceTest, ExtrasDoWhatTheySay) {
  SyntheticOptions options = Published(Locality::kSticky);
  options.context_tokens = 8192;
  options.steps = 40;
  options.shift_every = 20;
  const Workload shifted = Make(options);
  const auto overlap_at = [](const Workload& workload, uint32_t step) {
    size_t common = 0;
    for (uint32_t g = 0; g < workload.groups; ++g) {
      const auto before = workload.reads[(step - 1) * workload.groups + g];
      const auto now = workload.reads[step * workload.groups + g];
      std::vector<BlockId> both;
      std::set_intersection(before.begin(), before.end(), now.begin(),
                            now.end(), std::back_inserter(both));
      common += both.size();
    }
    return static_cast<double>(common) /
           static_cast<double>(workload.groups *
                               workload.reads[step * workload.groups].size());
  };
  EXPECT_GT(overlap_at(shifted, 19), .75);
  EXPECT_LT(overlap_at(shifted, 20), .6);

  options.shift_every = 0;
  options.scores.cluster_pages = 16;
  options.scores.slashes = 3;
  const Workload extras = Make(options);
  size_t neighbours = 0;
  const auto reads = extras.reads[0];
  for (size_t i = 1; i < reads.size(); ++i) {
    neighbours += reads[i].value() == reads[i - 1].value() + 1;
  }
  // Of 32 reads scattered over 512 pages 2 would be neighbours.
  EXPECT_GT(neighbours, 6u);
}

TEST_F(SyntheticTraceTest, NonsenseIsRefused) {
  const auto message = [&](const SyntheticOptions& options) {
    const absl::Status status = Write(options);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    return std::string(status.message());
  };
  EXPECT_THAT(message({.layers = 0}), HasSubstr("groups is 0"));
  EXPECT_THAT(message({.sequences = 0}), HasSubstr("sequences is 0"));
  EXPECT_THAT(message({.steps = 0}), HasSubstr("steps is 0"));
  EXPECT_THAT(message({.select_share = 0}), HasSubstr("select share is 0"));
  EXPECT_THAT(message({.select_share = 1.5}), HasSubstr("select share"));
  EXPECT_THAT(message({.page_tokens = 0}), HasSubstr("page_tokens is 0"));
  EXPECT_THAT(message({.context_tokens = uint64_t{1} << 39}),
              HasSubstr("more than 2^32 - 2 blocks"));
  EXPECT_THAT(message({.scores = {.cluster_pages = 0}}),
              HasSubstr("cluster pages is 0"));
}

}  // namespace
}  // namespace kvplace
