#include "server/trace/synthetic_trace.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/trace/trace_builder.h"

namespace kvplace {
namespace {

// A score of one standard deviation more is a mass 4 times as large, about what
// the middle layers of a small language model show.
constexpr double kMassUnitsPerScore = 32;

uint32_t PagesOf(const SyntheticOptions& options, uint64_t tokens) {
  return static_cast<uint32_t>((tokens + options.page_tokens - 1) /
                               options.page_tokens);
}

// Tokens of a scheduled request when it has ended, or the trace has.
uint64_t FinalTokens(const ScheduledRequest& request, uint64_t steps) {
  const uint64_t last_step = std::min(request.last_step, steps - 1);
  return request.prompt_tokens + (last_step - request.first_step);
}

// A sequence that is alive.
struct LiveSequence {
  uint32_t slot;
  uint64_t tokens;
  // Its last step.
  uint64_t last_step;
  // In the step of its prompt a request does not read.
  bool reads;
  // Mass of a page whose score is 0.
  double mass_base;
  std::vector<LayerScores> layers;
};

class Generator {
 public:
  Generator(const SyntheticOptions& options, const TraceShape& shape,
            std::vector<ScheduledRequest> schedule, KvtraceWriter* writer)
      : options_(options),
        steps_(shape.steps),
        slots_(shape.sequences),
        schedule_(std::move(schedule)),
        builder_(shape, writer) {}

  absl::StatusOr<ImportSummary> Run();

 private:
  // `name` seeds the scores.
  LiveSequence MakeSequence(uint32_t name, uint32_t slot,
                            uint64_t tokens) const;
  absl::Status Begin();
  void Decode(LiveSequence* sequence, uint64_t step);
  void Admit(const ScheduledRequest& request);
  void GrowScores(uint64_t step);
  void AddLayer(uint32_t layer);
  void Select(LiveSequence* sequence, uint32_t layer);

