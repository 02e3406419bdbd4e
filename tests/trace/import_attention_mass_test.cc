// The importer of attention masses, by hand-made files and against a twin that
// writes down what docs/cli.md says, step by step.
#include "server/trace/import_attention_mass.h"

#include <sys/resource.h>

#include <algorithm>
#include <random>
#include <set>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/trace/workload_loader.h"
#include "tests/trace/trace_test_util.h"

namespace kvplace {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct MassFile {
  int32_t steps;
  int32_t layers;
  int32_t pages;
  int32_t n_prefill;
  int32_t page_tokens;
  std::string masses;

  std::string bytes() const {
    std::string out;
    for (const int32_t field : {steps, layers, pages, n_prefill, page_tokens}) {
      for (int i = 0; i < 4; ++i) {
        out.push_back(
            static_cast<char>(static_cast<uint32_t>(field) >> (8 * i)));
      }
    }
    return out + masses;
  }
  uint8_t at(int step, int layer, int page) const {
    return static_cast<uint8_t>(
        masses[static_cast<size_t>((step * layers + layer) * pages + page)]);
  }
};

MassFile RandomFile(std::mt19937_64& random) {
  MassFile file;
  file.steps = static_cast<int32_t>(1 + random() % 20);
  file.layers = static_cast<int32_t>(1 + random() % 3);
  file.page_tokens = static_cast<int32_t>(1 + random() % 5);
  file.n_prefill = static_cast<int32_t>(random() % 60);
  file.pages = (file.n_prefill + file.steps - 1) / file.page_tokens + 1 +
               static_cast<int32_t>(random() % 3);
  file.masses.resize(
      static_cast<size_t>(file.steps * file.layers * file.pages));
  const uint64_t values = 1 + random() % 256;
  for (char& mass : file.masses) mass = static_cast<char>(random() % values);
  return file;
}

absl::Status Import(const std::string& from, const std::string& to,
                    const AttentionMassOptions& options) {
  KvtraceWriter::Options writer_options;
  writer_options.mode = OutputFile::Mode::kReplaceOnClose;
  auto writer = KvtraceWriter::Create(to, writer_options);
  if (!writer.ok()) return writer.status();
  auto summary = ImportAttentionMass(from, options, writer->get());
  if (!summary.ok()) return summary.status();
  return (*writer)->Close();
}

Workload Load(const std::string& path) {
  WorkloadOptions options;
  options.masses = true;
  auto workload = LoadWorkload({&path, 1}, options);
  EXPECT_TRUE(workload.ok()) << workload.status();
  EXPECT_TRUE(workload->warnings.empty());
  return workload.ok() ? *std::move(workload) : Workload();
}

// What docs/cli.md says of one step and layer, by sorting.
void CheckPhase(const MassFile& file, const AttentionMassOptions& options,
                int step, int layer, size_t phase, const Workload& workload) {
  const int exist = (file.n_prefill + step) / file.page_tokens + 1;
  std::vector<int> order;
  for (int page = 1; page < exist - 2; ++page) order.push_back(page);
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) {
    return file.at(step, layer, a) > file.at(step, layer, b);
  });
  std::set<int> reads = {0, exist - 1, std::max(0, exist - 2)};
  std::set<int> near;
  for (const int page : order) {
    if (reads.size() < std::min<size_t>(options.top, exist)) {
      reads.insert(page);
    } else if (near.size() < options.near_misses) {
      near.insert(page);
    }
  }
  const size_t offset = static_cast<size_t>(workload.reads[phase].data() -
                                            workload.reads.items().data());
  ASSERT_EQ(workload.reads[phase].size(), reads.size());
  size_t i = 0;
  for (const int page : reads) {
    ASSERT_EQ(workload.PageOf(workload.reads[phase][i]), page);
    ASSERT_EQ(workload.read_masses[offset + i], file.at(step, layer, page));
    ++i;
  }
  ASSERT_EQ(workload.near_misses[phase].size(), near.size());
  i = 0;
  for (const int page : near) {
    ASSERT_EQ(workload.PageOf(workload.near_misses[phase][i].block), page);
    ASSERT_EQ(workload.near_misses[phase][i].mass, file.at(step, layer, page));
    ++i;
  }
}

