#include "server/trace/synthetic_trace.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/trace/trace_builder.h"

namespace kvplace {
namespace {

// A score of one standard deviation more is a mass 4 times as large, about what
// the middle layers of a small language model show.
constexpr double kMassUnitsPerScore = 32;
// Above what the best of thousands of pages reach.
constexpr double kWantedScore = 4;
// Slash patterns reach back so many pages at most.
constexpr uint64_t kMaxSlashDistance = 256;

// One step of splitmix64: turns near seeds into unrelated ones.
uint64_t Mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

// Nearly normal numbers, mean 0, variance 1, within +-4.9.
class NormalSource {
 public:
  explicit NormalSource(uint64_t seed) : bits_(seed) {}

  double Next() {
    int64_t sum = 0;
    for (int word = 0; word < 2; ++word) {
      const uint64_t bits = bits_();
      for (int lane = 0; lane < 64; lane += 16) {
        sum += static_cast<int64_t>((bits >> lane) & 0xffff);
      }
    }
    return static_cast<double>(2 * sum - 8 * 65535) * scale_;
  }
  uint64_t Below(uint64_t n) { return bits_() % n; }

 private:
  std::mt19937_64 bits_;
  // Of twice the centred sum: variance 4 * 8 * (65536^2 - 1) / 12.
  const double scale_ = 1 / std::sqrt(32.0 * 4294967295.0 / 12);
};

// The scores of one sequence's pages in one layer.
class LayerScores {
 public:
  LayerScores(const ScoreModel& model, const SyntheticOptions& options,
              uint64_t seed)
      : fixed_weight_(std::sqrt(model.fixed)),
        drift_weight_(std::sqrt(model.drift)),
        noise_weight_(std::sqrt(model.noise)),
        rho_(model.rho),
        renewal_(std::sqrt(1 - model.rho * model.rho)),
        cluster_(options.cluster_pages),
        normal_(seed) {
    for (uint32_t i = 0; i < options.slashes; ++i) {
      slashes_.push_back(2 + normal_.Below(kMaxSlashDistance));
    }
  }

  void Grow(size_t pages) {
    while (drift_.size() < pages) {
      raw_.push_back(normal_.Next());
      drift_.push_back(normal_.Next());
      fixed_.push_back(Clustered(raw_.size() - 1));
    }
  }

  void Shift() {
    for (double& raw : raw_) raw = normal_.Next();
    for (size_t i = 0; i < raw_.size(); ++i) fixed_[i] = Clustered(i);
  }

  // The next step's scores of all pages.
  const std::vector<double>& Step() {
    scores_.resize(drift_.size());
    for (size_t i = 0; i < drift_.size(); ++i) {
      drift_[i] = rho_ * drift_[i] + renewal_ * normal_.Next();
      scores_[i] = fixed_weight_ * fixed_[i] + drift_weight_ * drift_[i] +
                   noise_weight_ * normal_.Next();
    }
    for (const uint64_t distance : slashes_) {
      if (distance < scores_.size()) {
        scores_[scores_.size() - 1 - distance] = kWantedScore;
      }
    }
    return scores_;
  }

 private:
  // Mean of the last draws up to page i, scaled to variance 1.
  double Clustered(size_t i) const {
    const size_t count = std::min<size_t>(i + 1, cluster_);
    double sum = 0;
    for (size_t j = 0; j < count; ++j) sum += raw_[i - j];
    return sum / std::sqrt(static_cast<double>(count));
  }

  const double fixed_weight_;
  const double drift_weight_;
  const double noise_weight_;
  const double rho_;
  const double renewal_;
  const uint32_t cluster_;
  NormalSource normal_;
  std::vector<uint64_t> slashes_;
  std::vector<double> raw_;
  std::vector<double> fixed_;
  std::vector<double> drift_;
  std::vector<double> scores_;
};

class Generator {
 public:
  Generator(const SyntheticOptions& options, const TraceShape& shape,
            KvtraceWriter* writer);

  absl::StatusOr<ImportSummary> Run();

