// The weights that a value model starts from.
//
// Made by `bench/fit_values bible.mass.zst` (docs/policy.md); from that
// recording alone, so that the others can judge.
#ifndef KVPLACE_SERVER_CORE_VALUE_DEFAULT_WEIGHTS_H_
#define KVPLACE_SERVER_CORE_VALUE_DEFAULT_WEIGHTS_H_

#include "server/core/value/value_model.h"

namespace kvplace {

inline constexpr ValueWeights kDefaultWeights = {
    0.7710, 6.4659, -0.2489, 0.3307, 0.3156, 4.6746, 0.0272};
// Mean over its samples of p * (1 - p) * x_i * x_j: how sure they are.
inline constexpr ValuePairs kDefaultCurvature = {
    3.202e-02,  -6.370e-03, -7.448e-03, 7.543e-03,  5.049e-03,  -1.004e-03,
    2.784e-03,  2.335e-03,  2.807e-03,  -2.681e-03, -4.839e-05, 9.167e-04,
    -3.019e-04, 3.999e-03,  -3.937e-03, 4.541e-04,  1.501e-03,  -1.722e-04,
    4.283e-03,  -4.547e-04, -1.878e-03, 0.000e+00,  3.328e-03,  1.285e-03,
    1.246e-03,  2.203e-03,  9.858e-04,  9.858e-04};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_CORE_VALUE_DEFAULT_WEIGHTS_H_