void CheckWorkload(const MassFile& file, const AttentionMassOptions& options,
                   const Workload& workload) {
  const int first = static_cast<int>(options.first_step);
  const int end = static_cast<int>(options.end_step.value_or(file.steps));
  ASSERT_EQ(workload.steps, end - first);
  ASSERT_EQ(workload.groups, file.layers);
  ASSERT_EQ(workload.sequences, 1u);
  const int pages_before =
      (file.n_prefill + first + file.page_tokens - 1) / file.page_tokens;
  ASSERT_EQ(workload.initial.size(), pages_before * file.layers);
  const int pages_max = (file.n_prefill + end - 1) / file.page_tokens + 1;
  ASSERT_EQ(workload.pages_max, pages_max);
  ASSERT_EQ(workload.blocks, pages_max * file.layers);
  ASSERT_EQ(workload.peak_live_blocks, pages_max * file.layers);
  for (int step = first; step < end; ++step) {
    for (int layer = 0; layer < file.layers; ++layer) {
      const size_t phase =
          static_cast<size_t>((step - first) * file.layers + layer);
      const int token = file.n_prefill + step;
      const bool begins = token % file.page_tokens == 0;
      ASSERT_EQ(workload.births[phase].size(), begins ? 1u : 0u);
      if (begins) {
        ASSERT_EQ(workload.PageOf(workload.births[phase][0]),
                  token / file.page_tokens);
      }
      ASSERT_EQ(workload.kv_writes[phase].size(), 1u);
      ASSERT_EQ(workload.PageOf(workload.kv_writes[phase][0].block),
                token / file.page_tokens);
      ASSERT_EQ(workload.kv_writes[phase][0].tokens, 1u);
      ASSERT_TRUE(workload.freed[phase].empty());
      CheckPhase(file, options, step, layer, phase, workload);
    }
  }
}

TEST(ImportAttentionMassTest, AgreesWithTwinOnRandomFiles) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE(::testing::Message() << "seed " << seed);
  std::mt19937_64 random(seed);
  TempDir dir;
  for (int round = 0; round < 300; ++round) {
    const MassFile file = RandomFile(random);
    AttentionMassOptions options;
    options.top = static_cast<uint32_t>(3 + random() % 20);
    options.near_misses = static_cast<uint32_t>(random() % 10);
    if (random() % 2 == 0) {
      options.first_step =
          static_cast<int64_t>(random()) % static_cast<int64_t>(file.steps);
      options.first_step = std::abs(options.first_step);
      options.end_step =
          options.first_step + 1 +
          static_cast<int64_t>(random() % static_cast<uint64_t>(
                                              file.steps - options.first_step));
    }
    WriteFile(dir.File("m"), file.bytes());
    const absl::Status imported = Import(dir.File("m"), dir.File("t"), options);
    ASSERT_TRUE(imported.ok()) << imported;
    const Workload workload = Load(dir.File("t"));
    ASSERT_NO_FATAL_FAILURE(CheckWorkload(file, options, workload))
        << "steps " << file.steps << " layers " << file.layers << " pages "
        << file.pages << " n_prefill " << file.n_prefill << " page_tokens "
        << file.page_tokens << " round " << round;
  }
}

TEST(ImportAttentionMassTest, ZstdFilesAreTheSame) {
  TempDir dir;
  std::mt19937_64 random(3);
  const std::string plain = RandomFile(random).bytes();
  // In two frames, as `zstd` may write them.
  std::string packed;
  for (const std::string& part : {plain.substr(0, 30), plain.substr(30)}) {
    std::string frame(ZSTD_compressBound(part.size()), '\0');
    frame.resize(
        ZSTD_compress(frame.data(), frame.size(), part.data(), part.size(), 3));
    packed += frame;
  }
  WriteFile(dir.File("m"), plain);
  WriteFile(dir.File("m.zst"), packed);
  AttentionMassOptions options;
  ASSERT_TRUE(Import(dir.File("m"), dir.File("a"), options).ok());
  ASSERT_TRUE(Import(dir.File("m.zst"), dir.File("b"), options).ok());
  const Workload a = Load(dir.File("a"));
  const Workload b = Load(dir.File("b"));
  EXPECT_THAT(std::vector(a.reads.items().begin(), a.reads.items().end()),
              ::testing::ElementsAreArray(b.reads.items()));
  // Cut off at any byte, it is an error.
  for (size_t size = 0; size < packed.size(); size += 3) {
    WriteFile(dir.File("cut"), packed.substr(0, size));
    EXPECT_FALSE(Import(dir.File("cut"), dir.File("c"), options).ok()) << size;
  }
  EXPECT_THAT(dir.List(), ::testing::Not(::testing::Contains("c")));
}

TEST(ImportAttentionMassTest, NoPrefillBeginsWithTheFirstStep) {
  TempDir dir;
  const MassFile file{2, 1, 1, 0, 2, std::string("\x09\x08")};
  WriteFile(dir.File("m"), file.bytes());
  ASSERT_TRUE(Import(dir.File("m"), dir.File("t"), {}).ok());
  const Workload workload = Load(dir.File("t"));
  EXPECT_TRUE(workload.initial.empty());
  EXPECT_THAT(workload.births[0], ElementsAre(BlockId(0)));
  EXPECT_THAT(workload.live_at_start, ElementsAre(true));
}

class BadMassFile : public ::testing::Test {
 protected:
  std::string MessageOf(const std::string& bytes,
                        const AttentionMassOptions& options = {}) {
    WriteFile(dir_.File("m"), bytes);
    const absl::Status status = Import(dir_.File("m"), dir_.File("t"), options);
    EXPECT_FALSE(status.ok());
    EXPECT_FALSE(std::filesystem::exists(dir_.File("t")));
    EXPECT_FALSE(std::filesystem::exists(dir_.File("t.tmp")));
    return std::string(status.message());
  }
  MassFile good_{3, 2, 4, 9, 3, std::string(24, '\x07')};
  TempDir dir_;
};

