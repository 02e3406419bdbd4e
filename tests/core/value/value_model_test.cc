#include "server/core/value/value_model.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <random>

#include "server/core/value/default_weights.h"

namespace kvplace {
namespace {

const GroupId kFirst(0);
const GroupId kSecond(1);

double Logistic(const ValueWeights& weights, const ValueFeatures& x) {
  double z = 0;
  for (size_t i = 0; i < kValueFeatures; ++i) z += weights[i] * x[i];
  return 1 / (1 + std::exp(-z));
}

double Predict(const ValueModel& model, GroupId group, const ValueFeatures& x) {
  return 1 / (1 + std::exp(-model.LogOdds(group, x)));
}

class Draw {
 public:
  explicit Draw(uint64_t seed) : random_(seed) {}

  ValueFeatures Features() {
    ValueFeatures x = {1};
    for (size_t i = 1; i < kValueFeatures; ++i) {
      x[i] = std::uniform_real_distribution<float>(-1, 1)(random_);
    }
    x[6] = std::max(x[5], 0.0f);
    return x;
  }
  bool Chance(double p) { return std::bernoulli_distribution(p)(random_); }

 private:
  std::mt19937_64 random_;
};

void ExpectFinite(const ValueModel& model, uint32_t groups) {
  for (uint32_t g = 0; g < groups; ++g) {
    for (const double w : model.weights(GroupId(g))) {
      ASSERT_TRUE(std::isfinite(w)) << "group " << g;
    }
  }
}

void ExpectDefault(const ValueModel& model, GroupId group) {
  for (size_t i = 0; i < kValueFeatures; ++i) {
    EXPECT_NEAR(model.weights(group)[i], kDefaultWeights[i], 1e-6) << i;
  }
}

// Largest mistake in a probability over many features.
double WorstMistake(const ValueModel& model, GroupId group,
                    const ValueWeights& rule) {
  Draw draw(99);
  double worst = 0;
  for (int i = 0; i < 2000; ++i) {
    const ValueFeatures x = draw.Features();
    worst =
        std::max(worst, std::abs(Predict(model, group, x) - Logistic(rule, x)));
  }
  return worst;
}

constexpr ValueWeights kRule = {-0.5, 1.5, -1.0, 0.8, 1.2, -0.7, 0.4};
constexpr ValueWeights kOpposite = {0.5, -1.5, 1.0, -0.8, -1.2, 0.7, -0.4};

TEST(ValueModel, LearnsALogisticRule) {
  Draw draw(1);
  ValueModel model(1);
  EXPECT_GT(WorstMistake(model, kFirst, kRule), 0.3);
  for (int step = 0; step < 2000; ++step) {
    for (int i = 0; i < 50; ++i) {
      const ValueFeatures x = draw.Features();
      model.Learn(kFirst, x, draw.Chance(Logistic(kRule, x)));
    }
    model.EndStep(1 - 1e-3);
  }
  EXPECT_LT(WorstMistake(model, kFirst, kRule), 0.06);
}

TEST(ValueModel, GroupsWithDifferentRulesSeparate) {
  Draw draw(2);
  ValueModel model(2);
  for (int step = 0; step < 2000; ++step) {
    for (int i = 0; i < 50; ++i) {
      const ValueFeatures x = draw.Features();
      model.Learn(kFirst, x, draw.Chance(Logistic(kRule, x)));
      model.Learn(kSecond, x, draw.Chance(Logistic(kOpposite, x)));
    }
    model.EndStep(1 - 1e-3);
  }
  EXPECT_LT(WorstMistake(model, kFirst, kRule), 0.1);
  EXPECT_LT(WorstMistake(model, kSecond, kOpposite), 0.1);
}

// A group without samples of its own follows the others.
TEST(ValueModel, AGroupThatSawNothingLeansOnAll) {
  Draw draw(3);
  ValueModel model(3);
  for (int step = 0; step < 1000; ++step) {
    for (int i = 0; i < 50; ++i) {
      const ValueFeatures x = draw.Features();
      const GroupId group(static_cast<uint32_t>(i % 2));
      model.Learn(group, x, draw.Chance(Logistic(kRule, x)));
    }
    model.EndStep(1 - 1e-3);
  }
  EXPECT_LT(WorstMistake(model, GroupId(2), kRule), 0.1);
}

TEST(ValueModel, AChangedRuleIsLearnedAnew) {
  Draw draw(4);
  ValueModel model(1);
  for (const ValueWeights& rule : {kRule, kOpposite}) {
    for (int step = 0; step < 3000; ++step) {
      for (int i = 0; i < 100; ++i) {
        const ValueFeatures x = draw.Features();
        model.Learn(kFirst, x, draw.Chance(Logistic(rule, x)));
      }
      model.EndStep(0.995);
    }
    EXPECT_LT(WorstMistake(model, kFirst, rule), 0.1);
  }
}

TEST(ValueModel, WithoutSamplesTheShippedWeightsStay) {
  ValueModel model(11);
  for (uint32_t g = 0; g < 11; ++g) {
    EXPECT_EQ(model.weights(GroupId(g)), kDefaultWeights);
  }
  for (int step = 0; step < 100'000; ++step) model.EndStep(0.995);
  ASSERT_NO_FATAL_FAILURE(ExpectFinite(model, 11));
  for (uint32_t g = 0; g < 11; ++g) ExpectDefault(model, GroupId(g));
}

TEST(ValueModel, SamplesFadeBackToTheShippedWeights) {
  Draw draw(5);
  ValueModel model(1);
  for (int step = 0; step < 100; ++step) {
    for (int i = 0; i < 200; ++i) {
      const ValueFeatures x = draw.Features();
      model.Learn(kFirst, x, draw.Chance(Logistic(kOpposite, x)));
    }
    model.EndStep(0.99);
  }
  for (int step = 0; step < 5000; ++step) model.EndStep(0.99);
  ExpectDefault(model, kFirst);
}

TEST(ValueModel, ClearForgetsWhatWasLearned) {
  Draw draw(6);
  ValueModel model(2);
  const ValueFeatures x = draw.Features();
  const float before = model.LogOdds(kFirst, x);
  for (int step = 0; step < 100; ++step) {
    for (int i = 0; i < 100; ++i) model.Learn(kFirst, draw.Features(), true);
    model.EndStep(0.999);
  }
  EXPECT_NE(model.LogOdds(kFirst, x), before);
  model.Clear();
  EXPECT_EQ(model.LogOdds(kFirst, x), before);
  for (int step = 0; step < 16; ++step) model.EndStep(0.999);
  ExpectDefault(model, kFirst);
  ExpectDefault(model, kSecond);
}

// ---- nonsense to learn from ----

// What the features and the label of a sample are.
using Nonsense = void (*)(Draw&, int, ValueFeatures*, bool*);

void RunNonsense(Nonsense nonsense) {
  Draw draw(7);
  ValueModel model(2);
  for (int step = 0; step < 3000; ++step) {
    for (int i = 0; i < 16; ++i) {
      ValueFeatures x;
      bool read = false;
      nonsense(draw, step, &x, &read);
      model.Learn(kFirst, x, read);
    }
    model.EndStep(0.995);
    ASSERT_NO_FATAL_FAILURE(ExpectFinite(model, 2)) << "step " << step;
    const float z = model.LogOdds(kFirst, draw.Features());
    ASSERT_TRUE(std::isfinite(z));
    ASSERT_LE(std::abs(z), 1e4);
  }
}

TEST(ValueModelNonsense, AllRead) {
  RunNonsense([](Draw& draw, int, ValueFeatures* x, bool* read) {
    *x = draw.Features();
    *read = true;
  });
}

TEST(ValueModelNonsense, NoneRead) {
  RunNonsense([](Draw& draw, int, ValueFeatures* x, bool* read) {
    *x = draw.Features();
    *read = false;
  });
}

TEST(ValueModelNonsense, AllFeaturesAlike) {
  RunNonsense([](Draw& draw, int, ValueFeatures* x, bool* read) {
    x->fill(1);
    *read = draw.Chance(0.5);
  });
}

TEST(ValueModelNonsense, AllFeaturesAlikeAndAllRead) {
  RunNonsense([](Draw&, int, ValueFeatures* x, bool* read) {
    x->fill(1);
    *read = true;
  });
}

TEST(ValueModelNonsense, AllFeaturesZero) {
  RunNonsense([](Draw& draw, int, ValueFeatures* x, bool* read) {
    x->fill(0);
    *read = draw.Chance(0.5);
  });
}

TEST(ValueModelNonsense, AThresholdWithoutNoise) {
  RunNonsense([](Draw& draw, int, ValueFeatures* x, bool* read) {
    *x = draw.Features();
    *read = (*x)[1] > 0.1f;
  });
}

TEST(ValueModelNonsense, LabelsThatContradictTheModelAndTurnRound) {
  RunNonsense([](Draw& draw, int step, ValueFeatures* x, bool* read) {
    *x = draw.Features();
    *read = (Logistic(kDefaultWeights, *x) < 0.5) != (step / 300 % 2 == 1);
  });
}

// ---- LogProbability ----

TEST(ValueModel, LogProbabilityIsNearTheFormula) {
  float before = -1e9f;
  for (int i = -40'000; i <= 40'000; ++i) {
    const double z = i / 1000.0;
    const double exact = -std::log1p(std::exp(-z)) / std::log(2.0);
    const float p = ValueModel(1).LogProbability(static_cast<float>(z));
    if (std::abs(z) <= 16) {
      ASSERT_NEAR(p, exact, 0.023) << z;
    } else if (z > 0) {
      ASSERT_NEAR(p, exact, 1e-5) << z;
    } else {
      ASSERT_EQ(p, ValueModel(1).LogProbability(-16)) << z;
    }
    ASSERT_LE(p, 0) << z;
    ASSERT_GE(p, -24) << z;
    ASSERT_GE(p, before) << z;
    before = p;
  }
  EXPECT_EQ(ValueModel(1).LogProbability(-1e30f),
            ValueModel(1).LogProbability(-16));
  EXPECT_EQ(ValueModel(1).LogProbability(1e30f),
            ValueModel(1).LogProbability(16));
}

// To the bit: rankings must not depend on how many are scored together.
TEST(ValueModel, ManyAtOnceAreAsOneByOne) {
  Draw draw(4);
  ValueModel model(2);
  for (int step = 0; step < 40; ++step) {
    for (int i = 0; i < 50; ++i) {
      model.Learn(kSecond, draw.Features(), draw.Chance(0.3));
    }
    model.EndStep(0.99);
    std::array<ValueFeatures, kFeatureBatch> features;
    FeatureColumns columns;
    for (size_t i = 0; i < kFeatureBatch; ++i) {
      features[i] = draw.Features();
      // Some far out, where log-odds are cut.
      if (i % 8 == 0) features[i][1] = 100 * features[i][1];
      for (size_t f = 1; f < kValueFeatures; ++f) {
        columns[f - 1][i] = features[i][f];
      }
    }
    std::array<float, kFeatureBatch> logs;
    const size_t first = static_cast<size_t>(step) % 7;
    const size_t count = 1 + static_cast<size_t>(step) % (kFeatureBatch - 7);
    model.LogProbabilities(kSecond, columns, first, count, &logs);
    for (size_t i = first; i < first + count; ++i) {
      ASSERT_EQ(logs[i],
                model.LogProbability(model.LogOdds(kSecond, features[i])));
    }
  }
}

}  // namespace
}  // namespace kvplace
