// The linear relaxation: x, the part of a block that is in HBM in a phase, and
// all that follows from it, between 0 and 1. Sizes are in blocks and times in
// units in which the fastest tier moves one block.
#include <coin/Clp_C_Interface.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include "tests/testing/exact_placement.h"
#include "tests/testing/placement_problem.h"

namespace kvplace {
namespace {

// A linear function of the variables.
struct Linear {
  struct Term {
    int variable;
    double times;
  };
  std::vector<Term> terms;
  double constant = 0;

  static Linear Of(int variable) { return {{{variable, 1}}, 0}; }
  Linear& operator+=(const Linear& o) {
    terms.insert(terms.end(), o.terms.begin(), o.terms.end());
    constant += o.constant;
    return *this;
  }
  Linear& operator+=(double c) {
    constant += c;
    return *this;
  }
  friend Linear operator*(double c, Linear a) {
    for (Term& term : a.terms) term.times *= c;
    a.constant *= c;
    return a;
  }
  friend Linear operator+(Linear a, const Linear& b) { return a += b; }
  friend Linear operator-(Linear a, const Linear& b) { return a += -1.0 * b; }
};

// Minimizes a sum of variables, all of them bounded.
class LinearProgram {
 public:
  int Variable(double upper, double cost) {
    upper_.push_back(upper);
    cost_.push_back(cost);
    return static_cast<int>(cost_.size()) - 1;
  }

  // a >= b.
  void AtLeast(const Linear& a, const Linear& b) {
    const Linear row = a - b;
    at_least_.push_back(-row.constant);
    // Each variable once.
    std::vector<double> dense(cost_.size());
    for (const Linear::Term& term : row.terms) {
      dense[static_cast<size_t>(term.variable)] += term.times;
    }
    for (size_t j = 0; j < dense.size(); ++j) {
      if (dense[j] == 0) continue;
      column_.push_back(static_cast<int>(j));
      element_.push_back(dense[j]);
    }
    row_start_.push_back(static_cast<int>(column_.size()));
  }

  double Minimum() const {
    const std::unique_ptr<Clp_Simplex, decltype(&Clp_deleteModel)> clp(
        Clp_newModel(), &Clp_deleteModel);
    Clp_Simplex* const model = clp.get();
    Clp_setLogLevel(model, 0);
    // As exact as doubles are: nothing rescaled, no costs perturbed.
    Clp_setPrimalTolerance(model, 1e-11);
    Clp_setDualTolerance(model, 1e-11);
    Clp_scaling(model, 0);
    constexpr int kNoPerturbation = 100;
    Clp_setPerturbation(model, kNoPerturbation);
    const std::vector<double> zeros(cost_.size());
    const std::vector<double> no_limit(at_least_.size(),
                                       std::numeric_limits<double>::max());
    Clp_resize(model, 0, static_cast<int>(cost_.size()));
    Clp_chgColumnLower(model, zeros.data());
    Clp_chgColumnUpper(model, upper_.data());
    Clp_chgObjCoefficients(model, cost_.data());
    Clp_addRows(model, static_cast<int>(at_least_.size()), at_least_.data(),
                no_limit.data(), row_start_.data(), column_.data(),
                element_.data());
    Clp_dual(model, 0);
    const double minimum = Clp_objectiveValue(model);
    const double proven = Proven(Clp_dualRowSolution(model));
    if (Clp_status(model) != 0 ||
        !(std::abs(minimum - proven) <= 1e-10 * std::max(1.0, minimum))) {
      std::fprintf(stderr, "CLP: status %d, minimum %.17g, proven %.17g\n",
                   Clp_status(model), minimum, proven);
      std::abort();
    }
    return minimum;
  }

 private:
  // What no solution is below, whatever the prices: with y >= 0 the cost c x is
  // at least y b + sum over j of (c - y A)_j x_j, least at one of x_j's bounds.
  double Proven(const double* prices) const {
    double proven = 0;
    std::vector<double> reduced = cost_;
    for (size_t i = 0; i < at_least_.size(); ++i) {
      const double price = std::max(prices[i], 0.0);
      proven += price * at_least_[i];
      for (int k = row_start_[i]; k < row_start_[i + 1]; ++k) {
        const auto at = static_cast<size_t>(k);
        reduced[static_cast<size_t>(column_[at])] -= price * element_[at];
      }
    }
    for (size_t j = 0; j < reduced.size(); ++j) {
      proven += std::min(0.0, reduced[j] * upper_[j]);
    }
    return proven;
  }

  std::vector<double> upper_, cost_;
  // Rows one after the other: row i has [row_start_[i], row_start_[i + 1]).
  std::vector<double> at_least_;
  std::vector<int> row_start_ = {0};
  std::vector<int> column_;
  std::vector<double> element_;
};

class Relaxation {
 public:
  Relaxation(const Workload& workload, const DeviceConfig& device)
      : problem_(workload, device) {}