TEST_F(BadMassFile, LengthMustBeExact) {
  const std::string bytes = good_.bytes();
  EXPECT_THAT(
      MessageOf(bytes + "x"),
      HasSubstr("more bytes than 20 + steps*layers*pages, which is 44"));
  EXPECT_THAT(MessageOf(bytes.substr(0, 43)),
              HasSubstr("has 43 bytes; 20 + steps*layers*pages is 44"));
  EXPECT_THAT(MessageOf(bytes.substr(0, 20)), HasSubstr("has 20 bytes"));
  EXPECT_THAT(MessageOf(bytes.substr(0, 19)),
              HasSubstr("has 19 bytes; expected a header of 20"));
  EXPECT_THAT(MessageOf(""), HasSubstr("has 0 bytes"));
  // Whatever the steps asked for.
  AttentionMassOptions first;
  first.end_step = 1;
  EXPECT_THAT(MessageOf(bytes + "x", first), HasSubstr("more bytes"));
  EXPECT_THAT(MessageOf(bytes.substr(0, 43), first), HasSubstr("has 43"));
}

TEST_F(BadMassFile, HeaderFieldsAreNamed) {
  const auto with = [&](int32_t MassFile::*field, int32_t value) {
    MassFile file = good_;
    file.*field = value;
    return MessageOf(file.bytes());
  };
  EXPECT_THAT(with(&MassFile::steps, 0), HasSubstr("field steps is 0"));
  EXPECT_THAT(with(&MassFile::steps, -1), HasSubstr("field steps is -1"));
  EXPECT_THAT(with(&MassFile::layers, 0), HasSubstr("field layers is 0"));
  EXPECT_THAT(with(&MassFile::layers, 5000),
              HasSubstr("field layers is 5000; expected 1..4096"));
  EXPECT_THAT(with(&MassFile::pages, 0), HasSubstr("field pages is 0"));
  EXPECT_THAT(with(&MassFile::n_prefill, -1),
              HasSubstr("field n_prefill is -1"));
  EXPECT_THAT(with(&MassFile::page_tokens, 0),
              HasSubstr("field page_tokens is 0"));
  EXPECT_THAT(with(&MassFile::n_prefill, 12),
              HasSubstr("field pages is 4; 12 + 3 tokens need 5 pages of 3"));
  EXPECT_THAT(with(&MassFile::pages, INT32_MAX),
              HasSubstr("more than 2^30 bytes per step"));
}

TEST_F(BadMassFile, OptionsAreChecked) {
  AttentionMassOptions options;
  options.end_step = 4;
  EXPECT_THAT(MessageOf(good_.bytes(), options),
              HasSubstr("has no steps 0:4; expected a range within 0:3"));
  options = {};
  options.top = 2;
  EXPECT_THAT(MessageOf(good_.bytes(), options), HasSubstr("at least 3"));
  options = {};
  options.kv_bytes_per_token = uint64_t{1} << 60;
  EXPECT_THAT(MessageOf(good_.bytes(), options),
              HasSubstr("kv_bytes_per_token is 1152921504606846976"));
  options.kv_bytes_per_token = 0;
  EXPECT_THAT(MessageOf(good_.bytes(), options),
              HasSubstr("kv_bytes_per_token is 0"));
}

double UserSeconds() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec) +
         static_cast<double>(usage.ru_utime.tv_usec) * 1e-6;
}

// The real recording: the bytes of the committed sample, and the time.
TEST(ImportAttentionMassTest, RecordedFile) {
  const std::string recorded = SharedData("bible.mass.zst");
  if (recorded.empty()) GTEST_SKIP() << "no bible.mass.zst on this machine";
  TempDir dir;
  const double begin = UserSeconds();
  ASSERT_TRUE(Import(recorded, dir.File("t"), {}).ok());
  const double seconds = UserSeconds() - begin;
  RecordProperty("import_milliseconds", static_cast<int>(seconds * 1000));
  // 0.14 s where it was written; sanitizers take many times as long.
  EXPECT_LT(seconds, 30);
  const Workload all = Load(dir.File("t"));
  EXPECT_EQ(all.steps, 1024u);
  EXPECT_EQ(all.reads.items().size(), 1024u * 30 * 64);

  const Workload sample = Load(TestData("bible-sample.kvtrace"));
  ASSERT_EQ(sample.steps, 400u);
  for (size_t phase = 0; phase < sample.phases(); ++phase) {
    ASSERT_EQ(sample.reads[phase].size(), 64u);
    for (size_t i = 0; i < 64; ++i) {
      ASSERT_EQ(sample.PageOf(sample.reads[phase][i]),
                all.PageOf(all.reads[phase][i]));
      ASSERT_EQ(sample.read_masses[phase * 64 + i],
                all.read_masses[phase * 64 + i]);
    }
  }
}

}  // namespace
}  // namespace kvplace
