// Fits the weights that shadow-price starts from (default_weights.h) to
// recorded traces, by logistic regression on every block of every 16th step.
//
//   build/release/bin/fit_values bible.kvtrace > weights
//
// The traces must hold attention masses. Prints the two arrays of
// default_weights.h, and on stderr the mean log loss.
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "server/core/policy/shadow_price_policy.h"
#include "server/core/value/value_model.h"
#include "server/replay/closed_loop.h"
#include "server/trace/workload_loader.h"

namespace kvplace {
namespace {

constexpr uint32_t kFirstStep = 20;
constexpr uint32_t kEveryStep = 16;
constexpr int kNewtonSteps = 12;
constexpr double kLeastVariance = 1e-4;

struct Example {
  ValueFeatures features;
  bool read;
};

// Features as of step s, labels of step s + 1.
std::vector<Example> ExamplesOf(const Workload& workload) {
  const ShadowPricePolicy policy;
  const DeviceConfig device =
      DeviceFor(workload, *FindProfile("paper-gh200"),
                ResidencyMode::kInclusive, 0, Bytes(0), false);
  DeviceModel model(device, &policy);
  for (const BlockRange& range : InventoryOf(workload, {})) {
    if (!model.AddInventory(range).ok()) return {};
  }
  model.FinishInventory(StepIndex(0));
  std::vector<Example> examples;
  std::vector<std::pair<BlockId, ValueFeatures>> open;
  UpdateScratch scratch;
  for (uint32_t step = 0; step < workload.steps; ++step) {
    if (!model.BeginStep(StepIndex(step)).ok()) return {};
    StepAccount account;
    for (uint32_t g = 0; g < workload.groups; ++g) {
      const size_t phase = size_t{step} * workload.groups + g;
      PhaseOutcome outcome;
      outcome.new_dram.assign(workload.births[phase].begin(),
                              workload.births[phase].end());
      if (!model
               .ApplyPhase(UpdateOf(workload, phase, outcome, &scratch),
                           &account)
               .ok()) {
        return {};
      }
    }
    model.EndStep(account);
    const BlockHistory& history = model.orders().ranking->history();
    for (const auto& [block, features] : open) {
      examples.push_back({features, history.last_read(block) == step});
    }
    open.clear();
    if (step < kFirstStep || step % kEveryStep != 0) continue;
    for (uint32_t h = 0; h < model.blocks().handles(); ++h) {
      const BlockId block(h);
      if (model.blocks().alive(block)) {
        open.emplace_back(block, history.At(block, step));
      }
    }
  }
  return examples;
}

// Solves the symmetric positive definite m * x = b by Gauss' elimination.
ValueWeights SolveLinear(std::array<ValueWeights, kValueFeatures> m,
                         ValueWeights b) {
  for (size_t k = 0; k < kValueFeatures; ++k) {
    for (size_t r = k + 1; r < kValueFeatures; ++r) {
      const double q = m[r][k] / m[k][k];
      for (size_t c = k; c < kValueFeatures; ++c) m[r][c] -= q * m[k][c];
      b[r] -= q * b[k];
    }
  }
  ValueWeights x = {};
  for (size_t k = kValueFeatures; k-- > 0;) {
    double sum = b[k];
    for (size_t c = k + 1; c < kValueFeatures; ++c) sum -= m[k][c] * x[c];
    x[k] = sum / m[k][k];
  }
  return x;
}

void Fit(const std::vector<Example>& examples) {
  ValueWeights weights = {};
  std::array<ValueWeights, kValueFeatures> curvature = {};
  for (int round = 0; round < kNewtonSteps; ++round) {
    curvature = {};
    ValueWeights sums = {};
    double loss = 0;
    for (const auto& [x, read] : examples) {
      double z = 0;
      for (size_t i = 0; i < kValueFeatures; ++i) z += weights[i] * x[i];
      const double p = 1 / (1 + std::exp(-z));
      loss -= std::log(read ? p : 1 - p);
      const double variance = std::max(p * (1 - p), kLeastVariance);
      const double target = z + ((read ? 1 : 0) - p) / variance;
      for (size_t i = 0; i < kValueFeatures; ++i) {
        sums[i] += variance * x[i] * target;
        for (size_t j = 0; j < kValueFeatures; ++j) {
          curvature[i][j] += variance * x[i] * x[j];
        }
      }
    }
    auto with_ridge = curvature;
    for (size_t i = 0; i < kValueFeatures; ++i) with_ridge[i][i] += 0.1;
    weights = SolveLinear(with_ridge, sums);
    std::fprintf(stderr, "round %d: log loss %.5f over %zu examples\n", round,
                 loss / static_cast<double>(examples.size()), examples.size());
  }
  std::printf("weights:");
  for (const double w : weights) std::printf(" %.4f,", w);
  std::printf("\ncurvature:");
  for (size_t i = 0; i < kValueFeatures; ++i) {
    for (size_t j = i; j < kValueFeatures; ++j) {
      std::printf(" %.3e,",
                  curvature[i][j] / static_cast<double>(examples.size()));
    }
  }
  std::printf("\n");
}

int Main(int argc, char** argv) {
  std::vector<Example> examples;
  WorkloadOptions options;
  options.masses = true;
  for (int i = 1; i < argc; ++i) {
    const std::string files[] = {argv[i]};
    const auto workload = LoadWorkload(files, options);
    if (!workload.ok()) {
      std::fprintf(stderr, "%s\n", workload.status().ToString().c_str());
      return 1;
    }
    const std::vector<Example> more = ExamplesOf(*workload);
    examples.insert(examples.end(), more.begin(), more.end());
  }
  if (examples.empty()) {
    std::fprintf(stderr, "usage: fit_values TRACE.kvtrace...\n");
    return 2;
  }
  Fit(examples);
  return 0;
}

}  // namespace
}  // namespace kvplace

int main(int argc, char** argv) { return kvplace::Main(argc, argv); }