  Seconds Minimum() {
    // Infinite ones limit nothing.
    for (const double bandwidth : {problem_.hbm, problem_.link_read,
                                   problem_.link_write, problem_.dram}) {
      if (std::isfinite(bandwidth)) fastest_ = std::max(fastest_, bandwidth);
    }
    if (fastest_ == 0 || problem_.phases == 0) return Seconds(0);
    AddResidence();
    for (size_t p = 0; p < problem_.phases; ++p) AddPhase(p);
    return Seconds(program_.Minimum() * problem_.block_bytes / fastest_);
  }

 private:
  // What moves in one phase.
  struct Load {
    Linear hbm, r, w;
  };

  Linear InHbm(size_t block, size_t phase) const {
    return Linear::Of(x_[block][phase]);
  }
  double Blocks(double bytes) const { return bytes / problem_.block_bytes; }

  void AddResidence() {
    x_.assign(problem_.blocks.size(), std::vector<int>(problem_.phases, -1));
    for (size_t p = 0; p < problem_.phases; ++p) {
      Linear resident;
      for (size_t i = 0; i < x_.size(); ++i) {
        if (!problem_.blocks[i].AliveIn(p)) continue;
        x_[i][p] = program_.Variable(1, 0);
        resident += InHbm(i, p);
      }
      program_.AtLeast({{}, Blocks(problem_.capacity)}, resident);
    }
  }

  void AddPhase(size_t p) {
    Load load;
    load.hbm += Blocks(problem_.fixed);
    for (size_t i = 0; i < x_.size(); ++i) {
      if (!problem_.blocks[i].AliveIn(p)) continue;
      if (problem_.blocks[i].read[p]) AddRead(i, p, &load);
      AddNewKv(i, p, &load);
      // Moves after the last phase are of no use.
      if (p + 1 < problem_.phases && problem_.blocks[i].AliveIn(p + 1)) {
        AddMoves(i, p, &load);
      }
    }
    AddTime(load);
  }

  void AddRead(size_t i, size_t p, Load* load) {
    Linear hit = InHbm(i, p);
    if (problem_.inclusive) {
      // What is in HBM may be read from DRAM nevertheless.
      hit = Linear::Of(program_.Variable(1, 0));
      program_.AtLeast(InHbm(i, p), hit);
    }
    load->hbm += hit;
    load->r += Linear{{}, 1} - hit;
  }

  void AddNewKv(size_t i, size_t p, Load* load) {
    const double n = Blocks(problem_.blocks[i].new_kv[p]);
    if (problem_.inclusive) {
      load->hbm += n;
      load->w += n;
    } else {
      load->hbm += n * InHbm(i, p);
      load->w += n * (Linear{{}, 1} - InHbm(i, p));
    }
  }

  // From phase p to the next, in which the block is alive, too.
  void AddMoves(size_t i, size_t p, Load* load) {
    const Linear arrival = Linear::Of(program_.Variable(1, 0));
    const Linear departure = Linear::Of(program_.Variable(1, 0));
    program_.AtLeast(InHbm(i, p) + arrival - departure, InHbm(i, p + 1));
    program_.AtLeast(InHbm(i, p + 1), InHbm(i, p) + arrival - departure);
    program_.AtLeast({{}, 1}, arrival + InHbm(i, p));
    program_.AtLeast(InHbm(i, p), departure);
    load->hbm += arrival;
    // A prefetch; of a block that is read its part outside HBM is read from
    // DRAM anyway.
    if (!problem_.blocks[i].read[p]) load->r += arrival;
    if (!problem_.inclusive) {
      load->hbm += departure;
      load->w += departure;
    }
  }

  void AddTime(const Load& load) {
    // Any bound on the time does; this is all that could ever move.
    const Linear both = load.r + load.w;
    double most = 1;
    for (const auto& [what, bandwidth] : {std::pair(&load.hbm, problem_.hbm),
                                          {&load.r, problem_.link_read},
                                          {&load.w, problem_.link_write},
                                          {&both, problem_.dram}}) {
      double blocks = std::abs(what->constant);
      for (const auto& term : what->terms) blocks += std::abs(term.times);
      most = std::max(most, blocks * fastest_ / bandwidth);
    }
    const Linear time = Linear::Of(program_.Variable(most, 1));
    const auto takes = [&](const Linear& blocks, double bandwidth) {
      if (std::isinf(bandwidth)) return;
      program_.AtLeast(time, fastest_ / bandwidth * blocks);
    };
    takes(load.hbm, problem_.hbm);
    takes(load.r, problem_.link_read);
    takes(load.w, problem_.link_write);
    takes(both, problem_.dram);
  }

  const PlacementProblem problem_;
  double fastest_ = 0;
  LinearProgram program_;
  // By block and phase.
  std::vector<std::vector<int>> x_;
};

}  // namespace

Seconds LpOptimum(const Workload& workload, const DeviceConfig& device) {
  return Relaxation(workload, device).Minimum();
}

}  // namespace kvplace