 private:
  uint32_t PagesOf(uint64_t tokens) const {
    return static_cast<uint32_t>((tokens + options_.page_tokens - 1) /
                                 options_.page_tokens);
  }
  LayerScores& ScoresOf(uint32_t sequence, uint32_t layer) {
    return scores_[size_t{sequence} * options_.layers + layer];
  }
  void AddLayer(uint32_t layer);
  void Select(uint32_t sequence, uint32_t layer);

  const SyntheticOptions& options_;
  TraceBuilder builder_;
  std::vector<LayerScores> scores_;
  // Mass of a page whose score is 0.
  double mass_base_ = 0;
  // Of the layer at hand.
  std::vector<BlockId> reads_;
  std::vector<BlockId> near_misses_;
  std::vector<uint8_t> read_masses_;
  std::vector<uint8_t> near_masses_;
  std::vector<uint32_t> order_;
};

Generator::Generator(const SyntheticOptions& options, const TraceShape& shape,
                     KvtraceWriter* writer)
    : options_(options), builder_(shape, writer) {
  scores_.reserve(size_t{options.sequences} * options.layers);
  for (uint32_t q = 0; q < options.sequences; ++q) {
    for (uint32_t layer = 0; layer < options.layers; ++layer) {
      const uint64_t stream = uint64_t{q} << 32 | layer;
      scores_.emplace_back(
          ScoreModelOf(options.locality, layer, options.layers), options,
          Mix(options.seed ^ Mix(stream)));
    }
  }
  // Shares 2^(2*score) of n normal scores add up to n * exp((2*ln 2)^2 / 2), so
  // that a score of 0 is the share 2^-(log2 n + 1.39). A whole number, lest
  // log2's last bit matters.
  const double pages =
      std::max(1.0, static_cast<double>(PagesOf(options.context_tokens)));
  mass_base_ = std::round(16 * (16 - std::log2(pages) - 1.386));
}

absl::StatusOr<ImportSummary> Generator::Run() {
  const std::vector<uint32_t> initial(options_.sequences,
                                      PagesOf(options_.context_tokens));
  if (absl::Status put = builder_.Begin(initial); !put.ok()) return put;
  for (uint64_t step = 0; step < options_.steps; ++step) {
    const uint32_t pages = PagesOf(options_.context_tokens + step + 1);
    for (uint32_t q = 0; q < options_.sequences; ++q) {
      if (pages > builder_.pages(q)) builder_.AddPage(q);
      builder_.AddTokens(q, 1);
    }
    const bool shift = options_.shift_every > 0 && step > 0 &&
                       step % options_.shift_every == 0;
    for (LayerScores& scores : scores_) {
      scores.Grow(pages);
      if (shift) scores.Shift();
    }
    for (uint32_t layer = 0; layer < options_.layers; ++layer) AddLayer(layer);
    if (absl::Status put = builder_.EndStep(); !put.ok()) return put;
    if (options_.progress) options_.progress(step + 1, options_.steps);
  }
  return ImportSummary{.steps = options_.steps,
                       .groups = options_.layers,
                       .reads = builder_.reads_written()};
}

void Generator::AddLayer(uint32_t layer) {
  reads_.clear();
  near_misses_.clear();
  read_masses_.clear();
  near_masses_.clear();
  for (uint32_t q = 0; q < options_.sequences; ++q) Select(q, layer);
  read_masses_.insert(read_masses_.end(), near_masses_.begin(),
                      near_masses_.end());
  builder_.AddReads(layer, reads_, near_misses_, read_masses_);
}

void Generator::Select(uint32_t sequence, uint32_t layer) {
  const std::vector<double>& scores = ScoresOf(sequence, layer).Step();
  const uint32_t pages = static_cast<uint32_t>(scores.size());
  const auto share =
      static_cast<uint32_t>(std::round(options_.select_share * pages));
  const uint32_t top = std::min(pages, std::max(share, uint32_t{3}));
  const uint32_t ranked = top + std::min(options_.near_misses, pages - top);
  const auto score = [&](uint32_t page) {
    const bool always = page == 0 || page + 2 >= pages;
    return always ? kWantedScore + 1 : scores[page];
  };
  // A strict order, so that the chosen set does not hang on nth_element.
  const auto before = [&](uint32_t a, uint32_t b) {
    return score(a) != score(b) ? score(a) > score(b) : a < b;
  };
  order_.resize(pages);
  for (uint32_t page = 0; page < pages; ++page) order_[page] = page;
  const auto begin = order_.begin();
  if (ranked < pages) {
    std::nth_element(begin, begin + ranked, order_.end(), before);
  }
  if (top < ranked) {
    std::nth_element(begin, begin + top, begin + ranked, before);
  }
  std::sort(begin, begin + top);
  std::sort(begin + top, begin + ranked);
  for (uint32_t i = 0; i < ranked; ++i) {
    const uint32_t page = order_[i];
    const double mass = std::round(
        mass_base_ + kMassUnitsPerScore * std::min(score(page), kWantedScore));
    (i < top ? reads_ : near_misses_)
        .push_back(builder_.HandleOf(sequence, layer, page));
    (i < top ? read_masses_ : near_masses_)
        .push_back(static_cast<uint8_t>(std::clamp(mass, 0.0, 255.0)));
  }
}

absl::Status CheckOptions(const SyntheticOptions& options) {
  const auto bad = [](const auto&... words) {
    return absl::InvalidArgumentError(absl::StrCat(words...));
  };
  constexpr uint64_t kMaxTokens = uint64_t{1} << 40;
  if (options.steps < 1 || options.steps > kMaxTokens) {
    return bad("steps is ", options.steps, "; expected 1..2^40");
  }
  if (options.context_tokens > kMaxTokens) {
    return bad("context is ", options.context_tokens,
               " tokens; expected at most 2^40");
  }
  if (!(options.select_share > 0 && options.select_share <= 1)) {
    return bad("select share is ", options.select_share,
               "; expected more than 0 and at most 1");
  }
  if (options.cluster_pages < 1 || options.cluster_pages > 1024) {
    return bad("cluster pages is ", options.cluster_pages,
               "; expected 1..1024");
  }
  return absl::OkStatus();
}

}  // namespace

ScoreModel ScoreModelOf(Locality locality, uint32_t layer, uint32_t layers) {
  constexpr ScoreModel kGlm{
      .fixed = .56, .drift = .40, .noise = .05, .rho = .90};
  switch (locality) {
    case Locality::kSticky:
      return {.fixed = .56, .drift = .40, .noise = .01, .rho = .98};
    case Locality::kVolatile:
      return {.fixed = 0, .drift = .75, .noise = .25, .rho = .95};
    case Locality::kMixed:
      break;
  }
  // Layers 0-1 and 2-16 of the published model's 46.
  const uint64_t scaled = uint64_t{layer} * 46;
  if (scaled < uint64_t{layers} * 2) {
    return {.fixed = .05, .drift = .15, .noise = .80, .rho = .50};
  }
  if (scaled < uint64_t{layers} * 17) return kGlm;
  return {.fixed = .35, .drift = .40, .noise = .25, .rho = .95};
}

absl::StatusOr<ImportSummary> WriteSyntheticTrace(
    const SyntheticOptions& options, KvtraceWriter* writer) {
  if (absl::Status sound = CheckOptions(options); !sound.ok()) return sound;
  TraceShape shape;
  shape.sequences = options.sequences;
  shape.groups = options.layers;
  shape.page_tokens = options.page_tokens;
  shape.kv_bytes_per_token = options.kv_bytes_per_token;
  shape.steps = options.steps;
  shape.writer = options.writer;
  shape.source = absl::StrCat("synthetic, seed ", options.seed);
  if (options.page_tokens > 0) {
    const uint64_t pages =
        (options.context_tokens + options.steps - 1) / options.page_tokens + 1;
    // More than 32 bits are refused as well.
    shape.pages_max =
        static_cast<uint32_t>(std::min<uint64_t>(pages, UINT32_MAX));
  }
  if (absl::Status valid = Validate(shape); !valid.ok()) return valid;
  return Generator(options, shape, writer).Run();
}

}  // namespace kvplace