  const SyntheticOptions& options_;
  const uint64_t steps_;
  const uint32_t slots_;
  const std::vector<ScheduledRequest> schedule_;
  size_t admitted_ = 0;
  TraceBuilder builder_;
  // By slot, so that handles rise.
  std::vector<LiveSequence> live_;
  // Of the layer at hand.
  std::vector<BlockId> reads_;
  std::vector<BlockId> near_misses_;
  std::vector<uint8_t> read_masses_;
  std::vector<uint8_t> near_masses_;
  std::vector<uint32_t> order_;
};

LiveSequence Generator::MakeSequence(uint32_t name, uint32_t slot,
                                     uint64_t tokens) const {
  LiveSequence sequence{.slot = slot,
                        .tokens = tokens,
                        .last_step = UINT64_MAX,
                        .reads = true,
                        .mass_base = 0,
                        .layers = {}};
  sequence.layers.reserve(options_.layers);
  for (uint32_t layer = 0; layer < options_.layers; ++layer) {
    const uint64_t stream = uint64_t{name} << 32 | layer;
    sequence.layers.emplace_back(
        ScoreModelOf(options_.locality, layer, options_.layers),
        options_.scores, MixSeed(options_.seed ^ MixSeed(stream)));
  }
  // Shares 2^(2*score) of n normal scores add up to n * exp((2*ln 2)^2 / 2), so
  // that a score of 0 is the share 2^-(log2 n + 1.39). A whole number, lest
  // log2's last bit matters.
  const double pages =
      std::max(1.0, static_cast<double>(PagesOf(options_, tokens)));
  sequence.mass_base = std::round(16 * (16 - std::log2(pages) - 1.386));
  return sequence;
}

absl::Status Generator::Begin() {
  if (!options_.requests.empty()) {
    return builder_.Begin(std::vector<uint32_t>(slots_, 0));
  }
  for (uint32_t q = 0; q < options_.sequences; ++q) {
    live_.push_back(MakeSequence(q, q, options_.context_tokens));
  }
  return builder_.Begin(std::vector<uint32_t>(
      slots_, PagesOf(options_, options_.context_tokens)));
}

absl::StatusOr<ImportSummary> Generator::Run() {
  if (absl::Status put = Begin(); !put.ok()) return put;
  for (uint64_t step = 0; step < steps_; ++step) {
    for (LiveSequence& sequence : live_) Decode(&sequence, step);
    while (admitted_ < schedule_.size() &&
           schedule_[admitted_].first_step == step) {
      Admit(schedule_[admitted_++]);
    }
    GrowScores(step);
    for (uint32_t layer = 0; layer < options_.layers; ++layer) AddLayer(layer);
    if (absl::Status put = builder_.EndStep(); !put.ok()) return put;
    std::erase_if(live_, [step](const LiveSequence& sequence) {
      return sequence.last_step == step;
    });
    if (options_.progress) options_.progress(step + 1, steps_);
  }
  return ImportSummary{.steps = steps_,
                       .groups = options_.layers,
                       .reads = builder_.reads_written()};
}

void Generator::Decode(LiveSequence* sequence, uint64_t step) {
  const uint32_t pages = PagesOf(options_, ++sequence->tokens);
  builder_.AddPages(sequence->slot, pages - builder_.pages(sequence->slot));
  builder_.AddTokens(sequence->slot, 1, sequence->last_step == step);
  sequence->reads = true;
}

void Generator::Admit(const ScheduledRequest& request) {
  LiveSequence sequence =
      MakeSequence(request.request, request.slot, request.prompt_tokens);
  sequence.last_step = request.last_step;
  sequence.reads = false;
  builder_.BeginSequence(request.slot, request.request);
  builder_.AddPages(request.slot, PagesOf(options_, request.prompt_tokens));
  builder_.AddTokens(request.slot,
                     static_cast<uint32_t>(request.prompt_tokens));
  const auto behind = std::find_if(
      live_.begin(), live_.end(),
      [&](const LiveSequence& s) { return s.slot > request.slot; });
  live_.insert(behind, std::move(sequence));
}

void Generator::GrowScores(uint64_t step) {
  const bool shift =
      options_.shift_every > 0 && step > 0 && step % options_.shift_every == 0;
  for (LiveSequence& sequence : live_) {
    const uint32_t pages = PagesOf(options_, sequence.tokens);
    for (LayerScores& scores : sequence.layers) {
      scores.Grow(pages);
      if (shift) scores.Shift();
    }
  }
}

void Generator::AddLayer(uint32_t layer) {
  reads_.clear();
  near_misses_.clear();
  read_masses_.clear();
  near_masses_.clear();
  for (LiveSequence& sequence : live_) {
    if (sequence.reads) Select(&sequence, layer);
  }
  if (reads_.empty()) return;
  read_masses_.insert(read_masses_.end(), near_masses_.begin(),
                      near_masses_.end());
  builder_.AddReads(layer, reads_, near_misses_, read_masses_);
}

void Generator::Select(LiveSequence* sequence, uint32_t layer) {
  const std::vector<double>& scores = sequence->layers[layer].Step();
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
    const double mass =
        std::round(sequence->mass_base +
                   kMassUnitsPerScore * std::min(score(page), kWantedScore));
    (i < top ? reads_ : near_misses_)
        .push_back(builder_.HandleOf(sequence->slot, layer, page));
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
  if (options.scores.cluster_pages < 1 || options.scores.cluster_pages > 1024) {
    return bad("cluster pages is ", options.scores.cluster_pages,
               "; expected 1..1024");
  }
  return absl::OkStatus();
}

// Pages of a sequence, sequences at once, steps. INVALID_ARGUMENT also when all
// sequences together are more than a program that loads the trace can number.
absl::Status SetSize(const SyntheticOptions& options,
                     const std::vector<ScheduledRequest>& schedule,
                     TraceShape* shape) {
  const auto pages_of = [&](uint64_t tokens) {
    // Both are refused: a page of no tokens, and more than 32 bits.
    if (options.page_tokens == 0) return uint32_t{1};
    return static_cast<uint32_t>(std::min<uint64_t>(
        (tokens + options.page_tokens - 1) / options.page_tokens, UINT32_MAX));
  };
  shape->steps = options.steps;
  if (schedule.empty()) {
    shape->sequences = options.sequences;
    shape->pages_max = pages_of(options.context_tokens + options.steps);
    return Validate(*shape);
  }
  uint32_t slots = 0;
  uint64_t tokens = 0;
  uint64_t end = 0;
  for (const ScheduledRequest& request : schedule) {
    slots = std::max(slots, request.slot + 1);
    tokens = std::max(tokens, FinalTokens(request, options.steps));
    end = std::max(end, request.last_step + 1);
  }
  shape->steps = std::min(end, options.steps);
  shape->pages_max = pages_of(tokens);
  shape->sequences = static_cast<uint32_t>(schedule.size());
  if (absl::Status valid = Validate(*shape); !valid.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "requests: ", valid.message(),
        "; fewer steps or requests, or scaled down further, are less"));
  }
  shape->sequences = slots;
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ImportSummary> WriteSyntheticTrace(
    const SyntheticOptions& options, KvtraceWriter* writer) {
  if (absl::Status sound = CheckOptions(options); !sound.ok()) return sound;
  absl::StatusOr<std::vector<ScheduledRequest>> schedule =
      ScheduleRequests(options.requests, options.admission, options.steps);
  if (!schedule.ok()) return schedule.status();
  TraceShape shape;
  shape.groups = options.layers;
  shape.page_tokens = options.page_tokens;
  shape.kv_bytes_per_token = options.kv_bytes_per_token;
  shape.writer = options.writer;
  shape.source = absl::StrCat("synthetic, seed ", options.seed);
  if (!schedule->empty()) {
    absl::StrAppend(&shape.source, ", ", schedule->size(), " requests");
  }
  if (absl::Status valid = SetSize(options, *schedule, &shape); !valid.ok()) {
    return valid;
  }
  return Generator(options, shape, *std::move(schedule), writer).Run();
}

}  // namespace kvplace
